"""The settings of the environment, or one line for each that is wrong: its name, its value, the fault and the cure."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from service.config import Settings
from service.setting_types import holds_a_secret

PREFIX = "HTNET_"
# Read by docker-compose.yml alone, where they may stand in the same .env file or shell.
COMPOSE_NAMES = frozenset(
    PREFIX + name
    for name in (
        "PUBLISHED_PORT", "MEMORY_LIMIT", "PROMETHEUS_IMAGE", "PROMETHEUS_PORT", "GRAFANA_IMAGE", "GRAFANA_PORT",
    )
)  # fmt: skip
# What Kubernetes puts into every pod for a Service whose name begins with "htnet".
_SERVICE_LINK = re.compile(r"HTNET_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://.+")

# What pydantic says in a programmer's words.
_PLAINER = {
    "float_parsing": "this is no number: write it without a unit, and with a point, not a comma",
    "bool_parsing": "this is neither true nor false",
}


class WrongSettings(Exception):
    """The environment cannot be served by; `faults` has one line for each wrong setting."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def load_settings() -> Settings:
    """The settings of this process's environment. Raises WrongSettings."""
    unknown = [unknown_setting(name) for name in unknown_names(os.environ)]
    try:
        settings = Settings()
    except ValidationError as error:
        raise WrongSettings([*unknown, *_lines(error)]) from error
    except SettingsError as error:
        raise WrongSettings([*unknown, str(error)]) from error
    if unknown:
        raise WrongSettings(unknown)
    return settings


def known_names() -> frozenset[str]:
    """Every setting, as it is named in the environment."""
    return frozenset(PREFIX + name.upper() for name in Settings.model_fields)


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """What begins like a setting and is none: a misspelt limit would else be a limit that is off."""
    known = known_names() | COMPOSE_NAMES
    return sorted(
        name
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and name.upper() not in known and not _is_service_link(name, value)
    )


def unknown_setting(name: str) -> str:
    """The line for a name that is no setting, with those that are nearest to it."""
    known = sorted(known_names())
    near = [other for other in known if other.startswith(f"{name.upper()}_")]
    near = near or difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
    advice = f"did you mean {' or '.join(near)}?" if near else "docs/reference/settings.md lists all"
    return f"{name}: there is no such setting; {advice} (remove or rename it: what it was meant to do is not done)"


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value) is not None


def _lines(error: ValidationError) -> list[str]:
    """One for each setting: of a list, the first fault."""
    first: dict[object, ErrorDetails] = {}
    for number, fault in enumerate(error.errors()):
        first.setdefault(fault["loc"][0] if fault["loc"] else number, fault)
    return [_line(fault) for fault in first.values()]


def _line(fault: ErrorDetails) -> str:
    message = _PLAINER.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:] if message.startswith(("Input ", "String ")) else message
    if not fault["loc"]:
        return message  # about several settings, which it names
    name = str(fault["loc"][0])
    field = Settings.model_fields[name]
    value = fault["input"]
    shown = "" if field.annotation is SecretStr or holds_a_secret(value) else f"={_printable(str(value))}"
    cure = ""
    if isinstance(value, str) and _SERVICE_ADDRESS.fullmatch(value):
        cure = "; this comes from Kubernetes for a Service of that name: set enableServiceLinks to false in the pod"
    elif field.description:
        cure = f" ({' '.join(field.description.split()).rstrip('.')})"
    return f"{PREFIX}{name.upper()}{shown}: {message}{cure}"


def _printable(value: str) -> str:
    """On one line, whatever stands in it."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in value)
