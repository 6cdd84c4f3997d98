"""`htnet serve`, `htnet audit`, `htnet key`: the service and what its operators need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from htnet.groups import ServiceGroup, command_group
from model_training.errors import UserError

serve = typer.Typer(add_completion=False, rich_markup_mode="markdown")
audit = command_group(
    "Look after the audit database: who asked for which analysis when, never a picture.\n\n"
    "Example: `htnet audit migrate`",
    cls=ServiceGroup,
)
key = command_group("API keys of the service.\n\nExample: `htnet key new radiology >> api_keys`", cls=ServiceGroup)

AuditUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; unset = `HTNET_AUDIT_URL`, where a password is "
        "safer, or the service's default.",
    ),
]


@serve.command()
def serve_command(
    models: Annotated[Path | None, typer.Option(help="Folder of bundles, or one bundle (HTNET_MODELS_DIR).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (HTNET_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (HTNET_PORT).")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer (HTNET_WORKERS).")] = None,
) -> None:
    """Start the service. Its settings are environment variables `HTNET_...`; what is given here wins over them.

    Example: `htnet serve --models models --port 8000 --workers 2`

    Ends with status 3 where it cannot start, and says why.
    """
    given = {"HTNET_MODELS_DIR": models, "HTNET_HOST": host, "HTNET_PORT": port, "HTNET_WORKERS": workers}
    # The environment is what reaches the workers, which are processes of their own.
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    import fastapi  # noqa: F401 - where it is missing, one sentence here instead of a log line of each worker

    from service.server.launch import main

    with suppress(KeyboardInterrupt):  # raised again by the server, after it has stopped as Ctrl-C asked
        main()


@audit.command("migrate")
def migrate_command(url: AuditUrl = None) -> None:
    """Make the database, or bring it up to date. The service does so itself when it starts.

    Example: `htnet audit migrate --url sqlite:///data/audit.sqlite`
    """
    with _audit_database(url) as (commands, found):
        commands.migrate(found)


@audit.command("export")
def export_command(url: AuditUrl = None) -> None:
    """All records as CSV on standard output.

    Example: `htnet audit export --url sqlite:///data/audit.sqlite > audit.csv`
    """
    with _audit_database(url) as (commands, found):
        commands.export(found)


@audit.command("verify")
def verify_command(
    url: AuditUrl = None,
    holds: Annotated[str | None, typer.Option(help="A hash that was noted earlier and must be there.")] = None,
) -> None:
    """Check that no record was changed, taken out or put in; prints the newest record's hash.

    Example: `htnet audit verify --url sqlite:///data/audit.sqlite`
    """
    with _audit_database(url) as (commands, found):
        commands.verify(found, holds=holds)


@audit.command("prune")
def prune_command(
    older_than: Annotated[str, typer.Option(help="Their age, such as 90d, 52w or 10y.")],
    url: AuditUrl = None,
) -> None:
    """Delete old records. The chain of the others still holds.

    Example: `htnet audit prune --older-than 10y`
    """
    with _audit_database(url) as (commands, found):
        commands.prune(found, older_than=older_than)


@contextmanager
def _audit_database(url: str | None) -> Iterator[tuple[ModuleType, str]]:
    """(the commands, the database); what they refuse is an error of the user's."""
    from service.audit import commands

    try:
        yield commands, commands.database_url(url)
    except commands.DatabaseRefused as error:
        raise UserError(str(error)) from error


@key.command("new")
def new_key_command(
    key_id: Annotated[str, typer.Argument(help="A name for the key: it appears in logs and audit records.")],
    admin: Annotated[bool, typer.Option("--admin", help="May also read the audit records.")] = False,
) -> None:
    """Make an API key: its line for the key file goes to standard output, the key itself to standard error, once.

    Example: `htnet key new radiology >> api_keys`
    """
    from service.security.new_key import print_new_key

    try:
        print_new_key(key_id, admin=admin)
    except ValueError as error:
        raise UserError(str(error)) from error
