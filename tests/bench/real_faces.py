"""A palsy bundle on a list of real faces: what it sees, misses, and cries wolf at, and what it says of covered ones.

    python -m tests.bench.real_faces --list development.csv --clones CLONES [--models models/palsy] [--covered 60]

The list has columns id, repo, blob, kind (palsy or healthy), side, pose, source; CLONES holds a git directory
`owner+name/repo` for each repository. The pictures are of people who did not ask to be here: they are read from the
clones, measured, and never written anywhere.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from face.errors import FaceCovered, PreprocessingError
from face.image.decode import decode_image
from face.image.limits import ImageLimits
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.reading import ReadPhotograph
from face.photograph import PhotographReader
from face.vocabulary import VisibleRegion
from model_training.simulator.occlusion.cover import Picture, Scene
from model_training.simulator.occlusion.objects import OBJECTS, cover
from model_training.simulator.sensor import encode_jpeg
from service.analysis.models import load_models
from service.analysis.palsy import PalsyAnalyzer

GRADE_III = 2
YAWS = (0, 10, 15, 25, 90)
DRAWN = ("patch", "hand", "hair", "mask")


@dataclass(frozen=True)
class Listed:
    id: str
    palsy: bool
    side: str
    pose: str
    source: str
    data: bytes


@dataclass(frozen=True)
class Answered:
    """read: None where it was refused, with `code`."""

    face: Listed
    read: ReadPhotograph | None
    code: str = ""

    @property
    def graded_iii(self) -> bool:
        return self.read is not None and self.read.reading.index >= GRADE_III

    @property
    def named(self) -> tuple[VisibleRegion, ...]:
        """Regions that an answer names as not seen, or in part."""
        return () if self.read is None else self.read.visibility.hidden + self.read.visibility.partly

    @property
    def covered(self) -> bool:
        return self.code == FaceCovered.code or bool(self.named)


def listed_faces(table: Path, clones: Path) -> list[Listed]:
    faces = []
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            repository = clones / row["repo"].replace("/", "+") / "repo"
            blob = subprocess.run(
                ["git", "-C", repository, "cat-file", "blob", row["blob"]], capture_output=True, check=True
            )
            faces.append(
                Listed(row["id"], row["kind"] == "palsy", row["side"], row["pose"], row["source"], blob.stdout)
            )
    return faces


def answered(analyzer: PalsyAnalyzer, face: Listed, data: bytes | None = None) -> Answered:
    try:
        return Answered(face, analyzer.read(data or face.data, face="largest"))
    except PreprocessingError as error:
        return Answered(face, None, error.code)


def figures(palsies: list[Answered], healthy: list[Answered]) -> Iterable[tuple[str, str]]:
    """Refused palsies are missed: a palsy that gets no answer was not seen."""
    yield "palsies graded III or worse", share_of(palsies, lambda one: one.graded_iii)
    yield "side right", share_of(palsies, lambda one: one.read is not None and one.read.reading.side == one.face.side)
    yield (
        "side wrong",
        share_of(palsies, lambda one: one.read is not None and one.read.reading.side not in (one.face.side, "none")),
    )
    for pose in sorted({one.face.pose for one in palsies}):
        yield (
            f"palsies graded III or worse, {pose}",
            share_of([one for one in palsies if one.face.pose == pose], lambda one: one.graded_iii),
        )
    yield "palsies refused", _codes(palsies)
    told = [one for one in healthy if one.read is not None]
    unwarned = [one for one in told if one.read is not None and not one.read.warnings]
    yield "healthy refused", f"{share_of(healthy, lambda one: one.read is None)} {_codes(healthy)}"
    yield "healthy graded III or worse, of those answered", share_of(told, lambda one: one.graded_iii)
    yield (
        "healthy graded III or worse and unwarned, of those answered",
        share_of(told, lambda one: one.graded_iii and one in unwarned),
    )
    for low, high in pairwise(YAWS):
        turned = [one for one in told if one.read is not None and low <= abs(one.read.quality.yaw_deg) < high]
        yield f"healthy graded III or worse, yaw {low}-{high}", share_of(turned, lambda one: one.graded_iii)
    for source in sorted({one.face.source for one in healthy}):
        own = [one for one in told if one.face.source == source]
        yield f"healthy graded III or worse, {source}", share_of(own, lambda one: one.graded_iii)
    yield "palsies with a region named as covered", share_of(palsies, lambda one: one.covered)
    yield "healthy with a region named as covered", share_of(healthy, lambda one: one.covered)


def covered_figures(analyzer: PalsyAnalyzer, faces: list[Listed], seed: int) -> Iterable[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    with FaceLandmarker() as landmarker:
        drawn: dict[str, list[tuple[Answered, str]]] = {name: [] for name in DRAWN}
        for face in faces:
            try:
                rgb = decode_image(face.data).rgb
                found = landmarker.look(rgb, policy="largest", both_ways=True)
            except PreprocessingError:
                continue
            if found.quarter_turns:
                continue
            for name in DRAWN:
                side = ("right", "left")[rng.integers(2)]
                data = encode_jpeg(_with(rgb, found.face, name, side, rng), 92)
                drawn[name].append((answered(analyzer, face, data), side))
    for name, ones in drawn.items():
        regions = OBJECTS[name]
        told = [(one, side) for one, side in ones if one.code in ("", FaceCovered.code)]
        named = [one.code == FaceCovered.code or not set(regions[side]).isdisjoint(one.named) for one, side in told]
        yield f"{name}: named, of those in which a face was found", f"{np.mean(named):.3f} of {len(named)}"
        healthy = [one for one, _ in told if not one.face.palsy]
        yield (
            f"{name}: healthy, III or worse and unwarned",
            share_of(healthy, lambda one: one.graded_iii and one.read is not None and not one.read.warnings),
        )


def share_of(ones: list[Answered], holds: Callable[[Answered], bool]) -> str:
    count = sum(holds(one) for one in ones)
    return f"{count / max(len(ones), 1):.3f} ({count} of {len(ones)})"


def _with(rgb: Picture, face: Face, name: str, side: str, rng: np.random.Generator) -> Picture:
    return cover(Scene(rgb, np.ones(rgb.shape[:2], np.float32)), face, name, side, rng).rgb


def _codes(ones: list[Answered]) -> str:
    return ", ".join(f"{code} {count}" for code, count in Counter(one.code for one in ones if one.code).items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models/palsy"))
    parser.add_argument("--covered", type=int, default=60, help="healthy faces to cover, besides every palsy")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reader = PhotographReader(limits=ImageLimits())
    loaded = load_models(options.models, reader, provider="cpu", variant=None, threads=1, overlay_max_side_px=768).palsy
    assert loaded is not None
    faces = listed_faces(options.list, options.clones)
    ones = [answered(loaded.analyzer, face) for face in faces]
    palsies, healthy = [one for one in ones if one.face.palsy], [one for one in ones if not one.face.palsy]
    print("| figure | |\n|---|---|")
    for name, value in figures(palsies, healthy):
        print(f"| {name} | {value} |")
    rng = np.random.default_rng(options.seed)
    chosen = [face for face in faces if face.palsy]
    whole = [face for face in faces if not face.palsy]
    chosen += [whole[index] for index in rng.permutation(len(whole))[: options.covered]]
    for name, value in covered_figures(loaded.analyzer, chosen, options.seed):
        print(f"| {name} | {value} |")
    reader.close()


if __name__ == "__main__":
    main()
