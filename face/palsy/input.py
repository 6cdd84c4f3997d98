"""Photograph and face -> what the palsy model reads: a contrast-normalised grey mosaic and the pose-corrected
landmarks.

Data flow: align to the canonical face -> grey -> local contrast normalisation -> mosaic of the four regions; beside it
the landmarks without the head's turn. Colour and light carry over badly from simulated to real faces, so neither
reaches the model. Everything is mirror-equivariant: the mirrored photograph gives the mirrored mosaic and the mirrored
landmarks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.frame.alignment import CANONICAL_INTEROCULAR_PX, CANONICAL_SIZE, AlignedFace, align_face
from face.frame.regions import MOSAIC_SIZE, REGION_BOXES, mosaic
from face.input_spec import InputSpec
from face.landmarks.canonical import STABLE_TEMPLATE, pose_corrected
from face.landmarks.found_face import LANDMARK_COUNT, Face
from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.vocabulary import OUTLINED_REGIONS

# Grey value of "no contrast here".
NEUTRAL_GREY = 128


def _template_digest() -> str:
    return hashlib.sha256(json.dumps(sorted(STABLE_TEMPLATE.items())).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class PalsyInputSpec(InputSpec):
    """Everything that decides the tensors. It is in the manifest's `input`, in every checkpoint and in the cache's
    key: two equal fingerprints give equal tensors.

    representation: the only one there is. contrast_window_px: odd side of the window, in canonical pixels, over which
    mean and standard deviation are taken. contrast_floor: grey levels added to the standard deviation, so that noise
    on even skin stays small. contrast_limit: deviations at which a pixel saturates. The other fields repeat the
    geometry of the shared preprocessing, so that changing it there makes old bundles refuse to load instead of
    answering wrongly.
    """

    representation: str = "grey-local-contrast"
    contrast_window_px: int = 33
    contrast_floor: float = 8.0
    contrast_limit: float = 3.0
    mosaic_size: int = MOSAIC_SIZE
    canonical_size: tuple[int, int] = CANONICAL_SIZE
    canonical_interocular_px: float = CANONICAL_INTEROCULAR_PX
    regions: tuple[str, ...] = OUTLINED_REGIONS
    region_boxes: tuple[tuple[int, int, int, int], ...] = tuple(
        (box.x, box.y, box.width, box.height) for box in REGION_BOXES.values()
    )
    landmarks: str = "pose-corrected-3d-of-both-looks"
    landmark_template_sha256: str = _template_digest()
    landmark_model_sha256: str = LANDMARK_MODEL_SHA256

    def __post_init__(self) -> None:
        if self.contrast_window_px < 3 or self.contrast_window_px % 2 == 0:
            raise ValueError(f"contrast_window_px must be odd and at least 3, got {self.contrast_window_px}")
        for name in ("contrast_floor", "contrast_limit"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        tunable = {"contrast_window_px", "contrast_floor", "contrast_limit"}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name not in tunable and value != item.default:
                raise ValueError(
                    f"palsy input: {item.name} is {value!r}, but this version of the preprocessing makes "
                    f"{item.default!r}"
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PalsyInputSpec:
        """The inverse of `to_dict`; an unknown or missing key, or a value that this preprocessing cannot make, is a
        ValueError."""
        plain = cls.exactly(values, of="palsy input")
        for name in ("canonical_size", "regions"):
            plain[name] = tuple(plain[name])
        plain["region_boxes"] = tuple(tuple(box) for box in plain["region_boxes"])
        return cls(**plain)

    def tensor_shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        return {
            "images": ("uint8", (1, self.mosaic_size, self.mosaic_size)),
            "landmarks": ("float32", (LANDMARK_COUNT, 3)),
        }


@dataclass(frozen=True, eq=False)
class PalsyInput:
    """tensors: 'images' uint8 (1, 224, 224), 'landmarks' float32 (478, 3), no batch axis. aligned: the way back to the
    photograph."""

    tensors: dict[str, npt.NDArray[Any]]
    aligned: AlignedFace
    face: Face


def palsy_input(rgb: npt.NDArray[np.uint8], face: Face, spec: PalsyInputSpec) -> PalsyInput:
    """`rgb` (H, W, 3) uint8 and the face found in it -> the model's input. ValueError as `align_face`.

    The face is that of both looks (`both_looks.look_both_ways`).
    """
    aligned = align_face(rgb, face)
    grey = np.asarray(cv2.cvtColor(aligned.image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    normalised = local_contrast(grey, spec=spec)
    tiles = mosaic(dataclasses.replace(aligned, image=normalised))
    return PalsyInput(
        tensors={"images": np.ascontiguousarray(tiles)[None], "landmarks": pose_corrected(face.points)},
        aligned=aligned,
        face=face,
    )


def local_contrast(grey: npt.NDArray[np.uint8], *, spec: PalsyInputSpec) -> npt.NDArray[np.uint8]:
    """(H, W) uint8 -> (H, W) uint8: (grey - local mean) / (local standard deviation + floor), limited, around
    NEUTRAL_GREY.

    Computed on the whole canonical face and not per region, so no edge of a region shows. The window sums are
    integers: the mirrored picture gives exactly the mirrored result.
    """
    window = (spec.contrast_window_px, spec.contrast_window_px)
    area = spec.contrast_window_px**2
    border = cv2.BORDER_REFLECT_101
    total = cv2.boxFilter(grey, cv2.CV_32S, window, normalize=False, borderType=border).astype(np.float32)
    squares = cv2.sqrBoxFilter(grey, cv2.CV_32S, window, normalize=False, borderType=border).astype(np.float32)
    mean = total / np.float32(area)
    deviation = np.sqrt(np.maximum(squares / np.float32(area) - mean * mean, np.float32(0)))
    contrast = (grey.astype(np.float32) - mean) / (deviation + np.float32(spec.contrast_floor))
    gain = np.float32((NEUTRAL_GREY - 1) / spec.contrast_limit)
    levels = np.clip(np.rint(contrast * gain + np.float32(NEUTRAL_GREY)), 1, 255)
    return np.asarray(levels.astype(np.uint8))
