"""The baked head: a neutral mean face, identity shapes and face units split into the patient's left and right.

Model frame: metres, origin between the eyeballs, +x the patient's left (image right in an unmirrored photograph),
+z up, -y the way the face looks. The midsagittal plane is x = 0. `simulator/bake` makes the data file; NOTICE names
its CC0 sources.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

HEAD_DATA = Path(__file__).parent / "head_data"

SKIN, EYE, TEETH, TONGUE, LASH, HAIR = range(6)
# The last word of a sided face unit's name, the patient's left first.
UNIT_SIDES = ("Left", "Right")

# Units that belong to neither side, although two of them carry a side in their name: the whole mouth or jaw shifts.
WHOLE_FACE_UNITS = (
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthLeft",
    "mouthRight",
    "tongueOut",
)

# Width in metres of the cross-over when a unit of both sides is split into two: about half the width of the philtrum.
SPLIT_WIDTH_M = 0.006

# MakeHuman's vertex numbers of the two eyeballs.
EYEBALL_RANGES = {"Left": (14598, 14670), "Right": (14670, 14742)}

# Level of the brows and height of the nose root in the undeformed base mesh (metres), see frontalis_unit.
BROW_LEVEL_M = 0.748


@dataclass(frozen=True, eq=False)
class Head:
    """All arrays of the baked head: N vertices, C render corners (a vertex splits where its texture does), F triangles.

    mean: (N, 3) neutral mean face.
    base: (N, 3) the undeformed base mesh, standing on the ground; exactly symmetric; used to paint by place.
    components: (K, 3 N) principal identity components, one standard deviation each.
    shapes_up, shapes_down: (J, N, 3) local identity shapes for a positive and a negative weight.
    shape_names: J names of the local identity shapes.
    units: name -> (N, 3) displacement of a face unit at weight 1, as "mouthSmileLeft", "browInnerUpRight", "jawOpen".
    corner_vertex: (C,) vertex of each corner; corner_uv: (C, 2); corner_material: (C,) one of SKIN .. HAIR.
    triangles: (F, 3) corner numbers.
    eyeballs: side -> vertices of the eyeball.
    """

    mean: np.ndarray
    base: np.ndarray
    components: np.ndarray
    shapes_up: np.ndarray
    shapes_down: np.ndarray
    shape_names: tuple[str, ...]
    units: dict[str, np.ndarray]
    corner_vertex: np.ndarray
    corner_uv: np.ndarray
    corner_material: np.ndarray
    triangles: np.ndarray
    eyeballs: dict[str, np.ndarray]

    @classmethod
    def load(cls, path: Path | None = None) -> Head:
        """Read a baked head (`head_data/head.npz` beside this file when no path is given)."""
        with np.load(path or HEAD_DATA / "head.npz", allow_pickle=False) as data:
            mean = data["mean"].astype(np.float32)
            base = data["base"].astype(np.float32)
            vertex_material = np.full(len(mean), SKIN, np.uint8)
            vertex_material[data["vinv"]] = data["mat"]
            units = {
                str(name): unit.astype(np.float32) for name, unit in zip(data["face_labels"], data["face"], strict=True)
            }
            units["frontalis"] = frontalis_unit(mean, base, vertex_material)
            numbers = data["uvid"]
            head = cls(
                mean=mean,
                base=base,
                components=data["pc"].astype(np.float32).reshape(len(data["pc"]), -1),
                shapes_up=data["loc_pos"].astype(np.float32),
                shapes_down=data["loc_neg"].astype(np.float32),
                shape_names=tuple(str(name) for name in data["loc_labels"]),
                units=split_units(units, mean),
                corner_vertex=data["vinv"].astype(np.int64),
                corner_uv=data["uv"].astype(np.float32),
                corner_material=data["mat"],
                triangles=data["faces"].astype(np.int64),
                eyeballs={
                    side: np.flatnonzero((numbers >= first) & (numbers < last))
                    for side, (first, last) in EYEBALL_RANGES.items()
                },
            )
            return replace(head, units=symmetric_units(head.units, head.mirror_vertex))

    @property
    def vertex_count(self) -> int:
        return len(self.mean)

    @cached_property
    def vertex_material(self) -> np.ndarray:
        """(N,) material of each vertex; materials share no vertices."""
        material = np.full(self.vertex_count, SKIN, np.uint8)
        material[self.corner_vertex] = self.corner_material
        return material

    @cached_property
    def triangle_vertices(self) -> np.ndarray:
        """(F, 3) vertex numbers of the triangles."""
        return np.asarray(self.corner_vertex[self.triangles])

    @cached_property
    def triangle_material(self) -> np.ndarray:
        """(F,) material of each triangle."""
        return np.asarray(self.corner_material[self.triangles[:, 0]])

    @cached_property
    def mirror_vertex(self) -> np.ndarray:
        """(N,) the vertex on the other side of the midsagittal plane; an involution, from the symmetric base mesh."""
        nearest = cKDTree(self.base).query(self.base * np.array([-1, 1, 1], np.float32))
        distance, partner = np.asarray(nearest[0]), np.asarray(nearest[1])
        if distance.max() > 1e-4 or not np.array_equal(partner[partner], np.arange(self.vertex_count)):
            raise ValueError(
                f"the base mesh is not symmetric: a vertex is {1e3 * distance.max():.2f} mm off its mirror image"
            )
        return partner

    @cached_property
    def _vertex_of_triangle(self) -> sparse.csr_matrix:
        vertices = self.triangle_vertices.reshape(-1)
        triangles = np.repeat(np.arange(len(self.triangles)), 3)
        shape = (self.vertex_count, len(self.triangles))
        return sparse.csr_matrix((np.ones(len(vertices), np.float32), (vertices, triangles)), shape=shape)

    def deform(self, neutral: np.ndarray, weights: dict[str, float]) -> np.ndarray:
        """Move a neutral face (N, 3) by face-unit weights -> (N, 3) float32. An unknown unit is a KeyError."""
        moved = neutral.astype(np.float32, copy=True)
        for name, weight in weights.items():
            if abs(weight) > 1e-4:
                moved += np.float32(weight) * self.units[name]
        return moved

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Area-weighted vertex normals (N, 3) of unit length."""
        a, b, c = (vertices[self.triangle_vertices[:, corner]] for corner in range(3))
        normals = self._vertex_of_triangle @ np.cross(b - a, c - a)
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.asarray(normals / (lengths + 1e-12), np.float32)

    def eye_centres(self, vertices: np.ndarray) -> np.ndarray:
        """(2, 3) centres of the patient's left and right eyeball."""
        return np.stack([vertices[self.eyeballs[side]].mean(axis=0) for side in UNIT_SIDES])

    @cached_property
    def eyeball_radius_m(self) -> float:
        """Of the mean face's left eyeball, the cornea included."""
        ball = self.mean[self.eyeballs["Left"]]
        return float(np.linalg.norm(ball - ball.mean(axis=0), axis=1).max())

    def interocular_m(self, vertices: np.ndarray) -> float:
        """Distance between the eyeball centres in metres (about 0.062)."""
        left, right = self.eye_centres(vertices)
        return float(np.linalg.norm(left - right))


