"""What one photograph never has but a session will: poses that were not made, measures with their uncertainty."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from service.analysis.models import LoadedModel
from service.fhir.bundle import Maker, Occasion, bundle_of
from service.fhir.code_system import Codes
from service.fhir.datatypes import CodeableConcept, quantity, sha256_identifier
from service.fhir.findings import Finding, Part, Report
from service.fhir.palsy import asymmetry
from service.fhir.resources import ObservationComponent
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from tests.onnx_factory import write_palsy_bundle
from tests.service.fhir.r4_rules import broken


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel[object]:
    folder: Path = tmp_path_factory.mktemp("bundle")
    bundle = load_bundle(write_palsy_bundle(folder / "palsy"))
    return LoadedModel(bundle, "float32", open_session(bundle), object())


OCCASION = Occasion(
    subject="https://ehr.example/fhir/Patient/7",
    effective=None,
    issued=datetime(2026, 11, 28, 10, 15, 7, 123456, tzinfo=UTC),
    sources=[sha256_identifier(digit * 64) for digit in "ab"],
)


def written(report: Report, model: LoadedModel[object]) -> dict:
    bundle = json.loads(bundle_of(report, OCCASION, maker=Maker.of(model), codes=Codes()).to_json())
    assert broken(bundle) == []
    get_fhir_model_class("Bundle").model_validate(bundle)
    return bundle


def test_a_pose_that_was_not_made_has_a_reason_and_no_value(model: LoadedModel[object]) -> None:
    finding = Finding(
        code="expected-grade",
        category="survey",
        value="not-performed",
        parts=[Part(code="asymmetry-mouth", value="unknown")],
    )
    one = written(Report(findings=[finding], conclusion="No smile was made."), model)["entry"][1]["resource"]
    assert one["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert not [name for name in one if name.startswith("value")]
    assert one["component"][0]["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_a_region_that_was_not_seen_is_unknown(model: LoadedModel[object]) -> None:
    finding = asymmetry(None, {"forehead": 0.25, "eye": None, "nose": 0.1, "mouth": 0.2})
    one = written(Report(findings=[finding], conclusion="One eye is covered."), model)["entry"][1]["resource"]
    assert one["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert [part.get("valueQuantity", {}).get("value") for part in one["component"]] == [0.25, None, 0.1, 0.2]


def test_a_measure_carries_its_uncertainty_in_its_unit(model: LoadedModel[object]) -> None:
    finding = Finding(
        code="asymmetry-eye",
        category="exam",
        value=quantity(2.1, "mm"),
        uncertainty=quantity(0.8000000001, "mm"),
        body_site="side-left",
    )
    bundle = written(Report(findings=[finding], conclusion="Measured."), model)
    one = bundle["entry"][1]["resource"]
    assert one["component"][0]["valueQuantity"] == {
        "value": 0.8,
        "unit": "mm",
        "system": "http://unitsofmeasure.org",
        "code": "mm",
    }
    assert one["issued"] == bundle["timestamp"] == "2026-11-28T10:15:07+00:00"
    assert one["subject"] == {"reference": "https://ehr.example/fhir/Patient/7"}
    assert len(bundle["entry"][-1]["resource"]["entity"]) == 2


def test_a_value_and_a_reason_for_none_cannot_be_written_together() -> None:
    with pytest.raises(ValidationError, match="one value or the reason"):
        ObservationComponent(
            code=CodeableConcept(text="x"),
            value_quantity=quantity(1, "1"),
            data_absent_reason=CodeableConcept(text="y"),
        )
    with pytest.raises(ValidationError, match="one value or the reason"):
        ObservationComponent(code=CodeableConcept(text="x"))


def test_a_unit_that_is_not_ucums_is_refused() -> None:
    with pytest.raises(KeyError):
        quantity(1, "points")
