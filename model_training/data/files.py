"""The files that a row of the table names."""

from __future__ import annotations

from pathlib import Path

from face.image.limits import ImageLimits
from model_training.data.producer import RowRefused

# A researcher's own files may be larger than what a web service accepts; the side limit stays, MediaPipe cannot take
# more.
TRAINING_LIMITS = ImageLimits(max_bytes=200_000_000, max_pixels=120_000_000)


def read_file(path: Path) -> bytes:
    """The whole file. Raises RowRefused where it is missing or cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RowRefused("missing-file", f"no such file: {path.name}") from None
    except OSError as error:
        raise RowRefused("unreadable-file", str(error)) from error
