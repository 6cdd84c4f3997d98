from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from face.landmarks.landmarker import FaceLandmarker
from face.version import VERSION
from service.inference.errors import BundleError, NonFiniteOutput
from service.problems import PROBLEMS
from service.security.api_keys import new_key
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve


def test_probes(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "models": ["palsy"], "left_out": []}


def test_not_ready_while_draining(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    with serve(tmp_path) as client:
        client.app_state["operations"].drain.start()
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["code"] == "not-ready"
        assert client.get("/livez").status_code == 200


def test_models(client: TestClient) -> None:
    listed = client.get("/v1/models").json()["models"]
    assert [model["task"] for model in listed] == ["palsy"]
    details = client.get("/v1/models/palsy").json()
    assert details["model"] == listed[0]
    assert details["manifest"]["labels"]["grades"][5] == "VI"
    assert details["metrics"] == {"quadratic_weighted_kappa": 0.0}
    assert details["model_card"].startswith("# tiny")
    assert client.get("/v1/models/microexpression").json()["code"] == "model-not-loaded"
    assert client.get("/v1/models/gait").json()["code"] == "invalid-parameters"


def test_answers_and_refusals_are_counted(client: TestClient, jpeg: bytes) -> None:
    client.post("/v1/palsy/grade", files={"image": jpeg})
    client.post("/v1/palsy/grade", files={"image": b"text"})
    text = client.get("/metrics").text
    assert 'htnet_answers_total{label="III",task="palsy"}' in text
    assert 'htnet_refusals_total{reason="unsupported-media-type",task="palsy"}' in text
    assert 'htnet_stage_duration_seconds_count{stage="landmarks",task="palsy"}' in text
    assert 'htnet_model_info{name="tiny"' in text


def test_the_audit_has_a_record_per_answer_and_refusal(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    from service.audit.prepare import prepare_database
    from service.audit.store import AuditQuery, AuditStore

    write_palsy_bundle(tmp_path / "models" / "palsy")
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    prepare_database(url)
    with serve(tmp_path / "models", audit_url=url) as client:
        answered = client.post("/v1/palsy/grade", files={"image": jpeg}).json()
        client.post("/v1/palsy/grade", files={"image": b"text"})
    store = AuditStore(url)
    refused, recorded = store.read(AuditQuery(), limit=10)
    store.close()
    assert recorded.request_id == answered["request_id"]
    assert recorded.label == "III"
    assert recorded.model_sha256 == answered["model"]["sha256"]
    assert len(recorded.image_sha256) == 1
    assert refused.refusal == "unsupported-media-type"


def test_the_description_has_the_version_of_the_project(client: TestClient) -> None:
    assert client.get("/openapi.json").json()["info"]["version"] == VERSION


def test_the_description_has_every_problem_of_the_table(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    responses = description["paths"]["/v1/palsy/grade"]["post"]["responses"]
    for code in ("empty-image", "image-too-large", "no-face", "overloaded", "internal-error", "out-of-distribution"):
        examples = responses[str(PROBLEMS[code].status)]["content"]["application/problem+json"]["examples"]
        assert examples[code]["value"]["code"] == code
    body = description["paths"]["/v1/palsy/grade"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "image/jpeg"} <= set(body)
    assert description["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(PROBLEMS)
    assert "HTTPValidationError" not in str(description)


def test_the_examples_of_the_description_are_valid() -> None:
    from service.api.schemas.palsy import PalsyAnswer

    for example in PalsyAnswer.model_config["json_schema_extra"]["examples"]:  # type: ignore[index,call-overload]
        PalsyAnswer.model_validate(example)


def test_the_page_of_the_description_comes_from_this_service_alone(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert client.get(f"/{link}").status_code == 200, link
    assert "<script>" not in page.text


def test_the_description_says_how_a_key_is_sent(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    assert description["security"] == [{}, {"X-API-Key": []}, {"Bearer": []}]
    assert set(description["components"]["securitySchemes"]) == {"X-API-Key", "Bearer"}


def test_the_description_can_be_switched_off(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    with serve(tmp_path, docs_enabled=False, page_enabled=False) as client:
        for path in ("/docs", "/docs/swagger-ui-bundle.js", "/openapi.json", "/"):
            assert client.get(path).json()["code"] == "not-found"


def test_other_origins_are_let_in_by_a_setting_only(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    asking = {"origin": "https://pacs.example", "access-control-request-method": "POST"}
    with serve(tmp_path) as client:
        assert not [
            name for name in client.options("/v1/palsy/grade", headers=asking).headers if "allow-origin" in name
        ]
    with serve(tmp_path, cors_allow_origins=["https://pacs.example"]) as client:
        allowed = client.options("/v1/palsy/grade", headers=asking)
        assert allowed.headers["access-control-allow-origin"] == "https://pacs.example"
        assert "x-api-key" in allowed.headers["access-control-allow-headers"]
        other = client.options("/v1/palsy/grade", headers=asking | {"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


def test_a_single_bundle_may_be_named_as_the_folder(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "mine")
    with serve(tmp_path / "mine") as client:
        assert client.get("/readyz").json()["models"] == ["palsy"]


def damage(bundle: Path) -> Path:
    """Its graph is not the one that the manifest names."""
    (bundle / "model.onnx").write_bytes(b"of another day")
    return bundle


def test_a_broken_bundle_stops_the_start_or_is_left_out_as_the_setting_says(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    write_palsy_bundle(tmp_path / "palsy-old")
    damage(write_palsy_bundle(tmp_path / "another"))
    with pytest.raises(BundleError, match="another"), serve(tmp_path):
        pass
    with serve(tmp_path, broken_models="leave-out") as client:
        assert client.get("/readyz").json() == {
            "status": "ready", "models": ["palsy"], "left_out": ["another", "palsy-old"]
        }  # fmt: skip
        assert "htnet_models_left_out 2.0" in client.get("/metrics").text
    told = [record.getMessage() for record in caplog.records if "is left out" in record.getMessage()]
    assert re.search(r"another is left out: .*model\.onnx", told[0])
    assert re.search(r"palsy-old is left out: .*is a second bundle for 'palsy'", told[1])


@pytest.mark.parametrize("named", [True, False])
def test_a_bundle_that_was_copied_in_part_is_a_broken_one(serve: Serve, tmp_path: Path, named: bool) -> None:
    """Its graph is there and its manifest is not, or the other way round. One that is being written is hidden."""
    write_palsy_bundle(tmp_path / "palsy")
    (write_palsy_bundle(tmp_path / ".palsy.7.part") / "manifest.json").unlink()
    half = write_palsy_bundle(tmp_path / "half")
    (half / ("manifest.json" if named else "model.onnx")).unlink()
    with pytest.raises(BundleError, match=r"half/(manifest\.json|model\.onnx)"), serve(tmp_path):
        pass
    with serve(tmp_path, broken_models="leave-out") as client:
        assert client.get("/readyz").json()["left_out"] == ["half"]


def test_where_every_bundle_is_broken_the_service_does_not_start(serve: Serve, tmp_path: Path) -> None:
    damage(write_palsy_bundle(tmp_path / "palsy"))
    refused = pytest.raises(BundleError, match="none of its bundles can be served")
    with refused, serve(tmp_path, broken_models="leave-out"):
        pass


def test_without_a_bundle_the_service_does_not_start(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle in this folder"), serve(tmp_path):
        pass


def test_a_start_that_fails_closes_what_it_opened(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[FaceLandmarker] = []
    close = FaceLandmarker.close
    monkeypatch.setattr(FaceLandmarker, "close", lambda self: (closed.append(self), close(self)))
    with pytest.raises(BundleError), serve(tmp_path, running_max=2):
        pass
    assert len(closed) == 2


def test_two_bundles_of_a_task_stop_the_start(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "a")
    write_palsy_bundle(tmp_path / "b")
    before = set(threading.enumerate())
    refused = pytest.raises(BundleError, match=r"b/manifest\.json: task: is a second bundle for 'palsy'")
    with refused, serve(tmp_path, batch_max=4):
        pass
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert "batching" not in left, "the session of the first one is closed"


def test_a_damaged_bundle_stops_the_start(serve: Serve, tmp_path: Path) -> None:
    directory = write_palsy_bundle(tmp_path / "palsy")
    with (directory / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"model\.onnx: files\.float32\.bytes"), serve(tmp_path):
        pass


def test_a_model_that_gives_nan_stops_the_start(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy", graph={"not_finite": True})
    with pytest.raises(NonFiniteOutput), serve(tmp_path):
        pass


def test_a_bundle_of_another_preprocessing_stops_the_start(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "palsy", input__fingerprint="0" * 64)
    with pytest.raises(BundleError, match=r"input\.fingerprint: is 0000"), serve(tmp_path):
        pass


def test_a_request_that_never_reaches_its_handler_is_counted_by_its_route(client: TestClient) -> None:
    assert client.post("/v1/palsy/grade", content=bytes(11_000_000)).status_code == 413
    assert client.get("/v1/models/palsy").status_code == 200
    text = client.get("/metrics").text
    assert 'htnet_http_requests_total{method="POST",route="/v1/palsy/grade",status="413"}' in text
    assert 'route="/v1/models/{task}"' in text


def test_under_a_path_of_a_proxy_keys_are_asked_for_all_the_same(serve: Serve, tmp_path: Path) -> None:
    """Whether the proxy takes the path away or leaves it."""
    write_palsy_bundle(tmp_path / "palsy")
    secret, line = new_key("ward", "user")
    (tmp_path / "keys").write_text(line, encoding="utf-8")
    with serve(tmp_path, root_path="/clinic/htnet", api_keys_file=tmp_path / "keys") as client:
        for path in ("/v1/models", "/clinic/htnet/v1/models"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"x-api-key": secret}).status_code == 200
        assert client.get("/clinic/htnet/v1/audit", headers={"x-api-key": secret}).status_code == 403
        assert client.get("/clinic/htnetv1/models").status_code == 404
        assert client.get("/clinic/htnet/readyz").status_code == client.get("/readyz").status_code == 200
        assert client.get("/clinic/htnet/openapi.json").json()["servers"] == [{"url": "/clinic/htnet"}]
        assert 'route="/v1/models",status="401"' in client.get("/metrics").text
        for page in ("/clinic/htnet", "/clinic/htnet/", "/clinic/htnet/docs"):
            assert client.get(page).status_code == 200


def test_nothing_redirects_to_another_host_or_scheme(client: TestClient) -> None:
    for path in ("/v1/audit/", "/docs/", "/v1/palsy/grade/", "/livez/"):
        answer = client.get(path, headers={"host": "inside:8000"}, follow_redirects=False)
        assert (answer.status_code, answer.headers.get("location")) in ((404, None), (403, None))


def test_a_picture_that_takes_more_memory_than_there_is_gets_413_and_one_that_must_wait_503(
    serve: Serve, tmp_path: Path, jpeg: bytes
) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    with serve(tmp_path, decoding_max_bytes=100_000) as client:
        answer = client.post("/v1/palsy/grade", files={"image": jpeg})
        assert (answer.status_code, answer.json()["code"]) == (413, "image-too-large")
    with serve(tmp_path, decoding_max_bytes=50_000_000, queue_wait_s=0.05) as client:
        with client.app_state["operations"].decoding.reserve(49_999_999):
            answer = client.post("/v1/palsy/grade", files={"image": jpeg})
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.headers["retry-after"] == "1"
        assert client.post("/v1/palsy/grade", files={"image": jpeg}).status_code == 200
        assert 'htnet_rejected_total{reason="memory"} 1.0' in client.get("/metrics").text
