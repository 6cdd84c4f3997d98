"""The images that a user names on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from face.errors import NoImages
from face.image.files import list_images
from model_training.errors import TrainingError


def given_images(given: Sequence[Path]) -> list[Path]:
    """As face.image.files.list_images, which also says what may be named. Raises TrainingError for none."""
    try:
        return list_images(given)
    except NoImages as error:
        raise TrainingError(str(error)) from error
