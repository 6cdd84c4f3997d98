"""A real DICOM archive (Orthanc) takes the structured report, and files it with the pictures that it is of."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from service.report.structured_report import structured_report
from tests.ops.live_service import ROOT, free_port
from tests.service.report.conftest import STUDY, photograph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="Orthanc is not installed (Debian: orthanc)"),
]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[httpx.Client]:
    port = free_port()
    settings = {
        "StorageDirectory": str(tmp_path / "archive"), "IndexDirectory": str(tmp_path / "archive"), "HttpPort": port,
        "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    process = subprocess.Popen(["Orthanc", tmp_path / "orthanc.json"], stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            deadline = time.monotonic() + 60
            while True:
                try:
                    client.get("/system").raise_for_status()
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, "the archive does not start"
                    time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def test_the_report_is_filed_with_its_pictures(tmp_path: Path, archive: httpx.Client) -> None:
    sent = {pose: photograph(pose, number) for number, pose in enumerate(("rest", "full_smile"))}
    ids = [archive.post("/instances", content=data).json()["ID"] for data in sent.values()]
    # As a hospital would: the pictures come out of the archive, and the report goes back into it.
    pictures = {pose: archive.get(f"/instances/{one}/file").content for pose, one in zip(sent, ids, strict=True)}
    with TestClient(create_app(Settings(audit_url="", models_dir=ROOT / "models"))) as service:
        answer = service.post("/v1/palsy/assess", files=pictures, headers={"accept": "application/fhir+json"})
    assert answer.status_code == 200, answer.text
    structured_report(answer.text, pictures).save_as(tmp_path / "report.dcm", enforce_file_format=True)
    stored = archive.post("/instances", content=(tmp_path / "report.dcm").read_bytes())
    assert stored.json()["Status"] == "Success"
    (study,) = archive.get("/studies", params={"expand": ""}).json()
    assert study["MainDicomTags"]["StudyInstanceUID"] == STUDY["StudyInstanceUID"]
    series = [archive.get(f"/series/{one}").json()["MainDicomTags"]["Modality"] for one in study["Series"]]
    assert sorted(series) == ["SR", "XC"]
    tags: dict[str, Any] = archive.get(f"/instances/{stored.json()['ID']}/simplified-tags").json()
    assert (tags["CompletionFlag"], tags["VerificationFlag"]) == ("COMPLETE", "UNVERIFIED")
    assert tags["ContentTemplateSequence"][0]["TemplateIdentifier"] == "1500"
