"""How well a bundle or a head says what is seen, on hidden faces whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from face.frame.regions import visible_region_masks
from face.palsy.input import PalsyInputSpec
from face.palsy.visibility import NEEDED, SeenLimits
from face.vocabulary import VISIBLE_REGIONS
from model_training.data.cache import open_cache
from model_training.errors import TrainingError
from model_training.palsy.visibility.training import load_visibility
from model_training.simulator.occlusion.objects import OBJECTS
from model_training.simulator.occlusion.occluded_set import CLEAN

_BATCH = 64
# A region of which less is seen has something before it beyond doubt; of which more, nothing to speak of.
_HIDDEN_BELOW, _FREE_ABOVE = 0.4, 0.95


@dataclass(frozen=True)
class VisibilityFigures:
    """error: mean absolute error of the regions' shares. clean_named: share of the clean pictures with any region
    named as hidden or seen in part; clean_refused: of those that would be refused. named: share of the pictures behind
    an object of which a region that it hides is named, by object. free_named: share of the regions with nothing before
    them, in pictures with something, that are named."""

    pictures: int
    people: int
    error: float
    clean_named: float
    clean_refused: float
    named: Mapping[str, float]
    hidden_regions_named: float
    free_named: float

    def lines(self) -> list[str]:
        return [
            f"{self.pictures} pictures of {self.people} people",
            f"mean error of a region's share: {self.error:.3f}",
            f"clean pictures with a region named: {self.clean_named:.3f}, refused: {self.clean_refused:.3f}",
            f"regions seen to less than {_HIDDEN_BELOW:.0%} named: {self.hidden_regions_named:.3f}",
            f"regions with nothing before them named: {self.free_named:.3f}",
            *(f"{name}: named in {share:.3f}" for name, share in self.named.items()),
        ]


def judge_visibility(
    checkpoint: Path,
    cache_folder: Path,
    *,
    limits: SeenLimits,
    progress: Callable[[int, int], object] | None = None,
) -> VisibilityFigures:
    """Raises TrainingError for a cache that is not of hidden faces, and as `load_visibility`."""
    shares, frame = region_shares(checkpoint, cache_folder, progress=progress)
    true = frame[[f"seen_{region}" for region in VISIBLE_REGIONS]].to_numpy(float)
    not_whole = np.asarray(shares < [limits.whole(region) for region in VISIBLE_REGIONS], dtype=np.bool_)
    clean = (frame["hidden"] == CLEAN).to_numpy()
    needed = [VISIBLE_REGIONS.index(region) for region in NEEDED]
    named = {}
    for name, sides in OBJECTS.items():
        rows = np.flatnonzero((frame["hidden"] == name).to_numpy())
        if len(rows):
            found = [
                not_whole[
                    row, [VISIBLE_REGIONS.index(region) for region in sides[frame["hidden_side"].iloc[row]]]
                ].any()
                for row in rows
            ]
            named[name] = float(np.mean(found))
    covered = np.asarray(true < _HIDDEN_BELOW)
    free = np.asarray((true > _FREE_ABOVE) & ~clean[:, None])
    return VisibilityFigures(
        pictures=len(frame),
        people=frame["person_id"].nunique(),
        error=float(np.abs(shares - true).mean()),
        clean_named=_share(not_whole[clean].any(axis=1)),
        clean_refused=_share((shares[clean][:, needed] < limits.seen_from).any(axis=1)),
        named=named,
        hidden_regions_named=_share(not_whole[covered]),
        free_named=_share(not_whole[free]),
    )


def region_shares(
    checkpoint: Path, cache_folder: Path, *, progress: Callable[[int, int], object] | None = None
) -> tuple[npt.NDArray[np.float64], pd.DataFrame]:
    """(N, 6) shares in the order of VISIBLE_REGIONS, by the landmarks of the hidden face as in an answer, and the table
    of the N pictures."""
    network = load_visibility(checkpoint)
    cache = open_cache(cache_folder, kind="palsy", fingerprint=PalsyInputSpec().fingerprint())
    if "hidden" not in cache.frame:
        raise TrainingError(f"{cache_folder}: not a cache of hidden faces; `htnet simulate hidden-faces` makes them")
    shares = np.zeros((len(cache), len(VISIBLE_REGIONS)))
    for start in range(0, len(cache), _BATCH):
        rows = slice(start, min(start + _BATCH, len(cache)))
        with torch.inference_mode():
            seen = network(torch.from_numpy(np.array(cache.arrays["images"][rows]))).sigmoid().numpy()
        for row, (plane, masks) in enumerate(zip(seen, cache.arrays["roi_masks"][rows], strict=True), start=start):
            parts = visible_region_masks(np.asarray(masks, np.float32) / np.float32(255))
            shares[row] = (parts * plane).sum(axis=(1, 2)) / np.maximum(parts.sum(axis=(1, 2)), 1e-9)
        if progress is not None:
            progress(rows.stop, len(cache))
    return shares, cache.frame


def _share(of: npt.NDArray[np.bool_] | np.bool_) -> float:
    return float(of.mean()) if of.size else float("nan")
