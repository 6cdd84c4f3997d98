"""What every configuration is made of: read from TOML, checked key by key, its faults told in sentences.

An unknown key is an error that names it, so that a misspelt option is never ignored. The same dictionaries travel in
the checkpoint.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from model_training.errors import TrainingError

_BOUNDS = ("ge", "gt", "le", "lt")
_KINDS = {
    "int_type": "int",
    "float_type": "float",
    "string_type": "str",
    "bool_type": "bool",
    "tuple_type": "a list",
    "dict_type": "a section",
    "mapping_type": "a section",
    "model_type": "a section",
}


class Configuration(BaseModel):
    """Frozen, and strict: only a whole number is taken for a float; a list for a tuple where the field has
    `strict=False`.

    The text under a field is its description. A field's validator raises a ValueError that goes on after the field's
    name: "must ..., got ...".
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers: what a checkpoint may hold with weights_only=True."""
        return {name: _plain(value) for name, value in self.model_dump().items()}

    def changed(self, **changes: Any) -> Self:
        """A copy with other values, checked like the first: `model_copy` checks nothing. Raises ValidationError."""
        return self.model_validate({**dict(self), **changes})


ConfigurationT = TypeVar("ConfigurationT", bound=Configuration)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def load(kind: type[ConfigurationT], path: Path, *, overrides: Iterable[str] = ()) -> ConfigurationT:
    """Read a TOML file. Its `base`, a file beside it, gives every key that it does not set itself; a base has none.

    overrides: `section.key=value` in TOML syntax, e.g. `run.seed=3`. Raises TrainingError naming the key.
    """
    values = read_toml(path)
    if "base" in values:
        values = _over(read_toml(path.parent / str(values.pop("base"))), values)
    for override in overrides:
        _apply(values, override)
    return build(kind, values, source=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Raises TrainingError for a file that is not there or not TOML."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such configuration. Examples are in configs/.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: is not valid TOML ({error})") from error


def _over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the keys of `changes` set, section by section."""
    changed = dict(base)
    for key, value in changes.items():
        section = base.get(key)
        changed[key] = _over(section, value) if isinstance(section, dict) and isinstance(value, dict) else value
    return changed


def _apply(values: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise TrainingError(f"override {override!r}: write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string: run.device=cuda
    *sections, name = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise TrainingError(f"override {override!r}: {section} is not a section")
    values[name] = value


def build(
    kind: type[ConfigurationT], values: Mapping[str, Any], *, source: str = "", section: str = ""
) -> ConfigurationT:
    """Make a configuration from a mapping. source: the file, named before every fault; section: what the keys are
    prefixed with, e.g. `loss.`.

    Raises TrainingError with a line for every unknown, missing, mistyped and impossible key, by its full name.
    """
    try:
        return kind.model_validate(dict(values) if isinstance(values, Mapping) else values)
    except ValidationError as error:
        before = f"{source}: " if source else ""
        raise TrainingError("\n".join(before + fault for fault in faults(error, kind, section=section))) from error


def faults(error: ValidationError, kind: type[BaseModel], *, section: str = "") -> list[str]:
    """A sentence for each fault, unknown keys first: one that is misspelt explains why another is missing."""
    found = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    return list(dict.fromkeys(_sentence(fault, kind, section) for fault in found))


def refuse_other_kind(path: Path, keys: Iterable[str], *, is_of: str) -> None:
    """Raises TrainingError for a file with one of these sections, which say that it is of something else. is_of: of
    what, and what to give."""
    there = [f"[{key}]" for key in keys if key in read_toml(path)]
    if there:
        raise TrainingError(f"{path}: has {', '.join(there)}, so it is a configuration of {is_of}")


def unknown_key(name: str, *, known: Iterable[str], of: str = "", elsewhere: Iterable[str] = ()) -> str:
    """The sentence for a key that there is not. name: in full, `section.key`; known: what may stand beside it; of: what
    the keys are for, where that decides which there are; elsewhere: keys of that name in other sections, in full."""
    known = list(known)
    nearest = list(elsewhere)[:1] or difflib.get_close_matches(name.rpartition(".")[2], known, n=1)
    owner = f" for {of}" if of else ""
    meant = "".join(f". Did you mean {n!r}?" for n in nearest)
    return f"unknown key {name!r}{owner}; known here: {', '.join(known)}{meant}"


def _sentence(fault: ErrorDetails, kind: type[BaseModel], section: str) -> str:
    # Items of a list are numbered in `loc`: the key is the list's.
    place = [part for part in fault["loc"] if isinstance(part, str)]
    name = section + ".".join(place) if place else section.rstrip(".") or "the configuration"
    value, about, reason = fault["input"], fault.get("ctx", {}), fault["type"]
    owner, field = _field(kind, place)
    if reason == "extra_forbidden":
        return unknown_key(name, known=owner.model_fields, elsewhere=_in_sections(kind, place[-1], section))
    if reason == "missing" and isinstance(fault["loc"][-1], str):
        return f"missing key {name!r}"
    if reason in ("missing", "too_long"):
        expected = len(get_args(field.annotation)) if field is not None else about.get("max_length")
        return f"{name!r} must be {expected} values, got {value!r}"
    if reason == "value_error":
        return f"{name} {about['error']}"
    if any(bound in about for bound in _BOUNDS):
        return f"{name} must {_range(field, about)}, got {value!r}"
    if reason == "literal_error":
        return f"{name!r} must be one of {about['expected'].replace(' or ', ', ')}, got {value!r}"
    if reason == "finite_number":
        bounded = field is not None and any(hasattr(item, bound) for item in field.metadata for bound in _BOUNDS)
        return f"{name} must {_range(field, about) if bounded else 'be a finite number'}, got {value!r}"
    if reason in _KINDS:
        return f"{name!r} must be {_KINDS[reason]}, got {value!r}"
    return f"{name!r} cannot be {value!r}: {fault['msg']}"


def _field(kind: type[BaseModel], place: list[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The field of that name, if there is one, and the class that it would be a field of."""
    field = None
    for part in place:
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            kind = field.annotation
        field = kind.model_fields.get(part)
    return kind, field


def _in_sections(kind: type[BaseModel], name: str, section: str) -> list[str]:
    """Keys of that name in the sections of `kind`."""
    return [
        f"{section}{key}.{name}"
        for key, field in kind.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and name in field.annotation.model_fields
    ]


def _range(field: FieldInfo | None, about: Mapping[str, Any]) -> str:
    """What a number must do, from both bounds of its field; from the one it broke where the field is a list."""
    stated = field.metadata if field is not None else []
    bounds = {name: getattr(item, name) for item in stated for name in _BOUNDS if hasattr(item, name)} or about
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is None:
        return f"be at most {high}" if "le" in bounds else f"be less than {high}"
    if high is not None:
        return f"lie in {'[' if 'ge' in bounds else '('}{low}, {high}{']' if 'le' in bounds else ')'}"
    if low == 0:
        return "not be negative" if "ge" in bounds else "be positive"
    return f"be at least {low}" if "ge" in bounds else f"be more than {low}"
