"""How many pictures a request asks to be looked at, before any of it is parsed."""

from __future__ import annotations

from collections.abc import Iterable

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers


def pictures_in(headers: Headers, body: Iterable[bytes]) -> int:
    """Parts of a multipart body, at least 1: an examination costs as much as its pictures, and counts as them."""
    content_type, options = parse_options_header(headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if content_type != b"multipart/form-data" or not boundary:
        return 1
    delimiter, count, tail = b"--" + boundary, 0, b""
    reach = len(delimiter) - 1
    for piece in body:
        # One may lie across pieces; neither of the two ends that meet can hold a whole one.
        count += piece.count(delimiter) + (tail + piece[:reach]).count(delimiter)
        tail = (tail + piece[-reach:])[-reach:]
    # Each part begins with the delimiter, and one more ends the body.
    return max(1, count - 1)
