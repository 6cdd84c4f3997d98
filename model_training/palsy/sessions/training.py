"""Simulated sessions -> the network of whole examinations, with the spread of its errors on people it never saw.

Measure heads first (`measuring.py`), each on a part of the people; then graders (`grading.py`), which learn on
movements as a head measures them that never saw the person. Nothing is chosen on these people, so no validation people
are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from face.palsy.assessment.session_model import MEASURES_OF_HALF
from face.palsy.reading import Graph
from face.vocabulary import REGIONS
from model_training.palsy.sessions.config import SessionTrainingConfig
from model_training.palsy.sessions.grading import as_known, grading_steps, train_graders
from model_training.palsy.sessions.measuring import kept_halves, measuring_steps, train_measuring
from model_training.palsy.sessions.network import MOVEMENT_UNIT, SessionNetwork, mean_grade
from model_training.palsy.sessions.samples import SessionSamples
from model_training.palsy.trained_parts import TrainedParts

FloatArray = npt.NDArray[np.float32]
# Is told how many steps of how many are done; those of a grader count as GRADER_STEP each.
Progress = Callable[[float, float], object]
# What a step of a grader takes of the time of one of a measure head.
GRADER_STEP = 0.025
# Two standard deviations hold this much of a normal distribution.
_TWO_SIGMA = 0.9545


@dataclass(frozen=True, eq=False)
class TrainedSessions:
    """network: fitted on everybody. movements (N, 8, 2, 10): of heads that did not see the person. graders, folds (N,):
    the graders that did not see those of a fold. What calibration is fitted on."""

    network: SessionNetwork
    movements: FloatArray
    movements_u: FloatArray
    graders: list[nn.ModuleList]
    folds: npt.NDArray[np.intp]

    def graph_of(self, row: int) -> Graph:
        """What stands in for the network where that session is judged: nothing in it has seen the person."""

        def run(inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
            readings, present = (torch.from_numpy(inputs[name]) for name in ("readings", "present"))
            movements = as_known(torch.from_numpy(self.movements[row : row + 1]), present)
            with torch.no_grad():
                severities, log_spread, side = mean_grade(self.graders[self.folds[row]], movements, readings, present)
                factor = self.network.factor(log_spread)
            return {
                "movements": movements.numpy(),
                "movements_u": self.movements_u[row : row + 1],
                "severities": severities.numpy(),
                "severities_factor": factor.numpy(),
                "side_logit": side.numpy(),
            }

        return run


class _Work:
    """What is done, of `total`."""

    def __init__(self, progress: Progress) -> None:
        self.done = self.total = 0.0
        self._progress = progress

    def measured(self, steps: float) -> None:
        self.done += steps
        self._progress(self.done, self.total)

    def graded(self, steps: int) -> None:
        self.measured(steps * GRADER_STEP)


def train_sessions(
    samples: SessionSamples,
    config: SessionTrainingConfig,
    parts: TrainedParts,
    *,
    progress: Progress = lambda _, __: None,
) -> TrainedSessions:
    """parts: what is trained there already is not trained again. Raises Interrupted as `TrainedParts.learn`."""
    torch.manual_seed(config.seed)
    tensors = {name: torch.from_numpy(array) for name, array in samples.tensors.items()}
    folds = samples.folds(config.folds, seed=config.seed)
    halves = kept_halves(tensors["images"])
    everybody = np.arange(len(samples))
    others = [np.flatnonzero(folds != fold) for fold in range(config.folds)]
    work = _Work(progress)
    for rows in (*others, everybody):
        work.total += measuring_steps(samples, rows, config) + grading_steps(rows, config) * GRADER_STEP

    movements, log_u = np.zeros_like(samples.movements), np.zeros_like(samples.movements)
    for fold, rows in enumerate(others):
        name = f"measuring-without-{fold + 1}"
        head = train_measuring(samples, tensors, halves, rows, config, parts, name=name, stepped=work.measured)
        for unseen in np.array_split(np.flatnonzero(folds == fold), 20):
            with torch.no_grad():
                found = head(*(tensors[name][unseen] for name in ("images", "landmarks", "readings", "present")))
            movements[unseen], log_u[unseen] = found[0].numpy(), found[1].numpy()
    network = SessionNetwork(width=config.width, hidden=config.hidden, members=config.members)
    network.measuring = train_measuring(
        samples, tensors, halves, everybody, config, parts, name="measuring", stepped=work.measured
    )
    widen = _widening(samples, movements, log_u)
    network.widen.copy_(torch.from_numpy(widen))

    def graders_of(rows: npt.NDArray[np.intp], name: str) -> nn.ModuleList:
        return train_graders(samples, movements, tensors, rows, config, parts, name=name, stepped=work.graded)

    graders = [graders_of(rows, f"grading-without-{fold + 1}") for fold, rows in enumerate(others)]
    network.grading = graders_of(everybody, "grading")
    _spread(network, samples, _unseen_grades(graders, folds, movements, tensors))
    return TrainedSessions(
        network=network.eval(),
        movements=movements,
        movements_u=np.asarray(MOVEMENT_UNIT * np.exp(log_u) * widen, np.float32),
        graders=graders,
        folds=folds,
    )


def _unseen_grades(
    graders: Sequence[nn.ModuleList],
    folds: npt.NDArray[np.intp],
    movements: FloatArray,
    tensors: Mapping[str, Tensor],
) -> tuple[FloatArray, FloatArray]:
    """Severities (N, 4) and the logarithm of their spread (N, 4), of whole sessions."""
    with torch.no_grad():
        found = [
            mean_grade(members, torch.from_numpy(movements), tensors["readings"], tensors["present"])
            for members in graders
        ]
    severities, spread = (
        np.stack([found[fold][part][row].numpy() for row, fold in enumerate(folds)]) for part in range(2)
    )
    return severities, spread


def _widening(samples: SessionSamples, movements: FloatArray, log_u: FloatArray) -> FloatArray:
    """(10,) by which the uncertainties grow so that two of them hold 95 % of people that the head did not see."""
    apart = np.abs(movements - samples.movements) / (MOVEMENT_UNIT * np.exp(log_u))
    return np.array(
        [np.nanquantile(apart[..., measure], _TWO_SIGMA) / 2 for measure in range(len(MEASURES_OF_HALF))], np.float32
    )


def _spread(network: SessionNetwork, samples: SessionSamples, found: tuple[FloatArray, FloatArray]) -> None:
    """How far and how alike the regions' severities stray on people that the graders did not see."""
    strays = (np.clip(found[0], 0, 5) - samples.severities) / np.exp(found[1])
    inflate = float(np.sqrt(np.mean(np.square(strays))))
    correlation = np.corrcoef(strays.T) + 1e-6 * np.eye(len(REGIONS))
    network.inflate.fill_(inflate)
    network.correlation_factor.copy_(torch.from_numpy(np.linalg.cholesky(correlation).astype(np.float32)))
