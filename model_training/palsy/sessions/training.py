"""Simulated sessions -> the network of whole examinations, with the spread of its errors on people it never saw.

Three steps. The linear part of the measure head is solved at once; its small network learns what that leaves, on people
that the linear part it corrects was not fitted on; the graders learn on movements as a head measures them that never
saw the person. Nothing is chosen on these people, so no validation people are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from sklearn.linear_model import Ridge
from torch import Tensor, nn
from torch.nn import functional

from face.palsy.assessment.session_model import MEASURES_OF_HALF
from face.palsy.reading import Graph
from face.vocabulary import POSES, REGIONS
from model_training.configuration import Configuration
from model_training.palsy.sessions.network import (
    MOVEMENT_UNIT,
    MeasureHead,
    SessionGrader,
    SessionNetwork,
    grade_features,
    halves_of,
    linear_features,
    mean_grade,
    read_severities,
)
from model_training.palsy.sessions.samples import SessionSamples

FloatArray = npt.NDArray[np.float32]
Say = Callable[[str], object]
# Of the sessions of a step of the graders, so many keep all their pictures.
_WHOLE_SHARE = 0.4
_WITHOUT_REST_SHARE = 0.1
# Two standard deviations hold this much of a normal distribution.
_TWO_SIGMA = 0.9545


class SessionTrainingConfig(Configuration):
    """How the network of examinations is trained."""

    width: int = Field(default=16, ge=1, le=64)
    """Channels of the first convolution."""
    hidden: int = Field(default=96, ge=8, le=512)
    members: int = Field(default=4, ge=1, le=16)
    """Graders whose mean is taken."""
    ridge: float = Field(default=30.0, gt=0)
    """Penalty of the linear part."""
    epochs: int = Field(default=24, ge=1)
    """Passes of the measure head over the pictures."""
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    grader_epochs: int = Field(default=300, ge=1)
    grader_learning_rate: float = Field(default=5e-3, gt=0)
    grader_weight_decay: float = Field(default=0.5, ge=0)
    folds: int = Field(default=3, ge=2, le=10)
    seed: int = Field(default=0, ge=0)


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
            movements = _as_known(torch.from_numpy(self.movements[row : row + 1]), present)
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


def train_sessions(samples: SessionSamples, config: SessionTrainingConfig, *, say: Say = print) -> TrainedSessions:
    torch.manual_seed(config.seed)
    tensors = {name: torch.from_numpy(array) for name, array in samples.tensors.items()}
    folds = samples.folds(config.folds, seed=config.seed)
    halves = _halves(tensors["images"])
    movements, log_u = _cross_fitted_movements(samples, tensors, halves, folds, config, say)
    network = SessionNetwork(width=config.width, hidden=config.hidden, members=config.members)
    rows = np.arange(len(samples))
    say("measure head, everybody")
    network.measuring = train_measuring(samples, tensors, halves, rows, config)
    widen = _widening(samples, movements, log_u)
    network.widen.copy_(torch.from_numpy(widen))
    say("graders")
    unseen = [
        _graders(samples, movements, tensors, np.flatnonzero(folds != fold), config) for fold in range(config.folds)
    ]

    network.grading = _graders(samples, movements, tensors, rows, config)
    _spread(network, samples, _unseen_grades(unseen, folds, movements, tensors))
    return TrainedSessions(
        network=network.eval(),
        movements=movements,
        movements_u=np.asarray(MOVEMENT_UNIT * np.exp(log_u) * widen, np.float32),
        graders=unseen,
        folds=folds,
    )


def _cross_fitted_movements(
    samples: SessionSamples,
    tensors: Mapping[str, Tensor],
    halves: Tensor,
    folds: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
    say: Say,
) -> tuple[FloatArray, FloatArray]:
    shape = samples.movements.shape
    movements, log_u = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for fold in range(config.folds):
        say(f"measure head without fold {fold + 1} of {config.folds}")
        head = train_measuring(samples, tensors, halves, np.flatnonzero(folds != fold), config)
        for rows in np.array_split(np.flatnonzero(folds == fold), 20):
            with torch.no_grad():
                found = head(*(tensors[name][rows] for name in ("images", "landmarks", "readings", "present")))
            movements[rows], log_u[rows] = found[0].numpy(), found[1].numpy()
    return movements, log_u


def train_measuring(
    samples: SessionSamples,
    tensors: Mapping[str, Tensor],
    halves: Tensor,
    rows: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
) -> MeasureHead:
    """On the sessions `rows`. halves: of their pictures, (N, 8, 2, 112, 56) in -1..1 as int8 of 127."""
    head = MeasureHead(width=config.width, hidden=config.hidden)
    features = linear_features(tensors["landmarks"][rows], head.mirror).numpy()
    truth = samples.movements[rows]
    present = samples.tensors["present"][rows] > 0
    linear = _fit_linear(head, features, truth, present, samples.people[rows], config)
    sessions, poses = np.nonzero(present)
    wanted = torch.from_numpy((truth - linear) / MOVEMENT_UNIT)
    optimiser = torch.optim.AdamW(
        (*head.seeing.parameters(), *head.joining.parameters()), config.learning_rate, weight_decay=config.weight_decay
    )
    batches = _batches(len(sessions), 64, config.epochs, config.seed)
    steps = config.epochs * (len(sessions) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=max(steps, 1))
    head.train()
    for chosen in batches:
        session, pose = sessions[chosen], poses[chosen]
        where = rows[session]
        pair = torch.stack((halves[where, 0], halves[where, pose]), dim=2).float() / 127  # (B, 2 halves, 2, 112, 56)
        correction, log_u = head.correct_pairs(
            _shifted(pair),
            torch.eye(len(POSES))[pose],
            torch.from_numpy(linear[session, pose]),
            tensors["readings"][where, pose],
        )
        loss = measure_loss(correction, log_u, wanted[session, pose])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head.eval()


def _fit_linear(
    head: MeasureHead,
    features: FloatArray,
    truth: FloatArray,
    present: npt.NDArray[np.bool_],
    people: npt.NDArray[np.str_],
    config: SessionTrainingConfig,
) -> FloatArray:
    """Fits the head's linear part -> what linear parts that did not see the person say, (N, 8, 2, 10)."""
    fold_of = {person: number % 5 for number, person in enumerate(np.unique(people))}
    folds = np.array([fold_of[person] for person in people])
    unseen = np.zeros_like(truth)
    for pose in range(len(POSES)):
        known = np.flatnonzero(np.isfinite(truth[:, pose]).any(axis=(0, 1)))
        there = present[:, pose]
        for fold in range(6):
            train = there & (folds != fold)
            model = Ridge(alpha=config.ridge).fit(
                features[train, pose].reshape(-1, features.shape[-1]),
                truth[train, pose][..., known].reshape(-1, len(known)),
            )
            if fold == 5:  # nobody's: the one that is kept
                head.linear[pose][:, known] = torch.from_numpy(np.asarray(model.coef_, np.float32).T)
                head.constant[pose][known] = torch.from_numpy(np.asarray(model.intercept_, np.float32))
            else:
                other = there & (folds == fold)
                if other.any():
                    flat = model.predict(features[other, pose].reshape(-1, features.shape[-1]))
                    unseen[np.ix_(np.flatnonzero(other), np.array([pose]), np.arange(2), known)] = flat.reshape(
                        -1, 1, 2, len(known)
                    )
    return unseen


