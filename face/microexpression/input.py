"""Onset and apex photographs -> what the micro-expression model reads, and where on the photographs the motion lies.

Data flow: both photographs in the onset's canonical crop (registration.py) -> flow -> the head's own motion taken out
(head_motion.py) -> is anything left (movement_evidence.py) -> strain -> 28x28 flow image. The regions' sides are the
patient's: patient's left lies at the image's right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.errors import DifferentFaces, HeadTurned, MovementTooLarge, NoMotion
from face.frame.geometry import Similarity
from face.landmarks.detector import Face
from face.microexpression.flow import ByteArray, FloatArray, dis_flow, flow_image
from face.microexpression.head_motion import aligned_head, carried_back, head_motion
from face.microexpression.movement_evidence import movement_evidence, reliability_of
from face.microexpression.movement_kind import MOST_TURN_DEG, FaceChange, face_change, movement_kind
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


@dataclass(frozen=True)
class MicroExpressionInput:
    """The model's input and what is needed to explain it.

    `tensors["flow"]`: uint8 (3, 28, 28), channels u, v, strain. `motion` (H, W, 2): crop pixels, head motion taken
    out, nothing outside either photograph. `pair`: the registered frames. `reliability`: 0..1, how sure it is that
    anything but head, light and camera differs. `change`, `kind`: what lids, gaze and lips did, and what the movement
    is by that. `score` and `regions`: 95th percentile of the motion, in per cent of the inter-ocular distance.
    """

    tensors: dict[str, npt.NDArray[Any]]
    motion: FloatArray
    pair: RegisteredPair
    reliability: float
    change: FaceChange
    kind: MovementKind
    score: float
    regions: dict[str, float]

    def motion_on_apex(self, *, width: int, height: int, scale: float = 1.0) -> FloatArray:
        """How far each point of the apex photograph has moved since the onset: (height, width) float32, per cent of the
        inter-ocular distance, 0 outside the crop. `scale`: photograph pixels per pixel of the wanted map, for a reduced
        one. The flow is carried to where the points are at the apex, then back through the crop's inverse."""
        rows, columns = np.mgrid[0 : self.motion.shape[0], 0 : self.motion.shape[1]].astype(np.float32)
        length = np.linalg.norm(self.motion, axis=-1).astype(np.float32) * np.float32(100 / self.pair.interocular_px)
        at_apex = (columns - self.motion[..., 0], rows - self.motion[..., 1])
        carried = cv2.remap(length, at_apex[0], at_apex[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        to_map = self.pair.apex_to_crop.inverse().then(Similarity.scaling(1 / scale))
        return np.asarray(np.maximum(to_map.warp(carried, (width, height), fill=0.0), 0), np.float32)


def microexpression_input(
    onset_rgb: ByteArray, onset_face: Face, apex_rgb: ByteArray, apex_face: Face, spec: MicroExpressionSpec
) -> MicroExpressionInput:
    """Photographs (H, W, 3) uint8 RGB of any two sizes, with their faces.

    Raises HeadTurned, NoMotion where nothing moved but the head as a whole or less than noise could feign,
    DifferentFaces where the flow finds no way back, and MovementTooLarge.
    """
    turn = turned_between_deg(onset_face, apex_face)
    if turn > spec.max_turn_deg:
        raise HeadTurned(
            f"the head turned by {turn:.0f} degrees between onset and apex; "
            f"up to {spec.max_turn_deg:.0f} can be compared. "
            "Take both frames from one sequence, a fraction of a second apart"
        )
    pair = register_pair(onset_rgb, onset_face, apex_rgb, apex_face, spec)
    flow = dis_flow(pair.onset, pair.apex, spec.dis)
    # The robust fit leaves an expression alone; the fit on the pictures takes all that a head could explain, the
    # strictest "nothing moved" there is.
    by_flow = head_motion(flow, pair.texture, depth=pair.depth).field
    by_pictures = aligned_head(pair.onset, pair.apex, by_flow, pair.texture, pair.depth)
    motion = (flow - by_flow) * cv2.GaussianBlur(pair.inside, (0, 0), 3)[..., None]

    def reliability_in(mask: FloatArray) -> float:
        evidence = movement_evidence(
            pair.onset,
            pair.apex,
            head=by_pictures,
            motion=flow - by_pictures,
            mask=mask,
            window_px=spec.evidence_window_px,
            noise_floor=spec.evidence_floor + spec.blur_floor * pair.blurred,
            least_px=spec.min_motion / 100 * pair.interocular_px,
        )
        return reliability_of(float(evidence.max()), middle=spec.reliability_middle, slope=spec.reliability_slope)

    reliability = reliability_in(pair.mask)
    if reliability < spec.min_reliability:
        raise NoMotion(
            "no facial motion between onset and apex that is more than noise and the head's own motion: its "
            f"reliability is {reliability:.2f}, at least {spec.min_reliability:.2f} is needed. Choose the frames at "
            "rest and at the peak of the movement, sharp, from one camera, saved with little compression"
        )
    score, regions = motion_scores(motion, pair.mask, pair.interocular_px, spec)
    change = face_change(onset_face, apex_face)
    # Lids may move as far as they like: a blink is no large expression.
    beyond_eyes, by_region = motion_scores(motion * (1 - pair.eyes)[..., None], pair.mask, pair.interocular_px, spec)
    _refuse_strangers(pair, flow, max(beyond_eyes, *by_region.values()), turn, spec)
    return MicroExpressionInput(
        tensors={"flow": np.ascontiguousarray(flow_image(motion).transpose(2, 0, 1))},
        motion=motion,
        pair=pair,
        reliability=reliability,
        change=change,
        kind=movement_kind(
            change,
            outside_eyes=reliability_in(pair.mask * (1 - pair.eyes)) >= spec.min_reliability,
            turned_deg=turn,
        ),
        score=score,
        regions=regions,
    )


def _refuse_strangers(
    pair: RegisteredPair, flow: FloatArray, strongest: float, turn: float, spec: MicroExpressionSpec
) -> None:
    """Raises DifferentFaces, HeadTurned and MovementTooLarge. Half the resolution is enough to come back."""
    back = dis_flow(pair.apex, pair.onset, replace(spec.dis, finest_scale=1))
    disagreement = flow_disagreement(flow, back, pair.mask, interocular_px=pair.interocular_px)
    if disagreement > spec.max_disagreement:
        raise DifferentFaces(
            "onset and apex do not show the same face: points followed from one to the other and back miss themselves "
            f"by {disagreement:.1f} % of the inter-ocular distance, one face by up to {spec.max_disagreement:.1f} %. "
            "They show different people, or the light, the focus or the view has changed too much to compare them"
        )
    if strongest > spec.max_motion and turn > MOST_TURN_DEG:
        raise HeadTurned(
            f"the head turned by {turn:.0f} degrees between onset and apex, and the picture moves by {strongest:.0f} % "
            "of the inter-ocular distance. Take both frames from one sequence, a fraction of a second apart"
        )
    if strongest > spec.max_motion:
        raise MovementTooLarge(
            f"the face moves by {strongest:.0f} % of the inter-ocular distance between onset and apex, a "
            f"micro-expression by less than {spec.max_motion:.0f} %. Choose an onset nearer to the apex, or frames of "
            "a smaller movement; two different people also look like this"
        )


def turned_between_deg(onset: Face, apex: Face) -> float:
    """Angle between the two head poses without the turn in the image plane (registration takes that out), degrees."""
    forward_onset, forward_apex = (_facing(face.pose) for face in (onset, apex))
    return float(np.degrees(np.arccos(np.clip(forward_onset @ forward_apex, -1, 1))))


def _facing(pose: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    direction = pose[:3, 2].astype(np.float64)
    unit: npt.NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit


def flow_disagreement(forth: FloatArray, back: FloatArray, mask: FloatArray, *, interocular_px: float) -> float:
    """How far a point comes to lie from itself when it follows the flow to the apex and back: the median in the face,
    per cent of the inter-ocular distance.

    Between two frames of one face it is small, whatever the face does; between two people there is nothing to follow.
    It is evidence for "the same face in the same scene", not a proof of identity.
    """
    returned = np.dstack([carried_back(np.ascontiguousarray(back[..., axis]), forth) for axis in (0, 1)])
    apart = np.linalg.norm(forth + returned, axis=-1)[mask > 0.5]
    return float(np.median(apart)) * 100 / interocular_px


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
