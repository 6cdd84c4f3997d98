"""What of a face is seen, region by region, and the one rule that says whether it is enough for a grade.

A region's value is the share of it that is seen: by the graph's `seen_map`, which finds what lies before the face, and
by where the picture ends. Limits on it are the bundle's (`SeenLimits`).

The rule. A palsy is a difference between two halves, and what tells the grades apart are the eyes and the mouth (House
and Brackmann 1985). So a grade needs both eyes and both halves of the mouth; where one of them is not seen, the
photograph is refused and the refusal names it. Where only forehead or nose is missing, the answer is given with a wider
prediction set, and what is missing has no score and no heat. A region that is seen in part is named, keeps score and
heat, and widens the set. So does the picture's border, where it cuts deep into the outline of a region, which the
networks look at as a whole.

Two limits, because a palsy can pull a mouth so far aside that the smooth cheek in its place looks like something before
the face: to leave such a mouth out, or to refuse it, would fail the patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from face.errors import FaceCovered
from face.frame.alignment import AlignedFace
from face.frame.regions import INTEREST_OF_REGION, cells_inside, visible_region_masks
from face.vocabulary import REGIONS, REGIONS_OF_INTEREST, VISIBLE_REGIONS, Region, VisibleRegion

SEEN_MAP_OUTPUT = "seen_map"
# The share of a region's outline beyond the picture's border from which on the answer says so.
OUTSIDE_ABOVE = 0.3
NEEDED: tuple[VisibleRegion, ...] = ("left_eye", "right_eye", "left_mouth", "right_mouth")
# What of the face a region of the asymmetry compares: it has a score only where all of it is seen.
COMPARED: Mapping[Region, tuple[VisibleRegion, ...]] = {
    "forehead": ("forehead",),
    "eye": ("left_eye", "right_eye"),
    "nose": ("nose",),
    "mouth": ("left_mouth", "right_mouth"),
}
_WORDS: Mapping[VisibleRegion, str] = {
    "forehead": "the forehead",
    "left_eye": "the left eye",
    "right_eye": "the right eye",
    "nose": "the nose",
    "left_mouth": "the left half of the mouth",
    "right_mouth": "the right half of the mouth",
}
# The quarter of the mosaic, as (rows, columns) in halves of its side, that outlines a region.
_QUARTERS: Mapping[VisibleRegion, tuple[int, int]] = {
    "right_eye": (0, 0), "left_eye": (0, 1), "right_mouth": (1, 0), "left_mouth": (1, 1),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SeenLimits:
    """Shares of a region. seen_from: from which on it counts as seen. whole_from: below, it is seen in part; of a half
    of the mouth mouth_whole_from, because what covers mouths, a mask or a tape, is as smooth as a cheek."""

    seen_from: float = 0.4
    whole_from: float = 0.65
    mouth_whole_from: float = 0.8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 1:
                raise ValueError(f"visibility.{name} must lie between 0 and 1, got {value}")
            if value < self.seen_from:
                raise ValueError(f"visibility.{name} must not be below seen_from, {self.seen_from}, got {value}")

    def whole(self, region: VisibleRegion) -> float:
        """From which share on this region counts as seen whole."""
        return self.mouth_whole_from if region in ("left_mouth", "right_mouth") else self.whole_from


@dataclass(frozen=True)
class Visibility:
    """values: share of each region that is seen, 0..1. outside: share of the outline of an eye or a half of the mouth
    that lies beyond the picture's border."""

    values: Mapping[VisibleRegion, float]
    outside: Mapping[VisibleRegion, float]
    limits: SeenLimits

    def seen(self, region: VisibleRegion) -> bool:
        return self.values[region] >= self.limits.seen_from

    @property
    def hidden(self) -> tuple[VisibleRegion, ...]:
        return tuple(region for region in VISIBLE_REGIONS if not self.seen(region))

    @property
    def partly(self) -> tuple[VisibleRegion, ...]:
        """Regions that are seen, but not whole."""
        return tuple(
            region
            for region in VISIBLE_REGIONS
            if self.seen(region) and self.values[region] < self.limits.whole(region)
        )

    @property
    def cut(self) -> tuple[VisibleRegion, ...]:
        """Regions into whose outline the picture's border cuts deep."""
        return tuple(region for region in NEEDED if self.outside[region] > OUTSIDE_ABOVE)

    def compares(self, region: Region) -> bool:
        """Whether all is seen that this region of the asymmetry compares."""
        return all(self.seen(part) for part in COMPARED[region])


