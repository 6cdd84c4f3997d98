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

from face.frame.quality import check_quality, measure_quality
from face.frame.regions import regional_asymmetry
from face.image.decode import ImageLimits, decode_image
from face.landmarks.both_looks import look_both_ways
from face.landmarks.detector import FaceLandmarker, choose_face
from face.palsy.decoding import PalsyCalibration, PalsyReading, decode
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from face.palsy.warnings import check_agreement, check_likeness, check_looks
from model_training.errors import TrainingError
from model_training.palsy.inference.limits import limits_of
from model_training.palsy.task import forward, restore, uses_landmarks
from model_training.runtime.distributed import check_device
from model_training.training.checkpoint import Checkpoint, load_checkpoint


@dataclass(frozen=True, eq=False)
class Answer:
    """One graded photograph. outputs: every output of the network, without the batch axis. regional: asymmetry 0..1 by
    region, None where the network draws no map."""

    rgb: npt.NDArray[np.uint8]
    made: PalsyInput
    reading: PalsyReading
    outputs: Mapping[str, npt.NDArray[Any]]
    regional: Mapping[str, float] | None
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
    """Grades photographs one by one; a context manager, because it holds a landmarker.

    bundle: the folder that the checkpoint was exported to, where its manifest sets limits of its own.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        bundle: Path | None = None,
        device: str = "cpu",
        faces: Literal["single", "largest"] = "single",
    ) -> None:
        check_device(device)
        self.checkpoint, network, self.spec = load_palsy_checkpoint(checkpoint)
        self.network = network.to(device)
        self.device, self.faces = device, faces
        self.labels = self.checkpoint.labels
        self.calibration = PalsyCalibration.from_dict(self.checkpoint.calibration)
        self.limits = limits_of(self.checkpoint, bundle=bundle)
        self.landmarker = FaceLandmarker()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.landmarker.close()

    def grade(self, data: bytes) -> Answer:
        """Image file bytes -> answer. Raises PreprocessingError with the contract's code, as the service would
        answer."""
        rgb = decode_image(data, limits=ImageLimits()).rgb
        looks = look_both_ways(rgb, choose_face(self.landmarker.detect(rgb), policy=self.faces), self.landmarker)
        made = palsy_input(rgb, looks.face, self.spec)
        warnings = check_quality(measure_quality(rgb, looks.face, aligned=made.aligned), self.limits.quality)
        warnings += check_looks(looks)
        batched = self.run({name: values[None] for name, values in made.tensors.items()})
        reading = decode(batched["grade_logits"], batched["side_logits"], calibration=self.calibration)[0]
        outputs = {name: values[0] for name, values in batched.items()}
        if "ood_score" in outputs:
            warnings += check_likeness(
                float(outputs["ood_score"]), warn_above=self.limits.warn_above, refuse_above=self.limits.refuse_above
            )
        warnings += check_agreement(reading)
        regional = (
            regional_asymmetry(outputs["asymmetry_map"], made.aligned, full_scale=self.limits.full_scale)
            if "asymmetry_map" in outputs
            else None
        )
        return Answer(rgb, made, reading, outputs, regional, tuple(warnings))

    @torch.inference_mode()
    def run(self, tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Tensors with a batch axis -> every output of the network, maps included."""
        batch = {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self.device) for name, values in tensors.items()
        }
        outputs = forward(self.network, batch, uses_geometry=uses_landmarks(self.network), maps=True)
        return {name: values.float().cpu().numpy() for name, values in outputs.items()}
