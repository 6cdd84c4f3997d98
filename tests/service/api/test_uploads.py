"""Multipart bodies of every kind: read to the byte, or refused with a sentence; and never a file on the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from service.api.errors import RequestError
from service.api.uploads import read_images
from service.problems import PROBLEMS

FORM = "multipart/form-data; boundary=b"
IMAGE = 'Content-Disposition: form-data; name="image"; filename="p.jpg"'
NOT_TEXT = bytes(range(256)) + b"\r\n--\r\n--bb\r\n\xc3\xa9\xff"


def part(*headers: str, content: bytes = NOT_TEXT) -> bytes:
    return "".join(f"{line}\r\n" for line in ("--b", *headers, "")).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


async def read(
    body: bytes, content_type: str = FORM, *, fields: Sequence[str] = ("image",), pieces_of: int = 0
) -> dict[str, bytes]:
    """What is read from a body that comes whole, as the admission middleware hands it on, or in pieces."""
    starts = range(0, len(body), pieces_of) if pieces_of else [0]
    left = [body[start : start + (pieces_of or len(body))] for start in starts]

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    return await read_images(Request({"type": "http", "method": "POST", "headers": headers}, receive), fields)


@pytest.mark.parametrize(
    "body",
    [
        form(part(IMAGE)),
        form(part(IMAGE))[:-2],
        form(part('Content-Disposition: form-data; name="image"')),
        form(part("Content-Disposition: form-data; name=image; filename=")),
        form(part('content-disposition: form-data; NAME="image"', "content-type: image/jpeg")),
        form(part('CONTENT-DISPOSITION: form-data; filename="p"; name="image"')),
        form(part("Content-Type: image/jpeg", "X-Of-A-Proxy: 7", "Content-Length: 3", IMAGE)),
        form(part(IMAGE, "Content-Transfer-Encoding: binary")),
        form(part(IMAGE, "Content-Type: multipart/mixed; boundary=c")),
        form(part("Content-Disposition: form-data; name=image; filename*=UTF-8''Gr%C3%BC%C3%9Fe.jpg")),
        form(part('Content-Disposition: form-data; name="image"; filename="a\\"; name=other"')),
        form(part(*["X: y"] * 7, IMAGE)),
        form(part(IMAGE)) + b"an epilogue\r\n--b\r\nthat nobody reads",
        b"\r\n" + form(part(IMAGE)),
        b"This is a message in several parts.\r\n" + form(part(IMAGE)),
    ],
    ids=[
        "file", "no-last-line-end", "no-file-name", "empty-file-name", "lowercase-headers", "uppercase-header",
        "other-headers", "binary", "typed-multipart", "extended-file-name", "quote-in-file-name", "eight-headers",
        "epilogue", "empty-line-before", "preamble",
    ],
)  # fmt: skip
async def test_the_image_is_read_to_the_byte(body: bytes) -> None:
    assert await read(body) == {"image": NOT_TEXT}


@pytest.mark.parametrize("length", [1, 70, 71, 256])
async def test_boundaries_of_any_usual_length(length: int) -> None:
    boundary = "-" * (length - 1) + "b"
    body = form(part(IMAGE)).replace(b"--b\r\n", f"--{boundary}\r\n".encode(), 1)
    body = body.removesuffix(b"--b--\r\n") + f"--{boundary}--\r\n".encode()
    assert await read(body, f"multipart/form-data; boundary={boundary}") == {"image": NOT_TEXT}


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data;Boundary=b",
        "multipart/form-data; charset=utf-8; boundary=b",
        "multipart/form-data; boundary=b; charset=utf-16",
        "multipart/form-data; charset=no-charset; boundary=b",
        # An open quote swallows what comes after it, and a codec may fail in ways of its own.
        'multipart/form-data; boundary=b; charset=idna; x="',
        "multipart/form-data; boundary*=UTF-8''x; boundary=b",
    ],
)
@pytest.mark.parametrize("disposition", [IMAGE, "Content-Disposition: form-data; name=image"], ids=["file", "no-file"])
async def test_what_else_the_content_type_says_changes_no_byte(content_type: str, disposition: str) -> None:
    assert await read(form(part(disposition)), content_type) == {"image": NOT_TEXT}


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_pieces_are_put_together(size: int) -> None:
    assert await read(form(part(IMAGE)), pieces_of=size) == {"image": NOT_TEXT}


async def test_an_empty_part_is_an_empty_image() -> None:
    assert await read(form(part(IMAGE, content=b""))) == {"image": b""}


async def test_a_nested_multipart_is_content_and_not_taken_apart() -> None:
    inner = b'--c\r\nContent-Disposition: form-data; name="image"\r\n\r\ninner\r\n--c--'
    body = form(part(IMAGE, "Content-Type: multipart/mixed; boundary=c", content=inner))
    assert await read(body) == {"image": inner}


async def test_a_transfer_encoding_is_not_undone() -> None:
    # RFC 7578, 4.7: not in use, senders must not set it.
    body = form(part(IMAGE, "Content-Transfer-Encoding: base64", content=b"/9j/4AAQ"))
    assert await read(body) == {"image": b"/9j/4AAQ"}


async def test_the_last_of_two_dispositions_counts() -> None:
    assert await read(form(part('Content-Disposition: form-data; name="other"', IMAGE))) == {"image": NOT_TEXT}


async def test_the_order_of_two_fields_does_not_matter() -> None:
    onset, apex = (
        part(f'Content-Disposition: form-data; name="{name}"', content=name.encode()) for name in ("on", "ap")
    )
    for body in (form(onset, apex), form(apex, onset)):
        assert await read(body, fields=("on", "ap")) == {"on": b"on", "ap": b"ap"}


CUT_OFF = "The multipart body is cut off: its closing boundary is missing."
NO_NAME = "A part of the multipart body has no field name."
NOT_BEGUN = (
    "The body does not begin with the boundary that its Content-Type names. Let your HTTP library set the Content-Type "
    "of multipart/form-data."
)
NOT_VALID = "The body is not valid multipart/form-data."


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", NOT_BEGUN),
        (part(IMAGE), CUT_OFF),
        (form(part(IMAGE))[:-3], CUT_OFF),
        (form(part(IMAGE)).replace(b"--b--", b"--c--"), CUT_OFF),
        (form(part('Content-Disposition: form-data; filename="p.jpg"')), NO_NAME),
        (form(part("Content-Type: image/jpeg")), NO_NAME),
        (form(part("Content-Disposition: form-data; name*=UTF-8''image")), NO_NAME),
        (form(part()), NO_NAME),
        (b"no boundary " * 10_000, NOT_BEGUN),
        (form(part('Content-Disposition: form-data; name="im\r\nage"')), NOT_VALID),
        (form(part('Content-Disposition: form-data;\r\n name="image"')), NOT_VALID),
        (form(part(IMAGE)).replace(b"\r\n", b"\n"), NOT_VALID),
        (form(part(": no name")), NOT_VALID),
        (form(part("no colon")), NOT_VALID),
        (form(part(IMAGE, *["X: y"] * 8)), NOT_VALID),
        (form(part(IMAGE, "X: " + "y" * 5000)), NOT_VALID),
    ],
    ids=[
        "nothing", "no-closing-boundary", "half-a-closing-boundary", "another-closing-boundary", "file-name-only",
        "no-disposition", "extended-name-only", "no-headers", "text", "line-end-in-name", "folded-header",
        "bare-line-feeds", "empty-header-name", "header-without-colon", "nine-headers", "endless-header",
    ],
)  # fmt: skip
async def test_bodies_that_cannot_be_read(body: bytes, sentence: str) -> None:
    await refused(body, "invalid-request", sentence)


UNKNOWN = "There is a field that is not known here; send the field 'image'."


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "The field 'image' is missing; send the field 'image'."),
        (["image", "image"], "The field 'image' came twice; send the field 'image' once."),
        (["image", "note"], UNKNOWN),
        (["im%0D%0Aage"], UNKNOWN),
        (["image\0"], UNKNOWN),
        (["Image"], UNKNOWN),
        (["\u00efmage"], UNKNOWN),
        ([""], UNKNOWN),
        (["image"] * 3, "There are more than 1 fields in the body."),
        (["image"] * 5000, "There are more than 1 fields in the body."),
    ],
    ids=[
        "no-part", "twice", "unknown", "line-end-as-percent", "nul", "capital", "not-ascii", "empty-name",
        "three", "thousands",
    ],
)  # fmt: skip
@pytest.mark.parametrize("filename", ["", '; filename="p"'], ids=["no-file", "file"])
async def test_fields_that_are_not_wanted(names: list[str], sentence: str, filename: str) -> None:
    parts = [part(f'Content-Disposition: form-data; name="{name}"{filename}', content=b"x") for name in names]
    await refused(form(*parts), "invalid-parameters", sentence)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="b',
        'multipart/form-data; boundary="b\\"; charset=idna; x=\\""',
        "multipart/form-data; boundary=" + "b" * 257,
        "multipart/form-data; boundary=c",
        "multipart/form-data; boundary*=UTF-8''b",
    ],
    ids=["none", "empty", "quoted-empty", "open-quote", "quotes-inside", "too-long", "another", "extended"],
)
async def test_boundaries_that_cannot_be_used(content_type: str) -> None:
    with pytest.raises(RequestError, match=r"boundary|Let your HTTP library|not valid multipart") as refusal:
        await read(form(part(IMAGE)), content_type)
    assert refusal.value.code == "invalid-request"


@pytest.mark.parametrize("packed", ["gzip", "br"])
def test_a_compressed_body_is_named(client: TestClient, jpeg: bytes, packed: str) -> None:
    answer = client.post("/v1/palsy/grade", content=jpeg, headers={"content-encoding": packed})
    assert answer.status_code == 415
    assert f"Content-Encoding: {packed}" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", "binary/octet-stream"])
def test_the_body_may_be_the_picture(client: TestClient, jpeg: bytes, content_type: str) -> None:
    answer = client.post("/v1/palsy/grade?heatmap=false", content=jpeg, headers={"content-type": content_type})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/palsy/grade?heatmaps=false", "no query parameter 'heatmaps'; did you mean 'heatmap'?"),
        ("/v1/microexpression/classify?heatmap=false&zzz=1", "'zzz'; there are 'face', 'heatmap', 'mirrored'."),
    ],
)
def test_an_unknown_query_name_is_refused(client: TestClient, jpeg: bytes, path: str, said: str) -> None:
    answer = client.post(path, files={"image": jpeg})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameters")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content_type", "cause"),
    [
        ("multipart/mixed; boundary=b", ""),
        ("text/plain", ""),
        ("multipart", ""),
        (
            "application/x-www-form-urlencoded",
            " curl's -d and --data-binary call every body application/x-www-form-urlencoded: "
            "use -F 'image=@photo.jpg'.",
        ),
        ("application/json", " No JSON is read, and no base64 in it."),
    ],
)
async def test_other_kinds_of_body(content_type: str, cause: str) -> None:
    sentence = (
        "Send multipart/form-data with the field 'image', or the image itself with a Content-Type such as image/jpeg."
    )
    await refused(form(part(IMAGE)), "unsupported-media-type", sentence + cause, content_type)


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"content-type": FORM, "content-encoding": "gzip"}, 415, "compressed"),
        ({"content-type": "multipart/form-data"}, 400, "names no boundary"),
        ({"content-type": "application/json"}, 415, "No JSON is read"),
    ],
)
def test_a_session_is_told_the_same(client: TestClient, headers: dict[str, str], status: int, said: str) -> None:
    answer = client.post("/v1/palsy/assess", content=form(part(IMAGE)), headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def refused(body: bytes, code: str, sentence: str, content_type: str = FORM) -> None:
    with pytest.raises(RequestError) as refusal:
        await read(body, content_type)
    assert (refusal.value.code, refusal.value.message) == (code, sentence)
    assert PROBLEMS[code].status < 500


def test_a_refusal_reaches_the_client(client: TestClient) -> None:
    body = form(part('Content-Disposition: form-data; filename="image.jpg"'))
    response = client.post("/v1/palsy/grade", content=body, headers={"content-type": FORM})
    assert (response.status_code, response.json()["code"]) == (400, "invalid-request")
    assert response.json()["detail"] == NO_NAME


@pytest.fixture
def no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a temporary file fails."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "is not there"))
    with tempfile.SpooledTemporaryFile(max_size=1) as spool, pytest.raises(FileNotFoundError):
        spool.write(b"xx")


@pytest.mark.usefixtures("no_temporary_files")
@pytest.mark.parametrize("file", [("photo.jpg",), (None,)], ids=["file", "no-file-name"])
def test_the_largest_body_never_touches_the_disk(client: TestClient, jpeg: bytes, file: tuple[str | None]) -> None:
    largest = jpeg + bytes(10_000_000 - len(jpeg))
    response = client.post("/v1/palsy/grade?heatmap=false", files={"image": (*file, largest)})
    assert response.status_code == 200, response.text


@pytest.mark.usefixtures("no_temporary_files")
async def test_two_of_the_largest_images_never_touch_the_disk() -> None:
    images = {"onset": bytes(10_000_000), "apex": bytes(10_000_000)}
    parts = [
        part(f'Content-Disposition: form-data; name="{name}"; filename="p"', content=data)
        for name, data in images.items()
    ]
    assert await read(form(*parts), fields=("onset", "apex")) == images
