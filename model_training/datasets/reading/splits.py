"""Splits by person: stratified over the labels, seeded, and never a person on two sides.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011) over people: those with the rarest label first, each to
the split that still lacks that label most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from model_training.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class SplitShares:
    """Shares of the people; what is left is for training."""

    validation: float = 0.15
    test: float = 0.15

    def __post_init__(self) -> None:
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise TrainingError(
                f"shares of validation ({self.validation}) and test ({self.test}) must be in [0, 1) and leave people "
                "for training"
            )

    def as_dict(self) -> dict[str, float]:
        shares = {"train": 1 - self.validation - self.test, "validation": self.validation, "test": self.test}
        return {name: share for name, share in shares.items() if share > 0}


def stratified_groups(
    people: npt.NDArray[np.object_], labels: npt.NDArray[np.int64], *, shares: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Person -> group name. people, labels: (rows,). Every group gets at least one person where there are enough.

    Raises TrainingError for fewer people than groups.
    """
    names = sorted(set(people))
    if len(names) < len(shares):
        who = f" ({names[0]!r})" if len(names) == 1 else ""
        raise TrainingError(f"{len(names)} people{who} cannot be split into {len(shares)} groups; splits are by person")
    classes = np.unique(labels)
    position = {person: index for index, person in enumerate(names)}
    counts = np.zeros((len(names), len(classes)))
    rows, columns = np.asarray([position[person] for person in people]), np.searchsorted(classes, labels)
    np.add.at(counts, (rows, columns), 1)
    group_names = list(shares)
    share = np.asarray([shares[name] for name in group_names]) / sum(shares.values())
    wanted = share[:, None] * counts.sum(0)  # (groups, classes) rows still wanted
    places = share * len(names)  # people still wanted
    rng = np.random.default_rng(seed)
    left = list(rng.permutation(len(names)))
    given: dict[str, str] = {}
    while left:
        remaining = counts[left]
        holders = np.where((remaining > 0).any(0), (remaining > 0).sum(0), np.inf)
        rarest = int(holders.argmin())
        chosen = next(person for person in left if counts[person, rarest] > 0)
        score = wanted[:, rarest] / max(wanted[:, rarest].max(), 1e-9) + places / max(places.max(), 1e-9)
        group = int(score.argmax())
        empty = [index for index, name in enumerate(group_names) if name not in given.values()]
        if len(left) <= len(empty):
            group = empty[0]
        given[names[chosen]] = group_names[group]
        wanted[group] -= counts[chosen]
        places[group] -= 1
        left.remove(chosen)
    return given


def assign_splits(frame: pd.DataFrame, *, shares: SplitShares, seed: int) -> pd.DataFrame:
    """The frame with `split` filled by person."""
    given = stratified_groups(
        frame["person_id"].to_numpy(object), frame["label"].to_numpy(), shares=shares.as_dict(), seed=seed
    )
    return frame.assign(split=frame["person_id"].map(given))


def person_folds(frame: pd.DataFrame, *, folds: int, seed: int) -> list[list[str]]:
    """People of each test fold; folds=0 leaves one person out at a time."""
    people = frame["person_id"].to_numpy(object)
    if folds == 0:
        return [[person] for person in sorted(set(people))]
    shares = {str(index): 1.0 / folds for index in range(folds)}
    given = stratified_groups(people, frame["label"].to_numpy(), shares=shares, seed=seed)
    return [sorted(person for person, fold in given.items() if fold == name) for name in shares]
