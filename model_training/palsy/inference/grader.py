"""A trained palsy checkpoint that answers for photographs: the one reading of face.palsy.reading with the torch network
as its graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from face.image.limits import ImageLimits
from face.palsy.decoding import PalsyCalibration
from face.palsy.input import PalsyInputSpec
from face.palsy.reading import ReadPhotograph, read_palsy
from face.photograph import PhotographReader
from face.vocabulary import FacePolicy
from model_training.errors import TrainingError
from model_training.networks.build import forward, restore, uses_landmarks
from model_training.palsy.inference.limits import limits_of
from model_training.runtime.distributed import check_device
from model_training.training.checkpoint import Checkpoint, load_checkpoint


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
    """Grades photographs one by one; a context manager, because its reader holds a landmarker.

    bundle: the folder that the checkpoint was exported to, where its manifest sets limits of its own.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        bundle: Path | None = None,
        device: str = "cpu",
        faces: FacePolicy = "single",
    ) -> None:
        check_device(device)
        self.checkpoint, network, self.spec = load_palsy_checkpoint(checkpoint)
        self.network = network.to(device)
        self.device, self.faces = device, faces
        self.labels = self.checkpoint.labels
        self.calibration = PalsyCalibration.from_dict(self.checkpoint.calibration)
        self.limits = limits_of(self.checkpoint, bundle=bundle)
        self.reader = PhotographReader(limits=ImageLimits())

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    def grade(self, data: bytes) -> ReadPhotograph:
        """Image file bytes -> reading. Raises PreprocessingError with the contract's code, as the service would
        answer."""
        return read_palsy(
            data,
            self.reader,
            self.run,
            self.spec,
            calibration=self.calibration,
            limits=self.limits,
            policy=self.faces,
        )

    @torch.inference_mode()
    def run(self, tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Tensors with a batch axis -> every output of the network, maps included."""
        batch = {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self.device) for name, values in tensors.items()
        }
        outputs = forward(self.network, batch, uses_geometry=uses_landmarks(self.network), maps=True)
        return {name: values.float().cpu().numpy() for name, values in outputs.items()}
