"""The graders: severities of the regions and the side, from any subset of the pictures of an examination."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_training.palsy.sessions.config import SessionTrainingConfig, batches, steps_of
from model_training.palsy.sessions.network import SessionGrader, grade_features, read_severities
from model_training.palsy.sessions.samples import SessionSamples
from model_training.palsy.trained_parts import Lesson, TrainedParts

FloatArray = npt.NDArray[np.float32]
# Of the sessions of a step, so many keep all their pictures.
_WHOLE_SHARE = 0.4
_WITHOUT_REST_SHARE = 0.1


def grading_steps(rows: npt.NDArray[np.intp], config: SessionTrainingConfig) -> int:
    """Steps that `train_graders` takes."""
    return config.members * steps_of(len(rows), epochs=config.grader_epochs)


def train_graders(
    samples: SessionSamples,
    movements: FloatArray,
    tensors: Mapping[str, Tensor],
    rows: npt.NDArray[np.intp],
    config: SessionTrainingConfig,
    parts: TrainedParts,
    *,
    name: str,
    stepped: Callable[[int], object] = lambda _: None,
) -> nn.ModuleList:
    """`config.members` of them on the sessions `rows`. movements (N, 8, 2, 10): as a measure head that did not see the
    person has them. name: of the parts that they are. stepped: is called with how many steps were done.

    Raises Interrupted as `TrainedParts.learn`.
    """
    measured = torch.from_numpy(movements)
    severities, sides = torch.from_numpy(samples.severities), torch.from_numpy(samples.sides)
    steps = steps_of(len(rows), epochs=config.grader_epochs)

    def train(member: int) -> SessionGrader:
        seed = config.seed + member
        torch.manual_seed(seed)
        rng = np.random.default_rng([config.seed, seed])
        grader = SessionGrader(hidden=config.hidden)
        if parts.take(f"{name}-{member + 1}", grader):
            stepped(steps)
            return grader.eval()
        whole = grade_features(measured[rows], tensors["readings"][rows], tensors["present"][rows]).flatten(0, 1)
        grader.mean.copy_(whole.mean(0))
        grader.scale.copy_(whole.std(0).clamp_min(0.05))

        def loss(chosen: npt.NDArray[np.intp]) -> Tensor:
            where = rows[chosen]
            present = torch.from_numpy(_some_pictures(samples.tensors["present"][where], rng))
            readings = tensors["readings"][where]
            features = grade_features(as_known(measured[where], present), readings, present)
            found, log_spread, side = grader(features, read_severities(readings, present))
            return grade_loss(found, log_spread, side[:, 0], severities[where], sides[where])

        optimiser = torch.optim.AdamW(
            grader.parameters(), config.grader_learning_rate, weight_decay=config.grader_weight_decay
        )
        lesson = Lesson(
            network=grader,
            optimiser=optimiser,
            schedule=torch.optim.lr_scheduler.OneCycleLR(optimiser, config.grader_learning_rate, total_steps=steps),
            loss=loss,
            steps=batches(len(rows), epochs=config.grader_epochs, seed=seed),
            epoch=steps // config.grader_epochs,
            random=rng,
        )
        parts.learn(f"{name}-{member + 1}", lesson, stepped=stepped)
        return grader.eval()

    return nn.ModuleList(train(member) for member in range(config.members))


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


def as_known(movements: Tensor, present: Tensor) -> Tensor:
    """Movements as the head gives them for these pictures: nothing is one without rest."""
    return movements * (present * present[:, :1])[:, :, None, None]
