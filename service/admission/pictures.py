"""How many pictures a request asks to be looked at, before any of it is parsed."""

from __future__ import annotations

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers


def pictures_in(headers: Headers, body: bytes) -> int:
    """Parts of a multipart body, at least 1: an examination costs as much as its pictures, and counts as them."""
    content_type, options = parse_options_header(headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if content_type != b"multipart/form-data" or not boundary:
        return 1
    # Each part begins with the delimiter, and one more ends the body.
    return max(1, body.count(b"--" + boundary) - 1)
