"""What is wrong with an inference is said in a sentence with a code, in the protocol's error object; nothing is 5xx."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.security.api_keys import new_key
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve
from tests.service.oip.conftest import JSON_SIZE, binary_body, element, picture_body

PALSY = "/v2/models/palsy/infer"
GRAPH = "/v2/models/tiny/infer"


def check_error(response: httpx.Response, status: int, code: str, said: str = "") -> None:
    assert response.status_code == status, response.text
    error = response.json()
    assert set(error) == {"error", "code", "request_id"}
    assert error["code"] == code
    assert error["error"].endswith(".")
    assert said in error["error"]
    assert error["request_id"] == response.headers["x-request-id"]


def image(**changes: Any) -> dict[str, Any]:
    return {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["x"], **changes}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [image(datatype="INT4")]}, "datatype"),
        ({"inputs": [image(shape=[2])]}, "1 values"),
        ({"inputs": [image(shape=[2], data=["a", "b"])]}, "BYTES [1]"),
        ({"inputs": [image(shape=[-1])]}, "shape"),
        ({"inputs": [image(), image()]}, "twice"),
        ({"inputs": [image(name="photo")]}, "'photo'"),
        ({"inputs": [image(data=[7])]}, "strings"),
        ({"inputs": [image(data=None)]}, "either"),
        ({"inputs": [image(parameters={"content_type": "base64"}, data=["?"])]}, "base64"),
        ({"inputs": [image(parameters={"content_type": "hex"})]}, "'hex'"),
        ({"inputs": [image(datatype="FP32", data=["x"])]}, "not all of its values are numbers"),
        ({"inputs": [image(datatype="UINT8", data=[256])]}, "0 to 255"),
        ({"inputs": [image(datatype="FP32", data=[10**60])]}, "BYTES [1]"),
        ({"inputs": [image()], "outputs": [{"name": "grade"}]}, "'grade'"),
        ({"inputs": [image()], "outputs": [{"name": "answer", "parameters": {"classification": 3}}]}, "classification"),
        ({"inputs": [image()], "parameters": {"heatmaps": True}}, "'heatmaps'"),
        ({"inputs": [image()], "parameters": {"face": "smallest"}}, "'face'"),
        ({"inputs": [image()], "parameters": {"heatmap": "yes"}}, "'heatmap'"),
    ],
)
def test_json_that_cannot_be_asked(client: TestClient, request_: dict[str, Any], said: str) -> None:
    check_error(client.post(PALSY, json=request_), 400, "invalid-parameters", said)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "1 element"),
        (b"\x05\0\0\0abc", "5 bytes"),
        (element(b"a") + b"\0", "1 element"),
        (element(b"a") + element(b"b"), "1 element"),
        (b"\xff\xff\xff\xff", "4,294,967,295"),
    ],
)
def test_bytes_that_are_not_their_elements(client: TestClient, raw: bytes, said: str) -> None:
    body, headers = binary_body({"image": ("BYTES", [1], raw)})
    check_error(client.post(PALSY, content=body, headers=headers), 400, "invalid-parameters", said)


@pytest.mark.parametrize("size", ["-1", "x", "9999999", "0" * 5000, "1e3", "²"])
def test_a_size_of_the_json_that_cannot_be(client: TestClient, size: str) -> None:
    body, _ = picture_body(b"x")
    response = client.post(PALSY, content=body, headers={JSON_SIZE: size.encode("latin-1")})
    check_error(response, 400, "invalid-parameters")


def test_bytes_too_few_and_too_many(client: TestClient) -> None:
    body, headers = picture_body(b"x" * 100)
    too_few = client.post(PALSY, content=body[:-10], headers=headers)
    check_error(too_few, 400, "invalid-parameters", "are left")
    check_error(client.post(PALSY, content=body + b"more", headers=headers), 400, "invalid-parameters", "4 bytes")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty-image"),
        (b"A letter.", 415, "unsupported-media-type"),
        (b"\xff\xd8\xff\xe0" + bytes(50), 400, "undecodable-image"),
    ],
)
def test_pictures_that_cannot_be_graded(client: TestClient, data: bytes, status: int, code: str) -> None:
    body, headers = picture_body(data)
    check_error(client.post(PALSY, content=body, headers=headers), status, code)


def graph_inputs(rows: int = 1, *, landmarks: np.ndarray | None = None) -> dict[str, tuple[str, list[int], bytes]]:
    points = np.zeros((rows, 478, 3), np.float32) if landmarks is None else landmarks
    return {
        "images": ("UINT8", [rows, 1, 224, 224], bytes(rows * 224 * 224)),
        "landmarks": ("FP32", list(points.shape), points.tobytes()),
    }


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (graph_inputs(0), "1 to 64"),
        (graph_inputs(65), "1 to 64"),
        (graph_inputs(2, landmarks=np.zeros((1, 478, 3), np.float32)), "same number of rows"),
        (graph_inputs(landmarks=np.zeros((1, 468, 3), np.float32)), "[-1, 478, 3]"),
        (graph_inputs(landmarks=np.full((1, 478, 3), np.nan, np.float32)), "not finite"),
        (graph_inputs(landmarks=np.full((1, 478, 3), 3e38, np.float32)), "not finite"),
        ({"images": graph_inputs()["images"]}, "'landmarks' is missing"),
        ({**graph_inputs(), "image": ("BYTES", [1], element(b"x"))}, "'image'"),
        ({**graph_inputs(), "images": ("FP32", [1, 1, 224, 224], bytes(4 * 224 * 224))}, "UINT8"),
        ({**graph_inputs(), "images": ("UINT8", [1, 1, 224, 224], bytes(7))}, "50,176"),
    ],
)
def test_tensors_that_the_graph_does_not_read(
    client: TestClient, inputs: dict[str, tuple[str, list[int], bytes]], said: str
) -> None:
    body, headers = binary_body(inputs)
    check_error(client.post(GRAPH, content=body, headers=headers), 400, "invalid-parameters", said)


def test_a_graph_takes_no_options(client: TestClient) -> None:
    body, headers = binary_body(graph_inputs(), parameters={"heatmap": False})
    check_error(client.post(GRAPH, content=body, headers=headers), 400, "invalid-parameters", "'heatmap'")


def test_models_and_versions_that_are_not_here(client: TestClient) -> None:
    check_error(client.get("/v2/models/emotion"), 404, "not-found", "palsy, palsy-assess, tiny")
    check_error(client.get("/v2/models/palsy/versions/9/ready"), 404, "not-found", "0.0.1")
    check_error(client.get("/v2/models/palsy/config"), 404, "not-found")
    check_error(client.get(PALSY), 405, "method-not-allowed")
    check_error(client.post("/v2/models/emotion/infer", json={"inputs": [image()]}), 404, "not-found")


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    body, headers = picture_body(b"x")
    response = client.post(PALSY, content=body, headers={**headers, "content-encoding": "gzip"})
    check_error(response, 415, "unsupported-media-type", "gzip")


def test_limits_and_keys_hold(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(tmp_path / "models" / "palsy")
    secret, line = new_key("ward", "user")
    (tmp_path / "keys").write_text(line + "\n")
    body, headers = picture_body(jpeg)
    limits = {
        "image_max_bytes": 20_000,
        "assess_max_bytes": 20_000,
        "rate_limit_per_minute": 60.0,
        "rate_limit_burst": 3,
    }
    with serve(tmp_path / "models", api_keys_file=tmp_path / "keys", **limits) as client:
        assert client.get("/v2/health/ready").status_code == 200
        for url in ("/v2", "/v2/models/palsy"):
            check_error(client.get(url), 401, "unauthorized")
        check_error(client.post(PALSY, content=body, headers=headers), 401, "unauthorized")
        headers["x-api-key"] = secret
        check_error(client.post(PALSY, content=body, headers=headers), 413, "image-too-large", "20,000")
        check_error(client.post(PALSY, content=bytes(2_100_000), headers=headers), 413, "image-too-large")
        statuses = [client.get("/v2", headers=headers).status_code for _ in range(2)]
        assert statuses == [200, 429]
        response = client.get("/v2", headers=headers)
        check_error(response, 429, "rate-limited")
        assert response.headers["retry-after"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    size=st.one_of(st.none(), st.integers(-5, 400).map(str)),
)
def test_no_body_leads_to_a_5xx(client: TestClient, data: st.DataObject, size: str | None) -> None:
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
    value = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3), max_leaves=6)
    tensor = st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["image", "images", "landmarks"]),
            "datatype": st.sampled_from(["BYTES", "UINT8", "FP32", "FP64"]),
            "shape": st.lists(st.integers(-1, 3), max_size=3),
            "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "content_type"]), value, max_size=2),
            "data": value,
        },
    )
    request_ = data.draw(
        st.one_of(value, st.fixed_dictionaries({"inputs": st.lists(tensor, max_size=2)}, optional={"outputs": value}))
    )
    body = json.dumps(request_).encode() + data.draw(st.binary(max_size=20))
    url = data.draw(st.sampled_from([PALSY, GRAPH]))
    response = client.post(url, content=body, headers={} if size is None else {JSON_SIZE: size})
    assert response.status_code < 500, (body, response.text)
