"""The movement and tone that a palsy leaves, and the synkinesis it brings, by severity (`face/palsy/severity.py`).

The tables below read the House-Brackmann table row by row; they are this project's reading of the definitions, not
clinical data.
"""

from __future__ import annotations

import numpy as np

# Share of each region's movement that is left, at the severities 0 .. 5 (grades I .. VI).
# Forehead: "moderate to good", "slight to moderate", then "none". Eye: "closes with minimum effort", "closes with
# effort", then "incomplete", so that tight closure stays nearly whole up to III and gentle closure shows a slit.
# Mouth: "slight asymmetry", "slightly weak with maximum effort", "asymmetric", "slight movement", "none"; the nose
# follows the mouth.
MOVEMENT_LEFT: dict[str, tuple[float, ...]] = {
    "forehead": (1.0, 0.70, 0.35, 0.0, 0.0, 0.0),
    "eye": (1.0, 0.95, 0.85, 0.50, 0.22, 0.0),
    "eye_with_effort": (1.0, 0.97, 0.91, 0.53, 0.24, 0.0),
    "nose": (1.0, 0.78, 0.52, 0.30, 0.10, 0.0),
    "mouth": (1.0, 0.78, 0.52, 0.30, 0.10, 0.0),
}

# Loss of the muscles' tone at rest: "normal" up to IV, "asymmetric" at V and VI.
TONE_LOST = (0.0, 0.0, 0.05, 0.15, 0.60, 1.0)

# Closing of the eye when the mouth moves, as a share of full closure: "very slight" at II, "noticeable" at III, none
# without any movement. The pull of the mouth when the eye closes follows the same course.
SYNKINESIS = (0.0, 0.05, 0.20, 0.25, 0.10, 0.0)


def movement_left(region: str, severity: float, *, with_effort: bool = False) -> float:
    """Share 0 .. 1 of a region's movement that is left; `with_effort` counts for the eye only (tight closure)."""
    table = MOVEMENT_LEFT["eye_with_effort" if region == "eye" and with_effort else region]
    return float(np.interp(severity, range(len(table)), table))


def tone_lost(severity: float) -> float:
    """Share 0 .. 1 of the resting tone that is lost."""
    return float(np.interp(severity, range(len(TONE_LOST)), TONE_LOST))


def synkinesis(severity: float) -> float:
    """Usual involuntary closing of the eye when the mouth moves fully, as a share of full closure."""
    return float(np.interp(severity, range(len(SYNKINESIS)), SYNKINESIS))
