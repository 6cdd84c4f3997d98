"""What the cache holds of a photograph: the palsy model's tensors, made as the service makes them, and what training
compares them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face.errors import PreprocessingError
from face.frame.regions import MOSAIC_SIZE, photo_map_to_mosaic, roi_masks
from face.landmarks.found_face import LANDMARK_COUNT
from face.palsy.input import PalsyInputSpec
from face.palsy.reading import see_palsy
from face.photograph import PhotographReader
from face.vocabulary import REGIONS_OF_INTEREST, FacePolicy
from model_training.data.files import TRAINING_LIMITS, read_file
from model_training.data.producer import Layout, MakeRow, RowRefused
from model_training.data.sample_table import ASYMMETRY_MAP_UNIT
from model_training.runtime.arrays import Arrays

# Cells along a side of the ROI masks and the true asymmetry map, which cover the mosaic.
MAP_SIZE = 32


@dataclass(frozen=True)
class PalsyProducer:
    """Photograph -> the palsy model's tensors, ROI masks, and the true asymmetry and what is seen where the table names
    maps of them."""

    spec: PalsyInputSpec = field(default_factory=PalsyInputSpec)
    faces: FacePolicy = "largest"
    kind: str = "palsy"

    def fingerprint(self) -> str:
        return self.spec.fingerprint()

    def spec_dict(self) -> Mapping[str, Any]:
        return self.spec.to_dict()

    def arrays(self) -> Layout:
        return {
            "images": ((1, MOSAIC_SIZE, MOSAIC_SIZE), "uint8"),
            "landmarks": ((LANDMARK_COUNT, 3), "float32"),
            "roi_masks": ((len(REGIONS_OF_INTEREST), MAP_SIZE, MAP_SIZE), "uint8"),
            "asymmetry_map": ((MAP_SIZE, MAP_SIZE), "float16"),
            "seen_map": ((MAP_SIZE, MAP_SIZE), "float16"),
        }

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"], *(row[name] for name in ("asymmetry_map", "seen_map") if row.get(name))]

    def open(self) -> MakeRow:
        reader = PhotographReader(limits=TRAINING_LIMITS)

        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                photograph, made = see_palsy(read_file(folder / row["path"]), reader, self.spec, policy=self.faces)
            except PreprocessingError as error:
                raise RowRefused(error.code, str(error)) from error
            masks = roi_masks(made.aligned, size=MAP_SIZE)
            on_sent = photograph.on_sent(made.aligned)
            truth = np.full((MAP_SIZE, MAP_SIZE), np.nan, np.float16)
            seen = truth.copy()
            if row.get("asymmetry_map"):
                photo_map = read_asymmetry_map(
                    folder / row["asymmetry_map"],
                    unit=float(row.get("asymmetry_map_unit", ASYMMETRY_MAP_UNIT)),
                    width=photograph.sent_width,
                    height=photograph.sent_height,
                )
                truth = photo_map_to_mosaic(photo_map, on_sent, size=MAP_SIZE).astype(np.float16)
            if row.get("seen_map"):
                plane = read_seen_map(
                    folder / row["seen_map"], width=photograph.sent_width, height=photograph.sent_height
                )
                seen = photo_map_to_mosaic(plane, on_sent, size=MAP_SIZE).astype(np.float16)
            return {
                "images": made.tensors["images"],
                "landmarks": made.tensors["landmarks"],
                "roi_masks": np.clip(np.rint(masks * 255), 0, 255).astype(np.uint8),
                "asymmetry_map": truth,
                "seen_map": seen,
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


def read_seen_map(path: Path, *, width: int, height: int) -> np.ndarray:
    """How much of the face is seen -> float32 (height, width) in 0..1. File: 8-bit grey PNG of any resolution covering
    the whole photograph, 255 where it is seen."""
    stored = cv2.imdecode(np.frombuffer(read_file(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint8 or stored.ndim != 2:
        raise RowRefused("undecodable-image", f"{path.name}: the map of what is seen must be an 8-bit grey PNG")
    values = stored.astype(np.float32) / np.float32(255)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
