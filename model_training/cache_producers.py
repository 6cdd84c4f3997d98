"""What the cache computes for a row: the palsy tensors of a photograph, or the flow image of an onset/apex pair.

Both call the shared preprocessing of the service and nothing else, so that what is trained on is what is served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from face.errors import PreprocessingError
from face.frame.regions import MOSAIC_SIZE, photo_map_to_mosaic, roi_masks
from face.image.decode import ImageLimits, decode_image
from face.landmarks.both_looks import look_both_ways
from face.landmarks.detector import FaceLandmarker, choose_face
from face.microexpression.input import MicroExpressionSpec, microexpression_input
from face.palsy.input import PalsyInputSpec, palsy_input
from face.vocabulary import REGIONS_OF_INTEREST
from model_training.data.cache_build import Arrays, RowRefused
from model_training.data.sample_table import ASYMMETRY_MAP_UNIT

MAP_SIZE = 32
# A researcher's own files may be larger than what a web service accepts; the side limit stays, MediaPipe cannot take
# more.
TRAINING_LIMITS = ImageLimits(max_bytes=200_000_000, max_pixels=120_000_000)

FacePolicy = Literal["single", "largest"]


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RowRefused("missing-file", f"no such file: {path.name}") from None
    except OSError as error:
        raise RowRefused("unreadable-file", str(error)) from error


@dataclass(frozen=True)
class PalsyProducer:
    """Photograph -> the palsy model's tensors, ROI masks and the true asymmetry map where the table names one."""

    spec: PalsyInputSpec = field(default_factory=PalsyInputSpec)
    faces: FacePolicy = "largest"
    kind: str = "palsy"

    def fingerprint(self) -> str:
        return self.spec.fingerprint()

    def spec_dict(self) -> Mapping[str, Any]:
        return self.spec.to_dict()

    def arrays(self) -> Mapping[str, tuple[tuple[int, ...], str]]:
        return {
            "images": ((1, MOSAIC_SIZE, MOSAIC_SIZE), "uint8"),
            "landmarks": ((478, 3), "float32"),
            "roi_masks": ((len(REGIONS_OF_INTEREST), MAP_SIZE, MAP_SIZE), "uint8"),
            "asymmetry_map": ((MAP_SIZE, MAP_SIZE), "float16"),
        }

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"], *([row["asymmetry_map"]] if row.get("asymmetry_map") else [])]

    def open(self) -> Callable[[Mapping[str, Any], Path], Arrays]:
        landmarker = FaceLandmarker()

        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                rgb = decode_image(read_file(folder / row["path"]), limits=TRAINING_LIMITS).rgb
                face = choose_face(landmarker.detect(rgb), policy=self.faces)
                face = look_both_ways(rgb, face, landmarker).face
                made = palsy_input(rgb, face, self.spec)
            except PreprocessingError as error:
                raise RowRefused(error.code, str(error)) from error
            masks = roi_masks(made.aligned, size=MAP_SIZE)
            truth = np.full((MAP_SIZE, MAP_SIZE), np.nan, np.float16)
            if row.get("asymmetry_map"):
                height, width = rgb.shape[:2]
                unit = float(row.get("asymmetry_map_unit", ASYMMETRY_MAP_UNIT))
                photo_map = read_asymmetry_map(folder / row["asymmetry_map"], unit=unit, width=width, height=height)
                truth = photo_map_to_mosaic(photo_map, made.aligned, size=MAP_SIZE).astype(np.float16)
            return {
                "images": made.tensors["images"],
                "landmarks": made.tensors["landmarks"],
                "roi_masks": np.clip(np.rint(masks * 255), 0, 255).astype(np.uint8),
                "asymmetry_map": truth,
            }

        return make


def read_asymmetry_map(path: Path, *, unit: float, width: int, height: int) -> np.ndarray:
    """True asymmetry map -> float32 (height, width) in the photo frame, in inter-ocular distances.

    File: 16-bit grey PNG of any resolution covering the whole photograph; one count is `unit` inter-ocular distances.
    """
    stored = cv2.imdecode(np.frombuffer(read_file(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 2:
        raise RowRefused("undecodable-image", f"{path.name}: the asymmetry map must be a 16-bit grey PNG")
    values = stored.astype(np.float32) * np.float32(unit)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class FlowProducer:
    """Onset and apex -> flow image; or a published flow image, read as it is.

    A row with `onset_path` has two frames; a row without is a 28x28 PNG whose channels are (u, v, strain).
    """

    spec: MicroExpressionSpec = field(default_factory=MicroExpressionSpec)
    faces: FacePolicy = "largest"
    kind: str = "microexpression"

    def fingerprint(self) -> str:
        return self.spec.fingerprint()

    def spec_dict(self) -> Mapping[str, Any]:
        return self.spec.to_dict()

    def arrays(self) -> Mapping[str, tuple[tuple[int, ...], str]]:
        return {"flow": ((3, self.spec.image_size, self.spec.image_size), "uint8")}

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"], *([row["onset_path"]] if row.get("onset_path") else [])]

    def open(self) -> Callable[[Mapping[str, Any], Path], Arrays]:
        landmarker = FaceLandmarker()

        def photograph(path: Path) -> tuple[Any, Any]:
            rgb = decode_image(read_file(path), limits=TRAINING_LIMITS).rgb
            return rgb, choose_face(landmarker.detect(rgb), policy=self.faces)

        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                if not row.get("onset_path"):
                    return {"flow": read_flow_image(folder / row["path"], size=self.spec.image_size)}
                onset, onset_face = photograph(folder / row["onset_path"])
                apex, apex_face = photograph(folder / row["path"])
                made = microexpression_input(onset, onset_face, apex, apex_face, self.spec)
            except PreprocessingError as error:
                raise RowRefused(error.code, str(error)) from error
            return {"flow": made.tensors["flow"]}

        return make


def read_flow_image(path: Path, *, size: int) -> np.ndarray:
    """uint8 (3, size, size), channels (u, v, strain) as published: the PNG's red, green and blue."""
    rgb = decode_image(read_file(path), limits=TRAINING_LIMITS).rgb
    if rgb.shape != (size, size, 3):
        raise RowRefused(
            "wrong-size",
            f"{path.name}: a published flow image is {size}x{size}x3, this is {'x'.join(map(str, rgb.shape))}",
        )
    return np.ascontiguousarray(rgb.transpose(2, 0, 1))
