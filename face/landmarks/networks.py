"""The two networks inside face_landmarker.task, and what runs them.

What finds faces and landmarks asks for `FaceNetworks` and never sees the runtime. LiteRT (XNNPACK, the runtime that
MediaPipe itself has inside) is the one used everywhere in this package; another can be handed in.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from face.landmarks.model_file import find_landmark_model
from face.landmarks.native_noise import without_startup_noise

FloatArray = npt.NDArray[np.float32]

DETECTOR_SIZE = 128
LANDMARK_SIZE = 256


class FaceNetworks(Protocol):
    """Not to be shared between threads."""

    def detect(self, pictures: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(N, 128, 128, 3) RGB in -1..1 -> (N, 896, 16) boxes and keypoints, (N, 896) logits, by anchor."""
        ...

    def landmarks(self, crops: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(N, 256, 256, 3) RGB in 0..1 -> (N, 478, 3) points in pixels of the crop, (N,) logits of a face."""
        ...


class _Network:
    """One network on one thread through LiteRT."""

    def __init__(self, model: bytes, outputs: tuple[str, str]) -> None:
        from ai_edge_litert.interpreter import Interpreter  # takes a while, and a Face alone does not need it

        self._interpreter: Any = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        ports = {port["name"]: port["index"] for port in self._interpreter.get_output_details()}
        self._outputs = [ports[name] for name in outputs]

    def run(self, batch: FloatArray) -> list[FloatArray]:
        """One picture after another: XNNPACK gains nothing from a batch."""
        found = []
        for picture in batch:
            self._interpreter.set_tensor(self._input, picture[None])
            self._interpreter.invoke()
            found.append([self._interpreter.get_tensor(port) for port in self._outputs])
        return [np.concatenate(values) for values in zip(*found, strict=True)]


class LiteRtNetworks:
    """Both networks on one core."""

    def __init__(self, model_path: Path | None = None) -> None:
        """Raises what find_landmark_model raises."""
        with zipfile.ZipFile(io.BytesIO(find_landmark_model(model_path).read_bytes())) as task:
            detector, landmarks = (task.read(f"{name}.tflite") for name in ("face_detector", "face_landmarks_detector"))
        with without_startup_noise():
            self._detector = _Network(detector, ("regressors", "classificators"))
            self._landmarks = _Network(landmarks, ("Identity", "Identity_1"))

    def detect(self, pictures: FloatArray) -> tuple[FloatArray, FloatArray]:
        boxes, logits = self._detector.run(pictures)
        return boxes, logits[..., 0]

    def landmarks(self, crops: FloatArray) -> tuple[FloatArray, FloatArray]:
        points, logits = self._landmarks.run(crops)
        return points.reshape(len(crops), -1, 3), logits.reshape(len(crops))
