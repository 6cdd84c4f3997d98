"""Triton's own client against the real service with the shipped models: what REST answers, to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from service.security.api_keys import new_key
from tests import factories
from tests.face.microexpression.test_input import SMILE, warped
from tests.ops.live_service import EMOTION, GRADE, ROOT, LiveService, live_service


@pytest.fixture(scope="module")
def key() -> tuple[str, str]:
    return new_key("model-mesh", "user")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, key: tuple[str, str]) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys").write_text(key[1] + "\n")
    with live_service(folder, ROOT / "models", api_keys_file=folder / "keys") as live:
        yield live


@pytest.fixture(scope="module")
def client(service: LiveService) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{service.port}", network_timeout=60.0) as client:
        yield client


@pytest.fixture
def headers(key: tuple[str, str]) -> dict[str, str]:
    """Of one test: the client writes into them."""
    return {"x-api-key": key[0]}


def tensor(name: str, values: np.ndarray) -> triton.InferInput:
    datatype = {"O": "BYTES", "u": "UINT8", "f": "FP32"}[values.dtype.kind]
    given = triton.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values)
    return given


def picture(name: str, data: bytes) -> triton.InferInput:
    return tensor(name, np.array([data], dtype=np.object_))


def rest(service: LiveService, path: str, headers: dict[str, str], **pictures: bytes) -> dict[str, Any]:
    response = httpx.post(service.url + path, files=pictures, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def answered(result: triton.InferResult) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(result.as_numpy("answer")[0])
    return answer


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """But for the moment of the request."""
    moment = {"request_id": None, "timings_ms": None}
    return {**one, **moment} == {**other, **moment}


def test_health_and_metadata(client: triton.InferenceServerClient, headers: dict[str, str]) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata(headers=headers)["extensions"] == ["binary_tensor_data"]
    for name in ("palsy", "microexpression", "htnet-palsy"):
        told = client.get_model_metadata(name, headers=headers)
        assert client.is_model_ready(name, told["versions"][0], headers=headers)
    with pytest.raises(triton.InferenceServerException, match="valid API key"):
        client.get_server_metadata()


def test_a_photograph(
    service: LiveService, client: triton.InferenceServerClient, headers: dict[str, str], astronaut_jpeg: bytes
) -> None:
    expected = rest(service, GRADE, headers, image=astronaut_jpeg)
    result = client.infer("palsy", [picture("image", astronaut_jpeg)], headers=headers, request_id="visit-0007")
    assert result.get_response()["id"] == "visit-0007"
    assert same(answered(result), expected)
    probabilities = np.array([list(expected["probabilities"].values())], np.float32)
    np.testing.assert_array_equal(result.as_numpy("grade_probabilities"), probabilities)
    np.testing.assert_array_equal(result.as_numpy("expected"), np.float32([expected["grade"]["expected"]]))
    sides = np.array([list(expected["affected_side"]["probabilities"].values())], np.float32)
    np.testing.assert_array_equal(result.as_numpy("side_probabilities"), sides)
    wanted = [triton.InferRequestedOutput("answer", binary_data=False)]
    plain = client.infer("palsy", [picture("image", astronaut_jpeg)], outputs=wanted, headers=headers)
    assert same(answered(plain), expected)


def test_a_pair(
    service: LiveService, client: triton.InferenceServerClient, headers: dict[str, str], astronaut_face: Any
) -> None:
    photo = factories.astronaut()
    onset, apex = factories.jpeg(photo), factories.jpeg(warped(photo, astronaut_face, SMILE, 3))
    expected = rest(service, EMOTION, headers, onset=onset, apex=apex)
    result = client.infer("microexpression", [picture("onset", onset), picture("apex", apex)], headers=headers)
    assert same(answered(result), expected)
    probabilities = np.array([list(expected["probabilities"].values())], np.float32)
    np.testing.assert_array_equal(result.as_numpy("probabilities"), probabilities)


def test_the_graph_itself(client: triton.InferenceServerClient, headers: dict[str, str]) -> None:
    from service.inference.bundle import load_bundle
    from service.inference.session import open_session

    random = np.random.default_rng(5)
    images = random.integers(0, 256, (2, 1, 224, 224), dtype=np.uint8)
    landmarks = random.uniform(60, 160, (2, 478, 3)).astype(np.float32)
    inputs = [tensor("images", images), tensor("landmarks", landmarks)]
    result = client.infer("htnet-palsy", inputs, headers=headers)
    expected = open_session(load_bundle(Path(ROOT / "models" / "palsy"))).run(
        {"images": images, "landmarks": landmarks}
    )
    for name, values in expected.items():
        np.testing.assert_array_equal(result.as_numpy(name), values)


def test_a_refusal_reaches_the_caller_as_a_sentence(
    client: triton.InferenceServerClient, headers: dict[str, str]
) -> None:
    with pytest.raises(triton.InferenceServerException, match="Send a photograph as JPEG"):
        client.infer("palsy", [picture("image", b"a letter")], headers=headers)
    with pytest.raises(triton.InferenceServerException, match="no input 'photo'"):
        client.infer("palsy", [picture("photo", b"x")], headers=headers)
