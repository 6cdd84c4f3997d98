"""The measure head: a linear part, solved at once, and a small network for what that leaves on people that the linear
part it corrects was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import Ridge
from torch import Tensor

from face.vocabulary import POSES
from model_training.palsy.sessions.config import SessionTrainingConfig, batches, steps_of
from model_training.palsy.sessions.network import MOVEMENT_UNIT, MeasureHead, halves_of, linear_features
from model_training.palsy.sessions.samples import SessionSamples
from model_training.palsy.trained_parts import Lesson, TrainedParts

FloatArray = npt.NDArray[np.float32]


def measuring_steps(samples: SessionSamples, rows: npt.NDArray[np.intp], config: SessionTrainingConfig) -> int:
    """Steps that `train_measuring` takes."""
    return steps_of(int((samples.tensors["present"][rows] > 0).sum()), epochs=config.epochs)


def train_measuring(
    samples: SessionSamples,
    tensors: Mapping[str, Tensor],
    halves: Tensor,
    rows: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
    parts: TrainedParts,
    *,
    name: str,
    stepped: Callable[[int], object] = lambda _: None,
) -> MeasureHead:
    """On the sessions `rows`. halves: of their pictures, (N, 8, 2, 112, 56) in -1..1 as int8 of 127. name: of the part
    that it is. stepped: is called with how many steps were done.

    Raises Interrupted as `TrainedParts.learn`.
    """
    head = MeasureHead(width=config.width, hidden=config.hidden)
    steps = measuring_steps(samples, rows, config)
    if parts.take(name, head):
        stepped(steps)
        return head.eval()
    features = linear_features(tensors["landmarks"][rows], head.mirror).numpy()
    truth = samples.movements[rows]
    present = samples.tensors["present"][rows] > 0
    linear = _fit_linear(head, features, truth, present, samples.people[rows], config)
    sessions, poses = np.nonzero(present)
    wanted = torch.from_numpy((truth - linear) / MOVEMENT_UNIT)

    def loss(chosen: npt.NDArray[np.intp]) -> Tensor:
        session, pose = sessions[chosen], poses[chosen]
        where = rows[session]
        pair = torch.stack((halves[where, 0], halves[where, pose]), dim=2).float() / 127  # (B, 2 halves, 2, 112, 56)
        correction, log_u = head.correct_pairs(
            _shifted(pair),
            torch.eye(len(POSES))[pose],
            torch.from_numpy(linear[session, pose]),
            tensors["readings"][where, pose],
        )
        return measure_loss(correction, log_u, wanted[session, pose])

    optimiser = torch.optim.AdamW(
        (*head.seeing.parameters(), *head.joining.parameters()), config.learning_rate, weight_decay=config.weight_decay
    )
    lesson = Lesson(
        network=head,
        optimiser=optimiser,
        schedule=torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, total_steps=steps),
        loss=loss,
        steps=batches(len(sessions), epochs=config.epochs, seed=config.seed),
        epoch=steps // config.epochs,
    )
    parts.learn(name, lesson, stepped=stepped)
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


def kept_halves(images: Tensor) -> Tensor:
    """`halves_of` in -1..1 as int8 of 127: a quarter of the memory."""
    return torch.cat([(127 * halves_of(part)).round().to(torch.int8) for part in images.split(32)])


def _shifted(pair: Tensor) -> Tensor:
    """The alignment is never exact: both pictures stray a little, each by itself."""
    down, across = (int(one) for one in torch.randint(-1, 2, (2,)))
    return torch.roll(pair, (down, across), (-2, -1))
