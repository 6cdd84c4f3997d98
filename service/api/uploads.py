"""The body of an analysing request -> the images in it, in memory only.

The parser is Starlette's, with the refusals that it lacks. `Request.form()` writes large parts to temporary files;
photographs never touch a disk here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.errors import RequestError

IMAGE_MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff")


async def read_images(request: Request, fields: Sequence[str]) -> dict[str, bytes]:
    """The image of each field. The size of the body is limited before this by the admission middleware.

    multipart/form-data has exactly these fields, each once. Where there is one field only, the body may be the image
    itself (Content-Type image/... or application/octet-stream).
    Raises RequestError: invalid-request for what is no multipart body, invalid-parameters for wrong fields,
    unsupported-media-type for another kind of body.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    if content_type == b"multipart/form-data":
        return _check_fields(await _read_parts(request, options.get(b"boundary", b""), limit=len(fields)), fields)
    kind = content_type.decode("latin-1")
    if len(fields) == 1 and (kind.startswith("image/") or kind in ("application/octet-stream", "")):
        return {fields[0]: await request.body()}
    raise RequestError(
        "unsupported-media-type",
        f"Send multipart/form-data with the {_named(fields)}"
        + (", or the image itself with a Content-Type such as image/jpeg." if len(fields) == 1 else "."),
    )


def multipart_schema(fields: dict[str, str]) -> dict[str, Any]:
    """`openapi_extra` of a route: the request body with these fields and their descriptions."""
    form = {
        "type": "object",
        "required": list(fields),
        "additionalProperties": False,
        "properties": {
            name: {"type": "string", "format": "binary", "description": description}
            for name, description in fields.items()
        },
    }
    content: dict[str, Any] = {
        "multipart/form-data": {
            "schema": form,
            "encoding": {name: {"contentType": ", ".join(IMAGE_MEDIA_TYPES)} for name in fields},
        }
    }
    if len(fields) == 1:
        for media_type in IMAGE_MEDIA_TYPES:
            content[media_type] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


def _named(fields: Sequence[str]) -> str:
    return ("field " if len(fields) == 1 else "fields ") + " and ".join(repr(field) for field in fields)


def _check_fields(parts: list[tuple[str, bytes]], fields: Sequence[str]) -> dict[str, bytes]:
    wanted = _named(fields)
    images: dict[str, bytes] = {}
    for name, data in parts:
        if name not in fields:
            raise RequestError("invalid-parameters", f"There is a field that is not known here; send the {wanted}.")
        if name in images:
            raise RequestError("invalid-parameters", f"The field {name!r} came twice; send the {wanted} once.")
        images[name] = data
    missing = [field for field in fields if field not in images]
    if missing:
        raise RequestError("invalid-parameters", f"The field {missing[0]!r} is missing; send the {wanted}.")
    return images


class _Parser(MultiPartParser):
    """Starlette's parser with three refusals of ours: too many parts, a part without a name, a body that is cut off."""

    spool_max_size = 0  # of a part in memory: without a limit, so that none is moved to a file

    def __init__(self, request: Request, boundary: str, *, limit: int) -> None:
        # A part without a file name is text to Starlette; as latin-1, text keeps every byte of an image.
        headers = Headers({"content-type": f'multipart/form-data; boundary="{boundary}"; charset=latin-1'})
        super().__init__(
            headers, self._whole(request.stream()), max_files=math.inf, max_fields=math.inf, max_part_size=sys.maxsize
        )
        self._limit = limit
        self._ended = False

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._ended:
            raise RequestError("invalid-request", "The multipart body is cut off: its closing boundary is missing.")

    def on_part_begin(self) -> None:
        super().on_part_begin()
        if len(self.items) > self._limit:
            raise RequestError("invalid-parameters", f"There are more than {self._limit} fields in the body.")

    def on_headers_finished(self) -> None:
        try:
            super().on_headers_finished()
        except MultiPartException as error:
            raise RequestError("invalid-request", "A part of the multipart body has no field name.") from error

    def on_end(self) -> None:
        self._ended = True


async def _read_parts(request: Request, boundary: bytes, *, limit: int) -> list[tuple[str, bytes]]:
    """(field name, content) of each part. More than limit + 1 parts are not even collected."""
    invalid = RequestError("invalid-request", "The body is not valid multipart/form-data.")
    # RFC 2046 knows no boundary with a quote or a backslash.
    if not boundary or b'"' in boundary or b"\\" in boundary:
        raise invalid
    try:
        form = await _Parser(request, boundary.decode("latin-1"), limit=limit).parse()
    except MultiPartException as error:
        raise invalid from error
    try:
        return [
            (name, await part.read() if isinstance(part, UploadFile) else part.encode("latin-1"))
            for name, part in form.multi_items()
        ]
    finally:
        await form.close()
