"""Bytes -> upright 8-bit sRGB pixels, at the scale that is needed.

The type is decided from the bytes, never from a name or a header field of the request. Limits are checked against the
file's own header before any pixel is decoded, so a small file that would unpack to gigabytes costs nothing. Of the
metadata orientation and colour profile are used, nothing is kept.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from face.errors import EmptyImage, ImageTooLarge, UndecodableImage, UnsupportedMediaType
from face.image.colour import array_to_srgb, image_to_srgb
from face.image.header import ImageHeader, read_header
from face.image.heic import HEIC_IS_READ, HOW_TO_SEND_JPEG, open_heic
from face.image.jpeg import repaired
from face.image.limits import ImageLimits, Reserve, hold_nothing
from face.image.media_types import ACCEPTED_TYPES, accepted_names, describe_type, media_type_of
from face.image.png import pixels_only
from face.image.tiff import BadHeader

RgbImage = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """rgb: (H, W, 3) uint8, upright, one pixel for `reduction` x `reduction` of the picture. width, height: of the
    picture as sent, upright. media_type: what the bytes are, for example 'image/jpeg'."""

    rgb: RgbImage
    media_type: str
    width: int
    height: int
    reduction: int


def decode_image(
    data: bytes,
    *,
    limits: ImageLimits | None = None,
    longer_side_px: int | None = None,
    reserve: Reserve = hold_nothing,
) -> DecodedImage:
    """Decode one photograph of one of the ACCEPTED_TYPES; of several pages or frames the first.

    Grey, palette, CMYK and 16-bit pictures become 8-bit sRGB, by their colour profile where they have one; transparent
    pixels lie on white; the orientation that the file states is applied.

    longer_side_px: a picture with a longer side of twice as much or more is reduced by 2, 4 or 8, to one that is still
    as long, or to a smaller one where that would take more memory than decoding may. None: full size. reserve: is asked
    for the memory before any pixel is decoded.

    Raises:
        EmptyImage: no bytes.
        ImageTooLarge: too many bytes or pixels, too long a side, or more memory than decoding may take.
        UnsupportedMediaType: another kind of file.
        UndecodableImage: damaged, cut off, or of a pixel format that is no photograph's.
    """
    limits = limits or ImageLimits()
    if not data:
        raise EmptyImage("The file is empty. Send the bytes of a photograph.")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"The file has {len(data):,} bytes; at most {limits.max_bytes:,} are allowed. Save it smaller."
        )
    media_type = media_type_of(data)
    if media_type is None:
        said = describe_type(data)
        raise UnsupportedMediaType(
            f"The file looks like {said}. Send a photograph as {accepted_names(heic=HEIC_IS_READ)}."
        )
    if media_type == "image/heic" and not HEIC_IS_READ:
        raise UnsupportedMediaType(f"The file is a HEIC image, which is not read here. {HOW_TO_SEND_JPEG}")
    try:
        header = read_header(data, media_type) or _library_header(data, media_type)
    except BadHeader as error:
        raise _undecodable(media_type, str(error)) from error
    limits.check_size(header.width, header.height)
    reduction = _reduction(header, longer_side_px, limits)
    needed = _decoding_bytes(header, reduction)
    limits.check_memory(header.width, header.height, needed, kind=ACCEPTED_TYPES[media_type])
    with reserve(needed):
        rgb = _decode(data, header, reduction)
    width, height = header.upright_size
    if rgb.shape != (-(-height // reduction), -(-width // reduction), 3):
        raise _undecodable(media_type, "its size differs from what the header says")
    return DecodedImage(rgb=rgb, media_type=media_type, width=width, height=height, reduction=reduction)


def _reduction(header: ImageHeader, longer_side_px: int | None, limits: ImageLimits) -> int:
    """The one that is asked for; where that takes more memory than is allowed, the next one that does not."""
    if longer_side_px is None:
        return 1
    longer = max(header.width, header.height)
    wished = next((factor for factor in (8, 4, 2) if longer >= factor * longer_side_px), 1)
    return next(
        (
            factor
            for factor in (1, 2, 4, 8)
            if factor >= wished and _decoding_bytes(header, factor) <= limits.max_decoding_bytes
        ),
        wished,
    )


def _decoding_bytes(header: ImageHeader, reduction: int) -> int:
    """Memory that decoding takes at most, beside the file itself (tests/bench/decoding_memory.py measures it)."""
    reduced = header.width * header.height / reduction**2
    if header.jpeg is None:
        copies = 10  # with transparency, without, in other colours, turned
    else:
        copies = max(3, header.jpeg.components) + 3 * (header.jpeg.components == 4) + 3 * (header.orientation != 1)
    return int(header.held_bytes + reduced * copies) + _WORKING_BYTES


def _decode(data: bytes, header: ImageHeader, reduction: int) -> RgbImage:
    if header.jpeg is not None:
        rgb = array_to_srgb(_decode_jpeg(data, header, reduction), header.profile)
    else:
        rgb = _decode_with_pillow(data, header, reduction)
        if header.media_type == "image/tiff":  # which Pillow, of all types, has turned upright itself
            return rgb
    return _upright(rgb, header.orientation)


def _undecodable(media_type: str, reason: str) -> UndecodableImage:
    cure = {"image/heic": HOW_TO_SEND_JPEG, "image/avif": "Or convert it to JPEG."}.get(media_type, "")
    return UndecodableImage(
        f"The file begins like {ACCEPTED_TYPES[media_type]} but cannot be decoded: {reason}. "
        f"Check that it is complete and opens elsewhere. {cure}".rstrip()
    )


def _decode_jpeg(data: bytes, header: ImageHeader, reduction: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) RGB or (H, W, 4) CMYK."""
    cmyk = header.jpeg is not None and header.jpeg.components == 4

    def decode(file: bytes, *, strict: bool) -> npt.NDArray[np.uint8]:
        # libjpeg leaves the finer cosines out. The least size that still asks for this reduction and no more of it.
        pixels: npt.NDArray[np.uint8] = np.asarray(
            simplejpeg.decode_jpeg(
                file,
                colorspace="CMYK" if cmyk else "RGB",
                min_height=-(-header.height // reduction),
                min_width=-(-header.width // reduction),
                min_factor=reduction,
                strict=strict,
            )
        )
        # Ink is stored the other way round, by every program, since Adobe's did.
        return np.subtract(255, pixels, out=pixels) if cmyk else pixels

    try:
        return decode(data, strict=True)
    except ValueError:
        pass
    # Strict decoding stumbles over faults that hide no pixel too. Of what is left without them it accepts no fault: a
    # file that is really cut would be grey in its lower part.
    try:
        mended, whole = repaired(data)
    except (BadHeader, IndexError) as error:
        raise _undecodable(header.media_type, "it is cut off") from error
    if not whole:
        raise _undecodable(header.media_type, "it is cut off")
    try:
        return decode(mended, strict=True)
    except ValueError as error:
        reason = str(error)
    if _BEFORE_RESTART.search(reason):
        mended, _ = repaired(data, padded=True)
        try:
            return decode(mended, strict=True)
        except ValueError as error:
            reason = str(error)
    # The decoder tells its first complaint only. This one comes when all pixels are there and a trailer follows, as
    # phones write it behind a picture that moves.
    if reason.endswith("extraneous bytes before marker 0xd9"):
        with suppress(ValueError):
            return decode(mended, strict=False)
    cut = "remature end" in reason or not data.rstrip(b"\x00").endswith(b"\xff\xd9")
    raise _undecodable(header.media_type, "it is cut off" if cut else "its compressed data are damaged")


# What the decoder says of bytes that an interval has too many.
_BEFORE_RESTART = re.compile(r"extraneous bytes before marker 0xd[0-7]")
# libjpeg's and Pillow's rows in work, a band of colour conversion, the copy of a PNG that is cleaned.
_WORKING_BYTES = 6_000_000
# What the library holds of each pixel of the whole picture, where it reads the header too.
_LIBRARY_BYTES_PER_PIXEL = {"image/gif": 10.0, "image/jp2": 25.0, "image/avif": 13.0, "image/heic": 8.5}
_PILLOW_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
    "image/bmp": BmpImageFile,
    "image/tiff": TiffImageFile,
    "image/gif": GifImageFile,
    "image/jp2": Jpeg2KImageFile,
    "image/avif": AvifImageFile,
    "image/heic": open_heic,
}


def _library_header(data: bytes, media_type: str) -> ImageHeader:
    """Size and orientation as the type's library reads them, which decodes no pixel for it."""
    try:
        with _PILLOW_READERS[media_type](io.BytesIO(data)) as image:
            # HEIC's own turn is applied by its library, and its EXIF copy of it must not be applied again.
            orientation = 1 if media_type == "image/heic" else int(image.getexif().get(0x0112, 1))
            held = image.width * image.height * _LIBRARY_BYTES_PER_PIXEL[media_type]
            header = ImageHeader(media_type, *image.size, held_bytes=held)
            return replace(header, orientation=orientation) if 1 <= orientation <= 8 else header
    except MemoryError:
        raise
    except Exception as error:
        raise BadHeader("its header is damaged or cut off") from error


def _decode_with_pillow(data: bytes, header: ImageHeader, reduction: int) -> RgbImage:
    # The reader is called directly: Image.open would try other formats, and it has a pixel limit of its own, kept in a
    # global and announced by a warning. The size is compared before load(), so that no more is unpacked than the header
    # was checked for.
    if header.media_type == "image/png":
        data = pixels_only(data)
    try:
        with _PILLOW_READERS[header.media_type](io.BytesIO(data)) as image:
            if image.size not in ((header.width, header.height), header.upright_size):
                raise _undecodable(header.media_type, "its size differs from what the header says")
            image.load()
            return _to_rgb(image, header, reduction)
    except (UndecodableImage, MemoryError):
        raise
    except Exception as error:
        # Pillow's readers raise whatever damaged bytes lead to: OSError, SyntaxError, ValueError, struct.error,
        # zlib.error, KeyError...
        raise _undecodable(header.media_type, "its data are damaged, cut off or of an unknown kind") from error


def _to_rgb(image: Image.Image, header: ImageHeader, reduction: int) -> RgbImage:
    # Reduced as soon as the pixels may be averaged: what comes then is done on the smaller picture.
    small: Image.Image = image
    if image.mode.startswith("I;16"):
        small = Image.fromarray(_eight_bits(image, header))
    elif image.mode in ("I", "F"):
        raise _undecodable(header.media_type, "it has 32 bits per pixel value; save it with 8 or 16")
    elif header.media_type == "image/bmp" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        small = image.convert("RGB")  # programs write the fourth byte of a pixel as zero and mean nothing by it
    elif image.mode == "PA" or (image.mode not in ("RGBA", "LA") and "transparency" in image.info):
        small = image.convert("RGBA")
    elif image.mode not in ("RGB", "L", "CMYK", "RGBA", "LA", "RGBa", "La", "LAB"):
        small = image.convert("L" if image.mode == "1" else "RGB")
    if reduction > 1:
        small = Image.Image.reduce(small, reduction)
    if small.mode in ("RGBa", "La"):
        small = small.convert(small.mode.upper())
    profile = header.profile or image.info.get("icc_profile")
    if small.mode not in ("RGBA", "LA"):
        return image_to_srgb(small, profile, gamma=header.gamma)
    alpha = small.getchannel("A")
    opaque = image_to_srgb(small.convert("RGB" if small.mode == "RGBA" else "L"), profile, gamma=header.gamma)
    white = Image.new("RGB", small.size, (255, 255, 255))
    white.paste(Image.fromarray(opaque), mask=alpha)
    return np.array(white)


def _eight_bits(image: Image.Image, header: ImageHeader) -> npt.NDArray[np.uint8]:
    """(H, W) of grey with 16 bits, or with 12 in 16. Only TIFFs have those, or have white as zero."""
    grey = np.asarray(image)
    shift = header.bits - 8 if 8 < header.bits < 16 else 8
    eight = (grey >> shift).astype(np.uint8)
    return 255 - eight if header.white_is_zero else eight


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
