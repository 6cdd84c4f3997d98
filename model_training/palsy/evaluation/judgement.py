"""Decoded answers beside the truth: figures, table and worst errors of any part of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from face.palsy.decoding import PalsyCalibration, PalsyReading, decode
from face.vocabulary import SIDES
from model_training.data.cache import Cache
from model_training.judging.page import WORST_SHOWN, WorstError, picture_png
from model_training.metrics.reliability import ReliabilityBin, equal_width_bins
from model_training.palsy.evaluation.grading_figures import RELIABILITY_BINS, grading_figures
from model_training.palsy.task import side_index
from model_training.training.task import Outputs


@dataclass(frozen=True)
class Judgement:
    """Decoded answers of a set of rows. truth, sides: (N,) from 0 / index of SIDES or -1."""

    frame: pd.DataFrame
    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    sides: npt.NDArray[np.int64]
    readings: list[PalsyReading]

    def figures(self, rows: npt.NDArray[np.int64]) -> dict[str, float]:
        """`grading_figures` of these row numbers, which may repeat."""
        readings = [self.readings[row] for row in rows]
        in_set = np.zeros((len(rows), len(self.labels)), bool)
        for number, reading in enumerate(readings):
            in_set[number, list(reading.prediction_set)] = True
        return grading_figures(
            truth=self.truth[rows],
            probabilities=np.stack([reading.probabilities for reading in readings]),
            expected=np.asarray([reading.expected for reading in readings]) - 1,
            classes=len(self.labels),
            in_set=in_set,
            sides=self.sides[rows],
            predicted_sides=np.asarray([SIDES.index(reading.side) for reading in readings]),
            likelier_sides=np.asarray([SIDES.index(reading.likelier_side) for reading in readings]),
        )

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """(N,) grades answered, from 0."""
        return np.asarray([reading.index for reading in self.readings], np.int64)

    def reliability_curve(self) -> list[ReliabilityBin]:
        """Of the grades answered."""
        confidence = np.asarray([reading.probability for reading in self.readings])
        return equal_width_bins(confidence, self.predicted == self.truth, bins=RELIABILITY_BINS)

    def predictions(self) -> pd.DataFrame:
        """One row a photograph: who and what it shows, and the answer."""
        kept = [
            name
            for name in ("sample_id", "person_id", "dataset", "pose", "split", "label", "side")
            if name in self.frame.columns
        ]
        table = self.frame[kept].reset_index(drop=True)
        table["predicted"] = [reading.index + 1 for reading in self.readings]
        table["expected"] = [reading.expected for reading in self.readings]
        table["prediction_set"] = [
            " ".join(self.labels[i] for i in reading.prediction_set) for reading in self.readings
        ]
        table["predicted_side"] = [reading.side for reading in self.readings]
        for index, label in enumerate(self.labels):
            table[f"probability_{label}"] = [float(reading.probabilities[index]) for reading in self.readings]
        return table


def judge(
    frame: pd.DataFrame, outputs: Outputs, *, labels: tuple[str, ...], calibration: PalsyCalibration
) -> Judgement:
    """outputs: grade_logits (N, K-1) and side_logits (N, 3) of the N rows of `frame`."""
    readings = decode(outputs["grade_logits"], outputs["side_logits"], calibration=calibration)
    return Judgement(frame, labels, frame["label"].to_numpy(np.int64) - 1, side_index(frame), readings)


def worst_errors(judged: Judgement, *, pictures: Cache | None = None) -> list[WorstError]:
    """The answers furthest from the truth, the surest of those first; none that is right. pictures: the cache that the
    answers are of, where its four regions of each face shall be shown."""
    apart = np.abs(judged.predicted - judged.truth)
    sure = np.asarray([reading.probability for reading in judged.readings])
    order = [int(row) for row in np.lexsort((-sure, -apart)) if apart[row] > 0][:WORST_SHOWN]
    row_of = {} if pictures is None else {name: row for row, name in enumerate(pictures.frame["sample_id"])}
    errors = []
    for row in order:
        sample, reading = judged.frame.iloc[row], judged.readings[row]
        name = str(sample["sample_id"])
        errors.append(
            WorstError(
                sample=name,
                person=str(sample["person_id"]),
                true=judged.labels[judged.truth[row]],
                answered=f"{judged.labels[reading.index]} ({reading.probability:.0%})",
                picture="" if pictures is None else picture_png(pictures.arrays["images"][row_of[name]][0]),
            )
        )
    return errors
