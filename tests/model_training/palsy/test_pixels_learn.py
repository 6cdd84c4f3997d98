"""The image branch tells rendered smiles of grade I from those of grade VI. Up to 0.3.0 it could not: its features were
equal for all faces, and no test saw it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from face.landmarks.landmarker import FaceLandmarker
from face.palsy.input import PalsyInputSpec, palsy_input
from face.palsy.severity import RegionalSeverity
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.simulator.head.head import Head
from model_training.simulator.patient import Palsy
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.shot import photograph, sample_shot, sample_subject

LEARNT, HELD_OUT = 160, 32


@pytest.fixture(scope="module")
def smiles() -> tuple[torch.Tensor, torch.Tensor]:
    """Full smiles of as many people, every second one with a complete palsy of the left or the right side."""
    head, spec, mosaics, labels = Head.load(), PalsyInputSpec(), [], []
    renderer = Renderer(head, size_px=256)
    with FaceLandmarker() as landmarker:
        for number in range(LEARNT + HELD_OUT):
            rng = np.random.default_rng([7, number])
            affected = {("Left", "Right")[number // 2 % 2]: RegionalSeverity.even(5.0)} if number % 2 else {}
            shot = sample_shot(
                head,
                sample_subject(head, rng),
                rng,
                pose=MOVEMENTS["full_smile"],
                palsy=Palsy(affected, synkinesis=0.0),
            )
            picture, _ = photograph(renderer, shot, rng)
            faces = landmarker.detect(picture)
            if not faces:  # a head turned far away
                continue
            mosaics.append(palsy_input(picture, faces[0], spec).tensors["images"])
            labels.append(shot.palsy.grade == 6)
    return torch.from_numpy(np.stack(mosaics)), torch.tensor(labels, dtype=torch.float32)


@pytest.mark.slow
def test_image_branch_alone_learns_the_grade(smiles: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = smiles
    torch.manual_seed(0)
    network = HTNetEnhanced.from_size("tiny", patch_size=14, in_channels=1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.5e-3, weight_decay=0.05)
    network.train()
    for _ in range(20):  # the loss is gone after three; the running statistics follow more slowly
        for chosen in torch.randperm(LEARNT).split(32):
            logits = network(images[chosen], None)["grade_logits"]
            targets = labels[chosen, None].expand_as(logits)
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(logits, targets).backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        answers = network(images[LEARNT:], None)["grade_logits"].mean(1) > 0
    right = (answers == labels[LEARNT:].bool()).float().mean().item()
    assert right >= 0.85, f"{right:.2f} of {len(answers)} held-out smiles are told right; .5 is chance"
