"""How much memory the photographs of a request take while they are analysed, from their headers alone."""

from __future__ import annotations

from collections.abc import Sequence

from face.image.header import BadHeader, media_type_of, read_header

# For each pixel, at the highest moment of decoding and of looking at it: the picture, its upright or mirrored copy, and
# what the decoder holds. libjpeg-turbo has the coefficients of progressive pictures; Pillow has 16 bits for a sample.
_JPEG_BYTES_PER_PIXEL = 9
_OTHER_BYTES_PER_PIXEL = 16


def decoding_bytes(images: Sequence[bytes]) -> int:
    """Bytes that must be free. What cannot be read needs none: decoding refuses it by its header too."""
    return sum(_of_one(image) for image in images)


def _of_one(image: bytes) -> int:
    media_type = media_type_of(image)
    if media_type is None:
        return 0
    try:
        header = read_header(image, media_type)
    except BadHeader:
        return 0
    per_pixel = _JPEG_BYTES_PER_PIXEL if media_type == "image/jpeg" else _OTHER_BYTES_PER_PIXEL
    return header.width * header.height * per_pixel
