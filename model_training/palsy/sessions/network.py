"""Eight pictures of one face -> how far each half has moved from rest, and how severe the palsy of each region is.

Every half is seen from its own side: the left one as the right one of the mirrored pictures, by the same weights. So
the mirrored examination has the same movements under the other side, the same severities, and the other side, by
construction.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from face.landmarks.found_face import LANDMARK_COUNT, MIRROR_INDEX
from face.palsy.assessment.evidence import POSES_OF_REGION
from face.palsy.assessment.measuring.corrected import MEASURED
from face.palsy.assessment.session_model import MEASURES_OF_HALF
from face.vocabulary import HOUSE_BRACKMANN, POSES, REGIONS, SIDES
from model_training.networks.hierarchy import to_unit_range
from model_training.networks.mirror_attention import split_halves, swap_halves

NAME = "SessionNetwork"
# Of the linear part: changes from rest count more than the shape at rest.
_CHANGE_SCALE, _SHAPE_SCALE = 20.0, 5.0
LINEAR_FEATURES = 2 * 2 * LANDMARK_COUNT
# What the network's parts say is this much of a distance of the eye centres: about 3 mm.
MOVEMENT_UNIT = 0.05
_SMALLEST_LOG_U, _LARGEST_LOG_U = -4.0, 2.0
# Movements below this, in the same distance, are none: keeps their ratio steady.
_STILL = 0.02
# Weight of a picture for the regions that it does not show moving.
_ELSEWHERE = 1e-3
_OWN_OTHER = len(SIDES)
_FEATURES_OF_POSE = 1 + len(HOUSE_BRACKMANN) + _OWN_OTHER + 3 * len(MEASURED)
GRADE_FEATURES = len(POSES) * _FEATURES_OF_POSE + 2 * (len(MEASURES_OF_HALF) - len(MEASURED))


class SessionNetwork(nn.Module):
    """`model(images, landmarks, readings, present)`, as `face.palsy.assessment.session_model.session_tensors` makes
    them with a batch axis (N, 8 poses, ...) -> its OUTPUTS.

    width: channels of the first convolution. members: of the ensemble that grades. The buffers `widen` (10,), `inflate`
    () and `correlation_factor` (4, 4) are fitted after training: by them the uncertainties hold what they promise.
    """

    widen: Tensor
    inflate: Tensor
    correlation_factor: Tensor

    def __init__(self, *, width: int = 16, hidden: int = 96, members: int = 4) -> None:
        super().__init__()
        self.config = {"width": width, "hidden": hidden, "members": members}
        self.measuring = MeasureHead(width=width, hidden=hidden)
        self.grading = nn.ModuleList(SessionGrader(hidden=hidden) for _ in range(members))
        self.register_buffer("widen", torch.ones(len(MEASURES_OF_HALF)))
        self.register_buffer("inflate", torch.ones(()))
        self.register_buffer("correlation_factor", torch.eye(len(REGIONS)))

    def forward(self, images: Tensor, landmarks: Tensor, readings: Tensor, present: Tensor) -> dict[str, Tensor]:
        movements, log_u = self.measuring(images, landmarks, readings, present)
        severities, log_spread, side = mean_grade(self.grading, movements, readings, present)
        return {
            "movements": movements,
            "movements_u": MOVEMENT_UNIT * log_u.exp() * self.widen,
            "severities": severities,
            "severities_factor": self.factor(log_spread),
            "side_logit": side,
        }

    def factor(self, log_spread: Tensor) -> Tensor:
        """(N, 4) -> (N, 4, 4), which makes correlated strays of independent ones."""
        return (log_spread.exp() * self.inflate)[:, :, None] * self.correlation_factor


class MeasureHead(nn.Module):
    """-> movements (N, 8, 2, 10) of the (left, right) half in the unit of the landmarks, in the order of
    MEASURES_OF_HALF, and the logarithm of their uncertainty in MOVEMENT_UNIT. What is of rest only, or of movements
    only, says nothing elsewhere.

    A linear part on the landmarks, fitted in one step, and a small network that sees the half of the mosaic at rest and
    now and corrects it: landmarks shrink a movement, and most where it is weak.
    """

    mirror: Tensor
    linear: Tensor
    constant: Tensor

    def __init__(self, *, width: int, hidden: int) -> None:
        super().__init__()
        count = len(MEASURES_OF_HALF)
        self.register_buffer("mirror", torch.from_numpy(MIRROR_INDEX.copy()).long())
        self.register_buffer("linear", torch.zeros(len(POSES), LINEAR_FEATURES, count))
        self.register_buffer("constant", torch.zeros(len(POSES), count))
        self.seeing = nn.Sequential(
            *_convolution(2, width), *_convolution(width, 2 * width), *_convolution(2 * width, 4 * width),
            *_convolution(4 * width, 4 * width), nn.Flatten(), nn.LazyLinear(hidden), nn.ReLU(), nn.Dropout(0.2),
        )  # fmt: skip
        self.seeing(torch.zeros(2, 2, 112, 56))
        self.joining = nn.Sequential(
            nn.Linear(hidden + len(POSES) + count + 1 + _OWN_OTHER, hidden), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(hidden, 2 * count),
        )  # fmt: skip

    def forward(self, images: Tensor, landmarks: Tensor, readings: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        linear = self.linear_part(linear_features(landmarks, self.mirror))
        correction, log_u = self.correct(halves_of(images), linear, readings)
        # Without a rest picture nothing is a movement.
        known = (present * present[:, :1])[:, :, None, None]
        return known * (linear + MOVEMENT_UNIT * correction), log_u

    def linear_part(self, features: Tensor) -> Tensor:
        """(N, 8, 2, F) -> (N, 8, 2, 10)"""
        return torch.einsum("npsf,pfk->npsk", features, self.linear) + self.constant[:, None]

    def correct(self, halves: Tensor, linear: Tensor, readings: Tensor) -> tuple[Tensor, Tensor]:
        """halves (N, 8, 2, 112, 56), linear (N, 8, 2, 10), readings (N, 8, 9) -> correction and logarithm of the
        uncertainty, (N, 8, 2, 10), in MOVEMENT_UNIT."""
        count, poses = halves.shape[:2]
        pairs = torch.stack((halves[:, :1].expand_as(halves), halves), dim=3).flatten(0, 1)
        which = torch.eye(poses).to(halves)[None].expand(count, -1, -1).flatten(0, 1)
        found = self.correct_pairs(pairs, which, linear.flatten(0, 1), readings.flatten(0, 1))
        correction, log_u = (one.unflatten(0, (count, poses)) for one in found)
        return correction, log_u

    def correct_pairs(self, pairs: Tensor, poses: Tensor, linear: Tensor, readings: Tensor) -> tuple[Tensor, Tensor]:
        """pairs (B, 2 halves, 2, 112, 56): at rest and now; poses (B, 8): which one it is; linear (B, 2, 10); readings
        (B, 9) -> (B, 2, 10) each."""
        seen = self.seeing(pairs.flatten(0, 1)).unflatten(0, (-1, 2))
        which = poses[:, None].expand(-1, 2, -1)
        graded = expected_severity(readings)[:, None, None].expand(-1, 2, -1)
        joined = torch.cat((seen, which, linear / MOVEMENT_UNIT, graded, sides_by_half(readings)), dim=-1)
        correction, log_u = self.joining(joined).chunk(2, dim=-1)
        return correction, log_u.clamp(_SMALLEST_LOG_U, _LARGEST_LOG_U)


class SessionGrader(nn.Module):
    """`grade_features` (N, 2, F) and `read_severities` (N, 4) -> severities (N, 4), logarithm of their spread (N, 4),
    and the logit of the left half against the right (N, 1). It learns what the readings of the pictures are wrong
    by."""

    mean: Tensor
    scale: Tensor

    def __init__(self, *, hidden: int) -> None:
        super().__init__()
        regions = len(REGIONS)
        self.register_buffer("mean", torch.zeros(GRADE_FEATURES))
        self.register_buffer("scale", torch.ones(GRADE_FEATURES))
        self.deep = nn.Sequential(
            nn.Linear(GRADE_FEATURES, hidden), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 2 * regions + 1),
        )  # fmt: skip
        self.direct = nn.Linear(GRADE_FEATURES, 2 * regions + 1)

    def forward(self, features: Tensor, read: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        regions = len(REGIONS)
        given = ((features - self.mean) / self.scale).clamp(-5.0, 5.0)
        halves = self.deep(given) + self.direct(given)
        left, right = halves[:, 0], halves[:, 1]
        even = left + right
        return read + even[:, :regions], even[:, regions : 2 * regions].clamp(-3.0, 1.5), left[:, -1:] - right[:, -1:]


def mean_grade(
    members: nn.ModuleList, movements: Tensor, readings: Tensor, present: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What `SessionGrader` says, in the mean of several."""
    features, read = grade_features(movements, readings, present), read_severities(readings, present)
    said = [member(features, read) for member in members]
    severities, log_spread, side = (torch.stack([one[part] for one in said]).mean(0) for part in range(3))
    return severities, log_spread, side


