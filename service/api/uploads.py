"""The body of an analysing request -> the images in it, in memory only.

By hand on python-multipart's callbacks, as Starlette's form parser is: that one moves large parts to temporary files,
guesses at the text of a part without a file name, and takes a body that is cut off. With all that put right it is no
shorter than this and copies every image once more.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from face.image.media_types import ACCEPTED_TYPES
from service.api.errors import RequestError
from service.api.query import query_names

CLIP_MEDIA_TYPES = ("video/mp4", "video/quicktime", "video/webm")
IMAGE_MEDIA_TYPES = (*ACCEPTED_TYPES, "application/dicom")
_FORM = "multipart/form-data"
# How a body came to be of another kind, and what to do.
_CAUSES = {
    "application/x-www-form-urlencoded": (
        "curl's -d and --data-binary call every body application/x-www-form-urlencoded: use -F 'image=@photo.jpg'."
    ),
    "application/json": "No JSON is read, and no base64 in it.",
}
# What clients and stores call bytes of which they know nothing else.
_JUST_BYTES = ("application/octet-stream", "binary/octet-stream", "")
# Text that a mail program may put before the first part (RFC 2046, 5.1.1).
_LONGEST_PREAMBLE = 65_536


async def read_images(request: Request, fields: Sequence[str], *, optional: Sequence[str] = ()) -> dict[str, bytes]:
    """The image of each field, and the content of those optional ones that came. The size of the body is limited before
    this by the admission middleware.

    multipart/form-data has exactly these fields, each once. Where one is needed only, the body may be the image itself
    (Content-Type image/..., application/dicom or application/octet-stream).
    Raises RequestError: invalid-request for what is no multipart body, invalid-parameters for wrong fields,
    unsupported-media-type for another kind of body.
    """
    kind, boundary = _kind_of_body(request)
    if kind == _FORM:
        parts = await _read_parts(request.stream(), boundary, limit=len(fields) + len(optional))
        return _check_fields(request, parts, fields, optional)
    if len(fields) == 1 and (kind.startswith("image/") or kind in (*IMAGE_MEDIA_TYPES, *_JUST_BYTES)):
        return {fields[0]: await request.body()}
    alone = ", or the image itself with a Content-Type such as image/jpeg" if len(fields) == 1 else ""
    raise _other_kind(kind, f"the {_named(fields)}{alone}")


async def read_clip(request: Request, field: str) -> bytes:
    """The clip of the only field, or the body itself (Content-Type video/... or application/octet-stream).

    Raises as `read_images`.
    """
    kind, boundary = _kind_of_body(request)
    if kind == _FORM:
        return _check_fields(request, await _read_parts(request.stream(), boundary, limit=1), [field])[field]
    if kind.startswith("video/") or kind in _JUST_BYTES:
        # Not `request.body()`, which keeps it for as long as the request lives.
        return b"".join([piece async for piece in request.stream()])
    raise _other_kind(kind, f"the field {field!r}, or the clip itself with a Content-Type such as video/mp4")


def _kind_of_body(request: Request) -> tuple[str, bytes]:
    """(media type, boundary of a form). Raises RequestError for a compressed body and for a form without boundary."""
    packed = request.headers.get("content-encoding", "").strip().lower()
    if packed not in ("", "identity"):
        raise RequestError(
            "unsupported-media-type",
            f"The body is compressed (Content-Encoding: {packed}). Send it as it is; pictures gain nothing from it.",
        )
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    kind, boundary = content_type.decode("latin-1"), options.get(b"boundary", b"")
    if kind == _FORM and not boundary:
        raise RequestError(
            "invalid-request",
            "The Content-Type multipart/form-data names no boundary. Let your HTTP library set this header: it "
            "knows the boundary that it has put between the fields.",
        )
    return kind, boundary


def _other_kind(kind: str, wanted: str) -> RequestError:
    return RequestError(
        "unsupported-media-type", f"Send multipart/form-data with {wanted}. {_CAUSES.get(kind, '')}".rstrip()
    )


async def read_some_images(
    request: Request, fields: Sequence[str], *, repeated: str, most: int
) -> tuple[dict[str, bytes], list[bytes]]:
    """-> (the images of those fields that came, each once; those of the field `repeated`, which may come several
    times).

    Raises as `read_images`; also invalid-parameters for no image at all, and for more than `most`.
    """
    kind, boundary = _kind_of_body(request)
    known = f"one or more of the fields {', '.join(fields)}, or {repeated} several times"
    if kind != _FORM:
        raise _other_kind(kind, known)
    named: dict[str, bytes] = {}
    unnamed: list[bytes] = []
    for name, data in await _read_parts(request.stream(), boundary, limit=most):
        if name == repeated:
            unnamed.append(data)
        elif name not in fields:
            raise _unknown_field(request, name, (*fields, repeated), known)
        elif name in named:
            raise RequestError(
                "invalid-parameters", f"The field {name!r} came twice; only {repeated!r} may come more than once."
            )
        else:
            named[name] = data
    if len(named) + len(unnamed) > most:
        raise RequestError("invalid-parameters", f"There are more than {most} pictures in the body.")
    if not named and not unnamed:
        raise RequestError("invalid-parameters", f"There is no picture in the body; send {known}.")
    return named, unnamed


def multipart_schema(
    fields: dict[str, str],
    *,
    repeated: dict[str, str] | None = None,
    media_types: Sequence[str] = IMAGE_MEDIA_TYPES,
    json_fields: dict[str, tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """`openapi_extra` of a route: the request body with these fields and their descriptions.

    repeated: images that may come several times; where there are any, no field is required. json_fields: fields that
    may come besides, with the name of their schema and their description. media_types: of `fields`.
    """
    properties: dict[str, Any] = {
        name: {"type": "string", "format": "binary", "description": description} for name, description in fields.items()
    }
    for name, description in (repeated or {}).items():
        properties[name] = {
            "type": "array", "items": {"type": "string", "format": "binary"}, "description": description
        }  # fmt: skip
    form: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    for name, (schema, description) in (json_fields or {}).items():
        properties[name] = {
            "allOf": [{"$ref": f"#/components/schemas/{schema}"}], "description": description
        }  # fmt: skip
    if repeated is None:
        form["required"] = list(fields)
    content: dict[str, Any] = {
        "multipart/form-data": {
            "schema": form,
            "encoding": {
                name: {"contentType": ", ".join(media_types if name in fields else IMAGE_MEDIA_TYPES)}
                for name in properties
                if name not in (json_fields or {})
            }
            | {name: {"contentType": "application/json"} for name in json_fields or {}},
        }
    }
    if len(fields) == 1:
        for media_type in media_types:
            content[media_type] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


def _named(fields: Sequence[str]) -> str:
    return ("field " if len(fields) == 1 else "fields ") + " and ".join(repr(field) for field in fields)


def _check_fields(
    request: Request, parts: list[tuple[str, bytes]], fields: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, bytes]:
    wanted = _named(fields) + (f" and, if there is one, {', '.join(map(repr, optional))}" if optional else "")
    images: dict[str, bytes] = {}
    for name, data in parts:
        if name not in (*fields, *optional):
            raise _unknown_field(request, name, (*fields, *optional), f"the {wanted}")
        if name in images:
            raise RequestError("invalid-parameters", f"The field {name!r} came twice; send the {wanted} once.")
        images[name] = data
    missing = [field for field in fields if field not in images]
    if missing:
        raise RequestError("invalid-parameters", f"The field {missing[0]!r} is missing; send the {wanted}.")
    return images


def _unknown_field(request: Request, name: str, fields: Sequence[str], wanted: str) -> RequestError:
    """Names what was probably meant; a name that is neither field nor parameter is the client's own, and not echoed."""
    detail = f"There is a field that is not known here; send {wanted}."
    if name in query_names(request):
        detail += f" {name!r} is no picture: it goes into the query, behind the address, as in ?{name}=..."
    elif len(fields) > 1 and (meant := difflib.get_close_matches(name, fields, n=1)):
        detail += f" Did you mean {meant[0]!r}?"
    return RequestError("invalid-parameters", detail)


