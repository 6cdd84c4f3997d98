"""How one frame differs from another: the motion that no head explains, how sure it is, and what moved.

Data flow: both photographs in the onset's canonical crop (registration.py) -> flow -> the head's own motion taken out
(head_motion.py) -> is anything left (movement_evidence.py) -> what is it (movement_kind.py). Nothing is refused here:
input.py does for a pair, spotting.py goes on for a clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray, FloatArray, dis_flow
from face.microexpression.head_motion import aligned_head, carried_back, head_motion
from face.microexpression.movement_evidence import Evidence, movement_evidence, reliability_of
from face.microexpression.movement_kind import FaceChange, face_change, movement_kind
from face.microexpression.registration import RegisteredPair, register_pair
from face.microexpression.spec import MicroExpressionSpec
from face.vocabulary import MovementKind

# Region boxes as fractions of the crop (left, top, right, bottom); the image's left half is the patient's right.
REGION_BOXES = {
    "left_eye": (0.52, 0.08, 0.98, 0.44),
    "right_eye": (0.02, 0.08, 0.48, 0.44),
    "left_lip": (0.50, 0.56, 0.90, 0.88),
    "right_lip": (0.10, 0.56, 0.50, 0.88),
}


@dataclass(frozen=True, eq=False)
class PairMotion:
    """`motion` (H, W, 2): crop pixels, head motion taken out, nothing outside either photograph. `pair`: the registered
    frames, `flow` (H, W, 2) between them with the head in it.

    All motions that are numbers: per cent of the inter-ocular distance. `reliability`: 0..1, how sure it is that
    anything but head, light and camera differs. `moved`: the largest movement of a window, each counted as far as it
    explains the difference there; next to nothing between two frames at rest. `change`, `kind`: what lids, gaze and
    lips did, and what the movement is by that (`none` below the spec's least reliability). `turn_deg`: of the head.
    `score`, `regions`: 95th percentile of the motion in the face and by region; `beyond_eyes`: of the strongest region
    without eyes and lids.
    """

    pair: RegisteredPair
    flow: FloatArray
    motion: FloatArray
    reliability: float
    moved: float
    change: FaceChange
    kind: MovementKind
    turn_deg: float
    score: float
    regions: dict[str, float]
    beyond_eyes: float


def pair_motion(
    onset_rgb: ByteArray, onset_face: Face, apex_rgb: ByteArray, apex_face: Face, spec: MicroExpressionSpec
) -> PairMotion:
    """Photographs (H, W, 3) uint8 RGB of any two sizes, with their faces."""
    turn = turned_between_deg(onset_face, apex_face)
    pair = register_pair(onset_rgb, onset_face, apex_rgb, apex_face, spec)
    flow = dis_flow(pair.onset, pair.apex, spec.dis)
    # The robust fit leaves an expression alone; the fit on the pictures takes all that a head could explain, the
    # strictest "nothing moved" there is.
    by_flow = head_motion(flow, pair.texture, depth=pair.depth).field
    by_pictures = aligned_head(pair.onset, pair.apex, by_flow, pair.texture, pair.depth)
    motion = (flow - by_flow) * cv2.GaussianBlur(pair.inside, (0, 0), 3)[..., None]

    def evidence_in(mask: FloatArray) -> Evidence:
        return movement_evidence(
            pair.onset,
            pair.apex,
            head=by_pictures,
            motion=flow - by_pictures,
            mask=mask,
            window_px=spec.evidence_window_px,
            noise_floor=spec.evidence_floor + spec.blur_floor * pair.blurred,
            least_px=spec.min_motion / 100 * pair.interocular_px,
        )

    def reliability(evidence: Evidence) -> float:
        return reliability_of(evidence.strongest, middle=spec.reliability_middle, slope=spec.reliability_slope)

    evidence = evidence_in(pair.mask)
    sure = reliability(evidence)
    change = face_change(onset_face, apex_face)

    def outside_eyes() -> bool:
        # What a lid draws with it must not pass for an expression.
        return reliability(evidence_in(pair.mask * (1 - pair.eyes))) >= spec.sure_reliability

    kind: MovementKind = "none"
    if sure >= spec.min_reliability:
        kind = movement_kind(change, outside_eyes=outside_eyes, turned_deg=turn)
    score, regions = motion_scores(motion, pair.mask, pair.interocular_px, spec)
    # Lids may move as far as they like: a blink is no large expression.
    without_eyes = motion_scores(motion * (1 - pair.eyes)[..., None], pair.mask, pair.interocular_px, spec)
    return PairMotion(
        pair=pair,
        flow=flow,
        motion=motion,
        reliability=sure,
        moved=evidence.moved_px / pair.interocular_px * 100,
        change=change,
        kind=kind,
        turn_deg=turn,
        score=score,
        regions=regions,
        beyond_eyes=max(without_eyes[0], *without_eyes[1].values()),
    )


def flow_disagreement(moved: PairMotion, spec: MicroExpressionSpec) -> float:
    """How far a point comes to lie from itself when it follows the flow to the apex and back: the median in the face,
    per cent of the inter-ocular distance.

    Between two frames of one face it is small, whatever the face does; between two people there is nothing to follow.
    It is evidence for "the same face in the same scene", not a proof of identity. Half the resolution is enough to come
    back.
    """
    pair = moved.pair
    back = dis_flow(pair.apex, pair.onset, replace(spec.dis, finest_scale=1))
    returned = np.dstack([carried_back(np.ascontiguousarray(back[..., axis]), moved.flow) for axis in (0, 1)])
    apart = np.linalg.norm(moved.flow + returned, axis=-1)[pair.mask > 0.5]
    return float(np.median(apart)) * 100 / pair.interocular_px


def turned_between_deg(onset: Face, apex: Face) -> float:
    """Angle between the two head poses without the turn in the image plane (registration takes that out), degrees."""
    forward_onset, forward_apex = (_facing(face.pose) for face in (onset, apex))
    return float(np.degrees(np.arccos(np.clip(forward_onset @ forward_apex, -1, 1))))


def _facing(pose: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    direction = pose[:3, 2].astype(np.float64)
    unit: npt.NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit


def motion_scores(
    motion: FloatArray, mask: FloatArray, interocular_px: float, spec: MicroExpressionSpec
) -> tuple[float, dict[str, float]]:
    """95th percentile of the motion's length in the face and in each region, per cent of the inter-ocular distance."""
    length = np.linalg.norm(motion, axis=-1) * (100 / interocular_px)
    regions = {}
    for name, (left, top, right, bottom) in REGION_BOXES.items():
        box = length[
            int(top * spec.crop_height) : int(bottom * spec.crop_height),
            int(left * spec.crop_width) : int(right * spec.crop_width),
        ]
        regions[name] = float(np.percentile(box, 95))
    return float(np.percentile(length[mask > 0.5], 95)), regions
