"""Onset and apex photographs -> what the micro-expression model reads, and where on the photographs the motion lies.

Data flow: onset landmarks -> canonical crop of both photographs (the apex registered by the head's stable points, then
by the flow itself) -> exposure matched -> flow -> left-over head motion taken out -> strain -> 28x28 flow image. Raises
DifferentFaces and NoMotion.

The canonical crop is that of the published flow images (MEGC2019 composite): eye centres near (.25, .29) and (.74,
.29), mouth corners near (.29, .71) and (.68, .71) of width and height, mean over CASME II and SMIC. The regions' sides
are the patient's: patient's left lies at the image's right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.errors import DifferentFaces, NoMotion
from face.frame.geometry import Similarity, fit_similarity
from face.input_spec import InputSpec
from face.landmarks.found_face import Face
from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.microexpression.flow import (
    CHANNELS,
    FLOW_IMAGE_SIZE,
    ByteArray,
    DisParameters,
    FloatArray,
    dis_flow,
    flow_image,
    head_motion,
    luminance,
    match_exposure,
    similarity_field,
)

# Landmark indices of the 478-point mesh.
MOUTH = (61, 291)
# Points that hardly move with the face: eye corners, nose bridge, temples.
STABLE_POINTS = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 234, 454)
# Region boxes as fractions of the crop (left, top, right, bottom); the image's left half is the patient's right.
REGION_BOXES = {
    "left_eye": (0.52, 0.08, 0.98, 0.44),
    "right_eye": (0.02, 0.08, 0.48, 0.44),
    "left_lip": (0.50, 0.56, 0.90, 0.88),
    "right_lip": (0.10, 0.56, 0.50, 0.88),
}


@dataclass(frozen=True)
class MicroExpressionSpec(InputSpec):
    """Everything that decides the tensor. It is in the manifest's `input` and in every checkpoint; two equal
    fingerprints give equal tensors.

    Crop sizes are pixels, targets are fractions of the crop (x, y); motion is in per cent of the inter-ocular
    distance, correlation in -1..1, angles in degrees.
    """

    crop_width: int = 144
    crop_height: int = 180
    eyes: tuple[tuple[float, float], tuple[float, float]] = ((0.25, 0.29), (0.74, 0.29))
    mouth: tuple[float, float] = (0.485, 0.71)
    flow_method: str = "dis"
    dis: DisParameters = field(default_factory=DisParameters)
    registration_steps: int = 2
    image_size: int = FLOW_IMAGE_SIZE
    channels: tuple[str, ...] = CHANNELS
    min_motion: float = 0.35
    min_correlation: float = 0.80
    max_turn_deg: float = 10.0
    landmark_model_sha256: str = LANDMARK_MODEL_SHA256

    def __post_init__(self) -> None:
        if self.flow_method != "dis":
            raise ValueError(f"flow_method must be 'dis' (what the plain OpenCV wheel has), got {self.flow_method!r}")
        if self.image_size != FLOW_IMAGE_SIZE or tuple(self.channels) != CHANNELS:
            raise ValueError(
                f"the flow image is {FLOW_IMAGE_SIZE}x{FLOW_IMAGE_SIZE} with channels {CHANNELS}, "
                f"got {self.image_size} and {self.channels}"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MicroExpressionSpec:
        """The inverse of `to_dict`; an unknown or missing key is a ValueError that names it."""
        plain = cls.exactly(values, of="micro-expression input")
        plain["dis"] = DisParameters(**plain["dis"])
        plain["eyes"] = tuple(tuple(point) for point in plain["eyes"])
        plain["mouth"] = tuple(plain["mouth"])
        plain["channels"] = tuple(plain["channels"])
        return cls(**plain)

    def tensor_shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        return {"flow": ("uint8", (len(self.channels), self.image_size, self.image_size))}


@dataclass(frozen=True)
class MicroExpressionInput:
    """The model's input and what is needed to explain it.

    `tensors["flow"]`: uint8 (3, 28, 28), channels u, v, strain. `motion` (H, W, 2): crop pixels, head motion taken
    out. `apex_to_crop`: apex photograph -> crop, invertible. `interocular_px`: eye distance in the crop. `correlation`:
    of the registered crops, -1..1. `score` and `regions`: 95th percentile of the motion, in per cent of the
    inter-ocular distance.
    """

    tensors: dict[str, npt.NDArray[Any]]
    motion: FloatArray
    apex_to_crop: Similarity
    interocular_px: float
    correlation: float
    score: float
    regions: dict[str, float]

    def motion_on_apex(self, *, width: int, height: int, scale: float = 1.0) -> FloatArray:
        """How far each point of the apex photograph has moved since the onset: (height, width) float32, per cent of the
        inter-ocular distance, 0 outside the crop. `scale`: photograph pixels per pixel of the wanted map, for a reduced
        one. The flow is carried to where the points are at the apex, then back through the crop's inverse."""
        rows, columns = np.mgrid[0 : self.motion.shape[0], 0 : self.motion.shape[1]].astype(np.float32)
        length = np.linalg.norm(self.motion, axis=-1).astype(np.float32) * np.float32(100 / self.interocular_px)
        at_apex = (columns - self.motion[..., 0], rows - self.motion[..., 1])
        carried = cv2.remap(length, at_apex[0], at_apex[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        to_map = self.apex_to_crop.inverse().then(Similarity.scaling(1 / scale))
        return np.asarray(np.maximum(to_map.warp(carried, (width, height), fill=0.0), 0), np.float32)


def onset_crop(face: Face, spec: MicroExpressionSpec) -> Similarity:
    """Photograph -> canonical crop from the onset's landmarks: eye centres and the middle of the mouth corners, least
    squares."""
    size = np.array([spec.crop_width, spec.crop_height], np.float64)
    target = np.array([*spec.eyes, spec.mouth]) * size
    source = np.vstack([face.eye_centres, face.points[list(MOUTH), :2].astype(np.float64).mean(0)])
    return fit_similarity(source, target)


@lru_cache(maxsize=4)
def face_ellipse(spec: MicroExpressionSpec) -> FloatArray:
    """(H, W) soft mask in 0..1 of where the crop shows the face rather than hair and background; shared, not
    writeable."""
    rows, columns = np.mgrid[0 : spec.crop_height, 0 : spec.crop_width]
    distance = np.hypot((columns / spec.crop_width - 0.495) / 0.47, (rows / spec.crop_height - 0.50) / 0.55)
    mask: FloatArray = np.clip((1.15 - distance) / 0.25, 0, 1).astype(np.float32)
    mask.flags.writeable = False
    return mask


def microexpression_input(
    onset_rgb: ByteArray, onset_face: Face, apex_rgb: ByteArray, apex_face: Face, spec: MicroExpressionSpec
) -> MicroExpressionInput:
    """Photographs (H, W, 3) uint8 RGB of any two sizes, with their faces.

    Raises DifferentFaces where the head turned too far between the frames or the registered crops do not show the same
    face, and NoMotion where nothing but the head as a whole has moved.
    """
    turn = turned_between_deg(onset_face, apex_face)
    if turn > spec.max_turn_deg:
        raise DifferentFaces(
            f"the head turned by {turn:.0f} degrees between onset and apex; "
            f"up to {spec.max_turn_deg:.0f} can be compared. "
            "Take both frames from one sequence, a fraction of a second apart"
        )
    to_crop = onset_crop(onset_face, spec)
    stable = list(STABLE_POINTS)
    apex_to_onset = fit_similarity(
        apex_face.points[stable, :2].astype(np.float64), onset_face.points[stable, :2].astype(np.float64)
    )
    apex_to_crop = apex_to_onset.then(to_crop)
    size = (spec.crop_width, spec.crop_height)
    mask = face_ellipse(spec)
    onset = luminance(to_crop.warp(onset_rgb, size=size))
    weight = mask * _texture(onset)
    for step in range(spec.registration_steps):
        apex = match_exposure(luminance(apex_to_crop.warp(apex_rgb, size=size)), onset, mask)
        if step == 0:
            correlation = registered_correlation(onset, apex, mask)
            if correlation < spec.min_correlation:
                raise DifferentFaces(
                    f"onset and apex do not match: after registration their correlation is {correlation:.2f}, "
                    f"at least {spec.min_correlation:.2f} is needed. They show different people, or the light, "
                    "the focus or the view has changed too much to compare them"
                )
        if step == spec.registration_steps - 1:
            break
        # The head as a whole is seen well enough at half the resolution; only the last flow is the one that is kept.
        whole = head_motion(dis_flow(onset, apex, replace(spec.dis, finest_scale=1)), weight)
        field_of_head = similarity_field(whole, width=spec.crop_width, height=spec.crop_height)
        # Warping again and again would not make it better: below a twentieth of a pixel the subtraction below is
        # exact enough.
        if float(np.abs(field_of_head).max()) < 0.05:
            break
        # `whole` maps onset crop -> apex crop, in pixel indices; undoing it, in points, brings the apex onto the onset.
        centres = Similarity.translation(-0.5, -0.5).then(Similarity(whole)).then(Similarity.translation(0.5, 0.5))
        apex_to_crop = apex_to_crop.then(centres.inverse())
    flow = dis_flow(onset, apex, spec.dis)
    whole = head_motion(flow, weight)
    motion = flow - similarity_field(whole, width=spec.crop_width, height=spec.crop_height)
    interocular = float(np.linalg.norm(np.diff(to_crop.apply(onset_face.eye_centres), axis=0)))
    score, regions = motion_scores(motion, mask, interocular, spec)
    strongest = max(score, *regions.values())
    if strongest < spec.min_motion:
        raise NoMotion(
            f"no facial motion between onset and apex: the strongest region moves by {strongest:.2f} % of the "
            f"inter-ocular distance, at least {spec.min_motion:.2f} % is needed. "
            "Choose the frames at rest and at the peak of the movement"
        )
    image = flow_image(motion)
    return MicroExpressionInput(
        tensors={"flow": np.ascontiguousarray(image.transpose(2, 0, 1))},
        motion=motion,
        apex_to_crop=apex_to_crop,
        interocular_px=interocular,
        correlation=correlation,
        score=score,
        regions=regions,
    )


def _texture(grey: FloatArray) -> FloatArray:
    """(H, W) -> (H, W) in 0..1: how much there is to hold on to. Flow on bare skin is the smoothness term's guess and
    says nothing about the head."""
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    smooth = cv2.GaussianBlur(gradient, (0, 0), 3)
    return np.asarray(smooth / (smooth + np.median(smooth) + 1e-6), np.float32)


def turned_between_deg(onset: Face, apex: Face) -> float:
    """Angle between the two head poses without the turn in the image plane (registration takes that out), degrees."""
    forward_onset, forward_apex = (_facing(face.pose) for face in (onset, apex))
    return float(np.degrees(np.arccos(np.clip(forward_onset @ forward_apex, -1, 1))))


def _facing(pose: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    direction = pose[:3, 2].astype(np.float64)
    unit: npt.NDArray[np.float64] = direction / np.linalg.norm(direction)
    return unit


def registered_correlation(onset: FloatArray, apex: FloatArray, mask: FloatArray) -> float:
    """Correlation of the crops' detail (scales of about 1/40 to 1/6 of the width) inside the face, -1..1.

    Two frames of one sequence score above .9, two people below .7 (docs/research/microexpression/0.2.0.md). It is
    evidence for "the same face in the same scene", not a proof of identity: two photographs of one person taken on
    different days may fail.
    """

    def detail(image: FloatArray) -> FloatArray:
        width = image.shape[1]
        return (cv2.GaussianBlur(image, (0, 0), width / 80) - cv2.GaussianBlur(image, (0, 0), width / 9)).astype(
            np.float32
        )

    first, second = detail(onset), detail(apex)
    weight = mask / mask.sum()
    first = first - (weight * first).sum()
    second = second - (weight * second).sum()
    return float(
        (weight * first * second).sum() / (np.sqrt((weight * first**2).sum() * (weight * second**2).sum()) + 1e-9)
    )


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
