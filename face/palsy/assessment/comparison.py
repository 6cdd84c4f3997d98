"""Two examinations of one patient: what has changed by more than what two examinations of the same palsy differ by.

Shares are compared before millimetres: how hard a patient tries varies more than anything else, and the healthy half
tries as hard. Millimetres of both visits are put on one scale, the mean of the two, so that its uncertainty cancels.
What is summed over several movements is compared only where both examinations have the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.examination import Examination
from face.palsy.assessment.scores.sunnybrook import EXPRESSIONS
from face.vocabulary import POSES, Pose, Side

Verdict = Literal["better", "worse", "within_noise", "changed"]
# Whether more is better. What is not named here has no better direction: it has changed, or not.
_MORE_IS_BETTER: Mapping[str, bool] = {
    "expected_grade": False,
    "share": True,
    "sunnybrook": True,
    "movement_index": True,
    "brow_excursion": True,
    "closure": True,
    "commissure_excursion": True,
    "upper_lip_rise": True,
    "ala_rise": True,
    "pucker_excursion": True,
}

# Figures over several movements: another set of movements is another figure, whatever the palsy did.
_OVER_MOVEMENTS: Mapping[str, tuple[Pose, ...]] = {
    "sunnybrook": EXPRESSIONS,
    "movement_index": EXPRESSIONS,
    **{f"share.{region}": poses for region, poses in POSES_OF_REGION.items()},
}

# Two examinations of one person measure the iris alike to a few per cent.
_SCALES_APART = 0.15


@dataclass(frozen=True)
class Followed:
    """What of an examination a later one is compared in.

    figures: `expected_grade`, `share.<region or pose>`, `sunnybrook` (the upper end of its range), `movement_index`,
    and `<measure>.<pose>.<side or both>`. movements: those that have a share. mm_per_iod: None where nothing is in
    millimetres. grades: the prediction set.
    """

    figures: Mapping[str, float]
    movements: frozenset[Pose]
    mm_per_iod: float | None
    grades: tuple[str, ...]
    side: Side


@dataclass(frozen=True)
class Change:
    """before, after, delta: in the figure's own unit. sdc95: the smallest change that is not noise; None where it is
    not known, and then there is no verdict."""

    figure: str
    before: float
    after: float
    delta: float
    sdc95: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Comparison:
    """changes: of the figures that both have, from the same movements, the more robust ones first. grades_overlap: the
    prediction sets share a grade. warnings: sentences."""

    changes: list[Change]
    grades_overlap: bool
    warnings: tuple[str, ...]


def compare(before: Followed, after: Followed, sdc95: Mapping[str, float]) -> Comparison:
    """sdc95: by `sdc_name`."""
    scales = [one.mm_per_iod for one in (before, after) if one.mm_per_iod is not None]
    shared = math.fsum(scales) / len(scales) if scales else 1.0
    first, second = _on_scale(before, shared), _on_scale(after, shared)
    changes = [
        _change(name, first[name], second[name], sdc95)
        for name in first
        if name in second and _movements_of(name, before) == _movements_of(name, after)
    ]
    changes.sort(key=lambda change: _order(change.figure))
    return Comparison(
        changes=changes,
        grades_overlap=bool(set(before.grades) & set(after.grades)),
        warnings=tuple(_warnings(before, after)),
    )


def _movements_of(figure: str, one: Followed) -> frozenset[Pose]:
    """Which of an examination's movements a figure sums up; none for what is of one picture, or of the whole."""
    return one.movements & frozenset(_OVER_MOVEMENTS.get(figure, ()))


def sdc_name(figure: str) -> str:
    """The sides of a measure share their limit."""
    parts = figure.split(".")
    return ".".join(parts[:2]) if len(parts) == 3 else figure


def followed_figures(examination: Examination) -> dict[str, float]:
    """The figures of `Followed`."""
    figures: dict[str, float] = {}
    if examination.grade is not None:
        figures["expected_grade"] = examination.grade.expected
    for region, share in examination.findings.regions.items():
        if share is not None:
            figures[f"share.{region}"] = share.value
    figures |= {f"share.{pose}": share.value for pose, share in examination.findings.shares.items()}
    figures["sunnybrook"] = float(examination.sunnybrook.composite_range[1])
    if examination.sunnybrook.movement_index is not None:
        figures["movement_index"] = examination.sunnybrook.movement_index
    return figures | {f"{m.id}.{m.pose}.{m.side or 'both'}": m.value for m in examination.measures}


def _on_scale(one: Followed, shared: float) -> dict[str, float]:
    if one.mm_per_iod is None:
        return dict(one.figures)
    factor = shared / one.mm_per_iod
    scaled = {}
    for name, value in one.figures.items():
        measure = name.split(".")[0] if name.count(".") == 2 else ""
        if measure in ("", "closure", "smile_angle", "philtrum_angle"):
            scaled[name] = value
        else:
            scaled[name] = value * (factor**2 if measure == "mouth_opening_area" else factor)
    return scaled


def _change(name: str, before: float, after: float, sdc95: Mapping[str, float]) -> Change:
    limit, delta = sdc95.get(sdc_name(name)), after - before
    verdict: Verdict | None = None
    if limit is not None:
        more_is_better = _MORE_IS_BETTER.get(name.split(".")[0])
        if abs(delta) <= limit:
            verdict = "within_noise"
        elif more_is_better is None:
            verdict = "changed"
        else:
            verdict = "better" if (delta > 0) == more_is_better else "worse"
    return Change(name, before, after, delta, limit, verdict)


def _order(name: str) -> tuple[int, str]:
    first = ("expected_grade", "sunnybrook", "movement_index")
    if name in first:
        return first.index(name), name
    return (3 if name.startswith("share.") else 4), name


def _warnings(before: Followed, after: Followed) -> list[str]:
    found = []
    sides = {one.side for one in (before, after)} - {"none"}
    if len(sides) == 2:
        found.append(
            f"The first examination names the {before.side} side, the second the {after.side} side: the shares of the "
            "two cannot be compared. Check that both are of one patient, and that neither was mirrored."
        )
    apart = before.movements ^ after.movements
    if apart:
        names = ", ".join(f"`{pose}`" for pose in POSES if pose in apart)
        found.append(
            f"Only one of the two examinations shows {names}: Sunnybrook's composite, the movement index and the share "
            "of a region are compared only where both rest on the same movements."
        )
    if before.mm_per_iod and after.mm_per_iod and abs(after.mm_per_iod / before.mm_per_iod - 1) > _SCALES_APART:
        found.append(
            f"The distance of the eyes is {before.mm_per_iod:.1f} mm in the first examination and "
            f"{after.mm_per_iod:.1f} mm "
            "in the second: check that both are of one patient. Millimetres are compared on the mean scale."
        )
    return found