def halves_of(images: Tensor) -> Tensor:
    """uint8 (N, 8, 224, 224) -> (N, 8, 2, 112, 56) of the (left, right) half, the left one mirrored. Half the pixels:
    a millimetre is three quarters of one."""
    count, poses = images.shape[:2]
    halves = swap_halves(split_halves(to_unit_range(images.flatten(0, 1)[:, None])))[:, :, 0]
    pooled: Tensor = functional.avg_pool2d(halves, 2)
    by_pose: Tensor = pooled.unflatten(0, (count, poses))
    return by_pose


def linear_features(landmarks: Tensor, mirror: Tensor) -> Tensor:
    """(N, 8, 478, 3) -> (N, 8, 2, F) of the (left, right) half: changes from rest, and the shape at rest."""
    points = landmarks[..., :2]
    mirrored = points[:, :, mirror] * points.new_tensor([-1.0, 1.0])
    both = torch.stack((mirrored, points), dim=2)
    rest = both[:, :1].expand_as(both)
    return torch.cat((_CHANGE_SCALE * (both - rest), _SHAPE_SCALE * rest), dim=3).flatten(3)


def expected_severity(readings: Tensor) -> Tensor:
    """(..., 9) -> (...) by the reading of each picture alone."""
    return readings[..., : len(HOUSE_BRACKMANN)] @ torch.arange(len(HOUSE_BRACKMANN)).to(readings)


