"""Random people: the shape of a neutral face with its age and its natural asymmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.simulator.head.head import Head

# Shapes that push one side outwards without naming the side: they would make a false palsy.
UNUSABLE_SHAPES = ("trans-out", "nipple", "head-angle", "ear-wing")

# Standard deviation of a local shape's weight. Lids and lips are kept closer to the mean: large weights open
# closed lips.
SHAPE_SPREAD = 0.27
FINE_SHAPE_SPREAD = 0.17
FINE_SHAPES = ("eye", "mouth")
WEIGHT_LIMIT = 0.75
COMPONENT_SPREAD = 0.85


@dataclass(frozen=True, eq=False)
class Identity:
    """A person's neutral face.

    vertices: (N, 3) in the head's model frame; age_years: 18 .. 90;
    natural_asymmetry: >= 0, in standard deviations of the population's (0.8 is an ordinary face, above 2 is striking).
    """

    vertices: np.ndarray
    age_years: float
    natural_asymmetry: float


def sample_identity(head: Head, rng: np.random.Generator) -> Identity:
    """Draw a person. The same generator state gives the same person."""
    age_years = float(rng.uniform(18, 90))
    natural_asymmetry = float(abs(rng.normal(0, 1)))
    weights = rng.normal(0, COMPONENT_SPREAD, len(head.components)).astype(np.float32)
    vertices = head.mean + (weights @ head.components).reshape(-1, 3)
    # Left and right of a sided shape share one weight; what differs between them is the natural asymmetry of the face.
    side_spread = 0.02 + 0.025 * natural_asymmetry
    shared: dict[str, float] = {}
    total = np.zeros_like(vertices)
    for index, name in enumerate(head.shape_names):
        if any(part in name for part in UNUSABLE_SHAPES):
            continue
        sided = name.startswith(("l-", "r-"))
        pair = name[2:] if sided else name
        if pair not in shared:
            shared[pair] = _shape_weight(pair, age_years, rng)
        weight = shared[pair] + (rng.normal(0, side_spread) if sided else 0.0)
        total += weight * head.shapes_up[index] if weight > 0 else -weight * head.shapes_down[index]
    return Identity(
        vertices=(vertices + total).astype(np.float32),
        age_years=age_years,
        natural_asymmetry=natural_asymmetry,
    )


def _shape_weight(name: str, age_years: float, rng: np.random.Generator) -> float:
    spread = FINE_SHAPE_SPREAD if name.startswith(FINE_SHAPES) else SHAPE_SPREAD
    mean = (age_years - 45) / 60 if name == "head-age-incr" else 0.0
    return float(np.clip(rng.normal(mean, spread), -WEIGHT_LIMIT, WEIGHT_LIMIT))
