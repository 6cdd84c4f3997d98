from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from service.admission.pictures import pictures_in


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_parts_of_a_form_are_counted(count: int) -> None:
    files = [("unsorted", ("a.jpg", b"--not a boundary\r\n" * 3, "image/jpeg")) for _ in range(count)]
    request = httpx.Request("POST", "http://service/", files=files)
    assert pictures_in(Headers(dict(request.headers)), [request.read()]) == count


@pytest.mark.parametrize("size", [1, 2, 7, 33, 34, 35, 1000])
def test_a_part_that_begins_between_two_pieces_is_counted(size: int) -> None:
    files = [("unsorted", ("a.jpg", b"-" * 50, "image/jpeg")) for _ in range(5)]
    request = httpx.Request("POST", "http://service/", files=files)
    body = request.read()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert pictures_in(Headers(dict(request.headers)), pieces) == 5


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/json", "multipart/form-data", ""])
def test_every_other_body_is_one_picture(content_type: str) -> None:
    assert pictures_in(Headers({"content-type": content_type}), [b"--x--x--x"]) == 1