def read_severities(readings: Tensor, present: Tensor) -> Tensor:
    """-> (N, 4): each region by the pictures that show it moving, or by all where there is none of these."""
    severity = expected_severity(readings)
    own = severity.new_tensor([[pose in POSES_OF_REGION[region] for pose in POSES] for region in REGIONS])
    weights = present[:, None] * own + _ELSEWHERE * present[:, None]
    read: Tensor = (weights * severity[:, None]).sum(-1) / weights.sum(-1).clamp_min(_ELSEWHERE)
    return read


def sides_by_half(readings: Tensor) -> Tensor:
    """(..., 9) -> (..., 2, 3): that the (left, right) half is the weak one, that the other is, that none is."""
    left, right, none = readings[..., len(HOUSE_BRACKMANN) :].unbind(-1)
    return torch.stack((torch.stack((left, right, none), -1), torch.stack((right, left, none), -1)), dim=-2)


def grade_features(movements: Tensor, readings: Tensor, present: Tensor) -> Tensor:
    """-> (N, 2, F) of the (left, right) half: what each picture's reading says, its own movements, the other half's,
    and by how much it moves less."""
    moved = movements[..., : len(MEASURED)] / MOVEMENT_UNIT
    other = swap_halves(moved.transpose(1, 2)).transpose(1, 2)
    behind = (moved - other) / (moved.abs() + other.abs() + _STILL / MOVEMENT_UNIT)
    shown = present[:, :, None, None]
    graded = readings[:, :, None, : len(HOUSE_BRACKMANN)].expand(-1, -1, 2, -1)
    by_pose = torch.cat(
        (torch.ones_like(moved[..., :1]), graded, sides_by_half(readings), moved, other, behind), dim=-1
    )
    places = movements[:, 0, :, len(MEASURED) :] / MOVEMENT_UNIT
    flat = (shown * by_pose).transpose(1, 2).flatten(2)
    return torch.cat((flat, places, swap_halves(places)), dim=-1)


def _convolution(inward: int, outward: int) -> list[Any]:
    return [nn.Conv2d(inward, outward, 3, 2, 1), nn.ReLU()]
