"""What a photograph may measure and what decoding it may take."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from face.errors import ImageTooLarge

# Bytes that decoding takes at most -> a context that holds them.
Reserve = Callable[[int], AbstractContextManager[None]]


def hold_nothing(_: int) -> AbstractContextManager[None]:
    """Where memory is not counted."""
    return nullcontext()


@dataclass(frozen=True)
class ImageLimits:
    """max_decoding_bytes: memory that decoding one picture may take. A JPEG is decoded at the scale that a face needs
    and takes little however large it is, unless it is progressive; the other types are decoded whole."""

    max_bytes: int = 10_000_000
    max_pixels: int = 130_000_000
    # MediaPipe, where it is the engine, ends the whole process on an image side of 32,767 pixels.
    max_side_px: int = 20_000
    max_decoding_bytes: int = 500_000_000

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"ImageLimits.{name} must be at least 1, got {value}")
        if self.max_side_px > 32_000:
            raise ValueError(f"ImageLimits.max_side_px must be at most 32000, got {self.max_side_px}")

    def check_size(self, width: int, height: int) -> None:
        """Raises ImageTooLarge."""
        if width * height > self.max_pixels:
            raise ImageTooLarge(
                f"The picture has {width} x {height} = {width * height:,} pixels; "
                f"at most {self.max_pixels:,} are allowed. Send it smaller, or cropped to the face."
            )
        if max(width, height) > self.max_side_px:
            raise ImageTooLarge(
                f"The picture measures {width} x {height} pixels; its sides may have at most {self.max_side_px:,}. "
                "Send it smaller, or cropped to the face."
            )

    def check_memory(self, width: int, height: int, needed: int, *, kind: str) -> None:
        """Raises ImageTooLarge."""
        if needed > self.max_decoding_bytes:
            raise ImageTooLarge(
                f"Decoding this {kind} of {width} x {height} pixels would take {needed // 1_000_000:,} MB; at most "
                f"{self.max_decoding_bytes // 1_000_000:,} are allowed. Send a baseline JPEG, which is decoded at a "
                "reduced scale, or make the picture smaller: a face needs no more than 4,000 pixels."
            )
