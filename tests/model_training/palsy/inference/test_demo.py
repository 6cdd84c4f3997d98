"""The whole way: prepare, cache, train, evaluate, export, serve, on a few dozen simulated photographs laid out as FNP
folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from model_training.errors import TrainingError
from model_training.palsy.inference.demo import SMALL, default_config, lay_out_as_grade_folders, run_demo
from model_training.palsy.inference.served import compare


def test_the_served_answer_is_predicts(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    said: list[str] = []
    summary = run_demo(out, config=default_config(), size=SMALL, jobs=2, seed=0, say=said.append)
    assert summary["asked"] == 6
    assert summary["different"] == []
    steps = ["simulate renders", "data prepare", "data cache", "palsy train", "palsy evaluate", "palsy predict"]
    typed = [" ".join(line.split()[2:4]) for line in said if line.startswith("$ htnet ")]
    assert typed == [*steps, "export --checkpoint"]
    names = sorted(path.name for path in (out / "fnp").glob("*/*"))
    assert len(names) == 64
    assert names[0].startswith("patient001_")
    assert json.loads((out / "demo.json").read_text())["figures"].keys() >= {"kappa", "mae"}
    assert (out / "models/palsy/manifest.json").is_file()
    with pytest.raises(TrainingError, match="exists already"):
        run_demo(out, config=default_config(), size=SMALL, jobs=2, seed=0, say=said.append)


def test_a_configuration_that_would_be_refused_is_refused_before_anything_is_simulated(tmp_path: Path) -> None:
    text = default_config().read_text(encoding="utf-8")
    for changed, message in (
        (text.replace('size = "tiny"', 'size = "tiny"\nheads = 100'), "heads must be between 1 and dim"),
        (text.replace("dropout = 0.1", "dropuot = 0.1"), "unknown key 'dropuot' for HTNetEnhanced"),
        (text.replace('task = "palsy"', 'task = "microexpression"'), "this demonstration grades palsies"),
    ):
        config = tmp_path / "other.toml"
        config.write_text(changed, encoding="utf-8")
        with pytest.raises(TrainingError, match=message):
            run_demo(tmp_path / "demo", config=config, size=SMALL, jobs=1, seed=0, say=print)
        assert not (tmp_path / "demo").exists()


ROW = {
    "path": "a/x.jpg",
    "code": "",
    "index": "2",
    "expected": "2.1",
    "prediction_set": "I II",
    "side": "left",
    "probability_I": "0.3",
    "probability_II": "0.7",
    "side_probability_left": "0.8",
    "side_probability_none": "0.2",
    "asymmetry_mouth": "0.5",
    "warnings": "turned 16 degrees; dark",
}
ANSWER = {
    "grade": {"index": 2, "expected": 2.1, "prediction_set": ["I", "II"]},
    "affected_side": {"side": "left"},
    "probabilities": {"I": 0.3, "II": 0.7},
    "asymmetry": {"regions": {"mouth": 0.5}},
    "quality": {"warnings": ["turned 17 degrees", "dark"]},
}


@pytest.mark.parametrize(
    ("change", "answer", "expected"),
    [
        ({}, ANSWER, []),
        ({}, {**ANSWER, "probabilities": {"I": 0.31, "II": 0.69}}, ["x.jpg: P(I) 0.3000", "x.jpg: P(II) 0.7000"]),
        ({"side": "none"}, ANSWER, ["x.jpg: side 'none' predicted, 'left' served"]),
        ({"prediction_set": "II"}, ANSWER, ["x.jpg: prediction set ['II'] predicted"]),
        ({"index": "1"}, ANSWER, ["x.jpg: index 1 predicted, 2 served"]),
        ({"warnings": "dark"}, ANSWER, ["x.jpg: warnings 'dark' predicted"]),
        ({"asymmetry_mouth": "0.51"}, ANSWER, ["x.jpg: asymmetry of the mouth 0.5100 predicted, 0.5000 served"]),
        ({}, {"code": "no-face"}, ["x.jpg: refused as 'no-face' by the service, '' by predict"]),
        ({"code": "no-face"}, {"code": "no-face"}, []),
        ({"code": "no-face"}, ANSWER, ["x.jpg: refused as 'not at all'"]),
    ],
)
def test_every_difference_is_found(tmp_path: Path, change: dict, answer: dict, expected: list[str]) -> None:
    with (tmp_path / "p.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(ROW))
        writer.writeheader()
        writer.writerow({**ROW, **change})
    found = compare(tmp_path / "p.csv", [answer])
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))
    assert compare(tmp_path / "p.csv", []) == ["1 predictions, 0 served answers"]


def test_a_failing_step_stops_the_demo(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[data]\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="no such sample table"):
        lay_out_as_grade_folders(tmp_path / "nothing", tmp_path / "x")
