"""HEIC, the iPhone's own format, by pi-heif (decodes only; libheif and libde265, LGPL), where it is installed."""

from __future__ import annotations

import importlib.util
import io

from PIL import ImageFile

HEIC_IS_READ = importlib.util.find_spec("pi_heif") is not None
HOW_TO_SEND_JPEG = (
    "On an iPhone choose Settings > Camera > Formats > Most Compatible, or share or export the picture as JPEG; "
    "on a computer convert it to JPEG."
)


def open_heic(file: io.BytesIO) -> ImageFile.ImageFile:
    """The primary picture, turned as the file says, not yet decoded."""
    from pi_heif import HeifImageFile

    image: ImageFile.ImageFile = HeifImageFile(file)
    return image
