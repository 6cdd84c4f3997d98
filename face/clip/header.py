"""Bytes of a clip -> its header. No picture is decoded here.

By hand, so that limits and the list of codecs hold before a video library sees a byte: FFmpeg opens a JPEG as a video,
takes a file that is cut off without complaint, and starts whatever decoder a track asks for.
"""

from __future__ import annotations

from face.clip.clip_header import ACCEPTED_CLIPS, ClipHeader
from face.clip.ebml import SIGNATURE as EBML_SIGNATURE
from face.clip.iso_bmff import is_iso_bmff
from face.clip.mp4 import read_mp4
from face.clip.webm import read_webm
from face.errors import UndecodableClip, UnsupportedMediaType
from face.image.media_types import ACCEPTED_TYPES, describe_type, media_type_of


def read_clip_header(data: bytes) -> ClipHeader:
    """The header of an MP4, QuickTime or WebM file; the type is decided from the bytes.

    Raises:
        UnsupportedMediaType: another kind of file.
        UnsupportedCodec: its pictures are coded in a way that is not read.
        UndecodableClip: damaged, cut off or without pictures.
    """
    if not data:
        raise UndecodableClip("The file is empty. Send the bytes of a clip.")
    if data.startswith(EBML_SIGNATURE):
        return read_webm(data)
    still = media_type_of(data)
    if still is not None:
        raise UnsupportedMediaType(
            f"The file is a picture, {ACCEPTED_TYPES[still]}, whatever its name says. Send a clip: {ACCEPTED_CLIPS}."
        )
    if is_iso_bmff(data):
        return read_mp4(data)
    raise UnsupportedMediaType(f"The file looks like {describe_type(data)}. Send a clip: {ACCEPTED_CLIPS}.")
