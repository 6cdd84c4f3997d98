"""The geometry branch: pose-corrected 3D landmarks as a mirrored sum and difference, in a few principal components.

Of everything measured, this is the input that carries over best from renders to photographs: the mirrored difference
says how far each side of the face stands from the other, and few components keep a network from living off the mesh's
detail.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Standard deviations at which a component saturates: a face unlike all training faces must not extrapolate
_SOFT_LIMIT = 4.0


def mirror_partners() -> np.ndarray:
    """(478,) index of each landmark's partner on the other side, an involution; the table of face.landmarks."""
    from face.landmarks.found_face import MIRROR_INDEX

    return np.asarray(MIRROR_INDEX)


class GeometryBranch(nn.Module):
    """Landmarks -> one vector per half of the face.

    Let m(p) be the landmarks of the mirrored photograph: x negated, partners exchanged. The sum s = (p + m(p)) / 2 is
    unchanged by mirroring and the difference d = (p - m(p)) / 2 changes its sign. Both are projected on fixed
    principal components (of the training faces; that of d has mean zero by construction) and scaled to unit variance;
    then one small network sees (s, d) for the patient's left half and (s, -d) for the right half. Mirroring the
    photograph therefore swaps the two vectors, exactly.
    """

    partners: Tensor  # (points,)
    x_sign: Tensor  # (3,)
    symmetric_mean: Tensor  # (3 * points,)
    symmetric_basis: Tensor  # (3 * points, symmetric_components)
    antisymmetric_basis: Tensor  # (3 * points, components)
    usual_residual: Tensor  # ()

    def __init__(
        self,
        *,
        out_dim: int,
        components: int = 12,
        hidden_dim: int = 64,
        symmetric_components: int | None = None,
        symmetric_gain: float = 0.3,
        symmetric_noise: float = 0.0,
        noise: float = 0.0,
        points: int = 478,
        dropout: float = 0.0,
        mirror_index: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= components <= 3 * points // 2:
            raise ValueError(f"components must be between 1 and {3 * points // 2}, got {components}")
        symmetric_components = components if symmetric_components is None else symmetric_components
        if not 1 <= symmetric_components <= 3 * points // 2:
            raise ValueError(
                f"symmetric_components must be between 1 and {3 * points // 2}, got {symmetric_components}"
            )
        for name, value in (("symmetric_gain", symmetric_gain), ("symmetric_noise", symmetric_noise), ("noise", noise)):
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        partners = mirror_partners() if mirror_index is None else np.asarray(mirror_index)
        if partners.shape != (points,) or (partners[partners] != np.arange(points)).any():
            raise ValueError(f"mirror_index must be an involution of {points} landmarks, got shape {partners.shape}")
        self.points, self.components, self.symmetric_components = points, components, symmetric_components
        # How loud the symmetric part (the shape of the person) is beside the asymmetric one. It is what carries over
        # worst.
        self.symmetric_gain = symmetric_gain
        # Standard deviations of the noise that training adds to the coefficients, themselves in deviations. Loud
        # noise on the symmetric part lets it say which movement is made, but not who makes it: simulated and real faces
        # differ in shape far more than in asymmetry.
        self.symmetric_noise, self.noise = symmetric_noise, noise
        self.register_buffer("partners", torch.from_numpy(partners.astype(np.int64)))
        self.register_buffer("x_sign", torch.tensor([-1.0, 1.0, 1.0]), persistent=False)
        size = 3 * points
        self.register_buffer("symmetric_mean", torch.zeros(size))
        self.register_buffer("symmetric_basis", torch.zeros(size, symmetric_components))
        self.register_buffer("antisymmetric_basis", torch.zeros(size, components))
        self.register_buffer("usual_residual", torch.ones(()))
        self.is_fitted = False
        # Torch leaves this method without annotations.
        self.register_load_state_dict_post_hook(_notice_fitted)  # type: ignore[no-untyped-call]
        self.network = nn.Sequential(
            nn.Linear(symmetric_components + components, hidden_dim), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden_dim, hidden_dim), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden_dim, out_dim),
        )  # fmt: skip

    def mirrored(self, landmarks: Tensor) -> Tensor:
        """(N, points, 3) -> the landmarks of the mirrored photograph."""
        return landmarks.index_select(1, self.partners) * self.x_sign

    def sum_and_difference(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """(N, points, 3) -> symmetric and antisymmetric part, each (N, 3 * points); their sum is the input."""
        mirrored = self.mirrored(landmarks)
        return ((landmarks + mirrored) / 2).flatten(1), ((landmarks - mirrored) / 2).flatten(1)

    @torch.no_grad()
    def fit(self, landmarks: np.ndarray | Tensor) -> dict[str, float]:
        """Sets the principal components from training faces (N, points, 3); returns the explained shares of variance.

        Each component is divided by its standard deviation over the training faces. ValueError for too few faces.
        """
        faces = torch.as_tensor(landmarks, dtype=torch.float32)
        if faces.ndim != 3 or faces.shape[1:] != (self.points, 3):
            raise ValueError(f"landmarks must be (N, {self.points}, 3), got {tuple(faces.shape)}")
        most = max(self.components, self.symmetric_components)
        if len(faces) <= most:
            raise ValueError(f"{most} components need more than {most} faces, got {len(faces)}")
        if not torch.isfinite(faces).all():
            raise ValueError("landmarks hold values that are not finite")
        symmetric, antisymmetric = self.sum_and_difference(faces.to(self.symmetric_mean.device))
        self.symmetric_mean.copy_(symmetric.mean(0))
        shares = {}
        for name, data, basis in (
            ("symmetric", symmetric - self.symmetric_mean, self.symmetric_basis),
            ("antisymmetric", antisymmetric, self.antisymmetric_basis),
        ):
            count = basis.shape[1]
            covariance = (data.T.double() @ data.double()) / len(data)
            variances, vectors = torch.linalg.eigh(covariance)
            variances, vectors = variances.flip(0)[:count], vectors.flip(1)[:, :count]
            if variances[-1] <= 1e-12 * variances[0] or variances[0] <= 0:
                raise ValueError(f"the {name} part of these faces does not vary in {count} directions")
            shares[name] = float(variances.sum() / covariance.trace())
            if name == "symmetric":
                residual = covariance.trace() - variances.sum()
                self.usual_residual.copy_(residual.clamp_min(1e-12).sqrt())
            basis.copy_(vectors / variances.sqrt())
        self.is_fitted = True
        return shares

    def coefficients(self, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """(N, points, 3) -> symmetric and antisymmetric coefficients, each (N, components), in soft-limited
        deviations."""
        if not self.is_fitted:
            raise RuntimeError(
                "the geometry branch has no principal components yet: call fit_geometry(landmarks) first"
            )
        symmetric, antisymmetric = self.sum_and_difference(landmarks)
        symmetric = (symmetric - self.symmetric_mean) @ self.symmetric_basis
        antisymmetric = antisymmetric @ self.antisymmetric_basis
        if self.training and self.symmetric_noise > 0:
            symmetric = symmetric + self.symmetric_noise * torch.randn_like(symmetric)
        if self.training and self.noise > 0:
            antisymmetric = antisymmetric + self.noise * torch.randn_like(antisymmetric)
        return _soft_limited(symmetric), _soft_limited(antisymmetric)

    def unlikeness(self, landmarks: Tensor) -> Tensor:
        """(N, points, 3) -> (N,): how unlike the training faces the symmetric part is; about 1 for a training face.

        Root mean of the squared coefficients (in deviations, unlimited) and the squared residual outside the components
        (in units of the training faces' residual). The antisymmetric part has no say: a strong palsy is no reason to
        refuse.
        """
        centred = self.sum_and_difference(landmarks)[0] - self.symmetric_mean
        coefficients = centred @ self.symmetric_basis
        # A basis vector is a unit vector over its deviation, so its own length gives the deviation back.
        variances = 1 / self.symmetric_basis.square().sum(0)
        inside = (coefficients.square() * variances).sum(-1)
        residual = (centred.square().sum(-1) - inside).clamp_min(0) / self.usual_residual.square()
        return ((coefficients.square().mean(-1) + residual) / 2).sqrt()

    def forward(self, symmetric: Tensor, antisymmetric: Tensor) -> Tensor:
        """Coefficients -> (N, 2, out_dim): the patient's right half, then the left one."""
        symmetric = symmetric * self.symmetric_gain
        left = torch.cat((symmetric, antisymmetric), dim=-1)
        right = torch.cat((symmetric, -antisymmetric), dim=-1)
        halves: Tensor = self.network(torch.stack((right, left), dim=1))
        return halves


class DisplacementField(nn.Module):
    """A coarse displacement field of the half face that is linear in the antisymmetric coefficients.

    It changes its sign with the mirrored photograph, so its length, which enters the asymmetry map, does not change.
    """

    def __init__(self, *, components: int, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.linear = nn.Linear(components, rows * columns * 3, bias=False)
        nn.init.normal_(self.linear.weight, std=0.02)

    def forward(self, antisymmetric: Tensor) -> Tensor:
        """(N, components) -> (N, rows, columns, 3)."""
        flat: Tensor = self.linear(antisymmetric)
        return flat.view(-1, self.rows, self.columns, 3)


def _soft_limited(x: Tensor) -> Tensor:
    return _SOFT_LIMIT * torch.tanh(x / _SOFT_LIMIT)


def _notice_fitted(module: GeometryBranch, _incompatible: Any) -> None:
    module.is_fitted = bool(module.antisymmetric_basis.any())
