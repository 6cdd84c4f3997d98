"""A light look at one photograph, for a page whose camera runs: is the face well placed, and was the movement made?

Nothing is graded. What moves is measured against an earlier look at rest, which the caller brings along.
"""

from __future__ import annotations

from dataclasses import dataclass

from face.frame.quality import Quality
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.halves import Halves, measure_halves
from face.palsy.assessment.measuring.movement import Activation, activation, is_seen, looks_like, shows_another
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT, mm_per_unit_by_iris
from face.palsy.visibility import Visibility
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy, Pose
from service.analysis.palsy import PalsyAnalyzer, SentPicture


@dataclass(frozen=True)
class LookedAt:
    """halves: in the canonical frame's unit, of which one is `mm_per_unit` long."""

    halves: Halves
    mm_per_unit: float


@dataclass(frozen=True, eq=False)
class PalsyLookAnalysis:
    """face_box: (x, y, width, height) of all landmarks in pixels of the picture as sent. activation, shows: against the
    look at rest; None without one. made: whether the movement that was asked for is seen; None where none was asked
    for, or nothing to compare it with."""

    picture: SentPicture
    face_box: tuple[float, float, float, float]
    quality: Quality
    warnings: tuple[str, ...]
    visibility: Visibility
    measured: LookedAt
    activation: Activation | None
    shows: Pose | None
    made: bool | None
    timings_ms: dict[str, float]


def look_at(
    analyzer: PalsyAnalyzer,
    data: bytes,
    *,
    rest: LookedAt | None,
    pose: Pose | None,
    numbers: FittedNumbers,
    face: FacePolicy = "single",
    mirrored: bool = False,
) -> PalsyLookAnalysis:
    """pose: what was asked for. Raises as `PalsyAnalyzer.look`."""
    watch = Stopwatch()
    seen = analyzer.look(data, face=face, mirrored=mirrored, watch=watch)
    halves = measure_halves(seen.made.tensors["landmarks"])
    by_iris = mm_per_unit_by_iris([halves])
    measured = LookedAt(halves, by_iris or (rest.mm_per_unit if rest else NOMINAL_MM_PER_UNIT))
    moved = None if rest is None else activation(measured, rest, mm_per_unit=rest.mm_per_unit)
    points = seen.photograph.to_sent.apply(seen.photograph.face.points[:, :2])
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return PalsyLookAnalysis(
        picture=SentPicture.of(seen.photograph, mirrored=mirrored),
        face_box=(float(x0), float(y0), float(x1 - x0), float(y1 - y0)),
        quality=seen.quality,
        warnings=seen.warnings,
        visibility=seen.visibility,
        measured=measured,
        activation=moved,
        shows=None if moved is None else looks_like(moved, numbers),
        made=None if moved is None or pose is None else _is_made(pose, moved, numbers),
        timings_ms=watch.finish(),
    )


def _is_made(pose: Pose, moved: Activation, numbers: FittedNumbers) -> bool:
    """As an examination decides it."""
    if pose == "rest":
        return looks_like(moved, numbers) == "rest"
    return is_seen(pose, moved) and not shows_another(pose, moved, numbers)
