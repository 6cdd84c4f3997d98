"""Onset and apex photographs -> what the micro-expression model reads, or why there is nothing to read.

The motion between both (pair_motion.py) -> refusals -> strain -> 28x28 flow image. The regions' sides are the
patient's: patient's left lies at the image's right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.errors import DifferentFaces, HeadTurned, MovementTooLarge, NoMotion
from face.frame.geometry import Similarity
from face.landmarks.found_face import Face
from face.microexpression.flow import ByteArray, FloatArray, flow_image
from face.microexpression.movement_kind import MOST_TURN_DEG, turned_between_deg
from face.microexpression.pair_motion import PairMotion, flow_disagreement, pair_motion
from face.microexpression.spec import MicroExpressionSpec


@dataclass(frozen=True, eq=False)
class MicroExpressionInput:
    """The model's input and what is needed to explain it. `tensors["flow"]`: uint8 (3, 28, 28), channels u, v,
    strain."""

    tensors: dict[str, npt.NDArray[Any]]
    moved: PairMotion

    def motion_on_apex(
        self, *, width: int, height: int, scale: float = 1.0, onto: Similarity | None = None
    ) -> FloatArray:
        """How far each point of the apex photograph has moved since the onset: (height, width) float32, per cent of the
        inter-ocular distance, 0 outside the crop. The flow is carried to where the points are at the apex, then back
        through the crop's inverse.

        onto: the way to another picture than the one worked on, where the map is wanted on that. scale: pixels of the
        picture per pixel of the wanted map, for a reduced one.
        """
        motion, pair = self.moved.motion, self.moved.pair
        rows, columns = np.mgrid[0 : motion.shape[0], 0 : motion.shape[1]].astype(np.float32)
        length = np.linalg.norm(motion, axis=-1).astype(np.float32) * np.float32(100 / pair.interocular_px)
        at_apex = (columns - motion[..., 0], rows - motion[..., 1])
        carried = cv2.remap(length, at_apex[0], at_apex[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        to_map = (
            pair.apex_to_crop.inverse().then(onto or Similarity.translation(0, 0)).then(Similarity.scaling(1 / scale))
        )
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
    moved = pair_motion(onset_rgb, onset_face, apex_rgb, apex_face, spec)
    if moved.reliability < spec.min_reliability:
        raise NoMotion(
            "no facial motion between onset and apex that is more than noise and the head's own motion: its "
            f"reliability is {moved.reliability:.2f}, at least {spec.min_reliability:.2f} is needed. Choose the frames "
            "at rest and at the peak of the movement, sharp, from one camera, saved with little compression"
        )
    _refuse_what_is_none(moved, spec)
    return MicroExpressionInput(tensors=flow_tensors(moved), moved=moved)


def flow_tensors(moved: PairMotion) -> dict[str, npt.NDArray[Any]]:
    """The graph's input, without a batch axis."""
    return {"flow": np.ascontiguousarray(flow_image(moved.motion).transpose(2, 0, 1))}


def _refuse_what_is_none(moved: PairMotion, spec: MicroExpressionSpec) -> None:
    """Raises DifferentFaces, HeadTurned and MovementTooLarge: after the flow, so that a smile is no other person."""
    disagreement = flow_disagreement(moved, spec)
    if disagreement > spec.max_disagreement:
        raise DifferentFaces(
            "onset and apex do not show the same face: points followed from one to the other and back miss themselves "
            f"by {disagreement:.1f} % of the inter-ocular distance, one face by up to {spec.max_disagreement:.1f} %. "
            "They show different people, or the light, the focus or the view has changed too much to compare them"
        )
    if moved.beyond_eyes <= spec.max_motion:
        return
    if moved.change.turned > MOST_TURN_DEG:
        raise HeadTurned(
            f"the head turned by {moved.change.turned:.0f} degrees between onset and apex, and the picture moves by "
            f"{moved.beyond_eyes:.0f} % of the inter-ocular distance. Take both frames from one sequence, a fraction "
            "of a second apart"
        )
    raise MovementTooLarge(
        f"the face moves by {moved.beyond_eyes:.0f} % of the inter-ocular distance between onset and apex, a "
        f"micro-expression by less than {spec.max_motion:.0f} %. Choose an onset nearer to the apex, or frames of "
        "a smaller movement; two different people also look like this"
    )
