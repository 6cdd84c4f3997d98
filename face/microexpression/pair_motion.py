"""How one frame differs from another: the motion that no head explains, how sure it is, and what moved.

Data flow: both photographs in the onset's canonical crop (registration.py) -> flow -> the head's own motion taken out
(head_motion.py) -> is anything left (movement_evidence.py) -> what is it (movement_kind.py). Nothing is refused here:
input.py does for a pair, spotting.py goes on for a clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray, DisParameters, FloatArray, dis_flow, match_exposure
from face.microexpression.head_motion import HeadMotion, carried_back, head_motion
from face.microexpression.movement_evidence import Evidence, movement_evidence, reliability_of
from face.microexpression.movement_kind import FaceChange, face_change, movement_kind, seen_by_landmarks
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
    explains the difference there; next to nothing between two frames at rest. `change`, `kind`: what lids, gaze, lips
    and head did, and what the movement is by that (`none` below the spec's least reliability). `score`, `regions`:
    95th percentile of the motion in the face and by region; `beyond_eyes`: of the strongest region without eyes and
    lids.
    """

    pair: RegisteredPair
    flow: FloatArray
    motion: FloatArray
    reliability: float
    moved: float
    change: FaceChange
    kind: MovementKind
    score: float
    regions: dict[str, float]
    beyond_eyes: float


def pair_motion(
    onset_rgb: ByteArray, onset_face: Face, apex_rgb: ByteArray, apex_face: Face, spec: MicroExpressionSpec
) -> PairMotion:
    """Photographs (H, W, 3) uint8 RGB of any two sizes, with their faces."""
    pair = register_pair(onset_rgb, onset_face, apex_rgb, apex_face, spec)
    change = face_change(onset_face, apex_face)
    flow, head = _flow_and_head(pair, pair.apex, spec.dis)
    motion = (flow - head.field) * cv2.GaussianBlur(pair.inside, (0, 0), 3)[..., None]

    def evidence_of(flow: FloatArray, head: HeadMotion, mask: FloatArray) -> Evidence:
        return movement_evidence(
            pair.onset,
            pair.apex,
            head=head.field,
            motion=flow - head.field,
            mask=mask * pair.within,
            window_px=spec.evidence_window_px,
            noise_floor=spec.evidence_floor + spec.blur_floor * pair.blurred,
            least_px=spec.min_motion / 100 * pair.interocular_px,
            # What grows with the turn itself is fitted; what is left grows with its square.
            turn_px=spec.turn_residue * head.turn_deg**2 / 100 * pair.interocular_px,
        )

    @cache
    def in_even_light() -> tuple[FloatArray, HeadMotion]:
        evenly_lit = match_exposure(pair.apex, pair.onset, pair.mask, window_px=spec.light_window_px)
        return _flow_and_head(pair, evenly_lit, spec.light_dis)

    def evidence_in(mask: FloatArray) -> Evidence:
        seen = evidence_of(flow, head, mask)
        if reliability(seen) < spec.min_reliability or seen_by_landmarks(change):
            return seen
        # A reflex or flicker between the frames bends the flow; what moves is there in even light too.
        return min(seen, evidence_of(*in_even_light(), mask), key=lambda evidence: evidence.strongest)

    def reliability(evidence: Evidence) -> float:
        return reliability_of(evidence.strongest, middle=spec.reliability_middle, slope=spec.reliability_slope)

    evidence = evidence_in(pair.mask)
    sure = reliability(evidence)

    def outside_eyes() -> bool:
        # What a lid draws with it must not pass for an expression.
        return reliability(evidence_in(pair.mask * (1 - pair.eyes))) >= spec.sure_reliability

    moved = evidence.moved_px / pair.interocular_px * 100
    kind: MovementKind = "none"
    if sure >= spec.min_reliability:
        kind = movement_kind(change, moved=moved, outside_eyes=outside_eyes)
    score, regions = motion_scores(motion, pair.mask, pair.interocular_px, spec)
    # Lids may move as far as they like: a blink is no large expression.
    without_eyes = motion_scores(motion * (1 - pair.eyes)[..., None], pair.mask, pair.interocular_px, spec)
    return PairMotion(
        pair=pair,
        flow=flow,
        motion=motion,
        reliability=sure,
        moved=moved,
        change=change,
        kind=kind,
        score=score,
        regions=regions,
        beyond_eyes=max(without_eyes[0], *without_eyes[1].values()),
    )


def _flow_and_head(pair: RegisteredPair, apex: FloatArray, dis: DisParameters) -> tuple[FloatArray, HeadMotion]:
    flow = dis_flow(pair.onset, apex, dis)
    return flow, head_motion(flow, pair.texture, depth=pair.depth)


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
