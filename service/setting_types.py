"""How the values of settings are written: numbers without units, times, sizes, addresses, paths."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

_WHOLE = re.compile(r"[+-]?[0-9]+(_[0-9]+)*")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_KEY_OR_PEM = re.compile(r"htnet_[A-Za-z0-9_-]{20,}|.*-----BEGIN ", re.DOTALL)


def holds_a_secret(value: object) -> bool:
    """Whether a key, or the content of a PEM file, stands where a path should: a log must not repeat it."""
    return _KEY_OR_PEM.match(str(value)) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _whole_number(value: Any) -> Any:
    # Pydantic takes 8.000 for eight; whoever wrote it meant eight thousand.
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("this is no whole number: write it in digits alone, without a unit, a point or a comma")
    return value


def _address(host: str) -> str:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        # What has figures and points alone was to be an address.
        if re.fullmatch(r"[0-9.]+", host) or not _HOST_NAME.fullmatch(host):
            raise ValueError(
                "this is no address: write it like 127.0.0.1, ::1 or a host's name, without scheme and port; "
                "0.0.0.0 means all of this machine's"
            ) from None
    return host


def _path(value: Any) -> Any:
    if holds_a_secret(value):
        raise ValueError("this is a secret itself and not the path of the file that holds it")
    return value


# NoDecode: pydantic-settings would take JSON only, and answer anything else with its own traceback.
TextList = Annotated[tuple[str, ...], NoDecode]
Whole = Annotated[int, BeforeValidator(_whole_number)]
Count = Annotated[Whole, Field(ge=1, le=65_535)]
# Each of them is made, or has its memory, at the start.
Places = Annotated[Whole, Field(ge=1, le=256)]
# No photograph is smaller than a thousand bytes, or has fewer points: a smaller number means megabytes.
Size = Annotated[Whole, Field(ge=1000)]
# More than an hour means milliseconds.
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Address = Annotated[str, AfterValidator(_address)]
FilePath = Annotated[Path, BeforeValidator(_path)]
