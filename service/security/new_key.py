"""``python -m service.security.new_key KEY_ID [--admin]``: make an API key.

The line for the key file goes to standard output; the key itself to standard error, once.
"""

from __future__ import annotations

import argparse
import sys

from service.security.api_keys import new_key


def main() -> None:
    """Make a key and print it."""
    parser = argparse.ArgumentParser(description="Make an API key; append the printed line to the key file.")
    parser.add_argument("key_id", help="a name for the key: it appears in logs and audit records")
    parser.add_argument("--admin", action="store_true", help="may also read the audit records")
    arguments = parser.parse_args()
    try:
        secret, line = new_key(arguments.key_id, "admin" if arguments.admin else "user")
    except ValueError as error:
        parser.error(str(error))
    print(line)
    print(f"The key (it is not stored anywhere): {secret}", file=sys.stderr)


if __name__ == "__main__":
    main()
