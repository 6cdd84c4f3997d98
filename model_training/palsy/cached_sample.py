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
    """Photograph -> the palsy model's tensors, ROI masks and the true asymmetry map where the table names one."""

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
        }

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"], *([row["asymmetry_map"]] if row.get("asymmetry_map") else [])]

    def open(self) -> MakeRow:
        reader = PhotographReader(limits=TRAINING_LIMITS)

        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                photograph, made = see_palsy(read_file(folder / row["path"]), reader, self.spec, policy=self.faces)
            except PreprocessingError as error:
                raise RowRefused(error.code, str(error)) from error
            masks = roi_masks(made.aligned, size=MAP_SIZE)
            truth = np.full((MAP_SIZE, MAP_SIZE), np.nan, np.float16)
            if row.get("asymmetry_map"):
                photo_map = read_asymmetry_map(
                    folder / row["asymmetry_map"],
                    unit=float(row.get("asymmetry_map_unit", ASYMMETRY_MAP_UNIT)),
                    width=photograph.sent_width,
                    height=photograph.sent_height,
                )
                on_sent = photograph.on_sent(made.aligned)
                truth = photo_map_to_mosaic(photo_map, on_sent, size=MAP_SIZE).astype(np.float16)
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
