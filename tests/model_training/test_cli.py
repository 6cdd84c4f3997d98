"""The command line: examples in every help text, messages instead of tracebacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from model_training.cli import build_app, main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    return build_app()


# Where `htnet` has the command; of `prepare`, under `data`.
IN_HTNET = {
    "prepare": "data prepare",
    "split": "data split",
    "merge": "data merge",
    "cache": "data cache",
    "simulate": "simulate renders",
    "preview": "simulate preview",
    "warp": "simulate palsies-on-photos",
    "portraits": "simulate pick-portraits",
    "simulate-microexpressions": "simulate microexpressions",
    "train": "palsy train",
    "crossval": "palsy crossval",
    "evaluate": "palsy evaluate",
    "predict": "palsy predict",
    "visualize": "palsy visualize",
    "calibrate": "palsy calibrate",
    "palsy-evidence": "palsy evidence",
    "palsy-ablation": "palsy ablation",
    "throughput": "palsy throughput",
    "demo": "palsy demo",
    "loso": "microexpression loso",
    "train-microexpression": "microexpression reference",
    "finetune-microexpression": "microexpression finetune",
    "calibrate-microexpression": "microexpression calibrate",
    "evaluate-microexpression": "microexpression evaluate",
    "compare-flow-images": "microexpression compare-flow",
    "microexpression-metrics": "microexpression metrics",
}


def every_command() -> list[tuple[str, ...]]:
    commands = typer.main.get_command(build_app()).commands
    prepare = commands.pop("prepare").commands
    return [*((name,) for name in commands), *(("prepare", name) for name in prepare)]


def test_no_command_is_missing() -> None:
    assert set(every_command()) >= {
        *((name,) for name in ("split", "merge", "simulate", "cache", "train", "crossval", "evaluate", "predict")),
        *((name,) for name in ("visualize", "throughput", "demo", "loso")),
        *(("prepare", name) for name in ("fnp", "ck-plus", "meei", "yfp", "neuroface")),
        *(("prepare", name) for name in ("casme2", "smic", "samm", "casme3", "published-flow", "pairs")),
        *((name,) for name in IN_HTNET if name != "prepare"),
    }


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_help_text_shows_an_example(app: typer.Typer, command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"htnet {' '.join([IN_HTNET[command[0]], *command[1:]])}" in " ".join(result.output.split())


def test_help_does_not_load_torch() -> None:
    code = (
        "import sys; from model_training.cli import build_app; build_app(); sys.exit('torch' in sys.modules or "
        "'mediapipe' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--config", "absent.toml"], "Error: absent.toml: no such configuration"),
        (["cache", "nothing", "--out", "x"], "Error: nothing: no such sample table"),
        (["evaluate", "--checkpoint", "a.pt", "--cache", "c", "--out", "o"], "Error: a.pt: no such checkpoint"),
        (
            ["predict", "photo.jpg", "--checkpoint", "a.pt", "--out", "o"],
            "Error: photo.jpg: no such image, folder or list",
        ),
        (
            ["visualize", "photo.jpg", "--checkpoint", "a.pt", "--out", "o"],
            "Error: photo.jpg: no such image, folder or list",
        ),
        (
            ["prepare", "fnp", "--root", "nowhere", "--grades", "1..6", "--out", "o"],
            "Error: nowhere: no such folder (grade folders)",
        ),
        (["prepare", "published-flow", "--root", "nowhere", "--out", "o"], "Error: nowhere: no such folder"),
        (["split", "nothing"], "Error: nothing: no such sample table"),
        (
            ["throughput", "--out", "x.json", "--device", "cuda:99"],
            "Error: --device is 'cuda:99', but this machine has",
        ),
        (
            ["evaluate", "--checkpoint", "a.pt", "--cache", "c", "--out", "o", "--device", "gpu"],
            "Error: --device must be cpu, cuda or cuda:N, got 'gpu'",
        ),
    ],
)
def test_mistakes_are_one_message(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["model_training", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(message)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.model_training.datasets import layouts

    layouts.grade_folders(tmp_path / "set", patients=5)
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    arguments = ["prepare", "fnp", "--root", str(tmp_path / "set"), "--grades", "1..6", "--out", str(tmp_path / "file")]
    monkeypatch.setattr(sys, "argv", ["model_training", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"Error: {tmp_path / 'file'}: File exists\n"


def test_ctrl_c_before_the_work_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_arguments: object, **_keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_training.data.sample_table.read_table", interrupted)
    monkeypatch.setattr("model_training.data.sample_table.find_table", lambda path: path)
    monkeypatch.setattr(sys, "argv", ["model_training", "split", "table"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "Stopped. What was finished is kept, and no file is half-written.\n"


def test_prepare_split_and_merge_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: typer.Typer
) -> None:
    from model_training.data.sample_table import read_table
    from tests.model_training.datasets import layouts

    layouts.grade_folders(tmp_path / "set", patients=5)
    layouts.ck_plus(tmp_path / "ck")
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    for arguments in (
        ["prepare", "fnp", "--root", "set", "--grades", "1..6", "--out", "a/fnp"],
        ["prepare", "ck-plus", "--root", "ck", "--out", "b", "--validation", "0.4", "--test", "0"],
        ["merge", "a/fnp", "b", "--out", "both"],
        ["split", "both", "--validation", "0.3", "--test", "0.2", "--seed", "4"],
    ):
        result = run.invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    table = read_table(Path("both"))
    assert len(table) == 60 + 6
    assert all(table.path(path).is_file() for path in table.frame["path"])
    assert table.frame.groupby("person_id")["split"].nunique().max() == 1


def test_what_needs_no_torch_is_refused_before_it_is_loaded(tmp_path):
    """A run that is there and a folder that is no cache: importing torch takes seconds on a cold machine."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.pt").write_bytes(b"a run")
    program = (
        "import sys; from htnet.main import main\ntry: main()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    )
    for out, complaint in (("run", "holds a run already"), ("new", "is no cache")):
        sets = ["--set", f"run.out={tmp_path / out}", "--set", f"data.cache={tmp_path / 'nothing'}"]
        command = ["palsy", "train", "--config", "configs/demo.toml", *sets]
        done = subprocess.run(
            [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert complaint in " ".join(done.stderr.split())
        assert done.stderr.splitlines()[-1] == "False"
