"""Configuration of a training run: frozen dataclasses read from TOML, every key checked.

An unknown key is an error that names it, so that a misspelt option is never ignored. The same dictionaries travel in
the checkpoint.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from model_training.errors import TrainingError

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the samples are. cache: folder written by `cache`. labels: names of the grades in order, 1 first."""

    cache: str
    labels: tuple[str, ...] = ("I", "II", "III", "IV", "V", "VI")
    class_balance: Literal["none", "sampler", "loss"] = "sampler"
    # 0 draws samples as they are, 1 draws every class equally often; between, the square-root-like compromise.
    balance_power: float = 0.5
    # Table column and value that select the rows to train on, e.g. {"pose": ["smile", "rest"]}; empty = all.
    select: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """What training changes in a sample; amplitudes are upper bounds."""

    flip: bool = True
    photometric: float = 0.5
    noise: float = 0.05
    blur: float = 0.3
    shift_px: int = 3
    erase: float = 0.2
    # Share of the samples one half of which is lit, sharp, cut out or covered unlike the other: photographs are, and a
    # grade must not follow from it.
    uneven: float = 0.0
    # Standard deviation of landmark noise, in inter-ocular distances.
    landmark_noise: float = 0.004
    # The asymmetry of a healthy training face, times a random factor up to this in size, is added to this share of the
    # faces, landmarks and picture: people differ in it more than simulated ones do, and a grade must not follow from
    # it. The asymmetry map learns from the others.
    natural_asymmetry: float = 0.0
    natural_asymmetry_share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class OptimisationConfig:
    epochs: int = 20
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: float = 1.0
    final_learning_rate: float = 1e-5
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    # Epochs without a better validation score before training stops; 0 = never.
    patience: int = 0


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How the run behaves: nothing here changes what is learned, except the seed."""

    out: str
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    # Processes that prepare batches; 0 = one for each core beside a GPU, a thread beside a model on the CPU.
    workers: int = 0
    # Optimiser steps between two resumable states inside an epoch; 0 = only at the end of each epoch.
    checkpoint_steps: int = 0
    tensorboard: bool = True


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A whole run. model and loss are checked by the task, which knows which keys they have."""

    task: Literal["palsy", "microexpression"] = "palsy"
    data: DataConfig
    model: Mapping[str, Any]
    loss: Mapping[str, Any] = field(default_factory=dict)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimisation: OptimisationConfig = field(default_factory=OptimisationConfig)
    run: RunConfig

    def __post_init__(self) -> None:
        o, a, d = self.optimisation, self.augmentation, self.data
        for name, value, low, high in (
            ("optimisation.epochs", o.epochs, 1, 1_000_000),
            ("optimisation.batch_size", o.batch_size, 1, 1_000_000),
            ("optimisation.accumulate", o.accumulate, 1, 10_000),
            ("optimisation.learning_rate", o.learning_rate, 1e-9, 10.0),
            ("optimisation.weight_decay", o.weight_decay, 0.0, 10.0),
            ("optimisation.warmup_epochs", o.warmup_epochs, 0.0, float(o.epochs)),
            ("optimisation.ema_decay", o.ema_decay, 0.0, 1.0),
            ("optimisation.patience", o.patience, 0, 1_000_000),
            ("data.balance_power", d.balance_power, 0.0, 1.0),
            ("run.workers", self.run.workers, 0, 1000),
            ("augmentation.photometric", a.photometric, 0.0, 1.0),
            ("augmentation.blur", a.blur, 0.0, 1.0),
            ("augmentation.erase", a.erase, 0.0, 1.0),
            ("augmentation.shift_px", a.shift_px, 0, 16),
            ("augmentation.natural_asymmetry", a.natural_asymmetry, 0.0, 5.0),
            ("augmentation.natural_asymmetry_share", a.natural_asymmetry_share, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must lie in [{low}, {high}], got {value!r}")
        if len(d.labels) < 2:
            raise ValueError(f"data.labels needs at least two labels, got {list(d.labels)!r}")


def as_dict(config: Any) -> dict[str, Any]:
    """Plain dictionaries, lists, strings and numbers: what a checkpoint may hold with weights_only=True."""
    return typing.cast("dict[str, Any]", _plain(dataclasses.asdict(config)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def load_config(path: Path, *, overrides: tuple[str, ...] = ()) -> TrainConfig:
    """Read a TOML file. Its `base`, a file beside it, gives every key that it does not set itself; a base has none.

    overrides: `section.key=value` in TOML syntax, e.g. `run.seed=3`. Raises TrainingError naming the key.
    """
    values = _read(path)
    if "base" in values:
        values = _changed(_read(path.parent / str(values.pop("base"))), values)
    for override in overrides:
        _apply(values, override)
    return build(TrainConfig, values, source=str(path))


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TrainingError(f"{path}: no such configuration. Examples are in configs/.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: not valid TOML ({error})") from error


def _changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the keys of `changes` set, section by section."""
    changed = dict(base)
    for key, value in changes.items():
        section = base.get(key)
        changed[key] = _changed(section, value) if isinstance(section, dict) and isinstance(value, dict) else value
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


def build(cls: type[ConfigT], values: Mapping[str, Any], *, source: str, section: str = "") -> ConfigT:
    """Make a frozen dataclass from a mapping. Unknown, missing and mistyped keys raise TrainingError with their full
    name."""
    hints = typing.get_type_hints(cls)
    known = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{section}{key}"
        if key not in known:
            raise TrainingError(f"{source}: unknown key {name!r}; known here: {', '.join(known)}")
        arguments[key] = _convert(hints[key], value, source=source, name=name)
    required = [
        name for name, item in known.items()
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING and name not in arguments
    ]  # fmt: skip
    if required:
        raise TrainingError(
            f"{source}: missing key {section}{required[0]!r}"
            if not section
            else f"{source}: missing key '{section}{required[0]}'"
        )
    try:
        return cls(**arguments)
    except ValueError as error:
        raise TrainingError(f"{source}: {error}") from error


def _convert(hint: Any, value: Any, *, source: str, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TrainingError(f"{source}: {name!r} must be a section, got {value!r}")
        return build(typing.cast("type[Any]", hint), value, source=source, section=f"{name}.")
    origin = typing.get_origin(hint)
    wrong = TrainingError(f"{source}: {name!r} must be {_describe(hint)}, got {value!r}")
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise wrong
        return value
    if origin in (types.UnionType, typing.Union):
        for option in typing.get_args(hint):
            if option is type(None) and value is None:
                return None
            try:
                return _convert(option, value, source=source, name=name)
            except TrainingError:
                continue
        raise wrong
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise wrong
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, item, source=source, name=name) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = hint if isinstance(hint, type) else origin
    if plain in (int, float) and isinstance(value, bool):
        raise wrong
    if isinstance(plain, type) and plain in (int, float, str, bool) and not isinstance(value, plain):
        raise wrong
    if plain not in (int, float, str, bool) and not isinstance(value, Mapping):
        raise wrong
    return value


def _describe(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(option) for option in typing.get_args(hint))
    return getattr(hint, "__name__", str(hint))
