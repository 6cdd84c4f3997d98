"""The real app, as for the JSON answers."""

from tests.service.api.conftest import client, jpeg, photo, serve

__all__ = ["client", "jpeg", "photo", "serve"]
