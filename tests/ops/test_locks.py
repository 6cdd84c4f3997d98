"""The locks cover pyproject.toml, name no registry, and leave one cv2 provider and one onnxruntime."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCK_EXTRAS = {
    "service": [],
    "gpu": [],
    "dev": ["train", "export", "dicom-sr", "ray", "mlflow", "wandb", "dev", "docs"],
}
CV2_PROVIDERS = {
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
}
ONNXRUNTIMES = {"onnxruntime", "onnxruntime-gpu"}


def pyproject() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def read_lock(name: str) -> dict[str, str]:
    """Canonical name -> version."""
    pins = {}
    for line in (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), f"{name}.txt: not an exact pin: {line!r}"
        package, version = line.split("==")
        pins[canonicalize_name(package)] = version
    return pins


@pytest.mark.parametrize("name", LOCK_EXTRAS)
def test_lock_covers_pyproject(name: str) -> None:
    content = pyproject()
    pins = read_lock(name)
    texts = [*content["project"]["dependencies"]]
    texts += [text for extra in LOCK_EXTRAS[name] for text in content["project"]["optional-dependencies"][extra]]
    texts += content["dependency-groups"]["gpu"] if name == "gpu" else []
    for text in texts:
        requirement = Requirement(text)
        wanted = canonicalize_name(requirement.name)
        if (name == "gpu" and wanted == "onnxruntime") or wanted == content["project"]["name"]:
            continue
        assert wanted in pins, f"{wanted} is not in requirements/{name}.txt: run `make lock`"
        assert requirement.specifier.contains(pins[wanted]), f"{wanted}: {pins[wanted]} is not {requirement}"


def test_wheel_asks_for_no_cv2_and_no_second_onnxruntime() -> None:
    """mediapipe asks for a cv2 provider; whatever we named beside it would overwrite it unnoticed."""
    project = pyproject()["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    wanted = {canonicalize_name(Requirement(text).name) for text in texts}
    assert not CV2_PROVIDERS & wanted
    assert ONNXRUNTIMES & wanted == {"onnxruntime"}


def test_locks_serve_the_pythons_that_pyproject_names() -> None:
    requires = SpecifierSet(pyproject()["project"]["requires-python"])
    served = [f"3.{minor}" for minor in range(9, 20) if requires.contains(f"3.{minor}.0")]
    assert served == ["3.11", "3.12", "3.13", "3.14"]
    for name in LOCK_EXTRAS:
        header = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()[0]
        assert f"for CPython {served[0]} to {served[-1]} on Linux x86-64" in header


@pytest.mark.parametrize("name", LOCK_EXTRAS)
def test_lock_has_one_cv2_provider_and_one_onnxruntime(name: str) -> None:
    pins = read_lock(name)
    assert CV2_PROVIDERS & pins.keys() == {"opencv-python-headless"}
    assert ONNXRUNTIMES & pins.keys() == {"onnxruntime-gpu" if name == "gpu" else "onnxruntime"}
    assert ("torch" in pins) == (name == "dev")


def test_lock_names_no_registry() -> None:
    for path in REQUIREMENTS.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|--(extra-)?index|--find-links|@ ", text), path


def test_lock_is_what_the_lock_script_writes(tmp_path: Path) -> None:
    """`make lock` in this environment changes nothing: no version was bumped without its lock."""
    script = (REQUIREMENTS / "make_locks.py").read_text(encoding="utf-8")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "make_locks.py").write_text(script, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, tmp_path / "requirements" / "make_locks.py"], check=True, capture_output=True)
    for name in LOCK_EXTRAS:
        written = (tmp_path / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        assert written == (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8"), f"{name}.txt: run `make lock`"


def test_environment_has_one_cv2_provider_and_one_onnxruntime() -> None:
    installed = {canonicalize_name(distribution.name) for distribution in metadata.distributions()}
    assert len(CV2_PROVIDERS & installed) == 1, CV2_PROVIDERS & installed
    assert len(ONNXRUNTIMES & installed) == 1, ONNXRUNTIMES & installed
