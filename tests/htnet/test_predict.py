"""`htnet palsy predict` without a checkpoint: the shipped bundle's answers, as the service's, without torch."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from face.palsy.prediction_table import answers_in_words
from service.analysis.photograph_table import grade_photographs
from service.inference.bundle import load_bundle

MODELS = Path(__file__).parents[2] / "models"
PROGRAM = (
    "import sys; from htnet.main import main\n"
    "try: main()\n"
    "finally: print([name for name in ('torch', 'pandas', 'fastapi') if name in sys.modules], file=sys.stderr)"
)


def test_the_bundle_answers_as_the_service_and_without_torch(astronaut_jpeg: bytes, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/face.jpg").write_bytes(astronaut_jpeg)
    (tmp_path / "photos/text.jpg").write_bytes(b"no image")
    out = tmp_path / "answers"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "palsy", "predict", tmp_path / "photos", "--out", out, "--models", MODELS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"1 images graded, 1 refused: {out / 'predictions.csv'}\n"
    assert done.stderr.splitlines()[-1] == "[]"
    rows = list(csv.DictReader((out / "predictions.csv").read_text(encoding="utf-8").splitlines()))
    assert [Path(row["path"]).name for row in rows] == ["face.jpg", "text.jpg"]
    assert [bool(row["grade"]) for row in rows] == [True, False]
    expected = grade_photographs([tmp_path / "photos"], load_bundle(MODELS / "palsy"), tmp_path / "expected")
    assert (out / "predictions.csv").read_text() == expected.table.read_text()


def predicted(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "palsy", "predict", *map(str, arguments), "--models", MODELS],
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_photograph_is_answered_on_the_screen(astronaut_jpeg: bytes, tmp_path: Path) -> None:
    photograph = tmp_path / "face.jpg"
    photograph.write_bytes(astronaut_jpeg)
    done = predicted(photograph, tmp_path, photograph)
    assert done.returncode == 0, done.stderr
    first, *warnings = done.stdout.splitlines()
    assert re.fullmatch(rf"{photograph}: grade [IV]+ \(\d+%, likely one of [IV, ]+\), side \w+ \(\d+%\)", first)
    assert all(line.startswith("  ") for line in warnings), "a picture that is named twice is answered once"
    assert [path.name for path in tmp_path.iterdir()] == ["face.jpg"]


def test_a_command_that_graded_nothing_has_failed(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(b"no image")
    done = predicted(tmp_path / "text.jpg")
    assert done.returncode == 1
    assert "text.jpg: not graded: " in done.stdout
    assert "none of 1 images could be graded" in done.stderr
    done = predicted(tmp_path / "text.jpg", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "each has its reason in" in done.stderr.replace("\n", " ")
    assert (tmp_path / "out/predictions.csv").is_file()


def test_a_warning_with_a_semicolon_is_one_line(tmp_path: Path) -> None:
    turned = "The face is turned 17 degrees to the patient's left; take the photograph from the front."
    dark = "The face is too dark; use more light."
    row = {
        "path": "a.jpg", "code": "", "grade": "III", "probability": "0.5", "prediction_set": "II III", "side": "left",
        "side_probability": "0.9", "warnings": f"{turned}; {dark}",
    }  # fmt: skip
    with (tmp_path / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    assert answers_in_words(tmp_path / "predictions.csv")[1:] == [f"  {turned}", f"  {dark}"]
