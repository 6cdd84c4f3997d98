"""The heads of a palsy network fitted to few photographs, everything below them as it is.

What is below is the same for every fit, so that it is computed once a photograph: a fit takes seconds on one core.
Against few photographs the heads are held where they were by an L2 pull to their starting weights (L2-SP: Li,
Grandvalet, Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from model_training.configuration import Configuration, build
from model_training.data.batches import Batch
from model_training.data.cache import Cache
from model_training.errors import TrainingError
from model_training.networks.build import restore, uses_landmarks
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.palsy.losses import palsy_loss
from model_training.palsy.task import PalsyTask, targets
from model_training.training.checkpoint import Checkpoint, load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.row_split import Rows
from model_training.training.task import Outputs

HEADS = ("fused_head.", "geometry_head.", "closeup_head.")
VECTORS = ("image_vector", "geometry_vector", "closeup_vector")
Weights = dict[str, Tensor]


class HeadFit(Configuration):
    """How heads are fitted. The defaults are the better of two on a simulated clinic that is in no table of figures."""

    epochs: int = Field(default=10, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    pull: float = Field(default=0.2, ge=0)
    """Of each weight to where it was, as a share of its distance in the gradient."""


class AdaptableModel:
    """A palsy checkpoint whose heads can be fitted. Raises TrainingError for any other."""

    def __init__(self, path: Path) -> None:
        self.checkpoint: Checkpoint = load_checkpoint(path)
        if self.checkpoint.task != "palsy":
            raise TrainingError(f"{path}: a checkpoint for {self.checkpoint.task!r}; adapting is for palsy")
        network = restore(self.checkpoint.config["model"], self.checkpoint.state_dict, source=str(path))
        if not isinstance(network, HTNetEnhanced):
            raise TrainingError(f"{path}: holds {self.checkpoint.network}; only an HTNetEnhanced has heads to adapt")
        self.network = network.eval()
        self.task = PalsyTask(build(TrainConfig, self.checkpoint.config["train"], source=str(path)))

    @property
    def heads(self) -> Weights:
        return {name: value for name, value in self.network.state_dict().items() if name.startswith(HEADS)}

    def with_heads(self, heads: Mapping[str, Tensor]) -> HTNetEnhanced:
        """The network with other weights in its heads; this one stays as it is."""
        network = copy.deepcopy(self.network)
        network.load_state_dict({**network.state_dict(), **heads})
        return network

    def state_dict_with(self, heads: Mapping[str, Tensor]) -> Weights:
        return {**self.checkpoint.state_dict, **heads}


class Photographs:
    """Photographs as the heads see them. vectors: name -> (N, 2, dim), from the network below the heads; truth: what
    the loss compares with, by name; ood_score: (N,) where the network has one."""

    def __init__(self, vectors: Batch, truth: Batch, ood_score: np.ndarray | None) -> None:
        self.vectors, self.truth, self.ood_score = vectors, truth, ood_score

    def __len__(self) -> int:
        return len(self.truth["label"])

    def part(self, rows: Rows) -> Photographs:
        chosen = torch.from_numpy(rows)
        return Photographs(
            {name: values[chosen] for name, values in self.vectors.items()},
            {name: values[chosen] for name, values in self.truth.items()},
            None if self.ood_score is None else self.ood_score[rows],
        )

    @classmethod
    def together(cls, several: list[Photographs]) -> Photographs:
        first = several[0]
        scores = [one.ood_score for one in several if one.ood_score is not None]
        return cls(
            {name: torch.cat([one.vectors[name] for one in several]) for name in first.vectors},
            {name: torch.cat([one.truth[name] for one in several]) for name in first.truth},
            np.concatenate(scores) if scores else None,
        )


@torch.inference_mode()
def look_at(
    model: AdaptableModel,
    cache: Cache,
    rows: Rows,
    *,
    progress: Callable[[int, int], object] | None = None,
    batch_size: int = 32,
) -> Photographs:
    """Everything below the heads, once. progress: called with (images done, all)."""
    collected: list[dict[str, Tensor]] = []
    landmarks = uses_landmarks(model.network)
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        images = torch.from_numpy(np.ascontiguousarray(cache.arrays["images"][chosen]))
        points = torch.from_numpy(np.ascontiguousarray(cache.arrays["landmarks"][chosen])) if landmarks else None
        features = model.network.forward_features(images if model.network.config["use_images"] else None, points)
        collected.append({name: features[name] for name in (*VECTORS, "ood_score") if name in features})
        if progress is not None:
            progress(min(start + batch_size, len(rows)), len(rows))
    # Out of inference mode, whose tensors no gradient may pass.
    joined = {name: torch.from_numpy(np.concatenate([one[name].numpy() for one in collected])) for name in collected[0]}
    score = joined.pop("ood_score", None)
    frame = cache.frame.iloc[rows]
    # Graders give grades. What a simulator knows beyond them no clinic could teach.
    graded = frame.drop(columns=[name for name in frame.columns if name.startswith("severity")])
    truth = targets(graded, classes=len(model.checkpoint.labels))
    return Photographs(
        joined,
        {name: torch.from_numpy(values) for name, values in truth.items()},
        None if score is None else score.numpy(),
    )


def fit_heads(
    model: AdaptableModel, seen: Photographs, fit: HeadFit, *, seed: int, start: Mapping[str, Tensor] | None = None
) -> Weights:
    """The heads after fitting. start: weights to begin from and be pulled to, the checkpoint's otherwise. Regional
    scores that no grader gave are learned from what the heads said of them before, so that they stay."""
    network = model.with_heads(start or model.heads)
    with torch.no_grad():
        said = network.head_logits(dict(seen.vectors))[0].outputs()["regional_asymmetry"]
    given = seen.truth["regional"]
    truth = {**seen.truth, "regional": torch.where(torch.isfinite(given), given, said)}
    seen = Photographs(seen.vectors, truth, seen.ood_score)
    heads = [parameter for name, parameter in network.named_parameters() if name.startswith(HEADS)]
    before = [parameter.detach().clone() for parameter in heads]
    for parameter in heads:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(heads, lr=fit.learning_rate)
    network.train()
    order = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        for _ in range(fit.epochs):
            for rows in np.array_split(order.permutation(len(seen)), max(1, round(len(seen) / fit.batch_size))):
                batch = seen.part(rows)
                mixed, branches = network.head_logits(dict(batch.vectors))
                loss, _ = palsy_loss(batch.truth, {**mixed.outputs(), **branches}, model.task.loss_config)
                distance = torch.stack([(now - was).square().sum() for now, was in zip(heads, before, strict=True)])
                optimiser.zero_grad(set_to_none=True)
                (loss + fit.pull / 2 * distance.sum()).backward()
                nn.utils.clip_grad_norm_(heads, 1.0)
                optimiser.step()
    return {name: value.detach().clone() for name, value in network.state_dict().items() if name.startswith(HEADS)}


@torch.inference_mode()
def answers_of(model: AdaptableModel, seen: Photographs, heads: Mapping[str, Tensor] | None = None) -> Outputs:
    """What judging needs, by these heads or the checkpoint's."""
    network = model.with_heads(heads or {})
    mixed, _ = network.eval().head_logits(dict(seen.vectors))
    outputs = model.task.collect(mixed.outputs())
    return outputs if seen.ood_score is None else {**outputs, "ood_score": seen.ood_score}
