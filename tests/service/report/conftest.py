"""A service with the shipped models, and DICOM pictures of the simulated patient."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset
from starlette.testclient import TestClient

from tests.dicom_factory import dicom
from tests.service.api.conftest import Serve
from tests.service.api.conftest import serve as serve
from tests.service.api.write_assessment_example import PATIENT

SHIPPED = Path(__file__).parents[3] / "models"
STUDY = {"StudyInstanceUID": "2.25.4711", "SeriesInstanceUID": "2.25.4712", "StudyDate": "20261129"}


def photograph(pose: str, number: int, **elements: object) -> bytes:
    """A DICOM photograph, as an archive gives it out."""
    jpeg = (PATIENT / f"{pose}.jpg").read_bytes()
    width, height = Image.open(io.BytesIO(jpeg)).size
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = "R-1", "TEXT"
    made = {"Modality": "XC", "SOPInstanceUID": f"2.25.471300{number}", "OtherPatientIDsSequence": [other], **STUDY}
    return dicom(jpeg, size=(height, width), **{**made, **elements})


@pytest.fixture(scope="module")
def service(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, running_max=2) as running:
        yield running
