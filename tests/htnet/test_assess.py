"""`htnet palsy assess`: a folder of pictures to the service's answer and a page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from face.errors import NoImages
from face.vocabulary import POSES
from htnet.commands import app
from service.api.schemas.assessment import AssessmentAnswer
from service.report.folder import find_session

ROOT = Path(__file__).parents[2]
MODELS, PATIENT = ROOT / "models", ROOT / "docs" / "images" / "simulated-patient"
PROGRAM = (
    "import sys; from htnet.main import main\n"
    "try: main()\n"
    "finally: print([name for name in ('torch', 'pandas', 'fastapi') if name in sys.modules], file=sys.stderr)"
)


def test_a_folder_becomes_the_answer_and_a_page_without_torch(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "palsy", "assess", PATIENT, "--out", out, "--models", MODELS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("House-Brackmann IV; Graded from 8 of 8 poses")
    assert done.stderr.splitlines()[-1] == "[]"
    answer = AssessmentAnswer.model_validate(json.loads((out / "assessment.json").read_text(encoding="utf-8")))
    assert answer.affected_side.side == "right"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "House-Brackmann IV" in page
    assert page.count("data:image/jpeg;base64,") == page.count("data:image/png;base64,") == len(POSES)
    assert 'src="http' not in page
    assert "The patient's right side. The grade has probability 0." in page
    assert "raw landmarks" not in page  # the shipped network has measured how far the eye stays open


def test_pictures_with_other_names_are_sorted_and_a_broken_one_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "patient"
    folder.mkdir()
    for name, pose in (("IMG_1.jpg", "full_smile"), ("IMG_2.jpg", "rest"), ("Brow-Lift.JPG", "brow_lift")):
        shutil.copy(PATIENT / f"{pose}.jpg", folder / name)
    (folder / "snarl.png").write_bytes(b"no picture")
    result = CliRunner().invoke(
        app, ["palsy", "assess", str(folder), "--out", str(tmp_path / "out"), "--models", str(MODELS)]
    )
    assert result.exit_code == 0, result.output
    assert "`snarl`: The file looks like text" in result.output
    answer = json.loads((tmp_path / "out" / "assessment.json").read_text(encoding="utf-8"))
    assert {pose: one["sent_as"] for pose, one in answer["poses"].items()} == {
        "rest": "unsorted-2",
        "brow_lift": "brow_lift",
        "full_smile": "unsorted-1",
        "snarl": "snarl",
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((), "no picture in it; name them rest.jpg, brow_lift.jpg"),
        (("rest.jpg", "REST.png"), "are both of rest"),
        (tuple(f"{number}.jpg" for number in range(10)), "10 pictures, an examination has at most 9"),
    ],
)
def test_a_folder_that_is_no_examination_says_what_one_is(tmp_path: Path, files: tuple[str, ...], said: str) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(NoImages, match=said):
        find_session(tmp_path)


def test_nothing_usable_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "rest.jpg").write_bytes(b"no picture")
    result = CliRunner().invoke(
        app, ["palsy", "assess", str(tmp_path), "--out", str(tmp_path / "out"), "--models", str(MODELS)]
    )
    assert result.exit_code != 0
    assert not (tmp_path / "out").exists()
