"""Configuration of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from face.vocabulary import HOUSE_BRACKMANN, Task
from model_training.configuration import Configuration, load, refuse_other_kind

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class DataConfig(Configuration):
    """Where the samples are."""

    cache: str
    """Folder written by `htnet data cache`."""
    labels: tuple[str, ...] = Field(default=HOUSE_BRACKMANN, strict=False)
    """Names of the grades in order, 1 first."""
    class_balance: Literal["none", "sampler", "loss"] = "sampler"
    balance_power: Share = 0.5
    """0 draws samples as they are, 1 draws every class equally often; between, the square-root-like compromise."""
    select: Mapping[str, Any] = Field(default_factory=dict)
    """Table column and value that select the rows to train on, e.g. {"pose": ["smile", "rest"]}; empty = all."""

    @field_validator("labels")
    @classmethod
    def _several(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) < 2:
            raise ValueError(f"needs at least two labels, got {list(labels)!r}")
        return labels


class AugmentationConfig(Configuration):
    """What training changes in a sample; amplitudes are upper bounds."""

    flip: bool = True
    photometric: Share = 0.5
    noise: float = 0.05
    blur: Share = 0.3
    shift_px: int = Field(default=3, ge=0, le=16)
    erase: Share = 0.2
    uneven: float = 0.0
    """Share of the samples one half of which is lit, sharp, cut out or covered unlike the other: photographs are, and a
    grade must not follow from it."""
    landmark_noise: float = 0.004
    """Standard deviation of landmark noise, in inter-ocular distances."""
    natural_asymmetry: float = Field(default=0.0, ge=0.0, le=5.0)
    """The asymmetry of a healthy training face, times a random factor up to this in size, is added to a share of the
    faces, landmarks and picture: people differ in it more than simulated ones do, and a grade must not follow from it.
    """
    natural_asymmetry_share: Share = 1.0
    """The share of the faces that get it. The asymmetry map learns from the others."""


class OptimisationConfig(Configuration):
    epochs: int = Field(default=20, ge=1, le=1_000_000)
    batch_size: int = Field(default=32, ge=1, le=1_000_000)
    accumulate: int = Field(default=1, ge=1, le=10_000)
    """Batches whose gradients make one optimiser step."""
    learning_rate: float = Field(default=1e-3, ge=1e-9, le=10.0)
    weight_decay: float = Field(default=0.05, ge=0.0, le=10.0)
    warmup_epochs: float = 1.0
    final_learning_rate: float = 1e-5
    clip_norm: float = 1.0
    ema_decay: Share = 0.998
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    patience: int = Field(default=0, ge=0, le=1_000_000)
    """Epochs without a better validation score before training stops; 0 = never."""

    @field_validator("warmup_epochs")
    @classmethod
    def _not_longer_than_training(cls, warmup_epochs: float, others: ValidationInfo) -> float:
        epochs = others.data.get("epochs", warmup_epochs)  # not there if it is itself at fault
        if not 0 <= warmup_epochs <= epochs:
            raise ValueError(f"must lie in [0.0, {float(epochs)}], from none to all epochs, got {warmup_epochs!r}")
        return warmup_epochs


class RunConfig(Configuration):
    """How the run behaves: nothing here changes what is learned, except the seed."""

    out: str
    """Folder of the run."""
    seed: int = 0
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    threads: int = 0
    workers: int = Field(default=0, ge=0, le=1000)
    """Processes that prepare batches; 0 = one for each core beside a GPU, a thread beside a model on the CPU."""
    checkpoint_steps: int = 0
    """Optimiser steps between two resumable states inside an epoch; 0 = only at the end of each epoch."""
    tensorboard: bool = True
    mlflow: str = ""
    """Where MLflow keeps runs: a server's address, `sqlite:///FILE`, or a folder; empty = not used."""
    wandb: str = ""
    """Project at Weights & Biases; empty = not used."""
    wandb_offline: bool = False
    """Keep W&B's figures in the run's folder, for `wandb sync` later."""


class TrainConfig(Configuration):
    """A whole run. model and loss are checked by the task, which knows which keys they have."""

    task: Task = "palsy"
    data: DataConfig
    model: Mapping[str, Any]
    loss: Mapping[str, Any] = Field(default_factory=dict)
    augmentation: AugmentationConfig = AugmentationConfig()
    optimisation: OptimisationConfig = OptimisationConfig()
    run: RunConfig


def load_config(path: Path, *, overrides: tuple[str, ...] = ()) -> TrainConfig:
    """The run of a TOML file, with its `base` and the overrides of `--set`. Raises TrainingError naming the key."""
    is_of = (
        "`htnet microexpression loso`, `reference` and `finetune`; `train` and `crossval` take [data], [model] and "
        "[run], such as configs/demo.toml and configs/microexpression_train.toml"
    )
    refuse_other_kind(path, ("training", "simulation"), is_of=is_of)
    return load(TrainConfig, path, overrides=overrides)
