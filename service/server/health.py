"""``python -m service.server.health``: ends with 0 if the service of this environment's settings is ready, else with 1.

For the health check of a container: it asks where and how the settings say that the service listens (address, port,
TLS), directly and through no proxy.
"""

from __future__ import annotations

import http.client
import ssl
import sys

from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.operation_settings import OperationSettings

_TIMEOUT_S = 8.0
# Who binds to every address is reached through its own.
_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def connection_to(settings: OperationSettings) -> http.client.HTTPConnection:
    """A connection to the service itself."""
    host = settings.host.strip("[]")
    host = _OWN.get(host, host)
    if settings.tls_certificate is None:
        return http.client.HTTPConnection(host, settings.port, timeout=_TIMEOUT_S)
    # The certificate is for the name that callers use; nobody stands between this process and the service.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=_TIMEOUT_S, context=context)


def main() -> None:
    """Ask ``/readyz`` once."""
    try:
        connection = connection_to(OperationSettings())
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
    except (ValidationError, SettingsError, OSError, http.client.HTTPException) as error:
        sys.exit(f"not ready: {error}")
    print(f"{answer.status} {answer.read(500).decode(errors='replace')}")
    sys.exit(0 if answer.status == http.client.OK else 1)


if __name__ == "__main__":
    main()
