"""A trained checkpoint's answers for photographs, as a table and, if asked, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from face.palsy.prediction_table import Predictions, Share, predict_photographs
from face.palsy.reading import ReadPhotograph
from face.version import VERSION
from face.vocabulary import FacePolicy
from model_training.palsy.inference.given_images import given_images
from model_training.palsy.inference.grader import Grader


def predict_files(
    given: list[Path],
    checkpoint: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    pictures: bool = False,
    faces: FacePolicy = "single",
    device: str = "cpu",
    share: Share | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Predictions:
    """Writes OUT/predictions.csv with one row an image, and with `pictures` OUT/pictures; see `predict_photographs`.
    bundle: see Grader.

    Raises TrainingError for no image.
    """
    images = given_images(given)
    answered_by = [f"{VERSION} {faces} {pictures}".encode()]
    with Grader(checkpoint, bundle=bundle, device=device, faces=faces) as grader:

        def draw(number: int, path: Path, read: ReadPhotograph) -> None:
            from model_training.palsy.inference.visualize import draw_answer

            draw_answer(read, grader.labels, out / "pictures" / f"{number:05d}_{path.stem}.png")

        answered_by += [
            file.read_bytes() for file in _files(grader.checkpoint.path, bundle and bundle / "manifest.json")
        ]
        return predict_photographs(
            images,
            grader.grade,
            grader.labels,
            out,
            answered_by=answered_by,
            share=share,
            on_reading=draw if pictures else None,
            progress=progress,
        )


def _files(*given: Path | None) -> list[Path]:
    """Files, and those in folders of saved networks."""
    found: list[Path] = []
    for path in given:
        if path is not None:
            found += sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    return found
