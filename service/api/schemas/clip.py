"""The answer of POST /v1/palsy/video: that of an examination, and what only a clip shows."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from face.clip.clip_header import ClipHeader, Codec, Container
from face.clip.curves.blinks import Blink
from face.clip.curves.dynamics import SideDynamics
from face.clip.curves.smoothing import FloatArray, stretches
from face.clip.examination import ClipExamination, SideCurves, pose_of
from face.vocabulary import Pose, Side
from service.analysis.models import AnyModel
from service.analysis.palsy_clip import ClipAnalysis
from service.api.schemas.assessment import EXAMPLE, AssessmentAnswer, assessment_fields
from service.api.schemas.shared import Schema

Seconds = Annotated[float, Field(ge=0)]
# Pictures a second of the curves in an answer.
_CURVES_PER_S = 12.5


class ClipFile(Schema):
    """width, height: upright. variable_rate: some pictures stand for longer than others. seen_share: of the pictures,
    in how many the face is seen."""

    container: Container
    codec: Codec
    width: int
    height: int
    frames: int
    frames_per_s: float
    duration_s: Seconds
    variable_rate: bool
    seen_share: Annotated[float, Field(ge=0, le=1)]

    @classmethod
    def of(cls, header: ClipHeader, seen_share: float) -> Self:
        width, height = header.upright_size
        return cls(
            container=header.container,
            codec=header.codec,
            width=width,
            height=height,
            frames=header.frames,
            frames_per_s=round(header.frames_per_s, 3),
            duration_s=round(header.duration_s, 3),
            variable_rate=header.variable_rate,
            seen_share=round(seen_share, 3),
        )


class Rest(Schema):
    """time_s: of the picture that was judged. intervals: (from, to) in which the face was found at rest."""

    time_s: Seconds
    intervals: list[tuple[float, float]]


class Segment(Schema):
    """One movement. pose: which one it looks like, or what the script says. apex_s: where it is largest. strength:
    there, in limits from which on the movement counts as seen. judged: whether its apex is the pose's picture; of
    repeated movements the stronger is."""

    pose: Pose
    start_s: Seconds
    apex_s: Seconds
    end_s: Seconds
    strength: float
    judged: bool


class SideDynamicsAnswer(Schema):
    """excursion: farthest from rest; peak_velocity: on the way there, a second; rise_s: from a tenth to nine tenths of
    it; hold_s: above nine tenths."""

    excursion: float
    peak_velocity: float
    rise_s: float
    hold_s: float


class MovementDynamics(Schema):
    """Of the movement that was judged, by the curve that it is about: brow or corner of the mouth or upper lip in `mm`,
    closure of the eye as a share (`1`). left, right: null where that side does not move. lag_s: how much later the
    affected side moves than the other, with the correlation of both curves then; null without an affected side.
    repeatability: difference of the two strongest repetitions as a share of their mean; null for one that was made
    once."""

    unit: Literal["mm", "1"]
    left: SideDynamicsAnswer | None
    right: SideDynamicsAnswer | None
    lag_s: float | None
    correlation: float | None
    repeatability: float | None


class SideCurvesAnswer(Schema):
    """One side's distances from rest at the times of `t_s`, null where no face was seen. opening: of the eye, as a
    share of its opening at rest; the others in mm by raw landmarks."""

    brow_mm: list[float | None]
    opening: list[float | None]
    corner_mm: list[float | None]
    upper_lip_mm: list[float | None]

    @classmethod
    def of(cls, curves: SideCurves, places: FloatArray) -> Self:
        return cls(**{name: _rounded(values, places) for name, values in vars(curves).items()})


class Curves(Schema):
    """At 12.5 pictures a second, or all where the clip has fewer."""

    t_s: list[float]
    left: SideCurvesAnswer
    right: SideCurvesAnswer


class BlinkAnswer(Schema):
    """time_s: where the better eye is closed most. left, right: by which share of its opening at rest each eye closes;
    complete: from 0.8 on."""

    time_s: Seconds
    duration_s: Seconds
    left: float
    right: float
    left_complete: bool
    right_complete: bool

    @classmethod
    def of(cls, blink: Blink) -> Self:
        left_complete, right_complete = blink.is_complete()
        return cls(
            time_s=round(blink.time_s, 3),
            duration_s=round(blink.duration_s, 3),
            left=round(blink.left, 3),
            right=round(blink.right, 3),
            left_complete=left_complete,
            right_complete=right_complete,
        )


class ClipPart(Schema):
    """Times are in seconds from the clip's first picture, sides the patient's. talk: (from, to) in which the patient
    talks; what the mouth does then is no movement; empty with a script. dynamics: by pose, of the movements that
    were judged; none for a pucker, whose sides move together. blinks: between the movements. curves: null with
    curves=false."""

    file: ClipFile
    rest: Rest
    segments: list[Segment]
    talk: list[tuple[float, float]]
    dynamics: dict[Pose, MovementDynamics]
    blinks: list[BlinkAnswer]
    curves: Curves | None

    @classmethod
    def of(cls, header: ClipHeader, found: ClipExamination, *, side: Side, curves: bool) -> Self:
        judged = {id(movement): pose for pose, movement in found.chosen.items()}
        return cls(
            file=ClipFile.of(header, found.seen_share),
            rest=Rest(time_s=round(found.rest_s, 3), intervals=_intervals(found.times_s, found.at_rest)),
            segments=[
                Segment(
                    pose=judged.get(id(one), pose_of(one)),
                    start_s=round(one.start_s, 3),
                    apex_s=round(one.apex_s, 3),
                    end_s=round(one.end_s, 3),
                    strength=round(one.strength, 3),
                    judged=id(one) in judged,
                )
                for one in found.movements
            ],
            talk=_intervals(found.times_s, found.talks),
            dynamics={
                pose: dynamics for pose in found.chosen if (dynamics := _dynamics(found, pose, side)) is not None
            },
            blinks=[BlinkAnswer.of(blink) for blink in found.blinks],
            curves=_curves(found) if curves else None,
        )


def _intervals(times_s: FloatArray, where: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
    return [(round(float(times_s[first]), 3), round(float(times_s[last]), 3)) for first, last in stretches(where)]


def _dynamics(found: ClipExamination, pose: Pose, side: Side) -> MovementDynamics | None:
    if found.left.of(pose) is None:
        return None
    left, right = found.dynamics(pose)
    compared = None if side == "none" else found.sides_compared(pose, affected=side)
    repeated = found.repeatability(pose)
    return MovementDynamics(
        unit="1" if pose in ("gentle_closure", "tight_closure") else "mm",
        left=_side(left),
        right=_side(right),
        lag_s=None if compared is None else round(compared.lag_s, 3),
        correlation=None if compared is None else round(compared.correlation, 3),
        repeatability=None if repeated is None else round(repeated, 3),
    )


def _side(found: SideDynamics | None) -> SideDynamicsAnswer | None:
    return (
        None if found is None else SideDynamicsAnswer(**{name: round(value, 3) for name, value in vars(found).items()})
    )


def _curves(found: ClipExamination) -> Curves:
    times = found.times_s
    step = max(float(np.median(np.diff(times))), 1 / _CURVES_PER_S)
    at = np.arange(times[0], times[-1] + step / 2, step)
    # The nearest picture, and no mean of several: nothing is invented where the face was gone.
    places = np.unique(np.abs(times[:, None] - at[None]).argmin(axis=0))
    return Curves(
        t_s=[round(float(time), 3) for time in times[places]],
        left=SideCurvesAnswer.of(found.left, places),
        right=SideCurvesAnswer.of(found.right, places),
    )


def _rounded(values: FloatArray, places: FloatArray) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in values[places]]


_DYNAMICS = {"excursion": 7.2, "peak_velocity": 31.0, "rise_s": 0.36, "hold_s": 1.2}
_CURVES = {"brow_mm": [0.0, 6.9], "opening": [1.0, 1.1], "corner_mm": [0.1, 0.2], "upper_lip_mm": [0.0, 0.1]}
_CLIP_EXAMPLE: dict[str, Any] = {
    "file": {
        "container": "QuickTime",
        "codec": "HEVC",
        "width": 1080,
        "height": 1920,
        "frames": 1260,
        "frames_per_s": 30.0,
        "duration_s": 42.0,
        "variable_rate": False,
        "seen_share": 1.0,
    },
    "rest": {"time_s": 1.2, "intervals": [[0.3, 2.1], [5.2, 6.0]]},
    "segments": [{"pose": "brow_lift", "start_s": 2.4, "apex_s": 3.5, "end_s": 4.9, "strength": 4.6, "judged": True}],
    "talk": [[30.1, 33.4]],
    "dynamics": {
        "brow_lift": {
            "unit": "mm",
            "left": _DYNAMICS,
            "right": None,
            "lag_s": 0.05,
            "correlation": 0.97,
            "repeatability": None,
        }
    },
    "blinks": [
        {
            "time_s": 0.9,
            "duration_s": 0.2,
            "left": 0.88,
            "right": 0.31,
            "left_complete": True,
            "right_complete": False,
        }
    ],
    "curves": {"t_s": [2.4, 3.5], "left": _CURVES, "right": {**_CURVES, "brow_mm": [0.0, 0.4]}},
}


class ClipAssessmentAnswer(AssessmentAnswer):
    """An examination from one clip: what `assess` answers for the pictures that were taken from it, and the clip over
    time."""

    model_config = ConfigDict(
        frozen=True,
        protected_namespaces=(),
        json_schema_extra=lambda schema: schema.update(
            examples=[{**json.loads(EXAMPLE.read_text(encoding="utf-8")), "clip": _CLIP_EXAMPLE}]
        ),
    )

    clip: ClipPart

    @classmethod
    def of_clip(cls, analysis: ClipAnalysis, *, model: AnyModel, request_id: str, curves: bool) -> Self:
        session, found = analysis.session, analysis.examination
        part = ClipPart.of(analysis.header, found, side=session.examination.side, curves=curves)
        return cls.model_validate({**assessment_fields(session, model=model, request_id=request_id), "clip": part})
