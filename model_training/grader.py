"""A trained palsy checkpoint that answers for photographs: the service's preprocessing and decoding around the torch
network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from model_training.checkpoint import Checkpoint, load_checkpoint
from model_training.errors import TrainingError
from model_training.palsy_task import forward, restore, uses_landmarks
from service.preprocessing.decode import ImageLimits, decode_image
from service.preprocessing.landmarks import FaceLandmarker, choose_face
from service.preprocessing.palsy_decoding import PalsyCalibration, PalsyReading, decode
from service.preprocessing.palsy_input import PalsyInput, PalsyInputSpec, palsy_input
from service.preprocessing.quality import QualityLimits, check_quality, measure_quality


@dataclass(frozen=True, eq=False)
class Answer:
    """One graded photograph. outputs: every output of the network, without the batch axis."""

    rgb: npt.NDArray[np.uint8]
    made: PalsyInput
    reading: PalsyReading
    outputs: Mapping[str, npt.NDArray[Any]]
    warnings: tuple[str, ...]


def load_palsy_checkpoint(path: Path) -> tuple[Checkpoint, nn.Module, PalsyInputSpec]:
    """Raises TrainingError for a checkpoint of another task or of a preprocessing that this version cannot make."""
    checkpoint = load_checkpoint(path)
    if checkpoint.task != "palsy":
        raise TrainingError(f"{path}: a checkpoint for {checkpoint.task!r}; this command needs one for palsy")
    try:
        spec = PalsyInputSpec.from_dict(checkpoint.preprocessing["spec"])
    except ValueError as error:
        raise TrainingError(f"{path}: {error}") from error
    if spec.fingerprint() != checkpoint.preprocessing["fingerprint"]:
        raise TrainingError(f"{path}: the preprocessing spec does not have the fingerprint that it claims")
    network = restore(checkpoint.config["model"], checkpoint.state_dict, source=str(path))
    return checkpoint, network, spec


class Grader:
    """Grades photographs one by one; a context manager, because it holds a landmarker."""

    def __init__(
        self, checkpoint: Path, *, device: str = "cpu", faces: Literal["single", "largest"] = "single"
    ) -> None:
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise TrainingError(f"--device {device}: this machine has no usable CUDA GPU")
        self.checkpoint, network, self.spec = load_palsy_checkpoint(checkpoint)
        self.network = network.to(device)
        self.device, self.faces = device, faces
        self.labels = self.checkpoint.labels
        self.calibration = PalsyCalibration.from_dict(self.checkpoint.calibration)
        self.limits = ImageLimits()
        self.landmarker = FaceLandmarker()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.landmarker.close()

    def grade(self, data: bytes) -> Answer:
        """Image file bytes -> answer. Raises PreprocessingError with the contract's code, as the service would
        answer."""
        rgb = decode_image(data, limits=self.limits).rgb
        face = choose_face(self.landmarker.detect(rgb), policy=self.faces)
        made = palsy_input(rgb, face, self.spec)
        warnings = check_quality(measure_quality(rgb, face, aligned=made.aligned), QualityLimits())
        outputs = self.run({name: values[None] for name, values in made.tensors.items()})
        reading = decode(outputs["grade_logits"], outputs["side_logits"], calibration=self.calibration)[0]
        return Answer(rgb, made, reading, {name: values[0] for name, values in outputs.items()}, tuple(warnings))

    @torch.inference_mode()
    def run(self, tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Tensors with a batch axis -> every output of the network, maps included."""
        batch = {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self.device) for name, values in tensors.items()
        }
        outputs = forward(self.network, batch, uses_geometry=uses_landmarks(self.network), maps=True)
        return {name: values.float().cpu().numpy() for name, values in outputs.items()}
