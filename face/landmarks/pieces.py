"""Where a detector looks that sees small faces badly: overlapping squares of a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

# Sides of the pieces of a second and a third search, as fractions of the picture's longer side.
PIECES = (0.5, 0.25)
# In smaller pieces a face would be far below any usable size.
_SMALLEST_PX = 96


def pieces(width: int, height: int, *, side: int) -> Iterator[tuple[int, int]]:
    """(x, y) of the left upper corners of squares of `side` that cover the picture and overlap by half or more, so that
    every face up to half as wide lies whole in one; laid out alike from both ends. None where `side` is too small."""
    if side >= _SMALLEST_PX:
        for y in _starts(height, side):
            for x in _starts(width, side):
                yield x, y


def is_cut(
    low: Sequence[float], high: Sequence[float], *, piece: tuple[int, int], side: int, width: int, height: int
) -> bool:
    """Whether a face that reaches from `low` to `high`, (x, y) in pixels of the picture, is cut off by the piece and
    not by the picture: the neighbouring piece has it whole."""
    x, y = piece
    return bool(low[0] < x > 0 or low[1] < y > 0 or high[0] > x + side < width or high[1] > y + side < height)


def _starts(length: int, side: int) -> list[int]:
    steps = max(0, -(-2 * (length - side) // side))
    return [round(step * (length - side) / steps) for step in range(steps + 1)] if steps else [0]
