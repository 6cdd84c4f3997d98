"""POST /v1/palsy/assess as FHIR: the figures of the JSON answer, and a reason where a movement was not made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from face.palsy.assessment.measuring.measures import MeasureId
from face.vocabulary import POSES
from service.fhir.code_system import CONCEPTS
from service.fhir.session_concepts import measure_code, pose_code
from tests.service.api.conftest import Serve
from tests.service.api.write_assessment_example import PATIENT
from tests.service.fhir.test_grade_as_fhir import check_valid, observation, of_kind, parts

URL = "/v1/palsy/assess"
SHIPPED = Path(__file__).parents[3] / "models"
FHIR = {"accept": "application/fhir+json"}


@pytest.fixture(scope="module")
def shipped(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, running_max=2) as running:
        yield running


def pictures(*poses: str) -> dict[str, bytes]:
    return {pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in poses}


def assessed(client: TestClient, sent: dict[str, bytes], **query: Any) -> dict[str, Any]:
    response = client.post(URL, files=sent, params=query, headers=FHIR)
    assert response.status_code == 200, response.text
    bundle: dict[str, Any] = response.json()
    return bundle


@pytest.fixture(scope="module")
def bundle(shipped: TestClient) -> dict[str, Any]:
    return assessed(shipped, pictures(*POSES), subject="Patient/123")


@pytest.fixture(scope="module")
def answer(shipped: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = shipped.post(URL, files=pictures(*POSES)).json()
    return found


def test_the_bundle_is_valid_and_names_every_picture(bundle: dict[str, Any]) -> None:
    check_valid(bundle)
    (provenance,) = of_kind(bundle, "Provenance")
    sent = [f"urn:hash::sha256:{hashlib.sha256(data).hexdigest()}" for data in pictures(*POSES).values()]
    assert [entity["what"]["identifier"]["value"] for entity in provenance["entity"]] == sent


def test_grade_and_scores_are_those_of_the_json_answer(bundle: dict[str, Any], answer: dict[str, Any]) -> None:
    grade = observation(bundle, "house-brackmann-grade")
    label = answer["grade"]["house_brackmann"].lower()
    assert grade["valueCodeableConcept"]["coding"][0]["code"] == f"house-brackmann-{label}"
    assert parts(grade)["expected-grade"] == pytest.approx(answer["grade"]["expected"], abs=1e-6)
    fngs = observation(bundle, "fngs2")
    assert fngs["valueQuantity"]["value"] == answer["fngs2"]["total"]
    assert {region: parts(fngs)[f"fngs2-{region}"] for region in answer["regional_movement"]} == {
        region: one["fngs"] for region, one in answer["regional_movement"].items()
    }
    sunnybrook = observation(bundle, "sunnybrook-composite")
    # The nasolabial fold is not measured, so there is a range and a reason, and no invented number.
    assert sunnybrook["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    (reach,) = [part["valueRange"] for part in sunnybrook["component"] if "valueRange" in part]
    assert [reach["low"]["value"], reach["high"]["value"]] == answer["sunnybrook"]["composite_range"]
    for region, one in answer["regional_movement"].items():
        assert observation(bundle, f"movement-{region}")["valueQuantity"]["value"] == pytest.approx(
            one["share"], abs=1e-6
        )


def test_every_measure_has_its_pose_its_unit_and_its_uncertainty(
    bundle: dict[str, Any], answer: dict[str, Any]
) -> None:
    measures = {measure_code(one) for one in get_args(MeasureId)}
    found = [
        (
            one["code"]["coding"][0]["code"],
            one["component"][0]["valueCodeableConcept"]["coding"][0]["code"],
            one["bodySite"]["coding"][0]["code"] if "bodySite" in one else None,
            one["valueQuantity"]["value"],
            one["valueQuantity"]["code"],
            one["component"][1]["valueQuantity"]["value"],
        )
        for one in of_kind(bundle, "Observation")
        if one["code"]["coding"][0]["code"] in measures
    ]
    assert found == [
        (
            measure_code(one["id"]),
            pose_code(one["pose"]),
            one["side"] and f"side-{one['side']}",
            round(one["value"], 6),
            one["unit"],
            round(2 * one["u"], 6),
        )
        for one in answer["measures"]
    ]


def test_a_movement_without_a_picture_is_not_performed_and_has_no_value(shipped: TestClient) -> None:
    bundle = assessed(shipped, pictures("rest", "full_smile"))
    check_valid(bundle)
    smile = observation(bundle, "pose-full-smile")
    assert 0 <= smile["valueQuantity"]["value"] <= 1.2
    for code in ("pose-snarl", "pose-brow-lift", "movement-forehead", "fngs2"):
        one = observation(bundle, code)
        assert one["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
        assert "valueQuantity" not in one


def test_a_picture_that_cannot_be_used_says_why(shipped: TestClient) -> None:
    sent = {**pictures("rest", "full_smile"), "snarl": b"a letter"}
    bundle = assessed(shipped, sent)
    check_valid(bundle)
    snarl = observation(bundle, "pose-snarl")
    assert snarl["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert "Send a photograph as" in snarl["note"][0]["text"]


def test_maps_are_no_part_of_it(shipped: TestClient) -> None:
    response = shipped.post(URL, files=pictures("rest"), params={"maps": "all"}, headers=FHIR)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")


def test_every_pose_and_measure_has_a_code() -> None:
    assert {pose_code(pose) for pose in POSES} <= CONCEPTS.keys()
    assert {measure_code(measure) for measure in get_args(MeasureId)} <= CONCEPTS.keys()
