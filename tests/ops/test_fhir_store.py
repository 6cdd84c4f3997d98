"""A real FHIR R4 store takes the answers, and gives back what was put in: Medplum's router and repository.

Needs node with npm, which takes the packages from where this machine's npm takes them.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from service.fhir.code_system import SYSTEM, code_system
from tests.ops.live_service import ROOT
from tests.service.api.write_assessment_example import EXAMPLE, PATIENT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

HERE = Path(__file__).parent / "fhir_store"
FHIR = {"accept": "application/fhir+json"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("store")
    for path in HERE.iterdir():
        shutil.copy(path, folder)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=300)
    process = subprocess.Popen(["node", "store.mjs"], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with httpx.Client(base_url=process.stdout.readline().strip(), trust_env=False, timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def answers(store: httpx.Client) -> dict[str, dict[str, Any]]:
    """FHIR answers about a patient whom the store knows."""
    created = store.post("/Patient", json={"resourceType": "Patient"})
    assert created.status_code == 201, created.text
    subject = {"subject": f"Patient/{created.json()['id']}"}
    pictures = {pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in ("rest", "brow_lift", "full_smile")}
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    with TestClient(create_app(Settings(audit_url="", models_dir=ROOT / "models"))) as service:
        asked = {
            "grade": service.post("/v1/palsy/grade", files={"image": pictures["rest"]}, params=subject, headers=FHIR),
            "assess": service.post("/v1/palsy/assess", files=pictures, params=subject, headers=FHIR),
            "compare": service.post(
                "/v1/palsy/compare", json={"before": example, "after": example}, params=subject, headers=FHIR
            ),
        }
    assert {response.status_code for response in asked.values()} == {200}
    return {name: response.json() for name, response in asked.items()}


def as_transaction(bundle: dict[str, Any]) -> dict[str, Any]:
    """As docs/how-to/fhir.md says."""
    entries = [
        {**entry, "request": {"method": "POST", "url": entry["resource"]["resourceType"]}} for entry in bundle["entry"]
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def without_ids(value: Any) -> Any:
    """Without what a store adds, and where references lead: they become the store's own."""
    if isinstance(value, dict):
        own = {name: without_ids(inner) for name, inner in value.items() if name not in ("id", "reference")}
        if "meta" in own:
            own["meta"] = {"security": own["meta"]["security"]} if "security" in own["meta"] else None
        return {name: inner for name, inner in own.items() if inner is not None}
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["grade", "assess", "compare"])
def test_every_resource_comes_back_as_it_was_and_its_references_lead_somewhere(
    store: httpx.Client, answers: dict[str, dict[str, Any]], name: str
) -> None:
    bundle = answers[name]
    stored = store.post("/", json=as_transaction(bundle))
    assert stored.status_code == 200, stored.text
    results = stored.json()["entry"]
    assert {result["response"]["status"] for result in results} == {"201"}, results
    for entry, result in zip(bundle["entry"], results, strict=True):
        read = store.get("/" + result["response"]["location"].split("/_history")[0].lstrip("/"))
        assert read.status_code == 200, read.text
        resource = read.json()
        assert without_ids(resource) == without_ids(entry["resource"])
        for reference in references(resource):
            found = store.get(f"/{reference}")
            assert found.status_code == 200, f"{resource['resourceType']} -> {reference}"


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def test_the_grade_is_found_by_patient_and_code(store: httpx.Client, answers: dict[str, dict[str, Any]]) -> None:
    bundle = copy.deepcopy(answers["assess"])
    (subject,) = {
        entry["resource"]["subject"]["reference"] for entry in bundle["entry"] if "subject" in entry["resource"]
    }
    assert store.post("/", json=as_transaction(bundle)).status_code == 200
    query = {"subject": subject, "code": f"{SYSTEM}|house-brackmann-grade"}
    found = store.get("/Observation", params=query)
    assert found.status_code == 200, found.text
    grades = [entry["resource"]["valueCodeableConcept"]["coding"][0]["code"] for entry in found.json()["entry"]]
    assert "house-brackmann-iv" in grades


def test_the_bundle_and_the_code_system_are_kept_whole(store: httpx.Client, answers: dict[str, dict[str, Any]]) -> None:
    for resource in (answers["assess"], json.loads(code_system().to_json())):
        created = store.post(f"/{resource['resourceType']}", json=resource)
        assert created.status_code == 201, created.text
        read = store.get(f"/{resource['resourceType']}/{created.json()['id']}").json()
        assert without_ids(read) == without_ids(resource)


def test_the_store_does_check(store: httpx.Client, answers: dict[str, dict[str, Any]]) -> None:
    bundle = as_transaction(copy.deepcopy(answers["grade"]))
    del next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation")["resource"]["status"]
    stored = store.post("/", json=bundle)
    assert stored.status_code == 400 or any(
        not result["response"]["status"].startswith("2") for result in stored.json()["entry"]
    )
