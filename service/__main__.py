"""``python -m service``: start the service with the settings of the environment (prefix ``HTNET_``)."""

from service.server.launch import main

if __name__ == "__main__":
    main()
