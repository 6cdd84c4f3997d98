"""``python -m service.rehearse``: start all that a worker needs once, and end.

For the build of an image: what is imported is compiled there and not at each start of a container, and an image whose
models do not load is never made.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from service.app import create_app
from service.audit import commands
from service.server import health, launch

# What else starts in a container: the supervisor, the health check, an operator's command.
STARTED_TOO = (launch, health, commands)


async def rehearse() -> None:
    """The app's whole start and stop."""
    app = create_app()
    async with app.router.lifespan_context(app):
        pass


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what stops it is said once, below
    try:
        asyncio.run(rehearse())
    except Exception as error:
        sys.exit(f"the service cannot start: {error}")
