"""POST /v1/palsy/grade with Accept: application/fhir+json: valid R4, and the figures of the JSON answer."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from starlette.testclient import TestClient

from service.config import Settings
from service.fhir.code_system import CONCEPTS
from service.security.api_keys import new_key
from tests.onnx_factory import GRADE_I, SIDE_NONE, write_palsy_bundle
from tests.service.api.conftest import Serve
from tests.service.fhir.r4_rules import broken

URL = "/v1/palsy/grade"
FHIR = {"accept": "application/fhir+json"}


def graded(client: TestClient, data: bytes, **query: Any) -> dict[str, Any]:
    response = client.post(URL, files={"image": ("Doe_Jane.jpg", data)}, params=query, headers=FHIR)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    bundle: dict[str, Any] = response.json()
    return bundle


def of_kind(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def observation(bundle: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [one for one in of_kind(bundle, "Observation") if one["code"]["coding"][0]["code"] == code]
    return found


def parts(of: dict[str, Any]) -> dict[str, Any]:
    return {part["code"]["coding"][0]["code"]: part.get("valueQuantity", {}).get("value") for part in of["component"]}


def check_valid(bundle: dict[str, Any]) -> None:
    assert broken(bundle) == []
    read = get_fhir_model_class("Bundle").model_validate(bundle)
    assert len(read.entry) == len(bundle["entry"])


def test_the_bundle_is_valid_and_has_the_figures_of_the_json_answer(client: TestClient, jpeg: bytes) -> None:
    bundle = graded(client, jpeg)
    check_valid(bundle)
    answer = client.post(URL, files={"image": jpeg}).json()
    grade = observation(bundle, "house-brackmann-grade")
    assert grade["valueCodeableConcept"]["coding"][0]["code"] == "house-brackmann-iii"
    assert grade["extension"][0]["valueDecimal"] == pytest.approx(answer["grade"]["probability"], abs=1e-6)
    found = parts(grade)
    assert found["expected-grade"] == pytest.approx(answer["grade"]["expected"], abs=1e-6)
    assert found["prediction-set-coverage"] == answer["grade"]["coverage"]
    for label, probability in answer["probabilities"].items():
        assert found[f"probability-house-brackmann-{label.lower()}"] == pytest.approx(probability, abs=1e-6)
    (interval,) = [part["valueRange"] for part in grade["component"] if "valueRange" in part]
    assert (interval["low"]["value"], interval["high"]["value"]) == (3, 4)
    assert grade["bodySite"]["coding"][0]["code"] == "side-left"
    side = observation(bundle, "affected-side")
    assert side["valueCodeableConcept"]["coding"][0]["code"] == "side-left"
    assert parts(side)["probability-side-left"] == pytest.approx(
        answer["affected_side"]["probabilities"]["left"], abs=1e-6
    )
    asymmetry = observation(bundle, "asymmetry-score")
    assert asymmetry["valueQuantity"]["value"] == pytest.approx(answer["asymmetry"]["score"], abs=1e-6)
    assert parts(asymmetry)["asymmetry-mouth"] == pytest.approx(answer["asymmetry"]["regions"]["mouth"], abs=1e-6)


def test_it_says_who_asserted_it_and_from_which_picture(client: TestClient, jpeg: bytes) -> None:
    bundle = graded(client, jpeg)
    model = client.get("/v1/models").json()["models"][0]
    (device,) = of_kind(bundle, "Device")
    assert device["identifier"][0]["value"] == f"urn:hash::sha256:{model['sha256']}"
    assert device["version"] == [{"value": model["version"]}]
    assert "not a medical device" in str(device["note"]).lower()
    (provenance,) = of_kind(bundle, "Provenance")
    digest = hashlib.sha256(jpeg).hexdigest()
    assert [entity["what"]["identifier"]["value"] for entity in provenance["entity"]] == [f"urn:hash::sha256:{digest}"]
    (report,) = of_kind(bundle, "DiagnosticReport")
    assert "House-Brackmann grade III" in report["conclusion"]
    assert "one photograph" in report["conclusion"]
    assert "Doe_Jane" not in str(bundle)


def test_the_patient_is_only_who_the_caller_says(client: TestClient, jpeg: bytes) -> None:
    assert "subject" not in str(graded(client, jpeg))
    bundle = graded(client, jpeg, subject="Patient/123", effective="2026-11-28T10:15:00+01:00")
    check_valid(bundle)
    for resource in (*of_kind(bundle, "Observation"), *of_kind(bundle, "DiagnosticReport")):
        assert resource["subject"] == {"reference": "Patient/123"}
        assert resource["effectiveDateTime"] == "2026-11-28T10:15:00+01:00"


def test_a_healthy_face_has_no_body_site(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(tmp_path / "palsy", graph={"grade_logits": GRADE_I, "side_logits": SIDE_NONE})
    with serve(tmp_path) as client:
        bundle = graded(client, jpeg)
    check_valid(bundle)
    assert "bodySite" not in observation(bundle, "house-brackmann-grade")
    assert observation(bundle, "affected-side")["valueCodeableConcept"]["coding"][0]["code"] == "side-none"


def test_grades_of_a_data_set_are_not_called_house_brackmann(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(
        tmp_path / "own", graph={"grade_logits": (4.0, -3.0)}, labels__grades=["normal", "mild", "severe"]
    )
    with serve(tmp_path) as client:
        bundle = graded(client, jpeg)
    check_valid(bundle)
    assert observation(bundle, "severity-grade")["valueCodeableConcept"] == {"text": "mild"}
    assert "ouse-" not in str(bundle)


def test_snomed_stands_behind_the_local_code_where_the_operator_says_so(
    serve: Serve, tmp_path: Path, jpeg: bytes
) -> None:
    write_palsy_bundle(tmp_path / "palsy")
    with serve(tmp_path, fhir_snomed_ct={"side-left": "734418009"}) as client:
        coding = observation(graded(client, jpeg), "house-brackmann-grade")["bodySite"]["coding"]
    assert [one["system"] for one in coding] == ["urn:htnet-clinical:facial-palsy", "http://snomed.info/sct"]
    assert coding[1]["code"] == "734418009"


@pytest.mark.parametrize("given", [{"side-up": "734418009"}, {"side-left": "LA-1"}])
def test_a_map_that_cannot_be_is_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="side-"):
        Settings(fhir_snomed_ct=given)


def test_the_code_system_is_served_and_complete(client: TestClient) -> None:
    response = client.get("/v1/fhir/CodeSystem/facial-palsy")
    assert response.headers["content-type"].startswith("application/fhir+json")
    served = response.json()
    get_fhir_model_class("CodeSystem").model_validate(served)
    assert [concept["code"] for concept in served["concept"]] == list(CONCEPTS)
    assert served["count"] == len(served["concept"])
    # The palsy item of the stroke scale is not this grade.
    assert "70189" not in response.text


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/json, application/fhir+json;q=0.9", "application/json"),
        ("application/fhir+json;q=0.5, application/json;q=0.4", "application/fhir+json"),
        ("application/fhir+json, application/json", "application/fhir+json"),
        ("application/fhir+json, */*;q=0.1", "application/fhir+json"),
        ("Application/FHIR+JSON; fhirVersion=4.0", "application/fhir+json"),
        ("application/fhir+json;q=0, */*", "application/json"),
        ("application/json;q=0, */*", "application/fhir+json"),
        ("application/fhir+json;q=x", "application/fhir+json"),
    ],
)
def test_the_accept_field_chooses(client: TestClient, jpeg: bytes, accept: str | None, media_type: str) -> None:
    response = client.post(URL, files={"image": jpeg}, headers={} if accept is None else {"accept": accept})
    assert response.headers["content-type"].partition(";")[0] == media_type


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/fhir+xml", "application/fhir+json; fhirVersion=5.0", "application/json;q=0", ",", "é"],
)
def test_another_form_is_not_to_be_had(client: TestClient, jpeg: bytes, accept: str) -> None:
    response = client.post(URL, files={"image": jpeg}, headers={"accept": accept.encode("latin-1")})
    assert (response.status_code, response.json()["code"]) == (406, "not-acceptable")
    assert "application/fhir+json" in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ({"subject": "Patient/123"}, {}),
        ({"effective": "2026-11-28T10:15:00Z"}, {}),
        ({"subject": "Jane Doe"}, FHIR),
        ({"subject": "Patient/123/../x"}, FHIR),
        ({"effective": "2026-11-28T10:15:00"}, FHIR),
        ({"effective": "yesterday"}, FHIR),
        ({"roi_maps": True}, FHIR),
    ],
)
def test_what_cannot_be_said_is_refused(
    client: TestClient, jpeg: bytes, query: dict[str, Any], headers: dict[str, str]
) -> None:
    response = client.post(URL, files={"image": jpeg}, params=query, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert "Jane" not in response.text


def test_a_refusal_stays_a_problem(client: TestClient) -> None:
    response = client.post(URL, files={"image": b"a letter"}, headers=FHIR)
    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("spoil", ["status", "reference", "value", "code", "label", "target"])
def test_the_rules_notice_what_is_wrong(client: TestClient, jpeg: bytes, spoil: str) -> None:
    bundle = copy.deepcopy(graded(client, jpeg))
    first, provenance = of_kind(bundle, "Observation")[0], of_kind(bundle, "Provenance")[0]
    match spoil:
        case "status":
            first["status"] = "nonsense"
        case "reference":
            first["device"]["reference"] = "urn:uuid:00000000-0000-0000-0000-000000000000"
        case "value":
            first["dataAbsentReason"] = {"text": "not made"}
        case "code":
            first["component"][0]["valueQuantity"]["code"] = "points"
        case "label":
            del first["meta"]
        case "target":
            provenance["target"].pop()
    assert broken(bundle)


def test_a_misspelt_query_name_is_refused_with_the_nearest(client: TestClient, jpeg: bytes) -> None:
    response = client.post(URL, files={"image": jpeg}, params={"subjekt": "Patient/1"}, headers=FHIR)
    assert response.status_code == 422
    assert "'subject'" in response.json()["detail"]


def test_the_filters_of_a_model_are_known_names(serve: Serve, tmp_path: Path) -> None:
    write_palsy_bundle(tmp_path / "models" / "palsy")
    secret, line = new_key("it", "admin")
    (tmp_path / "keys").write_text(line + "\n")
    url = f"sqlite:///{tmp_path}/audit.sqlite"
    with serve(tmp_path / "models", api_keys_file=tmp_path / "keys", audit_url=url) as client:
        answers = [
            client.get("/v1/audit", params={name: 3}, headers={"x-api-key": secret}) for name in ("limit", "limits")
        ]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert "'limit'" in answers[1].json()["detail"]
