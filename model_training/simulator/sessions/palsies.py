"""The palsy of an examination: regions alike, as those of single photographs, or regions that differ.

A nerve is seldom hurt evenly. A face whose regions are all alike flatters who sees one movement only: any region tells
the others. The patterns here are those that clinics know by name; their shares are this project's choice, so that none
is rare in a small set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from face.palsy.severity import MAX_SEVERITY, RegionalSeverity, overall_severity
from face.vocabulary import REGIONS
from model_training.simulator.head.head import UNIT_SIDES
from model_training.simulator.patient import Palsy, regional_severity, with_signs
from model_training.simulator.sessions.regions import Regions

Pattern = Literal["alike", "spread", "forehead_spared", "marginal_mandibular", "zygomatic", "healthy"]
# Of the palsies whose regions differ. A central palsy spares the forehead; a cut branch weakens what it moves.
PATTERN_SHARES: dict[Pattern, float] = {
    "spread": 0.55,
    "forehead_spared": 0.25,
    "marginal_mandibular": 0.1,
    "zygomatic": 0.1,
}
# How far a region strays from the overall severity in the pattern `spread` (standard deviation).
SPREAD = 1.1

CONTRACTURE_SHARE = 0.15
BROW_SYNKINESIS_SHARE = 0.2


def sample_session_palsy(regions: Regions, rng: np.random.Generator) -> tuple[Palsy, Pattern]:
    """Draw the palsy of an examination, of one side. Contracture, and a brow that rises with the smile, are more
    frequent than in single photographs: they are what only a session shows."""
    if regions == "healthy":
        return Palsy({}), "healthy"
    pattern: Pattern = "alike"
    if regions == "differ":
        names = list(PATTERN_SHARES)
        pattern = names[int(rng.choice(len(names), p=list(PATTERN_SHARES.values())))]
    side = UNIT_SIDES[rng.integers(2)]
    severity = _severity(pattern, rng)
    overall = overall_severity(severity)
    palsy = with_signs({side: severity}, overall, rng)
    # The muscles of the last two rows do not move at all, so nothing in them can move with others.
    if overall > 1.5 and rng.random() < CONTRACTURE_SHARE:
        palsy = replace(palsy, contracture=float(rng.uniform(0.3, 1.0)))
    if palsy.synkinesis and severity.forehead < 4 and rng.random() < BROW_SYNKINESIS_SHARE:
        palsy = replace(palsy, brow_synkinesis=float(rng.uniform(0.3, 1.0)))
    return palsy, pattern


def _severity(pattern: Pattern, rng: np.random.Generator) -> RegionalSeverity:
    uniform = rng.uniform
    if pattern == "alike":
        return regional_severity(float(min(MAX_SEVERITY, uniform(0.5, 5.4))), rng)
    if pattern == "spread":
        overall = float(min(MAX_SEVERITY, uniform(0.5, 5.4)))
        values = np.clip(rng.normal(overall, SPREAD, len(REGIONS)), 0, MAX_SEVERITY)
    elif pattern == "forehead_spared":
        lower = uniform(1.5, 5.0)
        values = np.array([uniform(0, 0.4), lower * uniform(0.2, 0.6), lower, lower])
    elif pattern == "marginal_mandibular":
        values = np.array([0.0, 0.0, uniform(0, 0.5), uniform(1.5, 4.0)])
    else:
        values = np.array([uniform(0, 0.5), uniform(1.5, 4.0), uniform(0.5, 3.0), uniform(0, 1.0)])
    forehead, eye, nose, mouth = (float(value) for value in values)
    return RegionalSeverity(forehead=forehead, eye=eye, nose=nose, mouth=mouth)
