"""The project as a wheel: built, installed into a fresh environment, started from an empty folder, asked for a grade.

pip takes the packages from where this machine's pip takes them: minutes, and a few hundred megabytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from face.version import VERSION
from tests.ops.live_service import GRADE, ROOT, LiveService, free_port, wait_until_ready
from tests.ops.test_locks import CV2_PROVIDERS, ONNXRUNTIMES

pytestmark = pytest.mark.slow

PACKAGES = ("face", "service", "htnet", "model_training", "export")


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tracked(*folders: str) -> list[str]:
    """Files that belong to the repository, without what was deleted but not yet committed."""
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *folders, cwd=ROOT).split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build folder in the checkout would bring along modules that were deleted since."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, source, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@dataclass(frozen=True)
class Installation:
    """folder: empty when the service was started there."""

    python: Path
    folder: Path
    service: LiveService


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`pip install 'htnet-clinical[service]'` in an environment of its own, and its service."""
    venv, empty = tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "venv", venv, cwd=empty)
    python = venv / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[service]", cwd=empty)
    port, log = free_port(), empty.with_suffix(".log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HTNET_", "PYTHON"))}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [python, "-m", "service"], cwd=empty, env=environment | {"HTNET_PORT": str(port)}, stdout=file, stderr=file
        )
        service = LiveService(process=process, port=port, log=log)
        try:
            wait_until_ready(service, 180)
            yield Installation(python=python, folder=empty, service=service)
        finally:
            process.terminate()
            process.wait(60)


def test_wheel_has_every_file_of_the_packages_and_every_bundle(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    # Weights stay behind: only training reads them.
    bundles = [name for name in tracked("models") if Path(name).suffix != ".pt"]
    demo = "model_training/palsy/inference/demo.toml"
    expected = {*tracked(*PACKAGES), demo, *(f"service/bundles/{name.removeprefix('models/')}" for name in bundles)}
    assert inside == expected


def test_environment_has_one_cv2_provider_and_one_onnxruntime(installation: Installation, tmp_path: Path) -> None:
    listed = json.loads(run(installation.python, "-m", "pip", "list", "--format=json", cwd=tmp_path))
    installed = {entry["name"].lower() for entry in listed}
    assert len(CV2_PROVIDERS & installed) == 1, CV2_PROVIDERS & installed
    assert len(ONNXRUNTIMES & installed) == 1, ONNXRUNTIMES & installed
    assert not {"torch", "pandas"} & installed
    assert f"htnet-clinical=={VERSION}" in {f"{entry['name']}=={entry['version']}" for entry in listed}


def test_installed_service_grades_a_photograph(installation: Installation, astronaut_jpeg: bytes) -> None:
    answer = httpx.post(installation.service.url + GRADE, files={"image": astronaut_jpeg}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["grade"]["house_brackmann"] in ("I", "II", "III", "IV", "V", "VI")


def test_installed_service_has_its_pages_texts_and_models(installation: Installation) -> None:
    service = installation.service
    for path in (
        "/",
        "/main.js",
        "/styles/base.css",
        "/texts/en.json",
        "/texts/zh-Hans.json",
        "/docs",
        "/docs/start.js",
    ):
        assert service.get(path).status_code == 200, path
    assert service.get("/openapi.json").json()["info"]["version"] == VERSION
    shipped = {json.loads((ROOT / name).read_text())["name"] for name in tracked("models/*/manifest.json")}
    assert {model["name"] for model in service.get("/v1/models").json()["models"]} == shipped


def test_installed_command_names_the_extra_that_it_lacks(installation: Installation, tmp_path: Path) -> None:
    command = installation.python.with_name("htnet")
    assert "serve" in run(command, "--help", cwd=tmp_path)
    train = [command, "palsy", "train", "--config", ROOT / "configs" / "demo.toml"]
    done = subprocess.run(train, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "pip install 'htnet-clinical[train]'" in done.stderr


def test_installed_command_grades_with_the_bundle_of_the_wheel(
    installation: Installation, astronaut_jpeg: bytes, tmp_path: Path
) -> None:
    photograph = tmp_path / "photograph.jpg"
    photograph.write_bytes(astronaut_jpeg)
    command = installation.python.with_name("htnet")
    assert "1 images graded" in run(command, "palsy", "predict", photograph, "--out", tmp_path / "out", cwd=tmp_path)


def test_installed_service_leaves_only_its_audit_where_it_was_started(installation: Installation) -> None:
    """The migrations that make the database are in the wheel."""
    files = {path.relative_to(installation.folder).as_posix() for path in installation.folder.rglob("*")}
    assert {name for name in files if not name.startswith("data/audit.sqlite-")} == {"data", "data/audit.sqlite"}
