"""Every row of the contract's error table, with a real file where it is about a file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image
from starlette.testclient import TestClient

from service.problems import MEDIA_TYPE, PROBLEMS
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve, jpeg_of

URL = "/v1/palsy/grade"


def send(client: TestClient, data: bytes, **query: Any) -> httpx.Response:
    return client.post(URL, params=query, files={"image": ("photo", data, "application/octet-stream")})


def check_problem(response: httpx.Response, code: str, *, path: str = URL) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert response.status_code == problem["status"] == PROBLEMS[code].status
    assert response.headers["content-type"] == MEDIA_TYPE
    assert set(problem) == {"type", "title", "status", "detail", "instance", "request_id", "code"}
    assert problem["instance"] == path
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"].endswith(".")
    return problem


def bomb_png(side: int) -> bytes:
    """A PNG of a few hundred bytes whose head promises side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def gif() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "GIF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-image"),
        (b"A letter, not a photograph.", "unsupported-media-type"),
        (gif(), "no-face"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "undecodable-image"),
        (bomb_png(30_000), "image-too-large"),
        (bomb_png(40_000), "image-too-large"),
        (jpeg_of(skimage.data.rocket()), "no-face"),
        (jpeg_of(np.full((480, 640, 3), 127, np.uint8)), "no-face"),
        (jpeg_of(np.hstack([skimage.data.astronaut()] * 2)), "multiple-faces"),
    ],
    ids=["empty", "text", "gif", "broken-jpeg", "bomb", "long-side", "rocket", "grey", "two-faces"],
)
def test_files_that_cannot_be_graded(client: TestClient, data: bytes, code: str) -> None:
    check_problem(send(client, data), code)


