"""A FHIR answer and its DICOM pictures become a structured report of the same patient and study."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from highdicom import sr
from pydicom import Dataset, dcmread
from starlette.testclient import TestClient
from typer.testing import CliRunner

from htnet.commands import app
from service.report.structured_report import SCHEME, NoReport, structured_report
from tests.service.api.write_assessment_example import EXAMPLE, PATIENT
from tests.service.report.conftest import photograph

FHIR = {"accept": "application/fhir+json"}
POSES = ("rest", "brow_lift", "full_smile")


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return {f"{pose}.dcm": photograph(pose, number) for number, pose in enumerate(POSES)}


@pytest.fixture(scope="module")
def answer(service: TestClient, pictures: dict[str, bytes]) -> str:
    """Of an examination."""
    files = {name.removesuffix(".dcm"): data for name, data in pictures.items()}
    response = service.post("/v1/palsy/assess", files=files, headers=FHIR)
    assert response.status_code == 200, response.text
    return response.text


@pytest.fixture(scope="module")
def report(answer: str, pictures: dict[str, bytes]) -> Dataset:
    """Written to a file and read again."""
    return reread(structured_report(answer, pictures))


def reread(report: Dataset) -> Dataset:
    file = io.BytesIO()
    report.save_as(file, enforce_file_format=True)
    return dcmread(io.BytesIO(file.getvalue()))


def groups(report: Dataset) -> dict[str, Any]:
    """Measurement groups by tracking identifier."""
    content = sr.MeasurementReport.from_sequence([report])
    return {group.tracking_identifier: group for group in content.get_image_measurement_groups()}


def observations(answer: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in json.loads(answer)["entry"]]
    return [one for one in resources if one["resourceType"] == "Observation"]


def texts(report: Dataset, code: str) -> list[str]:
    items = report.ContentSequence
    return [item.TextValue for item in items if item.ConceptNameCodeSequence[0].CodeValue == code]


def test_it_is_of_the_pictures_patient_and_study_and_refers_to_every_picture(
    report: Dataset, pictures: dict[str, bytes]
) -> None:
    one = dcmread(io.BytesIO(pictures["rest.dcm"]))
    for element in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyInstanceUID", "StudyDate"):
        assert report[element].value == one[element].value
    assert report.SeriesInstanceUID != one.SeriesInstanceUID
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert {image.ReferencedSOPInstanceUID for image in series.ReferencedSOPSequence} == {
        dcmread(io.BytesIO(data)).SOPInstanceUID for data in pictures.values()
    }
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")


def test_figures_uncertainties_and_sides_are_those_of_the_answer(report: Dataset, answer: str) -> None:
    told = [
        (part["code"]["coding"][0]["code"], part["valueQuantity"]["value"], part["valueQuantity"]["code"])
        for one in observations(answer)
        for part in (one, *one.get("component", []))
        if "valueQuantity" in part and part["code"]["coding"][0]["code"] != "expanded-uncertainty"
    ]
    written = [
        (measurement.name.value, measurement.value, measurement.unit.value)
        for group in groups(report).values()
        for measurement in group.get_measurements()
        if measurement.derivation is None
    ]
    assert len(written) > 40
    assert sorted(written) == sorted(told)


def test_a_measure_has_its_pose_its_side_and_its_uncertainty(report: Dataset, answer: str) -> None:
    (told,) = [
        one
        for one in observations(answer)
        if one["code"]["coding"][0]["code"] == "commissure-excursion"
        and one["bodySite"]["coding"][0]["code"] == "side-left"
    ]
    group = groups(report)["commissure-excursion pose-full-smile side-left"]
    (site,) = group.finding_sites
    assert site.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "Left"
    (measurement,) = group.get_measurements()
    assert measurement.name.scheme_designator == SCHEME
    around = told["component"][-1]["valueQuantity"]["value"]
    bounds = [item for item in measurement[0].ContentSequence if item.ValueType == "NUM"]
    assert [float(item.MeasuredValueSequence[0].NumericValue) for item in bounds] == [around, around]


def test_what_was_not_made_says_so_in_dicoms_words(report: Dataset) -> None:
    (evaluation,) = groups(report)["pose-snarl"].get_qualitative_evaluations()
    assert (evaluation.value.value, evaluation.value.meaning) == ("114007", "Measurement not attempted")
    assert not groups(report)["pose-snarl"].get_measurements()


def test_the_grade_its_set_and_its_notes_are_there(report: Dataset, answer: str) -> None:
    grade = groups(report)["house-brackmann-grade side-right"]
    (evaluation,) = grade.get_qualitative_evaluations()
    assert evaluation.value.value == "house-brackmann-iv"
    limits = [item for item in grade.get_measurements() if item.name.value == "prediction-set"]
    assert [item.derivation.meaning for item in limits] == ["Minimum", "Maximum"]
    assert limits[0].value <= limits[1].value
    (conclusion,) = texts(report, "121077")
    assert conclusion in answer
    assert "Not a medical device." in texts(report, "121106")
    notes = [item.TextValue for item in grade[0].ContentSequence if item.ValueType == "TEXT"]
    assert any("3 of 8 poses" in note for note in notes)


def test_one_photograph_and_a_name_in_latin_letters(service: TestClient) -> None:
    data = photograph("rest", 7, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    response = service.post("/v1/palsy/grade", files={"image": data}, headers=FHIR)
    assert "ller" not in response.text
    report = reread(structured_report(response.text, {"rest.dcm": data}))
    assert str(report.PatientName) == "Müller^Jörg"
    assert "asymmetry-score" in groups(report)


def test_a_photograph_without_optional_elements(service: TestClient) -> None:
    data = photograph("rest", 8, PatientName=None, PatientBirthDate=None, AccessionNumber=None)
    response = service.post("/v1/palsy/grade", files={"image": data}, headers=FHIR)
    assert reread(structured_report(response.text, {"rest.dcm": data})).PatientBirthDate == ""


def broken(answer: str, remove: str) -> str:
    bundle = json.loads(answer)
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != remove]
    return json.dumps(bundle)


def test_what_does_not_belong_together_makes_no_report(
    service: TestClient, answer: str, pictures: dict[str, bytes]
) -> None:
    rest = pictures["rest.dcm"]
    with pytest.raises(NoReport, match=r"2 of 3 pictures of the answer are not among the files"):
        structured_report(answer, {"rest.dcm": rest})
    with pytest.raises(NoReport, match=r"other\.dcm: the answer was not made from this file"):
        structured_report(answer, {**pictures, "other.dcm": photograph("rest", 9)})
    with pytest.raises(NoReport, match="is no FHIR Bundle of this service"):
        structured_report(EXAMPLE.read_text(encoding="utf-8"), pictures)
    with pytest.raises(NoReport, match="is no FHIR Bundle of this service"):
        structured_report("a letter", pictures)
    for kind in ("Device", "DiagnosticReport", "Provenance"):
        with pytest.raises(NoReport, match=f"has not one {kind}"):
            structured_report(broken(answer, kind), pictures)
    jpeg = (PATIENT / "rest.jpg").read_bytes()
    of_jpeg = service.post("/v1/palsy/grade", files={"image": jpeg}, headers=FHIR).text
    with pytest.raises(NoReport, match=r"rest\.jpg: is no DICOM file"):
        structured_report(of_jpeg, {"rest.jpg": jpeg})
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    compared = service.post("/v1/palsy/compare", json={"before": example, "after": example}, headers=FHIR)
    with pytest.raises(NoReport, match="names no picture, as one of two compared examinations"):
        structured_report(compared.text, {"rest.dcm": rest})


@pytest.mark.parametrize(
    ("element", "value", "said"),
    [
        ("PatientID", "MRN-2", "differ in PatientID"),
        ("StudyInstanceUID", "2.25.8", "differ in StudyInstanceUID"),
        ("StudyInstanceUID", None, "has no StudyInstanceUID"),
    ],
)
def test_pictures_of_two_patients_are_never_one_report(
    service: TestClient, element: str, value: str | None, said: str
) -> None:
    files = {"rest": photograph("rest", 1), "full_smile": photograph("full_smile", 2, **{element: value})}
    response = service.post("/v1/palsy/assess", files=files, headers=FHIR)
    with pytest.raises(NoReport, match=said):
        structured_report(response.text, files)


def test_the_command_writes_it(tmp_path: Path, answer: str, pictures: dict[str, bytes]) -> None:
    (tmp_path / "answer.json").write_text(answer, encoding="utf-8")
    paths = [tmp_path / name for name in pictures]
    for path, data in zip(paths, pictures.values(), strict=True):
        path.write_bytes(data)
    out = tmp_path / "reports" / "report.dcm"
    command = ["palsy", "dicom-sr", str(tmp_path / "answer.json"), *map(str, paths), "--out", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "preliminary and unverified" in done.output
    assert dcmread(out).Modality == "SR"
    paths[0].unlink()
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, str(done.exception)) == (1, f"{paths[0]}: no such file")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_a_checker_of_dicom_files_finds_no_error(tmp_path: Path, report: Dataset) -> None:
    report.save_as(tmp_path / "report.dcm")
    done = subprocess.run(["dciodvfy", tmp_path / "report.dcm"], capture_output=True, text=True, check=False)
    said = done.stderr + done.stdout
    assert "EnhancedSR" in said
    assert [line for line in said.splitlines() if line.startswith("Error")] == []
