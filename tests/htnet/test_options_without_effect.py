"""No option is ignored in silence: where another option leaves it nothing to do, the command says so and does
nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import model_training.cli
from htnet.main import main
from model_training.data.sample_table import write_table
from tests.model_training.datasets import layouts

PREPARE = "--root set --out out"
FNP = f"data prepare fnp {PREPARE} --grades 1..6"
MAPPED = f"data prepare meei {PREPARE} --table t.csv --column-map map.toml"
CASME2 = f"data prepare casme2 {PREPARE} --annotations a.xlsx --ground-truth truth.csv"
REFERENCE = "microexpression reference --simulated flow.npz --out out.pt --config"
PREDICT = "palsy predict x.jpg --out out"

LABELS_IN_THE_MAP = (
    '[columns]\nperson = "id"\nlabel = "grade"\n[path]\ntemplate = "{id}.jpg"\n[values.label]\nmild = 2\n'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the commands below read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "map.toml").write_text(LABELS_IN_THE_MAP, encoding="utf-8")
    (tmp_path / "training.toml").write_text("[training]\nepochs = 1\n", encoding="utf-8")
    (tmp_path / "simulation.toml").write_text("[simulation]\n", encoding="utf-8")
    row = {"sample_id": "a", "person_id": "a", "path": "a.png", "label": 1, "side": "none", "pose": "rest"}
    write_table(pd.DataFrame([{**row, "dataset": "flow", "split": "train"}]), tmp_path / "samples.parquet")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.pt").touch()
    (tmp_path / "run.toml").write_text('[data]\ncache = "c"\n[run]\nout = "run"\n[model]\n', encoding="utf-8")
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("palsy train --config run.toml --resume --init other.pt", "--init"),
        ("data cache samples.parquet --out out --kind microexpression --faces single", "--faces"),
        ("palsy throughput --out out.json --jobs 4", "--jobs"),
        (f"{PREDICT} --pictures", "--pictures"),
        (f"{PREDICT} --bundle models/palsy", "--bundle"),
        (f"{PREDICT} --device cpu", "--device"),
        (f"{PREDICT} --checkpoint a.pt --models models", "--models"),
        ("simulate palsies-on-photos --photo x.jpg --out out --seed 3", "--seed"),
        ("simulate palsies-on-photos --photo samples.parquet --out out --split test", "--split"),
        (f"{FNP} --person-column id", "--person-column"),
        (f"{FNP} --keep-splits", "--keep-splits"),
        (f"{FNP} --table t.csv --person-column id --stem (?P<person>.*)", "--stem"),
        (f"{FNP} --table t.csv --keep-splits --validation 0.2", "--validation"),
        (f"{FNP} --table t.csv --keep-splits --test 0.2 --seed 1", "--test and --seed"),
        (f"{MAPPED} --keep-splits --seed 1", "--seed"),
        (f"{MAPPED} --grades 0..5", "--grades"),
        (f"{MAPPED} --merge 1;2,3;4,5,6", "--merge"),
        (f"data prepare fnp {PREPARE} --grades names --classes 3 --merge 1;2,3;4,5,6", "--merge '1;2,3;4,5,6'"),
        (f"data prepare ck-plus {PREPARE} --grades 1..6", "--grades"),
        (f"data prepare ck-plus {PREPARE} --classes 3 --merge 1;2,3;4,5,6", "--merge"),
        (f"{CASME2} --no-composite", "--composite"),
        (
            "microexpression loso --data flow --config training.toml --config simulation.toml --held-out-seeds 0 "
            "--out out",
            "--config simulation.toml",
        ),
    ],
)
def test_an_option_that_would_have_no_effect_is_an_error(
    command: str, option: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert run(monkeypatch, main, command) == 1
    assert capsys.readouterr().err.startswith(f"Error: {option} would have no effect: ")
    assert files(folder) == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{REFERENCE} simulation.toml", "simulation.toml: has no section [training], so it would have no effect"),
        (
            "simulate microexpressions --out out.npz --config training.toml",
            "training.toml: has no section [simulation], so it would have no effect",
        ),
        ("microexpression train --config run.toml", "run.toml: its task is 'palsy', not 'microexpression'; train it "),
        (
            "palsy evidence --checkpoint a.pt --test t --out out --photographs a=x --photographs a=y",
            "--photographs a=y: a is x already",
        ),
        ("palsy evidence --checkpoint a.pt --test t --out out --photographs x", "--photographs must be NAME=CACHE"),
    ],
)
def test_files_and_values_are_not_ignored_either(
    command: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert run(monkeypatch, main, command) == 1
    assert capsys.readouterr().err.startswith(f"Error: {message}")
    assert files(folder) == before


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("simulate renders --out out --photo x.jpg", "--photo"),
        ("simulate renders --out out --preview", "--preview"),
        ("simulate renders --out out --per-photo 3", "--per-photo"),
        ("simulate renders --out out --mover pins", "--mover"),
        ("simulate preview --out out --identities 3", "--identities"),
        ("simulate preview --out out --split train", "--split"),
        ("simulate palsies-on-photos --photo x.jpg --out out --identities 3", "--identities"),
        ("simulate palsies-on-photos --photo x.jpg --out out --size 200", "--size"),
    ],
)
def test_simulating_and_warping_do_not_know_each_others_options(
    command: str, option: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(folder)
    assert run(monkeypatch, main, command) == 2
    assert f"No such option: {option}" in capsys.readouterr().err
    assert files(folder) == before


@pytest.mark.parametrize(
    ("option", "command"),
    [("--photo x.jpg", "warp"), ("--per-photo=4", "warp"), ("--mover units", "warp"), ("--preview", "preview")],
)
def test_the_former_options_of_simulate_say_which_command_has_them(
    option: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, model_training.cli.main, f"simulate --out out {option}") == 2
    name = option.replace("=", " ").split()[0]
    said = " ".join(capsys.readouterr().err.replace("│", "").split())
    assert f"{name} belongs to a command of its own now: python -m model_training {command} ╰" in said


def test_what_the_options_are_about_is_taken_with_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same options where they have an effect."""
    layouts.grade_folders(folder / "set", patients=5)
    images = sorted(path.relative_to(folder / "set").as_posix() for path in (folder / "set").rglob("*.*"))
    rows = [f"{image},{image[6]},left,{'train' if number % 2 else 'test'},p{number}" for number, image in
            enumerate(images)]  # fmt: skip
    (folder / "t.csv").write_text("\n".join(["image_path,grade,side,split,id", *rows]) + "\n", encoding="utf-8")
    assert run(monkeypatch, main, f"{FNP} --table t.csv --person-column id --keep-splits") == 0
    assert capsys.readouterr().out.endswith("table: out/samples.parquet; every dropped row: out/dropped.csv\n")
    again = f"{FNP.replace('--out out', '--out again')} --validation 0.2 --test 0.2 --seed 1"
    assert run(monkeypatch, main, again) == 0


def run(monkeypatch: pytest.MonkeyPatch, program: Callable[[], None], command: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["program", *command.split()])
    with pytest.raises(SystemExit) as stop:
        program()
    return stop.value.code
