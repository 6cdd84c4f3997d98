"""`python -m htnet` is `htnet`."""

from htnet.main import main

if __name__ == "__main__":
    main()
