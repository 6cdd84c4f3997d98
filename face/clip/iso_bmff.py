"""Boxes of ISO base media files (ISO/IEC 14496-12, 4.2; QuickTime's atoms are the same)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from face.errors import UndecodableClip

# A file begins with one of these; QuickTime's oldest have no ftyp.
_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"}
# A minute at 240 pictures a second, each in a fragment of its own, takes half; what has more was made to keep a reader
# busy.
_MOST_BOXES = 500_000


@dataclass
class BoxFile:
    """The bytes of a file, and how many boxes may still be read of it."""

    data: bytes
    left: int = _MOST_BOXES

    def boxes(self) -> Iterator[Box]:
        """The outermost. Raises UndecodableClip."""
        return _boxes(self, 0, len(self.data))


@dataclass(frozen=True, eq=False)
class Box:
    """One box of a file: its content lies in start:end. at: where the box itself begins."""

    file: BoxFile
    kind: bytes
    at: int
    start: int
    end: int

    def children(self, *, skip: int = 0) -> Iterator[Box]:
        """Boxes inside, after `skip` bytes of the box's own fields."""
        return _boxes(self.file, self.start + skip, self.end)

    def child(self, *path: bytes) -> Box:
        """The first box at `path`. Raises UndecodableClip where there is none."""
        box = self
        for kind in path:
            found = next((inner for inner in box.children() if inner.kind == kind), None)
            if found is None:
                raise damaged(f"it has no {kind.decode('latin-1')} box")
            box = found
        return box

    def unpack(self, form: str, offset: int = 0) -> tuple[int, ...]:
        """Big-endian numbers at `offset` of the content. Raises UndecodableClip where the box is too short."""
        if self.start + offset + struct.calcsize(">" + form) > self.end:
            raise damaged(f"its {self.kind.decode('latin-1')} box is too short")
        return struct.unpack_from(">" + form, self.data, self.start + offset)

    @property
    def data(self) -> bytes:
        """Of the whole file."""
        return self.file.data


def is_iso_bmff(data: bytes) -> bool:
    return data[4:8] in _FIRST_BOXES


def _boxes(file: BoxFile, start: int, end: int) -> Iterator[Box]:
    """Boxes in start:end, one after another. Raises UndecodableClip where one does not fit."""
    data = file.data
    while start < end:
        file.left -= 1
        if file.left < 0:
            raise damaged(f"it has more than {_MOST_BOXES:,} boxes")
        if end - start < 8:
            if any(data[start:end]):  # QuickTime ends some lists with four zero bytes
                raise cut_off(start)
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:  # the size follows in 64 bits
            if end - start < 16:
                raise cut_off(start)
            (size,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif size == 0:  # up to the end
            size = end - start
        if size < head or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            raise damaged(f"at byte {start:,} no box begins where one should")
        if start + size > end:
            raise cut_off(start + size - end, missing=True)
        yield Box(file, kind, start, start + head, start + size)
        start += size


def damaged(reason: str) -> UndecodableClip:
    return UndecodableClip(
        f"The file begins like an MP4 or QuickTime clip but cannot be read: {reason}. "
        "Check that it is complete and plays elsewhere."
    )


def cut_off(count: int, *, missing: bool = False) -> UndecodableClip:
    where = f"at least {count:,} bytes are missing" if missing else f"a box is cut off at byte {count:,}"
    return UndecodableClip(
        f"The clip is cut off: {where}. The recording or the upload was not finished; record or send it again."
    )
