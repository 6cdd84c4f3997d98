"""POST /v1/palsy/compare as FHIR: the changes of the JSON answer, each with both values and what noise is."""

from __future__ import annotations

import copy
import json
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from face.palsy.assessment.examination import METHOD
from face.palsy.assessment.measuring.measures import MeasureId
from face.vocabulary import POSES, REGIONS
from service.fhir.code_system import CONCEPTS
from service.fhir.session_concepts import change_code, measure_code, movement_code, pose_code
from tests.service.api.write_assessment_example import EXAMPLE
from tests.service.fhir.test_grade_as_fhir import check_valid, observation, of_kind, parts

URL = "/v1/palsy/compare"
FHIR = {"accept": "application/fhir+json"}


@pytest.fixture
def visits() -> dict[str, Any]:
    """The same patient later: a better smile, a lid that hangs lower, everything else as before. Read by the steps, as
    this service without a network of examinations reads."""
    before = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    before["session_method"] = vars(METHOD)
    after = copy.deepcopy(before)
    before["request_id"], after["request_id"] = "visit-of-may", "visit-of-november"
    smile = before["pose_shares"]["full_smile"]
    after["pose_shares"]["full_smile"] = smile + 0.8 if smile < 0.4 else smile - 0.8
    for measure in after["measures"]:
        if (measure["id"], measure["pose"], measure["side"]) == ("fissure", "full_smile", "right"):
            measure["value"] -= 3
    return {"before": before, "after": after}


def compared(client: TestClient, visits: dict[str, Any]) -> dict[str, Any]:
    response = client.post(URL, json=visits, params={"subject": "Patient/7"}, headers=FHIR)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    bundle: dict[str, Any] = response.json()
    check_valid(bundle)
    return bundle


def test_every_change_is_an_observation_with_both_values(client: TestClient, visits: dict[str, Any]) -> None:
    bundle, answer = compared(client, visits), client.post(URL, json=visits).json()
    found = [
        (one["valueQuantity"]["value"], parts(one)["value-before"], parts(one)["value-after"],
         parts(one).get("smallest-detectable-change"))
        for one in of_kind(bundle, "Observation")
    ]  # fmt: skip
    assert found == [
        tuple(None if number is None else round(number, 6) for number in (
            change["delta"], change["before"], change["after"], change["sdc95"]))
        for change in answer["changes"]
    ]  # fmt: skip


def test_what_a_change_means_is_said_in_hl7s_words(client: TestClient, visits: dict[str, Any]) -> None:
    bundle, answer = compared(client, visits), client.post(URL, json=visits).json()
    verdicts = {change["figure"]: change["verdict"] for change in answer["changes"]}
    smile = observation(bundle, "change-pose-full-smile")
    (meaning,) = smile["interpretation"]
    assert meaning["coding"][0]["code"] == {"better": "B", "worse": "W"}[verdicts["share.full_smile"]]
    same = observation(bundle, "change-expected-grade")
    assert verdicts["expected_grade"] == "within_noise"
    assert same["interpretation"][0]["coding"][0]["code"] == "within-noise"
    (lid,) = [
        one
        for one in of_kind(bundle, "Observation")
        if one["code"]["coding"][0]["code"] == "change-fissure"
        and one["bodySite"]["coding"][0]["code"] == "side-right"
        and one["component"][0]["valueCodeableConcept"]["coding"][0]["code"] == "pose-full-smile"
    ]
    assert lid["valueQuantity"] == {
        "value": -3, "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm",
    }  # fmt: skip
    # Neither wider nor narrower is better by itself.
    assert lid["interpretation"][0]["coding"][0]["code"] == "D"


def test_it_names_both_answers_and_the_patient_whom_the_caller_names(
    client: TestClient, visits: dict[str, Any]
) -> None:
    bundle = compared(client, visits)
    (provenance,) = of_kind(bundle, "Provenance")
    assert [entity["what"]["identifier"] for entity in provenance["entity"]] == [
        {"system": "urn:htnet-clinical:request-id", "value": name} for name in ("visit-of-may", "visit-of-november")
    ]
    (report,) = of_kind(bundle, "DiagnosticReport")
    assert report["code"]["coding"][0]["code"] == "comparison-report"
    assert report["subject"] == {"reference": "Patient/7"}
    assert "The grade may be the same." in report["conclusion"]
    (device,) = of_kind(bundle, "Device")
    assert device["identifier"][0]["value"].endswith(visits["before"]["model"]["sha256"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("request_id",), ""),
        (("request_id",), "x" * 65),
        (("model", "name"), ""),
        (("model", "version"), ""),
        (("sunnybrook", "composite_range"), [0, 10**400]),
        (("pose_shares", "rest"), 2),
        (("measures", 0, "unit"), "furlong"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json"])
def test_what_no_answer_can_hold_is_refused(
    client: TestClient, visits: dict[str, Any], path: tuple[str | int, ...], value: object, accept: str
) -> None:
    at: Any = visits["after"]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    response = client.post(URL, content=json.dumps(visits), headers={"accept": accept})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")


def test_a_share_at_rest_is_nothing_unheard_of(client: TestClient, visits: dict[str, Any]) -> None:
    for visit in visits.values():
        visit["pose_shares"]["rest"] = 0.5
    assert observation(compared(client, visits), "change-pose-rest")["valueQuantity"]["value"] == 0


def test_subject_without_fhir_and_another_form_are_refused(client: TestClient, visits: dict[str, Any]) -> None:
    response = client.post(URL, json=visits, params={"subject": "Patient/7"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    response = client.post(URL, json=visits, headers={"accept": "text/csv"})
    assert (response.status_code, response.json()["code"]) == (406, "not-acceptable")


def test_whatever_can_be_compared_has_a_code() -> None:
    names = [*map(movement_code, REGIONS), *map(pose_code, POSES), *map(measure_code, get_args(MeasureId))]
    assert {change_code(name) for name in names} <= CONCEPTS.keys()
