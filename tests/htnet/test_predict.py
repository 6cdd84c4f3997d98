"""`htnet palsy predict` without a checkpoint: the shipped bundle's answers, as the service's, without torch."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

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
