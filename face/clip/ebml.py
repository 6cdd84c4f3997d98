"""Elements of Matroska and WebM files (EBML, RFC 8794)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from face.errors import UndecodableClip

SIGNATURE = b"\x1a\x45\xdf\xa3"
# A minute of a telephone's clip with sound has under ten thousand.
_MOST_ELEMENTS = 500_000


@dataclass
class EbmlFile:
    """The bytes of a file, and how many elements may still be read of it."""

    data: bytes
    left: int = _MOST_ELEMENTS

    def elements(self, start: int, end: int) -> Iterator[Element]:
        """Elements in start:end, one after another. Raises UndecodableClip where one does not fit."""
        while start < end:
            self.left -= 1
            if self.left < 0:
                raise damaged(f"it has more than {_MOST_ELEMENTS:,} elements")
            kind, after_kind = _variable_length(self.data, start, end, keep_marker=True)
            size, content = _variable_length(self.data, after_kind, end, keep_marker=False)
            open_ended = size == (1 << 7 * (content - after_kind)) - 1
            stop = end if open_ended else content + size
            if stop > end:
                raise cut_off(stop - end)
            yield Element(self, kind, start, content, stop, open_ended)
            start = stop


@dataclass(frozen=True, eq=False)
class Element:
    """One element of a file: its content lies in start:end. at: where the element itself begins. open_ended: its size
    was not known when it was begun, and `end` is that of what it lies in."""

    file: EbmlFile
    kind: int
    at: int
    start: int
    end: int
    open_ended: bool

    @property
    def data(self) -> bytes:
        """Of the whole file."""
        return self.file.data

    def children(self) -> Iterator[Element]:
        return self.file.elements(self.start, self.end)

    def child(self, kind: int) -> Element | None:
        return next((element for element in self.children() if element.kind == kind), None)

    def unsigned(self) -> int:
        """Raises UndecodableClip for more than eight bytes."""
        if self.end - self.start > 8:
            raise damaged(f"a number has {self.end - self.start:,} bytes")
        return int.from_bytes(self.data[self.start : self.end], "big")

    def real(self) -> float:
        form = {4: ">f", 8: ">d"}.get(self.end - self.start)
        return float(struct.unpack_from(form, self.data, self.start)[0]) if form else 0.0

    def text(self) -> str:
        return self.data[self.start : min(self.end, self.start + 64)].rstrip(b"\0").decode("latin-1")


def _variable_length(data: bytes, at: int, end: int, *, keep_marker: bool) -> tuple[int, int]:
    """RFC 8794, 4: a number whose first bits say its length; and where it ends."""
    first = data[at] if at < end else 0
    length = 9 - first.bit_length()
    if first == 0 or (keep_marker and length > 4):
        if at >= end:
            raise cut_off(1)
        raise damaged(f"at byte {at:,} no element begins where one should")
    if at + length > end:
        raise cut_off(at + length - end)
    value = int.from_bytes(data[at : at + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), at + length


def damaged(reason: str) -> UndecodableClip:
    return UndecodableClip(
        f"The file begins like a WebM clip but cannot be read: {reason}. Check that it is complete and plays elsewhere."
    )


def cut_off(missing: int) -> UndecodableClip:
    return UndecodableClip(
        f"The clip is cut off: at least {missing:,} bytes are missing. "
        "The recording or the upload was not finished; record or send it again."
    )
