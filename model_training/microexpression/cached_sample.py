"""What the cache holds of a clip: the flow image of onset and apex, made as the service makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from face.errors import PreprocessingError
from face.image.decode import decode_image
from face.microexpression.input import microexpression_input
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import PhotographReader
from face.vocabulary import FacePolicy
from model_training.data.files import TRAINING_LIMITS, read_file
from model_training.data.producer import Layout, MakeRow, RowRefused
from model_training.runtime.arrays import Arrays


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

    def arrays(self) -> Layout:
        return {"flow": ((3, self.spec.image_size, self.spec.image_size), "uint8")}

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"], *([row["onset_path"]] if row.get("onset_path") else [])]

    def open(self) -> MakeRow:
        reader = PhotographReader(limits=TRAINING_LIMITS)

        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            try:
                if not row.get("onset_path"):
                    return {"flow": read_flow_image(folder / row["path"], size=self.spec.image_size)}
                onset = reader.read(read_file(folder / row["onset_path"]), policy=self.faces)
                apex = reader.read(read_file(folder / row["path"]), policy=self.faces)
                made = microexpression_input(onset.rgb, onset.face, apex.rgb, apex.face, self.spec)
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
