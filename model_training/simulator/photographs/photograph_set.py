"""A table of pictures made from photographs of faces, which a second run goes on with.

OUT/samples.parquet    the table (written at the end)
OUT/parts/NAME.json    the rows of one finished photograph: what a second run does not do again
OUT/settings.json      what a second run must repeat
OUT/dropped.csv        the photographs that nothing was made of, and why
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from face.errors import PreprocessingError
from face.landmarks.landmarker import FaceLandmarker
from face.whole_file import write_text
from model_training.data.sample_table import write_table
from model_training.errors import Interrupted, TrainingError

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class Photograph(Protocol):
    """name: without a suffix, its own among those of a set."""

    @property
    def path(self) -> Path: ...

    @property
    def name(self) -> str: ...


PhotographT = TypeVar("PhotographT", bound=Photograph)
# One photograph -> the rows of what was made of it, with all draws from the generator.
Make = Callable[[PhotographT, FaceLandmarker, np.random.Generator], list[dict[str, Any]]]


def photographs_in(source: Path) -> list[Path]:
    """The photographs of a folder in the order of their names; none where it is no folder."""
    files = sorted(source.iterdir()) if source.is_dir() else []
    return [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()]


def write_photograph_set(
    photographs: Sequence[PhotographT],
    out: Path,
    make: Make[PhotographT],
    *,
    source: Path,
    folders: Sequence[str],
    settings: dict[str, Any],
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write OUT -> path of its table. make: may write pictures into OUT's `folders`, and refuses a photograph by a
    PreprocessingError or an OSError. settings: with a `seed`; the draws of a photograph depend on that and its name
    alone. source: where the photographs come from, for errors. on_progress: is called with (photographs done, all).

    Raises TrainingError where OUT was begun with other settings, or nothing was made of any photograph; Interrupted on
    Ctrl-C.
    """
    for folder in (*folders, "parts"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    _same_settings_as_before(out, settings)
    rows: list[dict[str, Any]] = []
    dropped: list[dict[str, str]] = []
    try:
        with FaceLandmarker() as landmarker:
            for index, photograph in enumerate(photographs):
                try:
                    rows += _rows_of(photograph, out, make, landmarker, seed=settings["seed"])
                except (PreprocessingError, OSError) as error:
                    dropped.append({"path": str(photograph.path), "why": str(error)})
                if on_progress:
                    on_progress(index + 1, len(photographs))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped. What was made of finished photographs is kept in {out}; the same command goes on from there."
        ) from None
    pd.DataFrame(dropped, columns=["path", "why"]).to_csv(out / "dropped.csv", index=False)
    if not rows:
        raise TrainingError(f"{source}: none of {len(photographs)} photographs shows exactly one face")
    path = out / "samples.parquet"
    write_table(pd.DataFrame(rows), path)
    return path


def _rows_of(
    photograph: PhotographT, out: Path, make: Make[PhotographT], landmarker: FaceLandmarker, *, seed: int
) -> list[dict[str, Any]]:
    """What was made of it, now or by an earlier run."""
    part = out / "parts" / f"{photograph.name}.json"
    if not part.exists():
        made = make(photograph, landmarker, np.random.default_rng([seed, *photograph.name.encode()]))
        write_text(json.dumps(made), part)
    rows: list[dict[str, Any]] = json.loads(part.read_text(encoding="utf-8"))
    return rows


def _same_settings_as_before(out: Path, settings: dict[str, Any]) -> None:
    path = out / "settings.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else settings
    if found != settings:
        raise TrainingError(f"{out} was begun with {found}, not {settings}; repeat those or choose an empty folder")
    write_text(json.dumps(settings), path)
