"""DICOM in: the answer of the picture in it, and not a word of whose it is."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.audit.csv_export import csv_lines
from service.audit.store import AuditQuery, AuditStore
from tests.dicom_factory import WORDS, dicom
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve
from tests.service.oip.conftest import picture_body

URL = "/v1/palsy/grade"


def test_the_answer_is_that_of_the_picture_in_it(client: TestClient, jpeg: bytes, photo: np.ndarray) -> None:
    expected = client.post(URL, files={"image": jpeg}).json()["probabilities"]
    file = dicom(jpeg, size=(512, 512))
    assert client.post(URL, files={"image": file}).json()["probabilities"] == expected
    body = client.post(URL, content=file, headers={"content-type": "application/dicom"})
    assert body.json()["probabilities"] == expected
    assert client.post(URL, content=dicom(photo), headers={"content-type": "application/dicom"}).status_code == 200


def test_another_sop_class_is_named_with_415(client: TestClient, jpeg: bytes) -> None:
    file = dicom(jpeg, sop_class="1.2.840.10008.5.1.4.1.1.1.1", size=(512, 512))
    response = client.post(URL, content=file, headers={"content-type": "application/dicom"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")
    assert "1.2.840.10008.5.1.4.1.1.1.1" in response.json()["detail"]


@pytest.mark.parametrize("kind", ["answered", "no-face", "another-class", "cut-off"])
def test_nobody_is_named_anywhere(
    serve: Serve,
    tmp_path: Path,
    jpeg: bytes,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    file = {
        "answered": dicom(jpeg, size=(512, 512)),
        "no-face": dicom(np.full((300, 300, 3), 128, np.uint8)),
        "another-class": dicom(jpeg, sop_class="1.2.840.10008.5.1.4.1.1.2", size=(512, 512)),
        "cut-off": dicom(jpeg, size=(512, 512))[:-2000],
    }[kind]
    write_palsy_bundle(tmp_path / "models" / "palsy")
    url = f"sqlite:///{tmp_path}/audit.sqlite"
    with caplog.at_level(logging.DEBUG), serve(tmp_path / "models", audit_url=url) as client:
        name = "Jemima_Sorrowfield.dcm"
        said = [
            client.post(URL, files={"image": (name, file, "application/dicom")}),
            client.post(URL, files={"image": (name, file)}, headers={"accept": "application/fhir+json"}),
        ]
        body, headers = picture_body(file)
        said.append(client.post("/v2/models/palsy/infer", content=body, headers=headers))
        said.append(client.get("/metrics"))
        records = AuditStore(url).read(AuditQuery(), limit=10)
        audit = "".join(csv_lines(iter(records)))
    assert {response.status_code for response in said[:3]} <= ({200} if kind == "answered" else {400, 415, 422})
    assert len(records) == 3
    assert hashlib.sha256(file).hexdigest() in audit
    caught = capfd.readouterr()
    told = "".join(
        [*(response.text + str(response.headers) for response in said), audit, caught.out, caught.err, caplog.text]
        + [str(vars(record)) for record in caplog.records]
        + [str(warning.message) for warning in recwarn]
    )
    assert not [word for word in WORDS if word in told]
    assert len(told) > 2000