def look_what_is_seen(
    seen_map: npt.NDArray[np.float32] | None,
    masks: npt.NDArray[np.float32],
    aligned: AlignedFace,
    *,
    width: int,
    height: int,
    limits: SeenLimits,
) -> Visibility:
    """seen_map: (n, n) in 0..1 on the mosaic, None where a graph has none; then only the picture's border is known.
    masks: (5, n, n) of `roi_masks`. aligned: with its way from the picture of `width` x `height` as sent."""
    size = masks.shape[-1]
    inside = cells_inside(aligned, size=size, width=width, height=height)
    seen = inside if seen_map is None else inside * seen_map
    parts = visible_region_masks(masks)
    shares = (parts * seen).sum(axis=(1, 2)) / np.maximum(parts.sum(axis=(1, 2)), 1e-9)
    half = size // 2
    quarters = {
        region: inside[row * half : (row + 1) * half, column * half : (column + 1) * half]
        for region, (row, column) in _QUARTERS.items()
    }
    return Visibility(
        values={region: float(share) for region, share in zip(VISIBLE_REGIONS, shares, strict=True)},
        outside={region: 1.0 - float(quarter.mean()) for region, quarter in quarters.items()},
        limits=limits,
    )


def check_visibility(visibility: Visibility) -> list[str]:
    """The rule of this page: warnings where a region is not seen or in part, or the picture's border cuts the face.

    Raises:
        FaceCovered: an eye or a half of the mouth is not seen.
    """
    hidden, partly, cut = visibility.hidden, visibility.partly, visibility.cut
    if any(region in NEEDED for region in hidden):
        lacking = [region for region in NEEDED if region in hidden + partly]
        cure = (
            "The picture's border cuts the face: take the photograph with the whole face in it."
            if cut
            else "Take away what covers the face, hair and glasses included, and photograph it sharp and evenly lit."
        )
        raise FaceCovered(
            f"Too little is seen of {_shares(lacking, visibility.values)}; a grade needs "
            f"{visibility.limits.seen_from:.0%} of both eyes and of both halves of the mouth. {cure}"
        )
    warnings = []
    if hidden:
        warnings.append(
            f"Too little is seen of {_shares(hidden, visibility.values)}: it has no score, and the prediction set is "
            "wider. Take away what covers it for a surer answer."
        )
    if partly:
        warnings.append(
            f"Not all is seen of {_shares(partly, visibility.values)}: its score is uncertain, and the prediction set "
            "is wider. If something covers it, take that away for a surer answer."
        )
    if cut:
        rims = " and ".join(f"{_WORDS[region]} ({visibility.outside[region]:.0%} of its outline)" for region in cut)
        warnings.append(
            f"The picture's border cuts off the rim of {rims}; the prediction set is wider. Take the photograph with "
            "the whole face in it."
        )
    return warnings


def _shares(regions: Sequence[VisibleRegion], values: Mapping[VisibleRegion, float]) -> str:
    return " and ".join(f"{_WORDS[region]} ({values[region]:.0%} of it)" for region in regions)


def without_hidden(
    values: npt.NDArray[np.float32], masks: npt.NDArray[np.float32], visibility: Visibility
) -> npt.NDArray[np.float32]:
    """The map (n, n) on the mosaic, or several of them, without heat where a region of the asymmetry cannot be
    compared. masks: (5, n, n) of `roi_masks`."""
    gone = [
        REGIONS_OF_INTEREST.index(part)
        for region in REGIONS
        if not visibility.compares(region)
        for part in INTEREST_OF_REGION[region]
    ]
    if not gone:
        return values
    return np.asarray(values * (1 - masks[gone].max(axis=0)), np.float32)
