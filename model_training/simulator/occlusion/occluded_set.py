"""A table of faces that are partly hidden: each photograph several times, behind what was drawn for it.

OUT/images/NAME-00.jpg     the face, cut out of its photograph
OUT/seen/NAME-00.png       8-bit, 255 where the face is seen, a quarter of the picture's size

In the table `hidden` names what lies before the face, and `seen_*` are the true shares of each region that is seen; the
rest is of `photographs/photograph_set.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from face.frame.alignment import AlignedFace, align_face
from face.frame.geometry import Similarity
from face.frame.regions import photo_map_to_mosaic, roi_masks, visible_region_masks
from face.image.decode import decode_image
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.vocabulary import VISIBLE_REGIONS
from model_training.data.sample_table import SPLITS, read_table
from model_training.errors import TrainingError
from model_training.simulator.occlusion import anything, objects
from model_training.simulator.occlusion.cover import Picture, Plane, Ruler, Scene
from model_training.simulator.photographs.photograph_set import photographs_in, write_photograph_set
from model_training.simulator.sensor import encode_jpeg

# anything: shapes without a name, for training; objects: real things, for judging.
Hider = Literal["anything", "objects"]
HIDERS: tuple[Hider, ...] = ("anything", "objects")
CLEAN = "clean"
# Of what is written, in eye distances: width, height, and where the eyes' middle lies.
_FRAME, _EYES_AT = (4.0, 4.8), (2.0, 2.0)
# Pixels between the eyes: what photographs of all kinds have, the small ones unsharp on a mosaic that has 96.
_INTEROCULAR_PX = (26.0, 112.0)
_JPEG_QUALITY = (70, 96)
_SEEN_REDUCTION = 4
_SHARES_SIZE = 56


@dataclass(frozen=True)
class Source:
    """A photograph and what its table says of it."""

    path: Path
    name: str
    known: dict[str, Any]


def find_sources(source: Path, *, split: str) -> list[Source]:
    """A folder of portraits, or a sample table with faces of any grade. TrainingError: none there."""
    if split not in SPLITS:
        raise TrainingError(f"split must be train, validation, test or empty, got {split!r}")
    plain = {"label": 1, "side": "none", "pose": "", "split": split}
    if source.suffix in (".parquet", ".csv"):
        table = read_table(source)
        columns = [name for name in (*plain, "person_id", "yaw_deg", "pitch_deg", "glasses") if name in table.frame]
        found = [
            Source(table.path(row["path"]), str(row["sample_id"]), {name: row[name] for name in columns})
            for row in table.frame.to_dict("records")
        ]
    else:
        found = [Source(path, path.stem, {**plain, "person_id": path.stem}) for path in photographs_in(source)]
    if not found:
        raise TrainingError(f"{source}: no folder of photographs and no table of them")
    return found


def occlude_photographs(
    source: Path,
    out: Path,
    *,
    hider: Hider,
    per_photo: int,
    seed: int = 0,
    split: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write OUT -> path of its table. source as in `find_sources`.

    hider: `anything` draws `per_photo` scenes a photograph, some of them clean; `objects` puts every object on it once,
    on a side by chance, and leaves it clean once. A photograph's draws depend on the seed and its name alone. Those
    without exactly one face are listed in OUT/dropped.csv.
    """
    if hider not in HIDERS:
        raise TrainingError(f"what hides the face must be one of {', '.join(HIDERS)}, got {hider!r}")
    if per_photo < 1:
        raise TrainingError(f"the number of pictures of a photograph must be at least 1, got {per_photo}")
    sources = find_sources(source, split=split)

    def make(photograph: Source, landmarker: FaceLandmarker, rng: np.random.Generator) -> list[dict[str, Any]]:
        other = decode_image(sources[int(rng.integers(len(sources)))].path.read_bytes()).rgb
        return _occlude_one(photograph, out, landmarker, other, rng, hider=hider, per_photo=per_photo)

    settings = {"hider": hider, "per_photo": per_photo, "seed": seed, "split": split}
    return write_photograph_set(
        sources, out, make, source=source, folders=("images", "seen"), settings=settings, on_progress=on_progress
    )


