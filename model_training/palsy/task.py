"""The palsy model as a training task: cache columns to targets, outputs to figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor, nn

from face.palsy.decoding import PalsyCalibration, decode
from face.vocabulary import SIDES
from model_training.configuration import build
from model_training.data.cache import Cache
from model_training.data.sample_table import SEVERITY_COLUMNS
from model_training.errors import TrainingError
from model_training.metrics.classification import quadratic_weighted_kappa
from model_training.networks.build import NETWORKS, arguments_of, build_network, forward, uses_landmarks
from model_training.networks.closeups import MOVEMENTS
from model_training.palsy.augmentation import augment_palsy
from model_training.palsy.calibration import fit_palsy_calibration
from model_training.palsy.losses import PalsyLossConfig, palsy_loss
from model_training.palsy.natural_asymmetry import NaturalAsymmetry
from model_training.runtime.arrays import Arrays
from model_training.training.config import TrainConfig
from model_training.training.task import Augment, Outputs

# The simulator's and the palsy literature's severity scale: 0 = grade I, 5 = grade VI.
SEVERITY_SPAN = 5.0
COLLECTED = ("grade_logits", "side_logits", "regional_asymmetry", "ood_score")
_MOVEMENT_OF_POSE = {pose: index for index, poses in enumerate(MOVEMENTS.values()) for pose in poses}
# Share of the validation photographs whose unlikeness the service mentions as a warning.
WARNED_SHARE = 0.01


class PalsyTask:
    """See training.task.Task. A batch holds images (N, 1, 224, 224) uint8, landmarks (N, 478, 3), roi_masks
    (N, 5, 32, 32) uint8, asymmetry_map (N, 32, 32) and the `targets`; outputs are those of HTNetEnhanced or
    HTNetGrader.

    Raises TrainingError for a loss that it does not know, or a model of another number of grades than there are labels.
    """

    kind = "palsy"

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.labels = config.data.labels
        self.loss_config = build(PalsyLossConfig, config.loss, source="configuration", section="loss.")
        given = config.model.get("num_classes", len(self.labels))
        if given != len(self.labels):
            raise TrainingError(f"model.num_classes is {given}, but data.labels names {len(self.labels)} labels")

    def arrays(self, cache: Cache, rows: npt.NDArray[np.int64]) -> Arrays:
        frame = cache.frame.iloc[rows]
        order = np.asarray(rows)
        # A network of landmarks alone would have every picture loaded and augmented for nothing.
        pictures = ("images", "roi_masks") if self.config.model.get("use_images", True) else ()
        arrays: Arrays = {
            name: np.asarray(cache.arrays[name][order]) for name in (*pictures, "landmarks", "asymmetry_map")
        }
        return {**arrays, **targets(frame, classes=len(self.labels))}

    def build_model(self, arrays: Arrays | None) -> nn.Module:
        wanted = {"in_channels": 1, **self.config.model, "num_classes": len(self.labels)}
        model = build_network(wanted)
        if arrays is not None and uses_landmarks(model):
            try:
                model.fit_geometry(arrays["landmarks"])
            except ValueError as error:
                raise TrainingError(
                    f"the geometry branch cannot be fitted: {error}. Use more images, or model.geometry_components "
                    "smaller."
                ) from error
        return model

    def model_config(self, model: nn.Module) -> dict[str, Any]:
        name = next(name for name, cls in NETWORKS.items() if isinstance(model, cls))
        arguments = arguments_of(model)
        arguments.pop("lean", None)
        return {"name": name, **arguments}

    def augmenter(self, arrays: Arrays) -> Augment:
        config, natural = self.config.augmentation, None
        if config.natural_asymmetry > 0:
            try:
                natural = NaturalAsymmetry(arrays["landmarks"][arrays["label"] == 0])
            except ValueError as error:
                raise TrainingError(f"augmentation.natural_asymmetry: {error}; no training row has label 1") from error

        def augment(sample: Mapping[str, Any], rng: np.random.Generator) -> Arrays:
            return augment_palsy(sample, config=config, rng=rng, natural=natural)

        return augment

    def forward(self, model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        geometry = bool(self.config.model.get("use_geometry"))
        return forward(model, batch, uses_geometry=geometry, maps=model.training, branches=model.training)

    def loss(
        self, batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor], weights: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return palsy_loss(batch, outputs, self.loss_config, weights)

    def collect(self, outputs: Mapping[str, Tensor]) -> Outputs:
        return {name: outputs[name].float().cpu().numpy() for name in COLLECTED if name in outputs}

    def judge(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, float]:
        """kappa, mae of the expected grade, within_one and, where the table tells sides, side; uncalibrated."""
        truth = frame["label"].to_numpy() - 1
        readings = decode(outputs["grade_logits"], outputs["side_logits"], calibration=PalsyCalibration())
        predicted = np.asarray([reading.index for reading in readings])
        expected = np.asarray([reading.expected for reading in readings]) - 1
        sides = side_index(frame)
        told = sides >= 0
        side_hits = (
            float(np.mean(np.asarray([SIDES.index(r.side) for r in readings])[told] == sides[told]))
            if told.any()
            else float("nan")
        )
        kappa = quadratic_weighted_kappa(truth, predicted, classes=len(self.labels))
        mae = float(np.abs(expected - truth).mean())
        # Kappa alone is coarse on few people; the expected grade's error breaks its ties.
        figures = {"kappa": kappa, "mae": mae, "within_one": float((np.abs(predicted - truth) <= 1).mean())}
        if told.any():
            figures["side"] = side_hits
        return {**figures, "score": kappa - 0.25 * mae}

    def calibrate(self, frame: pd.DataFrame, outputs: Outputs) -> dict[str, Any]:
        """PalsyCalibration's keys; and `thresholds` for the manifest where the network says how unlike its training
        faces a face is.

        Nothing is refused on that score unless someone decides so: it is a warning above what 99 % of the validation
        photographs show.
        """
        fitted: dict[str, Any] = fit_palsy_calibration(
            grade_logits=outputs["grade_logits"],
            labels=frame["label"].to_numpy() - 1,
            side_logits=outputs["side_logits"],
            sides=side_index(frame),
        ).as_dict()
        if "ood_score" in outputs:
            limit = float(np.quantile(outputs["ood_score"], 1 - WARNED_SHARE))
            fitted["thresholds"] = {"out_of_distribution": {"warn_above": limit, "refuse_above": None}}
        return fitted


def side_index(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """(N,) index of SIDES, -1 where the table does not say."""
    return np.asarray([SIDES.index(side) if side in SIDES else -1 for side in frame["side"]], np.int64)


def targets(frame: pd.DataFrame, *, classes: int) -> Arrays:
    """What the losses compare the answers with, from the columns of a cache's table.

    cumulative (N, K-1) float32: P(grade > k) from the label, or between 0 and 1 where the table knows a continuous
    severity (six grades); label (N,) from 0; side and side_weight (N,); regional (N, 4) in 0..1, NaN where unknown;
    movement (N,) index of closeups.MOVEMENTS, -1 for a pose that is none of theirs.
    """
    label = frame["label"].to_numpy(np.int64) - 1
    thresholds = np.arange(classes - 1)
    cumulative = (label[:, None] > thresholds).astype(np.float32)
    if "severity" in frame.columns and classes == 6:
        severity = pd.to_numeric(frame["severity"], errors="coerce").to_numpy(np.float32)
        soft = np.clip(severity[:, None] - thresholds, 0, 1)
        cumulative = np.where(np.isfinite(soft), soft, cumulative).astype(np.float32)
    regional = np.full((len(frame), len(SEVERITY_COLUMNS)), np.nan, np.float32)
    for index, column in enumerate(SEVERITY_COLUMNS):
        if column in frame.columns:
            regional[:, index] = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float32) / SEVERITY_SPAN
    # A barely visible palsy hardly tells its side; a healthy face does tell "none".
    weight = np.where(label == 0, 1.0, np.clip(cumulative.sum(1) / 2, 0.25, 1.0)).astype(np.float32)
    return {
        "cumulative": cumulative,
        "label": label,
        "side": side_index(frame),
        "side_weight": weight,
        "regional": regional,
        "movement": np.asarray([_MOVEMENT_OF_POSE.get(pose, -1) for pose in frame["pose"]], np.int64),
    }