def measure_loss(correction: Tensor, log_u: Tensor, wanted: Tensor) -> Tensor:
    """Negative logarithm of a Laplace density, which one wrong landmark does not bend; (..., 10) each, in
    MOVEMENT_UNIT, NaN where nothing is known."""
    known = torch.isfinite(wanted)
    apart = (correction - torch.where(known, wanted, correction)).abs()
    return ((apart / log_u.exp() + log_u) * known).sum() / known.sum()


def _graders(
    samples: SessionSamples,
    movements: FloatArray,
    tensors: Mapping[str, Tensor],
    rows: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
) -> nn.ModuleList:
    return nn.ModuleList(
        _train_grader(samples, movements, tensors, rows, config, seed=config.seed + member)
        for member in range(config.members)
    )


def _train_grader(
    samples: SessionSamples,
    movements: FloatArray,
    tensors: Mapping[str, Tensor],
    rows: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
    *,
    seed: int,
) -> SessionGrader:
    torch.manual_seed(seed)
    rng = np.random.default_rng([config.seed, seed])
    grader = SessionGrader(hidden=config.hidden)
    measured = torch.from_numpy(movements)
    whole = grade_features(measured[rows], tensors["readings"][rows], tensors["present"][rows]).flatten(0, 1)
    grader.mean.copy_(whole.mean(0))
    grader.scale.copy_(whole.std(0).clamp_min(0.05))
    severities, sides = torch.from_numpy(samples.severities), torch.from_numpy(samples.sides)
    optimiser = torch.optim.AdamW(
        grader.parameters(), config.grader_learning_rate, weight_decay=config.grader_weight_decay
    )
    steps = config.grader_epochs * (len(rows) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.grader_learning_rate, total_steps=max(steps, 1))
    grader.train()
    for chosen in _batches(len(rows), 64, config.grader_epochs, seed):
        where = rows[chosen]
        present = torch.from_numpy(_some_pictures(samples.tensors["present"][where], rng))
        readings = tensors["readings"][where]
        features = grade_features(_as_known(measured[where], present), readings, present)
        found, log_spread, side = grader(features, read_severities(readings, present))
        loss = grade_loss(found, log_spread, side[:, 0], severities[where], sides[where])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return grader.eval()


def grade_loss(found: Tensor, log_spread: Tensor, side: Tensor, severities: Tensor, sides: Tensor) -> Tensor:
    """A normal distribution about the severities (N, 4); and the side (N,), where one is named."""
    apart = (found - severities) / log_spread.exp()
    named = torch.isfinite(sides)
    left = functional.binary_cross_entropy_with_logits(side[named], sides[named]) if named.any() else side.sum() * 0
    return (0.5 * apart.square() + log_spread).mean() + 0.5 * left


def _some_pictures(present: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Any subset of the pictures, so that any can be graded; one is always left."""
    kept = present.copy()
    for row in kept:
        if rng.random() < _WHOLE_SHARE:
            continue
        row *= rng.random(len(row)) < rng.uniform(0.25, 0.9)
        row[0] = float(rng.random() >= _WITHOUT_REST_SHARE)
    kept[:, 0] = np.maximum(kept[:, 0], kept.sum(axis=1) == 0)
    return kept


def _as_known(movements: Tensor, present: Tensor) -> Tensor:
    """Movements as the head gives them for these pictures: nothing is one without rest."""
    return movements * (present * present[:, :1])[:, :, None, None]


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


def _halves(images: Tensor) -> Tensor:
    """As int8 of 127: a quarter of the memory."""
    return torch.cat([(127 * halves_of(part)).round().to(torch.int8) for part in images.split(32)])


def _shifted(pair: Tensor) -> Tensor:
    """The alignment is never exact: both pictures stray a little, each by itself."""
    down, across = (int(one) for one in torch.randint(-1, 2, (2,)))
    return torch.roll(pair, (down, across), (-2, -1))


def _batches(count: int, size: int, epochs: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(count)
        for step in range(count // size):
            yield order[step * size : (step + 1) * size]