def test_a_truncated_jpeg(client: TestClient, jpeg: bytes) -> None:
    check_problem(send(client, jpeg[: len(jpeg) // 3]), "undecodable-image")


def test_eleven_megabytes(client: TestClient, jpeg: bytes) -> None:
    check_problem(send(client, jpeg + bytes(11_000_000)), "image-too-large")


def test_just_over_the_images_limit_but_under_the_bodys(client: TestClient, jpeg: bytes) -> None:
    check_problem(send(client, jpeg + bytes(10_000_001 - len(jpeg))), "image-too-large")


def test_eleven_megabytes_in_pieces_of_unknown_length(client: TestClient) -> None:
    pieces = (bytes(1_000_000) for _ in range(11))
    response = client.post(URL, content=pieces, headers={"content-type": "image/jpeg"})
    check_problem(response, "image-too-large")


def test_a_forty_pixel_face(client: TestClient, photo: np.ndarray) -> None:
    # The astronaut's face is about 89 pixels wide.
    small = cv2.resize(photo, None, fx=40 / 89, fy=40 / 89, interpolation=cv2.INTER_AREA)
    problem = check_problem(send(client, jpeg_of(small, quality=97)), "face-too-small")
    assert "64" in problem["detail"]


def test_a_profile(client: TestClient, profile_jpeg: bytes) -> None:
    problem = check_problem(send(client, profile_jpeg), "face-turned-away")
    assert "degrees" in problem["detail"]


def test_a_face_beyond_the_models_limit_is_turned_away(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    # The photograph is nearly frontal (1.5 degrees); the limit of this bundle is tighter.
    write_palsy_bundle(tmp_path / "palsy", thresholds__quality={"max_yaw_deg": 0.5})
    with serve(tmp_path) as client:
        problem = check_problem(send(client, jpeg), "face-turned-away")
    assert "degrees" in problem["detail"]


def test_a_face_unlike_the_training_data(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    limits = {"warn_above": 2.0, "refuse_above": 5.0}
    for score, directory in ((3.0, "warn"), (6.0, "refuse")):
        write_palsy_bundle(
            tmp_path / directory / "palsy", graph={"ood_score": score}, thresholds__out_of_distribution=limits
        )
    with serve(tmp_path / "warn") as client:
        answer = send(client, jpeg)
        assert answer.status_code == 200
        assert any("unlike most" in warning for warning in answer.json()["quality"]["warnings"])
    with serve(tmp_path / "refuse") as client:
        check_problem(send(client, jpeg), "out-of-distribution")


@pytest.mark.parametrize(
    "request_arguments",
    [
        {"files": {"photo": b"x"}},
        {"files": [("image", b"x"), ("image", b"x")]},
        {"files": [("image", b"x"), ("note", b"x")]},
        {"files": [("image", b"x")] * 50},
        {"files": {"image": b"x"}, "params": {"heatmap": "perhaps"}},
        {"files": {"image": b"x"}, "params": {"face": "smallest"}},
        {"content": b"--b--\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ],
    ids=["wrong-field", "twice", "extra-field", "fifty", "heatmap", "face", "missing-field"],
)
def test_wrong_fields_and_parameters(client: TestClient, request_arguments: dict[str, Any]) -> None:
    check_problem(client.post(URL, **request_arguments), "invalid-parameters")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no boundary here"),
        ("multipart/form-data", b"--b\r\n\r\n--b--"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\ncut off'),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nno name\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 40 + b"\r\n\r\n--b--\r\n"),
    ],
    ids=["nothing", "no-boundary", "no-boundary-named", "cut-off", "no-name", "many-headers"],
)
def test_bodies_that_are_no_multipart(client: TestClient, content_type: str, body: bytes) -> None:
    check_problem(client.post(URL, content=body, headers={"content-type": content_type}), "invalid-request")


def test_another_kind_of_body(client: TestClient) -> None:
    check_problem(client.post(URL, json={"image": "x"}), "unsupported-media-type")


@pytest.mark.parametrize("body", [b"_o\xff\xfe5", b'{"before": "\xe9"}'], ids=["no text", "Latin-1"])
def test_a_body_that_should_be_json_and_is_not_even_text(client: TestClient, body: bytes) -> None:
    path = "/v1/palsy/compare"
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert check_problem(answer, "invalid-request", path=path)["detail"] == "The body is not JSON in UTF-8."
    described = client.get("/openapi.json").json()["paths"][path]["post"]["responses"]
    assert "400" in described


def test_unknown_paths_and_methods(client: TestClient) -> None:
    check_problem(client.get("/v3"), "not-found", path="/v3")
    wrong_method = client.get(URL)
    check_problem(wrong_method, "method-not-allowed")
    assert wrong_method.headers["allow"] == "POST"


def test_a_task_without_a_model(client: TestClient, jpeg: bytes) -> None:
    path = "/v1/microexpression/classify"
    response = client.post(path, files={"onset": jpeg, "apex": jpeg})
    problem = check_problem(response, "model-not-loaded", path=path)
    assert "palsy" in problem["detail"]


def test_a_model_that_gives_nan_is_an_internal_error_without_a_trace(
    serve: Serve, tmp_path: Path, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.inference import session

    write_palsy_bundle(tmp_path / "palsy", graph={"not_finite": True})
    # A bundle like this one does not get through the warm-up: leave that out.
    monkeypatch.setattr(
        session.open_session, "__kwdefaults__", {**session.open_session.__kwdefaults__, "warm_up_runs": 0}
    )
    with serve(tmp_path) as client:
        response = send(client, jpeg)
    problem = check_problem(response, "internal-error")
    assert "Traceback" not in response.text
    assert "grade_logits" not in problem["detail"]


def test_an_audit_that_cannot_be_written_withholds_the_answer(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    from service.audit.prepare import prepare_database

    write_palsy_bundle(tmp_path / "models" / "palsy")
    database = tmp_path / "audit.sqlite"
    prepare_database(f"sqlite:///{database}")
    with serve(tmp_path / "models", audit_url=f"sqlite:///{database}") as client:
        assert send(client, jpeg).status_code == 200
        database.unlink()
        problem = check_problem(response := send(client, jpeg), "audit-unavailable")
        assert response.headers["retry-after"]
        assert "withheld" in problem["detail"]