def _occlude_one(
    photograph: Source,
    out: Path,
    landmarker: FaceLandmarker,
    other: Picture,
    rng: np.random.Generator,
    *,
    hider: Hider,
    per_photo: int,
) -> list[dict[str, Any]]:
    rgb = decode_image(photograph.path.read_bytes()).rgb
    found = landmarker.look(rgb, policy="single", both_ways=True).face
    asked: Sequence[tuple[str, str]] = [("", "")] * per_photo
    if hider == "objects":
        asked = [(CLEAN, "none"), *((name, ("right", "left")[rng.integers(2)]) for name in objects.OBJECTS)]
    rows = []
    for number, (name, side) in enumerate(asked):
        scene, face = _cut_out(rgb, found, rng)
        if hider == "objects":
            scene = scene if name == CLEAN else objects.cover(scene, face, name, side, rng)
        else:
            around = anything.Surroundings(
                face.points[:, :2].astype(np.float64), Ruler.of(face), objects.skin_of(scene.rgb, face), other
            )
            scene, name = anything.hide(scene, around, rng)
        sample = f"{photograph.name}-{number:02d}"
        image, seen = f"images/{sample}.jpg", f"seen/{sample}.png"
        (out / image).write_bytes(encode_jpeg(scene.rgb, int(rng.integers(*_JPEG_QUALITY))))
        _write_seen(scene.seen, out / seen)
        rows.append(
            {
                **photograph.known,
                "sample_id": sample,
                "path": image,
                "dataset": f"hidden-by-{hider}",
                "seen_map": seen,
                "hidden": name,
                "hidden_side": side,
                **{f"seen_{region}": share for region, share in true_shares(scene.seen, align_face(scene.rgb, face))},
            }
        )
    return rows


def _cut_out(rgb: Picture, face: Face, rng: np.random.Generator) -> tuple[Scene, Face]:
    """The face and what is round it, at a size by chance, and where the face lies in it."""
    unit = float(np.exp(rng.uniform(*np.log(_INTEROCULAR_PX))))
    scale = unit / face.interocular_px
    eyes = face.eye_centres.mean(axis=0) * scale
    width, height = round(_FRAME[0] * unit), round(_FRAME[1] * unit)
    shift = Similarity.translation(float(_EYES_AT[0] * unit - eyes[0]), float(_EYES_AT[1] * unit - eyes[1]))
    moved = Similarity.scaling(scale).then(shift)
    points = face.points.copy()
    points[:, :2] = moved.apply(face.points[:, :2])
    points[:, 2] *= np.float32(scale)
    cut = np.asarray(moved.warp(rgb, (width, height)), np.uint8)
    # Beyond the border of the photograph nothing is seen, only its edge pixels over and over.
    inside = moved.warp(np.ones(rgb.shape[:2], np.float32), (width, height), fill=0.0)
    return Scene(cut, np.asarray(inside, np.float32)), Face(
        points=points, pose=face.pose, image_width=width, image_height=height
    )


def true_shares(seen: Plane, aligned: AlignedFace) -> list[tuple[str, float]]:
    """Each region's share that is seen, by the landmarks of the face as it was before it was hidden."""
    on_mosaic = photo_map_to_mosaic(seen, aligned, size=_SHARES_SIZE)
    masks = visible_region_masks(roi_masks(aligned, size=_SHARES_SIZE))
    shares = (masks * on_mosaic).sum(axis=(1, 2)) / masks.sum(axis=(1, 2))
    return [(region, float(share)) for region, share in zip(VISIBLE_REGIONS, shares, strict=True)]


def _write_seen(seen: Plane, path: Path) -> None:
    size = (max(1, seen.shape[1] // _SEEN_REDUCTION), max(1, seen.shape[0] // _SEEN_REDUCTION))
    small = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(path), np.rint(small * 255).astype(np.uint8)):
        raise OSError(f"{path} could not be written")
