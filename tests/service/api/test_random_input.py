"""A thousand random and mutated bodies: never a 5xx."""

from __future__ import annotations

import cv2
import skimage.data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.service.api.conftest import jpeg_of

# Small and partly without a face, so that a thousand take seconds.
_SMALL = cv2.resize(skimage.data.astronaut()[:256, 96:352], (128, 128))
_FILES = [jpeg_of(_SMALL)] + [
    cv2.imencode(suffix, _SMALL[:48, :48, ::-1])[1].tobytes() for suffix in (".png", ".webp", ".bmp", ".tiff")
]
_QUICK = settings(
    max_examples=400, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@st.composite
def mutated_files(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(_FILES)))
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, min(len(data) - 1, 400)) | st.integers(0, len(data) - 1))
        data[position] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del data[draw(st.integers(1, len(data))) :]
    return bytes(data)


@_QUICK
@given(data=mutated_files())
def test_mutated_images(client: TestClient, data: bytes) -> None:
    response = client.post("/v1/palsy/grade?heatmap=false", content=data, headers={"content-type": "image/jpeg"})
    assert response.status_code < 500, response.text
    assert response.status_code == 200 or response.json()["code"]


@_QUICK
@given(data=st.binary(max_size=300))
def test_random_bytes_as_an_image(client: TestClient, data: bytes) -> None:
    response = client.post("/v1/palsy/grade", files={"image": data})
    assert 400 <= response.status_code < 500, response.text


@_QUICK
@given(
    body=st.binary(max_size=300),
    content_type=st.sampled_from(
        ["multipart/form-data; boundary=b", "multipart/form-data; boundary=", "multipart/form-data", "image/png", "a"]
    ),
)
def test_random_bytes_as_a_body(client: TestClient, body: bytes, content_type: str) -> None:
    response = client.post("/v1/palsy/grade", content=b"--b\r\n" + body, headers={"content-type": content_type})
    assert 400 <= response.status_code < 500, response.text
