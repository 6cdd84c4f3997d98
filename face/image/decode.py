"""Bytes -> upright 8-bit RGB pixels.

The type is decided from the bytes, never from a name or a header field of the request. Limits are checked against the
file's own header before any pixel is decoded, so a small file that would unpack to gigabytes costs nothing. Metadata is
read for the orientation only and then dropped.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from face.errors import EmptyImage, ImageTooLarge, UndecodableImage, UnsupportedMediaType
from face.image.header import BadHeader, ImageHeader, describe_type, media_type_of, read_header

RgbImage = npt.NDArray[np.uint8]

_ACCEPTED = "JPEG, PNG, WebP, BMP or TIFF"


@dataclass(frozen=True)
class ImageLimits:
    """What a photograph may measure at most."""

    max_bytes: int = 10_000_000
    max_pixels: int = 50_000_000
    # MediaPipe ends the whole process on an image side of 32,767 pixels.
    max_side_px: int = 20_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"ImageLimits.{name} must be at least 1, got {value}")
        if self.max_side_px > 32_000:
            raise ValueError(f"ImageLimits.max_side_px must be at most 32000, got {self.max_side_px}")


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """rgb: (H, W, 3) uint8, upright, one pixel for `reduction` x `reduction` of the picture. width, height: of the
    picture as sent, upright. media_type: what the bytes are, for example 'image/jpeg'."""

    rgb: RgbImage
    media_type: str
    width: int
    height: int
    reduction: int


def decode_image(data: bytes, *, limits: ImageLimits | None = None, longer_side_px: int | None = None) -> DecodedImage:
    """Decode one photograph: JPEG, PNG, WebP, BMP or TIFF (the first page).

    longer_side_px: a picture with a longer side of twice as much or more is reduced by 2, 4 or 8, to one that is still
    as long. None: full size.
    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparent pixels lie on white; the EXIF orientation is
    applied.

    Raises:
        EmptyImage: no bytes.
        ImageTooLarge: too many bytes or pixels, or too long a side.
        UnsupportedMediaType: another kind of file.
        UndecodableImage: damaged, cut off, or of a pixel format that is no photograph's.
    """
    limits = limits or ImageLimits()
    if not data:
        raise EmptyImage("The file is empty. Send the bytes of a photograph.")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"The file has {len(data):,} bytes; at most {limits.max_bytes:,} are allowed.")
    media_type = media_type_of(data)
    if media_type is None:
        raise UnsupportedMediaType(f"The file looks like {describe_type(data)}. Send a photograph as {_ACCEPTED}.")
    try:
        header = read_header(data, media_type)
    except BadHeader as error:
        raise _undecodable(media_type, str(error)) from error
    _check_size(header, limits)
    reduction = _reduction(header, longer_side_px)
    if media_type == "image/jpeg" and header.components in (1, 3):
        rgb = _upright(_decode_jpeg(data, header, reduction), header.orientation)
    elif media_type == "image/tiff":
        rgb = _decode_with_pillow(data, header)  # which turns TIFF, and only TIFF, upright itself
    else:
        rgb = _upright(_decode_with_pillow(data, header), header.orientation)
    width, height = _upright_size(header)
    if rgb.shape == (height, width, 3):
        rgb = _reduced(rgb, reduction)
    # Rounded up, as libjpeg does: the last row and column may stand for less than a whole cell.
    elif rgb.shape != (-(-height // reduction), -(-width // reduction), 3):
        raise _undecodable(media_type, "its size differs from what the header says")
    return DecodedImage(rgb=rgb, media_type=media_type, width=width, height=height, reduction=reduction)


def _reduction(header: ImageHeader, longer_side_px: int | None) -> int:
    if longer_side_px is None:
        return 1
    longer = max(header.width, header.height)
    return next((factor for factor in (8, 4, 2) if longer >= factor * longer_side_px), 1)


def _reduced(rgb: RgbImage, reduction: int) -> RgbImage:
    """One pixel for the mean of `reduction` x `reduction`; the edge is repeated where the last cell is not whole."""
    if reduction == 1:
        return rgb
    height, width = (-(-side // reduction) for side in rgb.shape[:2])
    bottom, right = height * reduction - rgb.shape[0], width * reduction - rgb.shape[1]
    if bottom or right:
        rgb = np.asarray(cv2.copyMakeBorder(rgb, 0, bottom, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _check_size(header: ImageHeader, limits: ImageLimits) -> None:
    pixels = header.width * header.height
    if pixels > limits.max_pixels:
        raise ImageTooLarge(
            f"The picture has {header.width} x {header.height} = {pixels:,} pixels; "
            f"at most {limits.max_pixels:,} are allowed."
        )
    if max(header.width, header.height) > limits.max_side_px:
        raise ImageTooLarge(
            f"The picture measures {header.width} x {header.height} pixels; "
            f"its sides may have at most {limits.max_side_px:,}."
        )


def _undecodable(media_type: str, reason: str) -> UndecodableImage:
    kind = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP", "image/bmp": "BMP", "image/tiff": "TIFF"}
    return UndecodableImage(
        f"The file begins like {kind[media_type]} but cannot be decoded: {reason}. "
        "Check that it is complete and opens elsewhere."
    )


def _decode_jpeg(data: bytes, header: ImageHeader, reduction: int) -> RgbImage:
    # libjpeg leaves the finer cosines out. The least size that still asks for this reduction and no more of it.
    least = {
        "min_height": -(-header.height // reduction),
        "min_width": -(-header.width // reduction),
        "min_factor": reduction,
    }
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True, **least))
    except ValueError as error:
        reason = str(error)
    # Strict decoding also stumbles over stray bytes that every viewer skips. A cut file is refused: its lower part
    # would be grey.
    if "remature end" in reason:
        raise _undecodable(header.media_type, "it is cut off")
    if "extraneous bytes" not in reason:
        raise _undecodable(header.media_type, "its compressed data are damaged")
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colorspace="RGB", strict=False, **least))
    except ValueError as error:
        raise _undecodable(header.media_type, "its compressed data are damaged") from error


_PILLOW_READERS: dict[str, type[ImageFile.ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
    "image/bmp": BmpImageFile,
    "image/tiff": TiffImageFile,
}


def _decode_with_pillow(data: bytes, header: ImageHeader) -> RgbImage:
    # The reader is called directly: Image.open would try other formats, and it has a pixel limit of its own, kept in a
    # global and announced by a warning. The size is compared before load(), so that no more is unpacked than the header
    # was checked for.
    try:
        with _PILLOW_READERS[header.media_type](io.BytesIO(data)) as image:
            if image.size not in ((header.width, header.height), _upright_size(header)):
                raise _undecodable(header.media_type, "its size differs from what the header says")
            image.load()
            return _to_rgb(image, header)
    except UndecodableImage:
        raise
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's readers raise whatever damaged bytes lead to: OSError, SyntaxError, ValueError, struct.error,
        # zlib.error, KeyError...
        raise _undecodable(header.media_type, "its data are damaged, cut off or of an unknown kind") from error


def _to_rgb(image: Image.Image, header: ImageHeader) -> RgbImage:
    if image.mode.startswith("I;16"):
        grey16 = np.asarray(image).astype(np.uint32)
        grey = ((grey16 + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise _undecodable(header.media_type, "it has 32 bits per pixel value; save it with 8 or 16")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, rgba)
    return np.array(image.convert("RGB"))


def _upright_size(header: ImageHeader) -> tuple[int, int]:
    """(width, height) once the orientation is applied."""
    return (header.height, header.width) if header.orientation >= 5 else (header.width, header.height)


def _upright(rgb: RgbImage, orientation: int) -> RgbImage:
    """Undo the camera's orientation (EXIF 2.32, tag 0x0112): 2-4 keep the sides, 5-8 swap them."""
    if orientation >= 5:
        rgb = rgb.transpose(1, 0, 2)
    # After the transposition 6 (turn clockwise) lacks a horizontal flip and 8 a vertical one.
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
