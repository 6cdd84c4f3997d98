"""Photographs to a CSV of grades, as the service would answer, and pictures if asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from face.errors import PreprocessingError
from face.frame.regions import REGIONAL_ROI
from face.palsy.decoding import SIDES
from model_training.data.sample_table import write_table
from model_training.datasets.reading.frames import IMAGE_SUFFIXES, images_under
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.inference.grader import Answer, Grader

REGIONS = tuple(REGIONAL_ROI)


def list_images(given: list[Path]) -> list[Path]:
    """Files, the images in folders (at any depth), and those named in .txt lists (relative to the list). Raises
    TrainingError for none."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += images_under(path)
        elif path.suffix.lower() == ".txt" and path.is_file():
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            found += [path.parent / line.strip() for line in lines if line.strip() and not line.startswith("#")]
        elif path.is_file():
            found.append(path)
        else:
            raise TrainingError(f"{path}: no such image, folder or list")
    if not found:
        raise TrainingError(f"no image found in {', '.join(map(str, given))} (looked for {', '.join(IMAGE_SUFFIXES)})")
    return found


def predict_files(
    given: list[Path],
    checkpoint: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    pictures: bool = False,
    faces: Literal["single", "largest"] = "single",
    device: str = "cpu",
    progress: Callable[[int, int], object] | None = None,
) -> tuple[int, int]:
    """(graded, refused). Writes predictions.csv with one row an image; a refused one has the service's error code and
    the reason, no numbers. bundle: see Grader. progress is called with (images done, images in all).

    Ctrl-C writes what was graded so far.
    """
    images = list_images(given)
    rows: list[dict[str, Any]] = []
    table = out / "predictions.csv"
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work
    with Grader(checkpoint, bundle=bundle, device=device, faces=faces) as grader:
        named = columns(grader.labels)
        try:
            for number, path in enumerate(images):
                rows.append(
                    _row(grader, path, out / "pictures" / f"{number:05d}_{path.stem}.png" if pictures else None)
                )
                if progress is not None:
                    progress(len(rows), len(images))
        except KeyboardInterrupt:
            write_table(pd.DataFrame(rows, columns=named), table)
            raise Interrupted(
                f"Stopped after {len(rows)} of {len(images)} images; their answers are in {table}."
            ) from None
    frame = pd.DataFrame(rows, columns=named)
    write_table(frame, table)
    refused = int((frame["code"] != "").sum())
    return len(frame) - refused, refused


def columns(labels: tuple[str, ...]) -> list[str]:
    probabilities = [f"probability_{label}" for label in labels]
    sides = [f"side_probability_{side}" for side in SIDES]
    regions = [f"asymmetry_{region}" for region in REGIONS]
    head = ["path", "grade", "index", "probability", "expected", "prediction_set", "side", "side_probability"]
    return [*head, *probabilities, *sides, *regions, "warnings", "code", "reason"]


def _row(grader: Grader, path: Path, picture: Path | None) -> dict[str, Any]:
    try:
        answer = grader.grade(path.read_bytes())
    except PreprocessingError as error:
        return {"path": path.as_posix(), "code": error.code, "reason": str(error)}
    except FileNotFoundError:
        return {"path": path.as_posix(), "code": "missing-file", "reason": "no such file"}
    except OSError as error:
        return {"path": path.as_posix(), "code": "unreadable-file", "reason": str(error)}
    if picture is not None:
        from model_training.palsy.inference.visualize import draw_answer

        draw_answer(answer, grader.labels, picture)
    return {
        "path": path.as_posix(),
        **answer_values(answer, grader.labels),
        "warnings": "; ".join(answer.warnings),
        "code": "",
        "reason": "",
    }


def answer_values(answer: Answer, labels: tuple[str, ...]) -> dict[str, Any]:
    """The numbers of one answer under the names of the CSV; index and expected count from 1, as in the service's
    answer."""
    reading = answer.reading
    return {
        "grade": labels[reading.index],
        "index": reading.index + 1,
        "probability": reading.probability,
        "expected": reading.expected,
        "prediction_set": " ".join(labels[index] for index in reading.prediction_set),
        "side": reading.side,
        "side_probability": reading.side_probability,
        **{f"probability_{label}": float(value) for label, value in zip(labels, reading.probabilities, strict=True)},
        **{
            f"side_probability_{side}": float(value)
            for side, value in zip(SIDES, reading.side_probabilities, strict=True)
        },
        **{f"asymmetry_{name}": value for name, value in (answer.regional or {}).items()},
    }
