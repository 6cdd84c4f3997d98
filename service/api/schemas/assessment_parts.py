"""What the answer of an examination consists of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from face.palsy.assessment.evidence import Evidence
from face.palsy.assessment.examination import PoseStatus, Reference
from face.palsy.assessment.measuring.measures import MeasureId, Unit
from face.palsy.assessment.scores.decision_path import Step
from face.vocabulary import HouseBrackmann, Pose
from service.api.schemas.palsy import Grade, RegionOutline, RoiMap
from service.api.schemas.shared import Picture, QualityFigures, Schema

Percent = Annotated[float, Field(ge=0, le=100)]
Composite = Annotated[int, Field(ge=0, le=100)]
# Millimetres, degrees and shares of faces: what a client sends back to be compared is bounded too.
Length = Annotated[float, Field(ge=-1e6, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1.2)]


class SessionMethod(Schema):
    """How the pictures became one grade; another version may answer otherwise. sha256: of the network that read the
    examination as a whole; null where none did."""

    name: str
    version: str
    sha256: str | None = None


class SessionEvidence(Schema):
    """class: `full` every region by its own movement, and rest; `core` forehead, eye and mouth; `partial` two
    movements; `single_movement`; `single_photo` nothing but rest. reference: what movement is compared with: the
    `healthy_side`; each picture with its own `mirror` image, without a rest picture; the `population`, where both
    sides are weak.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=(), serialize_by_alias=True, validate_by_alias=True)

    evidence_class: Annotated[Evidence, Field(alias="class")]
    used: list[Pose]
    missing: list[Pose]
    not_seen: list[Pose]
    reference: Reference
    sentence: str


class DecisionStepAnswer(Schema):
    """One step of the grade by rules on measures: what was measured, what it was held against, what it speaks for."""

    step: Step
    value: float
    threshold: float
    unit: Literal["1", "mm", "{score}"]
    poses: list[Pose]
    result: str
    points_to: list[HouseBrackmann]


class RegionalMovement(Schema):
    """share: of the healthy half's movement, 0 .. 1.2, as measured, with its 95 % interval; null where it was not
    seen. severity: 0 (row I of the table) .. 5 (row VI), by the network in this region's pictures, with the middle 90
    % of the draws. fngs: its score in FNGS 2.0.
    """

    share: Share | None
    interval: tuple[float, float] | None
    over_active: bool
    poses: list[Pose]
    severity: Annotated[float, Field(ge=0, le=5)] | None
    severity_interval: tuple[float, float] | None
    fngs: Annotated[int, Field(ge=1, le=6)] | None


class Fngs2(Schema):
    """Facial Nerve Grading System 2.0. total: null where a region was not seen; total_range is what is then
    possible."""

    total: int | None
    total_range: tuple[int, int]
    secondary: int | None
    grade: HouseBrackmann | None


class Points(Schema):
    """Movement points of House and Brackmann 1985, of 8, relative to the healthy half; points_8_absolute: by the
    paper's ruler in steps of 2.5 mm; points_16: this project's own, in eighths."""

    points_8: int | None
    points_8_absolute: int | None
    points_16: int | None
    of: Literal[8] = 8


class SunnybrookAnswer(Schema):
    """Composite = 4 * voluntary - 5 * rest - synkinesis, held to 0..100; null where an item was not seen, and then
    composite_range is what is possible. The nasolabial fold (cheek) is not measured yet, so that there is always a
    range. movement_index: mean of the shares in per cent, for the follow-up."""

    rest: dict[Literal["eye", "cheek", "mouth"], int | None]
    rest_words: dict[Literal["eye", "cheek", "mouth"], str | None]
    voluntary: dict[Pose, int | None]
    synkinesis: dict[Pose, int | None]
    composite: Composite | None
    composite_range: tuple[Composite, Composite]
    movement_index: Percent | None


class AutoEfaceAnswer(Schema):
    """Items after eFACE by measures, 0..100. Not eFACE, which is a clinician's."""

    items: dict[str, Percent]
    static: Percent | None
    dynamic: Percent | None
    synkinesis: Percent | None


class SynkinesisAnswer(Schema):
    """What moves along, affected beyond healthy half: `ocular` as a share of the fissure, `oral` and `brow` in mm.
    grade: 0 none, 1 mild, 2 obvious, 3 disfiguring. Chin and neck are not visible to this method."""

    pose: Pose
    kind: Literal["ocular", "oral", "brow"]
    value: float
    unit: Literal["1", "mm"]
    grade: Annotated[int, Field(ge=0, le=3)]


class ScaleAnswer(Schema):
    """mm_per_iod: millimetres between the eye centres. relative_u: standard uncertainty. pictures: that it comes
    from."""

    mm_per_iod: Annotated[float, Field(gt=1, lt=1000)]
    relative_u: float
    source: Literal["iris", "pupil_distance"]
    pictures: list[Pose]


class MeasureAnswer(Schema):
    """value with its standard uncertainty u: 95 % lie within two of them, `interval`. raw: by landmarks, uncorrected.
    scale_free: does not depend on the scale. reliable: u is small beside what healthy people move."""

    id: MeasureId
    pose: Pose
    side: Literal["left", "right"] | None
    value: Length
    raw: Length
    u: Length
    interval: tuple[float, float]
    unit: Unit
    scale_free: bool
    reliable: bool


class SameFaceAnswer(Schema):
    """By rigid proportions, without recognising anybody: finds gross mix-ups, not look-alikes. `unknown`: fewer than
    three pictures."""

    result: Literal["consistent", "doubtful", "unknown"]
    farthest: Pose | None


class PoseProblem(Schema):
    """code: one of the problem codes, or `movement-not-seen`, `other-movement`, `same-picture`, `not-needed`."""

    code: str
    detail: str


class AssessedPose(Schema):
    """One picture. status: `used`; `covered`: too little is seen of the
    region that moves; `not_seen`: its movement is not visible; `other_pose`: another one is; `refused`: it
    cannot be used. grade, quality, regions: of this picture alone, as `grade` answers. Maps only where they were asked
    for."""

    sent_as: str
    status: PoseStatus | Literal["refused"]
    looks_like: Pose | None
    problem: PoseProblem | None
    grade: Grade | None
    quality: QualityFigures | None
    regions: list[RegionOutline]
    heatmap: Picture | None
    roi_maps: list[RoiMap] | None
