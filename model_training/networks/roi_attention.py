"""ROI attention: five named maps that weigh positions and channels and suppress the rest of the face."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_training.networks.mirror_attention import PATIENT_LEFT, PATIENT_RIGHT, join_halves

# As seen from one half of the face. On the patient's left half the own eye is the left one, so that this is FACE_ROI's
# order (forehead, left_eye, nose, right_eye, mouth); on the right half the two eyes change places.
HALF_ROI = ("forehead", "own_eye", "nose", "other_eye", "mouth")
_RIGHT_HALF_TO_FACE = (0, 3, 2, 1, 4)


class RoiAttention(nn.Module):
    """Predicts the maps and applies them. The maps are supervised with masks drawn from the landmarks."""

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        count = len(HALF_ROI)
        self.maps = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, count))
        hidden, gates = nn.Linear(count * dim, dim), nn.Linear(dim, dim)
        self.channels = nn.Sequential(hidden, nn.GELU(), gates)
        # Starts near "all channels, all positions": a fresh network must not silence its own features.
        nn.init.constant_(gates.bias, 2.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (N, 2, rows, columns, dim) -> three tensors.

        attended (N, 2, rows, columns, dim): x times the union of the maps times the channel gates;
        pooled (N, 2, 5, dim): the mean of the attended features under each map, in HALF_ROI order;
        maps (N, 2, rows, columns, 5) in 0..1.
        """
        maps = self.maps(x).sigmoid()
        gates = self.channels(_pool(x, maps).flatten(-2)).sigmoid()  # (N, 2, dim)
        union = 1 - torch.prod(1 - maps, dim=-1, keepdim=True)
        attended = x * union * gates[:, :, None, None]
        return attended, _pool(attended, maps), maps


def _pool(x: Tensor, maps: Tensor) -> Tensor:
    """Weighted means: (N, 2, R, W, C) under (N, 2, R, W, K) -> (N, 2, K, C)."""
    weights = maps.flatten(2, 3).transpose(-2, -1)  # (N, 2, K, R * W)
    return weights @ x.flatten(2, 3) / (weights.sum(-1, keepdim=True) + 1e-3)


def face_maps(maps: Tensor) -> Tensor:
    """(N, 2, rows, columns, 5) per half -> (N, 5, rows, 2 * columns) on the mosaic, in FACE_ROI order."""
    maps = maps.permute(0, 1, 4, 2, 3)
    right = torch.stack([maps[:, PATIENT_RIGHT, index] for index in _RIGHT_HALF_TO_FACE], dim=1)
    return join_halves(right, maps[:, PATIENT_LEFT])


def above_threshold(maps: Tensor, threshold: float) -> Tensor:
    """ROI maps in 0..1 with 0 wherever they are below the threshold. ValueError for one outside 0..1."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"the ROI threshold must be in 0..1, as the maps are, got {threshold}")
    return torch.where(maps >= threshold, maps, 0.0)
