"""``python -m service``: start the service with the settings of the environment (prefix ``HTNET_``)."""

import sys

from service.server.launch import main

if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(
            f"python -m service takes no arguments, got {' '.join(sys.argv[1:])!r}: its settings are environment "
            "variables, e.g. HTNET_PORT=8124 (docs/reference/settings.md); `htnet serve --help` has options"
        )
    main()