def frontalis_unit(mean: np.ndarray, base: np.ndarray, vertex_material: np.ndarray) -> np.ndarray:
    """(N, 3) lift of both brows by 7.5 mm: the shipped brow units lift only 2 to 4 mm, a clinical lift is 10."""
    across, above = np.abs(mean[:, 0]), base[:, 2] - BROW_LEVEL_M
    # The lift fades fast towards the lid, slowly up the forehead, and stays on the front of the head.
    fade = np.where(above < 0, 0.0075, 0.020)
    weight = np.exp(-((across - 0.030) ** 2) / (2 * 0.020**2)) * np.exp(-(above**2) / (2 * fade**2))
    unit = np.zeros_like(mean)
    unit[:, 2] = 0.0075 * weight * (base[:, 1] < -0.07) * (vertex_material == SKIN)
    return unit


def split_units(units: dict[str, np.ndarray], mean: np.ndarray) -> dict[str, np.ndarray]:
    """Every unit of both sides becomes a Left and a Right unit that add up to it."""
    left_share = (1 / (1 + np.exp(-mean[:, :1] / SPLIT_WIDTH_M))).astype(np.float32)
    split = {}
    for name, unit in units.items():
        if name in WHOLE_FACE_UNITS or name.endswith(UNIT_SIDES):
            split[name] = unit
        else:
            split[f"{name}Left"] = unit * left_share
            split[f"{name}Right"] = unit * (1 - left_share)
    return split


def symmetric_units(units: dict[str, np.ndarray], mirror_vertex: np.ndarray) -> dict[str, np.ndarray]:
    """Every unit becomes the mean of itself and its mirrored partner.

    The sculpted units differ by up to 1.3 mm between the sides (mouthSmile): an asymmetry that every simulated
    person would share, as large as a third of a grade.
    """
    symmetric = {}
    for name, unit in units.items():
        partner = name
        for side, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side):
                partner = name.removesuffix(side) + other
        mirrored = units[partner][mirror_vertex] * np.array([-1, 1, 1], np.float32)
        symmetric[name] = (unit + mirrored) / 2
    return symmetric
