"""The TOML of the flow experiments: how the folded networks are trained, and what is simulated for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field

from model_training.configuration import Configuration, build, load, refuse_other_kind
from model_training.errors import TrainingError

if TYPE_CHECKING:
    from model_training.microexpression.folded.training import TrainingConfig
    from model_training.microexpression.simulation.simulated_flow import SimulationConfig

SectionT = TypeVar("SectionT", bound=Configuration)


class FlowExperiment(Configuration):
    """The sections of one file. Each is checked where it is used: who simulates need not wait for torch."""

    training: Mapping[str, Any] = Field(default_factory=dict)
    simulation: Mapping[str, Any] = Field(default_factory=dict)


def training_config(path: Path) -> TrainingConfig:
    """[training] and [training.model]. Raises TrainingError naming the key, or the section if it is not there."""
    from model_training.microexpression.folded.training import TrainingConfig

    return _section(path, "training", TrainingConfig)


def simulation_config(path: Path) -> SimulationConfig:
    """[simulation]. Raises TrainingError naming the key, or the section if it is not there."""
    from model_training.microexpression.simulation.simulated_flow import SimulationConfig

    return _section(path, "simulation", SimulationConfig)


def _section(path: Path, name: Literal["training", "simulation"], kind: type[SectionT]) -> SectionT:
    is_of = "`train` or `crossval`; this command takes [training], such as configs/microexpression.toml"
    refuse_other_kind(path, ("data", "model", "run"), is_of=is_of)
    experiment = load(FlowExperiment, path)
    if name not in experiment.model_fields_set:
        raise TrainingError(f"{path}: has no section [{name}], so it would have no effect")
    return build(kind, getattr(experiment, name), source=str(path), section=f"{name}.")
