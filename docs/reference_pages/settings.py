"""docs/reference/settings.md: the fields of the service's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docs.reference_pages.markdown import code, table


def settings_page() -> Iterator[str]:
    from service.config import Settings
    from service.operation_settings import OperationSettings

    around = OperationSettings.model_fields
    analysis = {name: field for name, field in Settings.model_fields.items() if name not in around}
    yield from [
        "# Settings of the service",
        "",
        "Environment variables with the prefix `HTNET_`, units in their names. `htnet serve` has options for the few",
        "that change most often; an option wins over the environment. How to use them: [Operate the",
        "service](../how-to/operate.md).",
        "",
    ]
    for title, fields in (("The analysis", analysis), ("What surrounds it", around)):
        yield from [f"## {title}", ""]
        yield from table(
            ("setting", "type", "default", "what"),
            (
                (
                    code(f"HTNET_{name.upper()}"),
                    describe_type(field),
                    describe_default(field),
                    in_full(field.description),
                )
                for name, field in fields.items()
            ),
        )


def in_full(description: str | None) -> str:
    """Settings that a description names by their fields' names, as they stand in the environment."""
    from service.config import Settings

    names = "|".join(Settings.model_fields)
    return re.sub(f"`({names})`", lambda match: code(f"HTNET_{match[1].upper()}"), description or "")


def describe_type(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(rule, key)}"
        for rule in [*field.metadata, *annotated_rules(field.annotation)]
        for key, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if getattr(rule, key, None) is not None
    ]
    return ", ".join([type_name(field.annotation), *limits])


def annotated_rules(annotation: Any) -> list[Any]:
    """The rules of `Annotated` types inside a union (pydantic keeps only the outer ones with the field)."""
    found = []
    for part in get_args(annotation):
        for rule in getattr(part, "__metadata__", ()):
            found += getattr(rule, "metadata", None) or [rule]
    return found


def type_name(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        return type_name(get_args(annotation)[0])
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(code(value) for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(type_name(part) for part in get_args(annotation) if part is not NoneType)
    if origin is tuple:
        return f"list of {type_name(get_args(annotation)[0])}"
    if origin is dict:
        return f"object, {' to '.join(type_name(part) for part in get_args(annotation))}"
    names: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
    return names.get(annotation, "text" if annotation is SecretStr else getattr(annotation, "__name__", "any"))


def describe_default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is dict:
        return code("{}")
    if field.default_factory is not None:
        return "found at the start"
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    return code("[]" if value == () else value)
