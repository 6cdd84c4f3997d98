"""`htnet palsy judge-same-face`: a folder for each person."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from skimage.data import astronaut
from typer.testing import CliRunner

from htnet.commands import app

ROOT = Path(__file__).parents[2]
PATIENT = ROOT / "docs" / "images" / "simulated-patient"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A simulated patient's poses, and a photograph of somebody else in six exposures."""
    for name in ("patient", "astronaut"):
        (tmp_path / name).mkdir()
    for path in PATIENT.glob("*.jpg"):
        (tmp_path / "patient" / path.name).write_bytes(path.read_bytes())
    photograph = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    for number, exposure in enumerate((0.7, 0.8, 0.9, 1.0, 1.1, 1.2)):
        bright = cv2.convertScaleAbs(photograph, alpha=exposure)
        assert cv2.imwrite(str(tmp_path / "astronaut" / f"{number}.png"), bright)
    return tmp_path


def test_one_person_is_not_doubted_and_another_is_noticed(people: Path) -> None:
    done = CliRunner().invoke(app, ["palsy", "judge-same-face", str(people), "--models", str(ROOT / "models")])
    assert done.exit_code == 0, done.output
    assert "of 2 people (0 could not be read): 0.000 of sets of one person are doubted" in done.output
    # A mean face beside hers: two that are rather alike.
    assert float(done.output.split()[-1]) > 0.2


def test_folders_without_people_are_told(tmp_path: Path) -> None:
    (tmp_path / "rest.jpg").write_bytes(b"")
    done = CliRunner().invoke(app, ["palsy", "judge-same-face", str(tmp_path), "--models", str(ROOT / "models")])
    assert done.exit_code != 0
    assert "each person needs one of their own" in str(done.output) + str(done.exception)
