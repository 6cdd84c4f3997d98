"""Which rows of a cache train and which validate, and whether they can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from model_training.data.cache import Cache
from model_training.data.sample_table import check_persons_in_one_split
from model_training.errors import TrainingError
from model_training.training.config import DataConfig

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of the cache."""

    train: Rows
    validation: Rows

    def describe(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Counts for the checkpoint's `training_data` and the log."""
        parts = {"train": frame.iloc[self.train], "validation": frame.iloc[self.validation]}
        return {
            "datasets": sorted(frame.iloc[self.train]["dataset"].unique()),
            **{f"{name}_images": len(part) for name, part in parts.items()},
            **{f"{name}_people": int(part["person_id"].nunique()) for name, part in parts.items()},
        }


def selected(frame: pd.DataFrame, config: DataConfig) -> npt.NDArray[np.bool_]:
    """Rows that data.select keeps. Raises TrainingError for a column the table lacks or a choice that leaves
    nothing."""
    keep = np.ones(len(frame), bool)
    for column, wanted in config.select.items():
        if column not in frame.columns:
            raise TrainingError(f"data.select: the table has no column {column!r}")
        keep &= frame[column].isin(wanted if isinstance(wanted, list | tuple) else [wanted]).to_numpy()
    if not keep.any():
        raise TrainingError(f"data.select = {dict(config.select)!r} leaves no row")
    return keep


def split_of(cache: Cache, config: DataConfig) -> Split:
    """The split that the table names. Raises TrainingError when it cannot train or judge."""
    frame = cache.frame
    keep = selected(frame, config)
    rows = {name: np.flatnonzero(keep & (frame["split"] == name).to_numpy()) for name in ("train", "validation")}
    for name, found in rows.items():
        if not len(found):
            raise TrainingError(
                f"{cache.folder}: no row of split {name!r}. Splits by person are made by `htnet data prepare` "
                "(or `htnet data split TABLE`)."
            )
    split = Split(**rows)
    check_split(frame, split, labels=config.labels, source=str(cache.folder))
    return split


def check_split(frame: pd.DataFrame, split: Split, *, labels: tuple[str, ...], source: str) -> None:
    """One person only, a person on both sides, a label out of range or a class without rows: an error each, naming
    it."""
    both = pd.concat(
        [frame.iloc[split.train].assign(split="train"), frame.iloc[split.validation].assign(split="validation")]
    )
    check_persons_in_one_split(both, source=source)
    people = frame.iloc[split.train]["person_id"].nunique()
    if people < 2:
        person = frame.iloc[split.train]["person_id"].iloc[0]
        raise TrainingError(f"{source}: all training rows show one person ({person!r}); a model needs several")
    present = frame.iloc[split.train]["label"].to_numpy()
    if present.max() > len(labels):
        row = int(np.flatnonzero(present > len(labels))[0])
        sample = frame.iloc[split.train[row]]
        raise TrainingError(
            f"{source}: sample {sample['sample_id']!r} has label {sample['label']}, the configuration names "
            f"{len(labels)} labels ({', '.join(labels)})"
        )
    empty = [name for index, name in enumerate(labels, start=1) if not (present == index).any()]
    if empty:
        raise TrainingError(
            f"{source}: no training row of class {', '.join(empty)}. Add data, or name fewer labels (data.labels) "
            "and prepare the table with them."
        )
