"""Named points of the head's surface, projected into every photograph as its true landmarks."""

from __future__ import annotations

import numpy as np

from model_training.simulator.head.head import SKIN, Head

# Places on the mean face in metres (model frame); a place off the midline stands for the left one and, mirrored,
# the right.
SIDED_POINTS: dict[str, tuple[float, float, float]] = {
    "commissure": (0.032, -0.017, -0.071),
    "inner_canthus": (0.017, -0.010, -0.002),
    "outer_canthus": (0.045, -0.006, 0.001),
    "upper_lid": (0.032, -0.020, 0.006),
    "lower_lid": (0.032, -0.018, -0.008),
    "inner_brow": (0.016, -0.027, 0.016),
    "middle_brow": (0.035, -0.023, 0.022),
    "outer_brow": (0.050, -0.013, 0.013),
    "ala": (0.018, -0.028, -0.042),
    "cheek": (0.045, -0.012, -0.040),
    "upper_lip_side": (0.015, -0.030, -0.069),
    "lower_lip_side": (0.015, -0.024, -0.078),
}
MIDLINE_POINTS: dict[str, tuple[float, float, float]] = {
    "nasion": (0.0, -0.028, 0.004),
    "nose_tip": (0.0, -0.052, -0.036),
    "upper_lip": (0.0, -0.035, -0.067),
    "lower_lip": (0.0, -0.030, -0.082),
    "chin": (0.0, -0.022, -0.110),
}


def landmark_vertices(head: Head) -> dict[str, int]:
    """Name -> vertex: sided points as name_left and name_right, mirror partners of each other."""
    skin = np.flatnonzero(head.vertex_material == SKIN)
    surface = head.mean[skin]

    def nearest(place: tuple[float, float, float]) -> int:
        return int(skin[np.argmin(np.linalg.norm(surface - np.array(place), axis=1))])

    vertices: dict[str, int] = {}
    for name, place in SIDED_POINTS.items():
        left = nearest(place)
        vertices[f"{name}_left"] = left
        vertices[f"{name}_right"] = int(head.mirror_vertex[left])
    vertices.update({name: nearest(place) for name, place in MIDLINE_POINTS.items()})
    return vertices