class _Reader:
    """Collects the parts of a body as the parser comes upon them."""

    def __init__(self, *, limit: int) -> None:
        self.parts: list[tuple[str, list[bytes]]] = []
        self.ended = False
        self._limit = limit
        self._header = self._value = self._disposition = b""

    def on_part_begin(self) -> None:
        self._disposition = b""
        if len(self.parts) > self._limit:
            raise RequestError("invalid-parameters", f"There are more than {self._limit} fields in the body.")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def on_headers_finished(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"name")
        if name is None:
            raise RequestError("invalid-request", "A part of the multipart body has no field name.")
        self.parts.append((name.decode("utf-8", "replace"), []))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1][1].append(data[start:end])

    def on_end(self) -> None:
        self.ended = True


async def _from_first_boundary(stream: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """The body without its preamble, which the parser does not know."""
    head, begun = b"", False
    async for chunk in stream:
        if begun:
            yield chunk
            continue
        head += chunk
        at = head.find(b"--" + boundary)
        if at >= 0:
            begun = True
            yield head[at:]
            head = b""
        elif len(head) > _LONGEST_PREAMBLE:
            break
    if not begun:
        raise RequestError(
            "invalid-request",
            "The body does not begin with the boundary that its Content-Type names. Let your HTTP library set the "
            "Content-Type of multipart/form-data.",
        )


async def _read_parts(stream: AsyncIterator[bytes], boundary: bytes, *, limit: int) -> list[tuple[str, bytes]]:
    """(field name, content) of each part. More than limit + 1 parts are not even collected."""
    reader = _Reader(limit=limit)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.on_part_begin,
                "on_header_field": reader.on_header_field,
                "on_header_value": reader.on_header_value,
                "on_header_end": reader.on_header_end,
                "on_headers_finished": reader.on_headers_finished,
                "on_part_data": reader.on_part_data,
                "on_end": reader.on_end,
            },
        )
        # As a stream, so that the request does not keep the body beside the images for as long as it lives.
        async for chunk in _from_first_boundary(stream, boundary):
            parser.write(chunk)
    except FormParserError as error:
        raise RequestError("invalid-request", "The body is not valid multipart/form-data.") from error
    if not reader.ended:
        raise RequestError("invalid-request", "The multipart body is cut off: its closing boundary is missing.")
    return [(name, b"".join(chunks)) for name, chunks in reader.parts]
