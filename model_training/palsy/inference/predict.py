"""A trained checkpoint's answers for photographs, as a table and, if asked, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from face.palsy.prediction_table import Predictions, predict_photographs
from face.palsy.reading import ReadPhotograph
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
    progress: Callable[[int, int], object] | None = None,
) -> Predictions:
    """Writes OUT/predictions.csv with one row an image, and with `pictures` OUT/pictures. bundle: see Grader.

    Raises TrainingError for no image. Ctrl-C writes what was graded so far; the result says so.
    """
    images = given_images(given)
    with Grader(checkpoint, bundle=bundle, device=device, faces=faces) as grader:

        def draw(number: int, path: Path, read: ReadPhotograph) -> None:
            from model_training.palsy.inference.visualize import draw_answer

            draw_answer(read, grader.labels, out / "pictures" / f"{number:05d}_{path.stem}.png")

        return predict_photographs(
            images, grader.grade, grader.labels, out, on_reading=draw if pictures else None, progress=progress
        )
