"""Heads of the palsy model: ordinal grade, affected side and regional asymmetry from two vectors, one per half of the
face.

The grade and the regional scores read only what does not change when the halves are exchanged (even), the side reads
only what changes its sign (odd). That is why the mirrored photograph gets the same grade and the other side, to the
last bit but the order of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face.vocabulary import REGIONS
from model_training.networks.mirror_attention import PATIENT_LEFT, PATIENT_RIGHT, swap_halves


class PalsyLogits(NamedTuple):
    """grade (N, grades - 1) cumulative, side (N, 3) in the order of SIDES, regional (N, 4) in that of REGIONS before
    the sigmoid."""

    grade: Tensor
    side: Tensor
    regional: Tensor

    def outputs(self) -> dict[str, Tensor]:
        """As the model names them; the regional scores in 0..1."""
        return {"grade_logits": self.grade, "side_logits": self.side, "regional_asymmetry": self.regional.sigmoid()}

    def mixed_with(self, other: PalsyLogits, *, share: float) -> PalsyLogits:
        """(1 - share) of self and share of other. Cumulative logits stay ordered under such a mixture."""
        return PalsyLogits(*((1 - share) * mine + share * its for mine, its in zip(self, other, strict=True)))

    @classmethod
    def weighed(cls, readings: Sequence[PalsyLogits], weights: Tensor) -> PalsyLogits:
        """Mean of several readings with weights (N, readings) that add up to 1 for each sample."""
        return cls(
            *((torch.stack(values, dim=-1) * weights[:, None]).sum(dim=-1) for values in zip(*readings, strict=True))
        )


class PalsyHead(nn.Module):
    """(N, 2, in_dim), one vector per half -> PalsyLogits."""

    def __init__(self, *, in_dim: int, num_classes: int, hidden_dim: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.pair = nn.Sequential(nn.Linear(2 * in_dim, hidden_dim), nn.GELU(), nn.Dropout(dropout))
        self.grade = nn.Linear(hidden_dim, num_classes - 1)
        self.none_side = nn.Linear(hidden_dim, 1)
        self.side_direction = nn.Linear(hidden_dim, 1, bias=False)
        self.regional = nn.Linear(hidden_dim, len(REGIONS))
        with torch.no_grad():  # start with thresholds about one logit apart and centred on the middle grade
            self.grade.bias[0] = (num_classes - 2) / 2
            self.grade.bias[1:] = 0.54  # softplus(0.54) = 1

    def forward(self, halves: Tensor) -> PalsyLogits:
        """(N, 2, in_dim), the patient's right half first -> the logits of the face."""
        # (N, 2, hidden): each half beside its partner
        pair = self.pair(torch.cat((halves, swap_halves(halves)), dim=-1))
        even = pair[:, PATIENT_LEFT] + pair[:, PATIENT_RIGHT]
        odd = pair[:, PATIENT_LEFT] - pair[:, PATIENT_RIGHT]
        direction = self.side_direction(odd)
        side = torch.cat((direction, -direction, self.none_side(even)), dim=-1)
        return PalsyLogits(grade=ordered_logits(self.grade(even)), side=side, regional=self.regional(even))


def ordered_logits(raw: Tensor) -> Tensor:
    """(N, K) -> cumulative logits that never increase: the first is free, each further one is lower by a positive step.

    So P(grade > I) >= P(grade > II) >= ... holds by construction and no class gets a negative probability.
    """
    steps = torch.cat((raw[:, :1], -F.softplus(raw[:, 1:])), dim=-1)
    return steps.cumsum(dim=-1)


def class_probabilities(grade_logits: Tensor) -> Tensor:
    """Cumulative logits (N, K) -> probabilities of the K + 1 ordered classes."""
    above = F.pad(grade_logits.sigmoid(), (1, 0), value=1.0)
    return above - F.pad(above[:, 1:], (0, 1), value=0.0)


def class_logits(grade_logits: Tensor) -> Tensor:
    """Cumulative logits (N, K) -> logarithms of the probabilities of the K + 1 ordered classes, for `argmax` and
    `cross_entropy`.

    As sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), nothing is lost where a class is
    hardly likely.
    """
    logits = grade_logits.float()
    above = F.pad(F.logsigmoid(logits), (1, 0))  # log P(grade > k - 1), 0 for the lowest class
    not_above = F.pad(F.logsigmoid(-logits), (0, 1))
    # Two equal thresholds would leave a class without any probability, and cross_entropy without a gradient.
    gap = (logits[:, :-1] - logits[:, 1:]).clamp_min(1e-6)
    return above + not_above + F.pad(torch.log(-torch.expm1(-gap)), (1, 1))
