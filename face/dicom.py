"""A DICOM file -> the photograph in it, as a picture file that the decoder reads.

Encapsulated JPEG is handed over as it is; uncompressed pixels become a bitmap. Only what describes the pixels is kept:
no name, no date and no other identifying element is looked at. Sources: DICOM PS3.5 (encoding), PS3.6 (UIDs).
"""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset
from pydicom.pixels.utils import pixel_array
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from face.errors import UndecodableImage, UnsupportedMediaType
from face.image.media_types import is_dicom

# The file's elements begin behind a preamble and this mark, in old files at once.
_PREAMBLE_BYTES, _MARK = 128, b"DICM"

PHOTOGRAPHS = {
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image",
}
_TRANSFER_SYNTAXES = {str(uid) for uid in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit)}
_COLOURS = {"RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "MONOCHROME1": 1, "MONOCHROME2": 1}
_META_GROUP, _PIXEL_DATA = 0x0002, 0x7FE00010
# SOP class, what describes the pixels, and the pixels.
_ELEMENTS: tuple[BaseTag | int, ...] = (
    0x00080016, 0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101,
    0x00280102, 0x00280103, _PIXEL_DATA,
)  # fmt: skip
_ACCEPTED = "Send a VL Photographic Image or a Secondary Capture, as JPEG Baseline or uncompressed with 8 bits"

# Photographs have a few hundred; ten megabytes of empty sequence items keep pydicom busy for twenty seconds.
_READS_MAX = 50_000

# pydicom warns of values that are not as they should be, and quotes them.
config.settings.reading_validation_mode = config.IGNORE


def picture_in(data: bytes) -> bytes:
    """The picture in a DICOM file, as JPEG or BMP; any other file as it is.

    Raises UnsupportedMediaType for another SOP class, transfer syntax, pixel format or more than one frame, and
    UndecodableImage for a file that is damaged.
    """
    if not is_dicom(data):
        return data
    try:
        return _picture(data)
    except (UnsupportedMediaType, UndecodableImage, MemoryError):
        raise
    except Exception as error:
        # pydicom's readers raise whatever damaged bytes lead to: EOFError, KeyError, ValueError, RecursionError...
        raise UndecodableImage("The DICOM file is damaged or cut off. Check that it opens elsewhere.") from error


class _BoundedFile(io.BytesIO):
    """Ends the reading of a file that has more elements than a photograph can have."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > _READS_MAX:
            raise UndecodableImage("The DICOM file has far more elements than a photograph; export it anew.")
        return super().read(size)


def _picture(data: bytes) -> bytes:
    file = _BoundedFile(data)
    if data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MARK)] == _MARK:
        file.seek(_PREAMBLE_BYTES + len(_MARK))
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != _META_GROUP)
    syntax = _uid(meta.get("TransferSyntaxUID"))
    if syntax not in _TRANSFER_SYNTAXES:
        raise UnsupportedMediaType(f"The DICOM file has the transfer syntax {_named(syntax)}. {_ACCEPTED}.")
    image = read_dataset(file, syntax == ImplicitVRLittleEndian, True, specific_tags=list(_ELEMENTS))
    sop_class = _uid(image.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID"))
    if sop_class not in PHOTOGRAPHS:
        raise UnsupportedMediaType(f"The DICOM file is of the SOP class {_named(sop_class)}. {_ACCEPTED}.")
    frames = int(image.get("NumberOfFrames") or 1)
    if frames != 1:
        raise UnsupportedMediaType(f"The DICOM file has {frames} frames; send one picture in each file.")
    if "PixelData" not in image:
        raise UndecodableImage("The DICOM file has no pixels: it is cut off, or was sent without them.")
    if syntax == JPEGBaseline8Bit:
        (jpeg,) = generate_frames(image.PixelData, number_of_frames=1)
        return jpeg
    return _bitmap(image, syntax)


def _bitmap(image: Dataset, syntax: str) -> bytes:
    colour = str(image.PhotometricInterpretation)
    if _COLOURS.get(colour) != image.SamplesPerPixel or (image.BitsAllocated, image.BitsStored) != (8, 8):
        raise UnsupportedMediaType(
            f"The DICOM file has uncompressed pixels of a kind that is not read here: {_word(colour)}, "
            f"{image.SamplesPerPixel} values of {image.BitsStored} bits. {_ACCEPTED}."
        )
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = UID(syntax)
    pixels = np.asarray(pixel_array(image), dtype=np.uint8)  # RGB, also from YBR
    if colour == "MONOCHROME1":
        pixels = 255 - pixels
    done, bitmap = cv2.imencode(".bmp", pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    if not done:
        raise UndecodableImage("The DICOM file's pixels cannot be read.")
    return bitmap.tobytes()


def _uid(value: object) -> str:
    return "" if value is None else str(value)


def _named(uid: str) -> str:
    """What a UID stands for; nothing else of the file is quoted, whatever stands in the UID's place."""
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        return "without a valid UID"
    name = UID(uid).name
    return uid if name == uid else f"{uid} ({name})"


def _word(text: str) -> str:
    return text if re.fullmatch(r"[A-Z0-9_]{1,16}", text) else "an unknown colour"
