"""What decides the micro-expression model's input, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from face.input_spec import InputSpec
from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.microexpression.flow import CHANNELS, FLOW_IMAGE_SIZE, DisParameters


@dataclass(frozen=True)
class MicroExpressionSpec(InputSpec):
    """Everything that decides the tensor. It is in the manifest's `input` and in every checkpoint; two equal
    fingerprints give equal tensors.

    Crop sizes and windows are pixels of the crop, targets are fractions of it (x, y), motions per cent of the
    inter-ocular distance, angles degrees.

    exposure_window_px: in which the frames get the same light. light_window_px: the narrower one in which the apex gets
    the onset's for a second flow (light_dis), which must find the movement too. outline_px: how far from the face's
    outline what is looked at begins. min_motion: of a window; turn_residue: what the head's turn may leave of a window,
    times the square of its degrees (0.3.0.md, as below); max_motion: of the strongest region; max_disagreement: of flow
    and flow back, for one face.
    evidence_floor: squared grey levels; blur_floor: share of what matching the sharpness took away that is added to it.
    reliability_middle, reliability_slope: the logistic curve from evidence to `motion.reliability`
    (docs/research/microexpression/0.3.0.md); below min_reliability there is no motion, from
    sure_reliability on nothing is said.
    """

    crop_width: int = 144
    crop_height: int = 180
    eyes: tuple[tuple[float, float], tuple[float, float]] = ((0.25, 0.29), (0.74, 0.29))
    mouth: tuple[float, float] = (0.485, 0.71)
    exposure_window_px: float = 36.0
    light_window_px: float = 12.0
    flow_method: str = "dis"
    dis: DisParameters = field(default_factory=DisParameters)
    light_dis: DisParameters = field(
        default_factory=lambda: DisParameters(patch_stride=4, gradient_descent_iterations=12)
    )
    registration_steps: int = 2
    image_size: int = FLOW_IMAGE_SIZE
    channels: tuple[str, ...] = CHANNELS
    outline_px: int = 8
    min_motion: float = 0.35
    turn_residue: float = 0.12
    evidence_window_px: float = 8.0
    evidence_floor: float = 0.25
    blur_floor: float = 0.2
    reliability_middle: float = 0.9
    reliability_slope: float = 8.0
    min_reliability: float = 0.5
    sure_reliability: float = 0.9
    max_motion: float = 12.0
    max_disagreement: float = 2.4
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
        for flow in ("dis", "light_dis"):
            plain[flow] = DisParameters(**plain[flow])
        plain["eyes"] = tuple(tuple(point) for point in plain["eyes"])
        plain["mouth"] = tuple(plain["mouth"])
        plain["channels"] = tuple(plain["channels"])
        return cls(**plain)

    def tensor_shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        return {"flow": ("uint8", (len(self.channels), self.image_size, self.image_size))}
