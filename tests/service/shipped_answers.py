"""What the shipped bundles answer, for telling whether a change of the code changed an answer.

Two checkouts, to the last digit, on one machine (their services run in turn with the interpreter that runs this):

    python -m tests.service.shipped_answers --compare OTHER_CHECKOUT [FOLDER ...]

FOLDER: photographs of your own beside the ones made here. The answers that the fast tests hold HEAD against, with a
tolerance because machines differ in the last digits, are written anew, and only when a model changes, by

    python -m tests.service.shipped_answers --write
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from face.image.files import list_images
from face.landmarks.landmarker import FaceLandmarker
from tests import factories
from tests.face.microexpression.test_input import BROW_RAISE, LEFT_SMILE, SMILE, warped
from tests.ops.live_service import ROOT, shipped_service

GOLDEN = Path(__file__).parent / "shipped_answers.json"
# What differs from one request to the next.
OF_THE_REQUEST = ("request_id", "timings_ms")

Post = Callable[[str, dict[str, bytes]], dict[str, Any]]


def made_photographs() -> dict[str, dict[str, bytes]]:
    """Name -> form fields, made in code: the astronaut as she is, mirrored and with movements."""
    rgb = factories.astronaut()
    with FaceLandmarker() as landmarker:
        (face,) = landmarker.detect(rgb)
    moved = {
        f"{name}_{percent}": warped(rgb, face, bumps, percent)
        for name, bumps in (("smile", SMILE), ("left_smile", LEFT_SMILE), ("brow_raise", BROW_RAISE))
        for percent in (4, 8)
    }
    palsy = {"rest": rgb, "mirrored": rgb[:, ::-1], **moved}
    asked = {f"palsy/{name}": {"image": _png(picture)} for name, picture in palsy.items()}
    onset = _png(rgb)
    pairs = {f"microexpression/{name}": {"onset": onset, "apex": _png(apex)} for name, apex in moved.items()}
    return {**asked, **pairs, "microexpression/nothing": {"onset": onset, "apex": onset}}


def _png(rgb: np.ndarray) -> bytes:
    return factories.encode(np.ascontiguousarray(rgb), "PNG")


def given_photographs(folders: list[Path]) -> dict[str, dict[str, bytes]]:
    return {f"palsy/{path}": {"image": path.read_bytes()} for path in list_images(folders)} if folders else {}


def answers(post: Post, asked: dict[str, dict[str, bytes]]) -> dict[str, dict[str, Any]]:
    """Name -> the answer or the problem, without what belongs to the request alone."""
    found = {}
    for name, images in asked.items():
        query = "/v1/palsy/grade?roi_maps=true&face=largest" if "image" in images else "/v1/microexpression/classify"
        found[name] = {key: value for key, value in post(query, images).items() if key not in OF_THE_REQUEST}
    return found


@contextmanager
def service_of(checkout: Path) -> Iterator[Post]:
    """What posts files to the service of a checkout, with its own models -> the answer."""
    with shipped_service(checkout) as live, httpx.Client(base_url=live.url, timeout=60) as client:
        yield lambda path, images: client.post(path, files=images).json()


def compare(other: Path, folders: list[Path]) -> None:
    """Exit status 1 and a line for each answer that differs."""
    asked = {**made_photographs(), **given_photographs([folder.resolve() for folder in folders])}
    with service_of(other.resolve()) as post:
        theirs = answers(post, asked)
    with service_of(ROOT) as post:
        ours = answers(post, asked)
    different = [name for name in asked if ours[name] != theirs[name]]
    for name in different:
        keys = [key for key in ours[name] if ours[name][key] != theirs[name].get(key)]
        print(f"{name}: differs in {', '.join(keys)}")
    print(f"{len(asked) - len(different)} of {len(asked)} answers are the same to the last digit")
    sys.exit(1 if different else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", type=Path, metavar="OTHER_CHECKOUT")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.write == (arguments.compare is not None):
        parser.error("give one of --compare and --write")
    if arguments.compare is not None:
        compare(arguments.compare, arguments.folders)
    with service_of(ROOT) as post:
        found = answers(post, made_photographs())
    for answer in found.values():  # pictures are large, and their last bits are the machine's
        answer.pop("roi_maps", None)
        for part in ("asymmetry", "motion"):
            answer.get(part, {}).pop("heatmap", None)
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(GOLDEN)


if __name__ == "__main__":
    main()
