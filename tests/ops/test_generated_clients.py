"""Clients are generated from the description and really call every endpoint; so do the examples in the documents.

Needs node with npm, which takes the packages from where this machine's npm takes them, curl and jq.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.security.api_keys import new_key
from tests import factories
from tests.face.microexpression.test_input import SMILE, warped
from tests.ops.live_service import ROOT, LiveService, live_service
from tests.service.api.examination_clips import examination_clip
from tests.service.api.write_assessment_example import PATIENT

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "generated_clients"
EXAMPLES = ROOT / "docs/how-to/call-from-a-program.md"


@pytest.fixture(scope="module")
def key() -> tuple[str, str]:
    return new_key("it", "admin")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, key: tuple[str, str]) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys").write_text(key[1] + "\n")
    with live_service(folder, ROOT / "models", api_keys_file=folder / "keys", running_max=2) as live:
        yield live


@pytest.fixture(scope="module")
def description(service: LiveService) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/openapi.json").json()
    return found


@pytest.fixture
def operations(description: dict[str, Any]) -> set[str]:
    return {one["operationId"] for path in description["paths"].values() for one in path.values()}


@pytest.fixture
def pictures(tmp_path: Path, astronaut_face: Any) -> Path:
    """A folder with the pictures that the examples name."""
    photo = factories.astronaut()
    (tmp_path / "photo.jpg").write_bytes(factories.jpeg(photo))
    (tmp_path / "onset.jpg").write_bytes(factories.jpeg(photo))
    (tmp_path / "apex.jpg").write_bytes(factories.jpeg(warped(photo, astronaut_face, SMILE, 3)))
    for pose in ("rest", "full_smile"):
        shutil.copy(PATIENT / f"{pose}.jpg", tmp_path)
    (tmp_path / "visit.webm").write_bytes(examination_clip(tmp_path, ["full_smile"]))
    return tmp_path


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{' '.join(command)[:300]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", EXAMPLES.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("language", "command"),
    [("sh", ["bash", "-euo", "pipefail", "-c"]), ("python", [sys.executable, "-c"]), ("javascript", [])],
)
def test_the_examples_of_the_documents_run(
    service: LiveService, key: tuple[str, str], pictures: Path, language: str, command: list[str]
) -> None:
    blocks = examples(language)
    assert len(blocks) == 9
    for block in blocks:
        assert "http://127.0.0.1:8000" in block
        code = block.replace("http://127.0.0.1:8000", service.url)
        line = [*command, code] if command else ["node", "--input-type=module", "--eval", code]
        assert run(line, pictures, KEY=key[0]).strip() or language == "sh"


def test_the_examples_name_every_endpoint(description: dict[str, Any]) -> None:
    """Those under a version of a model are the same as without, and are left out."""
    text = EXAMPLES.read_text(encoding="utf-8")
    for path in description["paths"]:
        if "{model_version}" not in path:
            named = path.replace("{task}", "palsy").replace("{model_name}", "palsy").lstrip("/")
            assert re.search(rf'[/ "]{re.escape(named)}[\s\'"?]', text), path


def test_a_generated_python_client_calls_every_endpoint(
    service: LiveService,
    key: tuple[str, str],
    description: dict[str, Any],
    operations: set[str],
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (pictures / "openapi.json").write_text(json.dumps(description))
    generator = Path(sys.executable).parent / "openapi-python-client"
    command = [str(generator), "generate", "--path", "openapi.json", "--output-path", "generated", "--meta", "none"]
    run(command, pictures, PATH=f"{generator.parent}:{os.environ['PATH']}")
    monkeypatch.syspath_prepend(str(pictures))
    models, types = importlib.import_module("generated.models"), importlib.import_module("generated.types")
    made = importlib.import_module("generated.client")
    client = made.AuthenticatedClient(
        base_url=service.url, token=key[0], prefix="", auth_header_name="X-API-Key", timeout=httpx.Timeout(60)
    )
    functions = {
        path.stem: path.relative_to(pictures).with_suffix("").as_posix().replace("/", ".")
        for path in (pictures / "generated/api").glob("*/*.py")
        if path.stem != "__init__"
    }
    assert set(functions) == operations

    def picture(name: str) -> Any:
        return types.File(payload=io.BytesIO((pictures / name).read_bytes()), file_name=name, mime_type="image/jpeg")

    def ask(operation: str, **arguments: Any) -> Any:
        response = importlib.import_module(functions[operation]).sync_detailed(client=client, **arguments)
        assert response.status_code == 200, response.content[:500]
        operations.discard(operation)
        return response.parsed

    grade = ask("grade", body=models.GradeFilesBody(image=picture("photo.jpg")), heatmap=False)
    assert grade.grade.label in ("I", "II", "III", "IV", "V", "VI")
    body = models.AssessBody(rest=picture("rest.jpg"), full_smile=picture("full_smile.jpg"))
    examination = ask("assess", body=body)
    changes = ask("compare_examinations", body=models.ComparisonRequest(before=examination, after=examination)).changes
    assert {change.delta for change in changes} == {0.0}
    visit = types.File(payload=io.BytesIO((pictures / "visit.webm").read_bytes()), mime_type="video/webm")
    (segment,) = ask("video", body=models.VideoFilesBody(clip=visit)).clip.segments
    assert segment.pose == "full_smile"
    at_rest = ask("look", body=models.LookFilesBody(image=picture("rest.jpg")))
    smile = models.LookFilesBody(image=picture("full_smile.jpg"), rest=at_rest.measures)
    assert ask("look", body=smile, pose="full_smile").made
    pair = models.ClassifyBody(onset=picture("onset.jpg"), apex=picture("apex.jpg"))
    assert ask("classify", body=pair).emotion.label == "positive"
    frames = [picture(f"{name}.jpg") for name in ("onset", "onset", "apex", "onset")]
    assert ask("classify_clip", body=models.ClassifyClipFilesBody(frame=frames), fps=25.0).curve.motion[2] > 1
    assert {model.task for model in ask("list_models").models} == {"palsy", "microexpression", "palsy-session"}
    assert ask("get_model", task="palsy").model_card
    assert len(ask("read_audit", limit=3).records) == 3
    assert ask("get_code_system").to_dict()["resourceType"] == "CodeSystem"
    assert "palsy" in ask("server_metadata").models
    (version,) = ask("model_metadata", model_name="palsy").versions
    for operation in ("server_live", "server_ready", "livez", "readyz", "metrics"):
        ask(operation)
    assert ask("model_ready", model_name="palsy").ready
    named = {"model_name": "palsy", "model_version": version}
    for operation in ("version_metadata", "version_ready"):
        ask(operation, **named)
    image = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode((pictures / "photo.jpg").read_bytes()).decode()],
    }
    request = models.InferenceRequest.from_dict({"inputs": [image], "outputs": [{"name": "expected"}]})
    (output,) = ask("infer", model_name="palsy", body=request).outputs
    assert output.data == [pytest.approx(float(np.float32(grade.grade.expected)))]
    ask("infer_version", **named, body=request)
    client.get_httpx_client().close()
    assert operations == set(), "endpoints that were not called"


def test_a_generated_typescript_client_calls_every_endpoint(
    service: LiveService, key: tuple[str, str], description: dict[str, Any], operations: set[str], pictures: Path
) -> None:
    for name in ("package.json", "every_endpoint.ts"):
        shutil.copy(HERE / name, pictures)
    (pictures / "openapi.json").write_text(json.dumps(description))
    run(["npm", "install", "--no-audit", "--no-fund"], pictures)
    # Else what has a default would have to be sent.
    run(["npx", "openapi-typescript", "openapi.json", "--default-non-nullable=false", "-o", "service.d.ts"], pictures)
    options = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"]
    run(["npx", "tsc", *options, "--types", "node", "every_endpoint.ts"], pictures)
    called = run(["node", "every_endpoint.js"], pictures, SERVICE=service.url, KEY=key[0]).split()
    assert set(called) == operations
