"""``python -m service.security.new_key KEY_ID [--admin]``: make an API key.

The line for the key file goes to standard output; the key itself to standard error, once.
"""

from __future__ import annotations

import argparse
import sys

from service.security.api_keys import new_key


def print_new_key(key_id: str, *, admin: bool) -> None:
    """Make a key and print it. Raises ValueError for a name that a key cannot have."""
    secret, line = new_key(key_id, "admin" if admin else "user")
    print(line)
    print(f"The key (it is not stored anywhere): {secret}", file=sys.stderr)


def main() -> None:
    """Make a key and print it."""
    parser = argparse.ArgumentParser(description="Make an API key; append the printed line to the key file.")
    parser.add_argument("key_id", help="a name for the key: it appears in logs and audit records")
    parser.add_argument("--admin", action="store_true", help="may also read the audit records")
    arguments = parser.parse_args()
    try:
        print_new_key(arguments.key_id, admin=arguments.admin)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
