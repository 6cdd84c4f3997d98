"""Training: a step of the palsy network, and leave-one-subject-out with all folds together against one fold after
another."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from model_training.microexpression.folded.network import FoldedConfig, htnet_arguments
from model_training.microexpression.folded.training import TrainingConfig, train_folded
from model_training.networks.htnet import HTNet
from tests.bench import subject

CLIPS, SUBJECTS = 442, 68  # of the composite data set; what the images show does not change the time


def measure_step(*, sizes: dict[str, int], steps: int, device: str = "cpu") -> dict[str, Any]:
    """sizes: name -> batch. -> name: {batch, images_per_s}: forward, backward and AdamW, one thread on the CPU."""
    torch.set_num_threads(1)
    figures = {}
    for size, batch in sizes.items():
        network = subject.network(size=size, patch_size=7).train().to(device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
        images = torch.randint(0, 256, (batch, 1, 224, 224), dtype=torch.uint8, device=device)
        landmarks = torch.randn(batch, 478, 3, device=device)
        times = []
        for _ in range(steps + 1):
            started = time.process_time() if device == "cpu" else time.perf_counter()
            outputs = network.forward_all(images, landmarks, return_roi_maps=True)
            sum(value.square().mean() for value in outputs.values()).backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if device != "cpu":
                torch.cuda.synchronize()
            times.append((time.process_time() if device == "cpu" else time.perf_counter()) - started)
        figures[size] = {"batch": batch, "images_per_s": round(batch / float(np.median(times[1:])), 2)}
    return figures


def measure_loso(*, epochs: int, folds: int, loop_folds: int, device: str = "cpu") -> dict[str, Any]:
    """Seconds per fold and epoch of `train_folded` with `folds` folds at once, and of a plain loop over `loop_folds`
    folds.

    Both train the reference size with flip and AdamW and the same batch size; the loop is the straightforward one: a
    full HTNet and a DataLoader per fold.
    """
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (CLIPS, 3, 28, 28), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, 3, (CLIPS,), generator=draw)
    subject_of = torch.arange(CLIPS) % SUBJECTS
    config = TrainingConfig(model=FoldedConfig(), epochs=epochs)
    clock = time.process_time if device == "cpu" else time.perf_counter
    weight = (subject_of[None] != torch.arange(folds)[:, None]).float()
    # The first epoch of a process takes twice as long as the others.
    train_folded(config.changed(epochs=1), images, labels, weight, seed=0, device=device)
    started = clock()
    train_folded(config, images, labels, weight, seed=0, device=device)
    together = (clock() - started) / (folds * epochs)
    started = clock()
    for fold in range(loop_folds):
        _plain_fold(config, images[subject_of != fold], labels[subject_of != fold], device)
    loop = (clock() - started) / (loop_folds * epochs)
    clips = CLIPS * (SUBJECTS - 1) / SUBJECTS
    return {
        "folds_together": folds,
        "together_s_per_fold_epoch": round(together, 4),
        "loop_s_per_fold_epoch": round(loop, 4),
        "together_images_per_s": round(clips / together, 1),
        "loop_images_per_s": round(clips / loop, 1),
        "ratio": round(loop / together, 2),
    }


class _FoldClips(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A fold's clips, mirrored half of the time."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index]
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
            image[0] = 255 - image[0]  # the mirror reverses the direction of the horizontal flow
        return image, self.labels[index]


def _plain_fold(config: TrainingConfig, images: torch.Tensor, labels: torch.Tensor, device: str) -> None:
    network = HTNet(**{**htnet_arguments(config.model), "lean": False}).train().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    for _ in range(config.epochs):
        for batch, target in DataLoader(_FoldClips(images, labels), batch_size=config.batch_size, shuffle=True):
            loss = F.cross_entropy(network(batch.to(device)), target.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
