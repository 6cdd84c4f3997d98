"""The multi-task loss of the palsy model. Every part skips the samples whose truth is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from model_training.configuration import Configuration
from model_training.networks.palsy_heads import class_probabilities

# Inter-ocular distances: a little above what the two looks at one face differ by (.006, face/landmarks/look.py).
_MAP_NOISE = 0.01


Weight = Annotated[float, Field(ge=0.0)]


class PalsyLossConfig(Configuration):
    """How the grade is judged, and the weight of each part of the loss."""

    kind: Literal["ordinal", "cross-entropy"] = "ordinal"
    """ordinal: binary cross-entropy of each P(grade > k); cross-entropy: of the class probabilities."""
    grade: Weight = 1.0
    expected: Weight = 0.1
    """Absolute error of the expected grade, in grades."""
    side: Weight = 0.5
    regional: Weight = 0.5
    roi: Weight = 0.2
    asymmetry_map: Weight = 0.1
    branches: Weight = 0.5
    """The share that each head's own logits add to the mixed ones."""
    movement: Weight = 0.5
    """What the close-ups take the face to be doing."""
    class_smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)


def palsy_loss(
    batch: Mapping[str, Tensor], outputs: Mapping[str, Tensor], config: PalsyLossConfig, weights: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """(total, parts by name), means over the batch.

    batch: cumulative (N, K-1) targets of P(grade > k) in 0..1, label (N,) from 0, side (N,) index of left, right, none
    or -1, side_weight (N,), regional (N, 4) in 0..1 or NaN, roi_masks (N, 5, h, w) uint8, asymmetry_map (N, h, w) >= 0
    or NaN, movement (N,) index of closeups.MOVEMENTS or -1.
    """
    parts = {"grade": grade_loss(batch, outputs["grade_logits"], config, weights)}
    total = config.grade * parts["grade"]
    if config.expected > 0:
        error = (outputs["grade_logits"].sigmoid().sum(1) - batch["cumulative"].sum(1)).abs()
        parts["expected"] = _mean(error, weights)
        total = total + config.expected * parts["expected"]
    parts["side"] = side_loss(batch, outputs["side_logits"])
    total = total + config.side * parts["side"]
    for branch in ("fused", "geometry", "closeup"):
        if config.branches > 0 and f"{branch}_grade_logits" in outputs:
            own = config.grade * grade_loss(batch, outputs[f"{branch}_grade_logits"], config, weights)
            own = own + config.side * side_loss(batch, outputs[f"{branch}_side_logits"])
            parts[branch] = own
            total = total + config.branches * own
    if "movement_logits" in outputs:
        parts["movement"] = _known_cross_entropy(outputs["movement_logits"], batch["movement"])
        total = total + config.movement * parts["movement"]
    if "regional_asymmetry" in outputs:
        known = torch.isfinite(batch["regional"])
        error = F.smooth_l1_loss(
            outputs["regional_asymmetry"], torch.nan_to_num(batch["regional"]), beta=0.1, reduction="none"
        )
        parts["regional"] = (error * known).sum() / known.sum().clamp(min=1)
        total = total + config.regional * parts["regional"]
    if "roi_maps" in outputs:
        masks = _at_size(batch["roi_masks"].float() / 255, outputs["roi_maps"])
        parts["roi"] = F.binary_cross_entropy(outputs["roi_maps"].clamp(1e-6, 1 - 1e-6), masks)
        total = total + config.roi * parts["roi"]
    if "asymmetry_map" in outputs:
        truth = batch["asymmetry_map"].float()
        known = torch.isfinite(truth)
        truth = _at_size(torch.nan_to_num(truth)[:, None], outputs["asymmetry_map"][:, None])[:, 0]
        known = _at_size(known.float()[:, None], outputs["asymmetry_map"][:, None])[:, 0]
        parts["asymmetry_map"] = map_loss(outputs["asymmetry_map"], truth, known)
        total = total + config.asymmetry_map * parts["asymmetry_map"]
    return total, parts


def map_loss(predicted: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Maps (N, h, w) and the weight 0..1 of what is known of the true one -> scalar.

    The squared error of each map over that map's own mean square, so that where a mild face is uneven counts as much as
    in a severe one. _MAP_NOISE, in inter-ocular distances, keeps a face without any asymmetry from weighing most.
    """
    share = known / known.sum((1, 2), keepdim=True).clamp(min=1)
    error = ((predicted - truth).square() * share).sum((1, 2))
    size = (truth.square() * share).sum((1, 2)) + _MAP_NOISE**2
    seen = known.flatten(1).any(1).float()
    return (error / size * seen).sum() / seen.sum().clamp(min=1)


def grade_loss(batch: Mapping[str, Tensor], logits: Tensor, config: PalsyLossConfig, weights: Tensor | None) -> Tensor:
    """Ordinal: mean over thresholds of the binary cross-entropy. Cross-entropy: of the class that the label names."""
    smooth = config.class_smoothing
    if config.kind == "ordinal":
        targets = batch["cumulative"] * (1 - 2 * smooth) + smooth
        each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)
    else:
        probabilities = class_probabilities(logits).clamp(min=1e-6)
        log = probabilities.log()
        each = -(1 - smooth) * log.gather(1, batch["label"][:, None])[:, 0] - smooth * log.mean(1)
    return _mean(each, weights)


def side_loss(batch: Mapping[str, Tensor], logits: Tensor) -> Tensor:
    """Cross-entropy over the samples whose side is known, each with its side_weight."""
    return _known_cross_entropy(logits, batch["side"], batch["side_weight"])


def _known_cross_entropy(logits: Tensor, index: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Mean over the samples whose index is not -1; 0 where there is none."""
    known = (index >= 0).float() * weights
    each = F.cross_entropy(logits, index.clamp(min=0), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1e-6)


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (values * weights).mean()


def _at_size(maps: Tensor, like: Tensor) -> Tensor:
    """(N, C, h, w) at the other's resolution."""
    return (
        maps
        if maps.shape[-2:] == like.shape[-2:]
        else F.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)
    )
