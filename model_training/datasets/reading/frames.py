"""Finding clips and frames whose names differ from the spreadsheet in padding only."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from face.image.files import IMAGE_SUFFIXES
from model_training.datasets.reading.people import person_number
from model_training.errors import TrainingError


def require_folder(path: Path, what: str) -> Path:
    if not path.is_dir():
        raise TrainingError(f"{path}: no such folder ({what})")
    return path


@cache
def numbered_folders(parent: Path) -> dict[int, Path]:
    """Sub-folders by the number in their name: s1, s01 and sub001 are all 1."""
    if not parent.is_dir():
        return {}
    folders = sorted(item for item in parent.iterdir() if item.is_dir())
    return {number: item for item in folders if (number := person_number(item.name)) is not None}


@cache
def numbered_frames(folder: Path) -> dict[int, Path]:
    """Images of a clip by frame number (the last digits of the stem, 4 or 5 digits or none), in order of the number."""
    if not folder.is_dir():
        return {}
    found = {}
    for item in folder.iterdir():
        digits = re.search(r"(\d+)$", item.stem.strip())
        if digits and item.suffix.lower() in IMAGE_SUFFIXES:
            found[int(digits.group())] = item
    return dict(sorted(found.items()))
