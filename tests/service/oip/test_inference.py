"""Pipelines and graphs under /v2: the figures of the REST endpoints, and the graph's own."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.audit.store import AuditQuery, AuditStore
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from tests.face.microexpression.test_input import SMILE, warped
from tests.onnx_factory import write_palsy_bundle
from tests.ops.live_service import metric_sum
from tests.service.api.conftest import Serve, jpeg_of
from tests.service.api.write_assessment_example import PATIENT
from tests.service.oip.conftest import JSON_SIZE, binary_body, element, picture_body

SHIPPED = Path(__file__).parents[3] / "models"
PALSY = "/v2/models/palsy/infer"


def asked(client: TestClient, url: str, body: tuple[bytes, dict[str, str]]) -> dict[str, Any]:
    """Outputs by name, from JSON and from the bytes behind it."""
    response = client.post(url, content=body[0], headers=body[1])
    assert response.status_code == 200, response.text
    size = int(response.headers.get(JSON_SIZE, len(response.content)))
    answer = json.loads(response.content[:size])
    at = size
    found: dict[str, Any] = {"model_name": answer["model_name"], "id": answer.get("id")}
    for output in answer["outputs"]:
        if "data" in output:
            found[output["name"]] = output["data"]
            continue
        length = output["parameters"]["binary_data_size"]
        data = response.content[at : at + length]
        at += length
        if output["datatype"] == "BYTES":
            found[output["name"]] = [data[4:].decode()]
        else:
            found[output["name"]] = np.frombuffer(data, "<f4").reshape(output["shape"])
    assert at == len(response.content)
    return found


def without_its_moment(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("request_id", "timings_ms")}


def test_server_and_model_describe_themselves(client: TestClient) -> None:
    server = client.get("/v2").json()
    assert server["extensions"] == ["binary_tensor_data"]
    assert server["models"] == ["palsy", "palsy-assess", "tiny"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    graph = client.get("/v2/models/tiny").json()
    assert graph["inputs"][0] == {"name": "images", "datatype": "UINT8", "shape": [-1, 1, 224, 224]}
    assert client.get("/v2/models/tiny/versions/0.0.1").json() == graph
    assert client.get("/v2/models/palsy/versions/0.0.1/ready").json() == {"name": "palsy", "ready": True}


@pytest.mark.parametrize("roi_maps", [False, True])
def test_the_pipelines_answer_is_that_of_the_endpoint(client: TestClient, jpeg: bytes, roi_maps: bool) -> None:
    rest = client.post("/v1/palsy/grade", files={"image": jpeg}, params={"roi_maps": roi_maps}).json()
    body = picture_body(jpeg, id="visit-7", parameters={"roi_maps": roi_maps, "binary_data_output": True})
    found = asked(client, PALSY, body)
    assert without_its_moment(json.loads(found["answer"][0])) == without_its_moment(rest)
    assert found["id"] == "visit-7"
    np.testing.assert_array_equal(
        found["grade_probabilities"], np.array([list(rest["probabilities"].values())], np.float32)
    )
    np.testing.assert_array_equal(found["expected"], np.array([rest["grade"]["expected"]], np.float32))
    sides = rest["affected_side"]["probabilities"]
    np.testing.assert_array_equal(found["side_probabilities"], np.array([list(sides.values())], np.float32))


def test_json_alone_is_enough_with_base64(client: TestClient, jpeg: bytes) -> None:
    request = {
        "inputs": [
            {
                "name": "image",
                "datatype": "BYTES",
                "shape": [1],
                "parameters": {"content_type": "base64"},
                "data": [base64.b64encode(jpeg).decode()],
            }
        ],
        "outputs": [{"name": "expected"}],
    }
    response = client.post(PALSY, json=request)
    assert response.headers["content-type"] == "application/json"
    (output,) = response.json()["outputs"]
    rest = client.post("/v1/palsy/grade", files={"image": jpeg}).json()
    assert output["data"] == [float(np.float32(rest["grade"]["expected"]))]


def test_an_output_of_its_own_may_be_bytes(client: TestClient, jpeg: bytes) -> None:
    outputs = [{"name": "side_probabilities", "parameters": {"binary_data": True}}, {"name": "expected"}]
    found = asked(client, PALSY, picture_body(jpeg, outputs=outputs))
    assert set(found) == {"model_name", "id", "side_probabilities", "expected"}
    assert isinstance(found["expected"], list)
    assert found["side_probabilities"].shape == (1, 3)


def test_the_shipped_graphs_and_the_pair(serve: Serve, tmp_path: Path, photo: np.ndarray, astronaut_face: Any) -> None:
    shutil.copytree(SHIPPED / "microexpression", tmp_path / "microexpression")
    onset, apex = jpeg_of(photo), jpeg_of(warped(photo, astronaut_face, SMILE, 3))
    flow = np.random.default_rng(0).integers(0, 255, (3, 3, 28, 28), dtype=np.uint8)
    with serve(tmp_path) as client:
        rest = client.post("/v1/microexpression/classify", files={"onset": onset, "apex": apex}).json()
        pair = {"onset": ("BYTES", [1], element(onset)), "apex": ("BYTES", [1], element(apex))}
        found = asked(client, "/v2/models/microexpression/infer", binary_body(pair))
        assert without_its_moment(json.loads(found["answer"][0])) == without_its_moment(rest)
        name = client.get("/v2").json()["models"][1]
        body = binary_body({"flow": ("UINT8", [3, 3, 28, 28], flow.tobytes())}, parameters={"binary_data_output": True})
        logits = asked(client, f"/v2/models/{name}/infer", body)["emotion_logits"]
    expected = open_session(load_bundle(tmp_path / "microexpression")).run({"flow": flow})["emotion_logits"]
    np.testing.assert_array_equal(logits, expected)


def test_a_graph_behind_a_batcher_answers_every_row(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    tensors = {
        "images": ("UINT8", [3, 1, 224, 224], bytes(3 * 224 * 224)),
        "landmarks": ("FP32", [3, 478, 3], bytes(4 * 3 * 478 * 3)),
    }
    with serve(tmp_path, batch_max=8) as client:
        found = asked(client, "/v2/models/tiny/infer", binary_body(tensors, parameters={"binary_data_output": True}))
    assert found["grade_logits"].shape == (3, 5)


@pytest.fixture(scope="module")
def examining(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, running_max=2) as running:
        yield running


def movements(*poses: str) -> dict[str, bytes]:
    return {pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in poses}


def test_an_examination_is_that_of_the_endpoint(examining: TestClient) -> None:
    sent = movements("rest", "brow_lift", "full_smile")
    rest = examining.post("/v1/palsy/assess", files=sent, params={"affected_side": "left", "maps": "asymmetry"}).json()
    body = binary_body(
        {name: ("BYTES", [1], element(data)) for name, data in sent.items()},
        parameters={"affected_side": "left", "maps": "asymmetry", "binary_data_output": True},
    )
    found = asked(examining, "/v2/models/palsy-assess/infer", body)
    assert without_its_moment(json.loads(found["answer"][0])) == without_its_moment(rest)
    np.testing.assert_array_equal(
        found["grade_probabilities"], np.array([list(rest["probabilities"].values())], np.float32)
    )
    np.testing.assert_array_equal(found["expected"], np.array([rest["grade"]["expected"]], np.float32))


def test_pictures_without_a_name_are_one_input_of_several(examining: TestClient) -> None:
    sent = list(movements("full_smile", "rest").values())
    files = [("unsorted", data) for data in sent]
    rest = examining.post("/v1/palsy/assess", files=files).json()
    body = binary_body({"unsorted": ("BYTES", [2], b"".join(map(element, sent)))})
    found = asked(examining, "/v2/models/palsy-assess/infer", body)
    assert without_its_moment(json.loads(found["answer"][0])) == without_its_moment(rest)


@pytest.mark.parametrize(
    ("tensors", "parameters", "said"),
    [
        ({"rest": ("BYTES", [2], element(b"a") * 2)}, {}, "BYTES [1]"),
        ({"grin": ("BYTES", [1], element(b"a"))}, {}, "'grin'"),
        ({"unsorted": ("BYTES", [10], element(b"a") * 10)}, {}, "send 1 to 9"),
        ({"unsorted": ("BYTES", [0], b"")}, {}, "send 1 to 9"),
        ({"rest": ("BYTES", [1], element(b"a"))}, {"pupil_distance_mm": 10.0}, "'pupil_distance_mm'"),
        ({"rest": ("BYTES", [1], element(b"a letter"))}, {}, "None of the pictures can be used"),
    ],
)
def test_what_cannot_be_examined(
    examining: TestClient, tensors: dict[str, Any], parameters: dict[str, Any], said: str
) -> None:
    body, headers = binary_body(tensors, parameters=parameters)
    response = examining.post("/v2/models/palsy-assess/infer", content=body, headers=headers)
    assert response.status_code == 400
    assert said in response.json()["error"]


def test_two_models_of_one_name_stop_the_start(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy", name="palsy")
    with pytest.raises(Exception, match="the name of another model under /v2"), serve(tmp_path):
        pass


def test_inferences_are_recorded_and_counted(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(tmp_path / "models" / "palsy")
    url = f"sqlite:///{tmp_path}/audit.sqlite"
    tensors = {
        "images": ("UINT8", [1, 1, 224, 224], bytes(224 * 224)),
        "landmarks": ("FP32", [1, 478, 3], bytes(4 * 478 * 3)),
    }
    with serve(tmp_path / "models", audit_url=url) as client:
        for body in (picture_body(jpeg), picture_body(b"no picture")):
            client.post(PALSY, content=body[0], headers={**body[1], "x-request-id": "visit-0001"})
        body = binary_body(tensors)
        client.post("/v2/models/tiny/infer", content=body[0], headers=body[1])
        metrics = client.get("/metrics").text
        raw, refused, answered = AuditStore(url).read(AuditQuery(), limit=10)
    assert (answered.label, answered.request_id, len(answered.image_sha256)) == ("III", "visit-0001", 1)
    assert refused.refusal == "unsupported-media-type"
    assert (raw.label, len(raw.image_sha256)) == ("tensors", 2)
    assert metric_sum(metrics, "htnet_http_requests_total", route="/v2/models/{model_name}/infer", status="200") == 2
    assert metric_sum(metrics, "htnet_answers_total", task="palsy", label="III") == 1
    assert metric_sum(metrics, "htnet_answer_probability_count", task="palsy") == 1
