"""What is said where a command cannot do its work: packages that are missing, errors of every package, Ctrl-C."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from htnet.main import main

MODELS = Path(__file__).parents[2] / "models"
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from htnet.main import main
main()
"""


@pytest.mark.parametrize(
    ("package", "command", "sentence"),
    [
        ("torch", "palsy crossval --config configs/demo.toml", "htnet palsy crossval needs PyTorch, which is not"),
        ("torch", "palsy train --config configs/demo.toml", "htnet palsy train needs PyTorch, which is not"),
        (
            "pandas",
            "data prepare fnp --root x --grades 1..6 --out o",
            "htnet data prepare fnp needs pandas, which is not",
        ),
        ("cv2", "simulate preview --out o", "htnet simulate preview needs OpenCV, which is not"),
        ("fastapi", "serve --port 0", "htnet serve needs FastAPI, which is not"),
        ("sqlalchemy", "audit migrate --url sqlite:///a", "htnet audit migrate needs SQLAlchemy, which is not"),
        ("onnxruntime", "palsy predict x.jpg --out o", "htnet palsy predict needs ONNX Runtime, which is not"),
        ("torch", "palsy predict x.jpg --out o --checkpoint a.pt", "htnet palsy predict needs PyTorch, which is not"),
        ("torch", "export --checkpoint a.pt --out o", "htnet export needs PyTorch, which is not"),
        ("typer", "palsy train", "htnet needs typer, which is not"),
    ],
)
def test_a_missing_package_is_one_sentence_that_names_the_extra(package: str, command: str, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package), *command.split()],
        capture_output=True,
        text=True,
        env={**os.environ, "HTNET_AUDIT_URL": ""},
        check=False,
    )
    extra = {"serve": "service", "audit": "service", "export": "export"}.get(command.split()[0], "train")
    extra = "service" if package in ("typer", "onnxruntime") else extra
    assert done.returncode == 1
    wanted = f"{sentence} installed: pip install 'htnet-clinical[{extra}]'\n"
    assert done.stderr.removeprefix("Error: ") == wanted


def test_a_module_of_ours_that_is_missing_is_a_fault_and_shown_as_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package="face"), "simulate", "pick-portraits", "x", "--out", "o"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in done.stderr
    assert "pip install" not in done.stderr


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["htnet", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("palsy train --config absent.toml", "absent.toml: no such configuration"),
        ("palsy evaluate --checkpoint a.pt --cache c --out o", "a.pt: no such checkpoint"),
        ("palsy predict a.jpg --out o --models nowhere", "nowhere: no bundle in this folder"),
        (
            f"palsy predict a.jpg --models {MODELS / 'palsy/checkpoint.pt'}",
            f"{MODELS / 'palsy/checkpoint.pt'}: a checkpoint, and no bundle: `htnet export --checkpoint FILE",
        ),
        (f"palsy predict a.jpg --out o --models {MODELS}", "a.jpg: no such image, folder or list"),
        ("export --checkpoint a.pt --out o", "a.pt: no such checkpoint"),
        ("simulate preview --out o --size 0", "--size must lie in [16, 2048], got 0"),
        ("export --checkpoint a.pt --out o --default-variant int4", "--default-variant must be float32 or int8, got"),
        ("audit export", "data/audit.sqlite: there is no audit database"),
        ("audit export --url=", "which database? HTNET_AUDIT_URL is empty, which switches the audit off"),
        ("audit prune --older-than soon", "'soon' is no age: write days, weeks or years, such as 90d"),
        (
            "audit migrate --url mysql://host/name",
            "the audit URL must be sqlite:///FILE (four slashes begin a full path) or postgresql://",
        ),
        ("key new", None),
        ("key new a:b", "a key id has 1 to 64 letters"),
    ],
)
def test_errors_of_every_package_are_one_message(
    arguments: str,
    message: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HTNET_AUDIT_URL", raising=False)
    status = run(monkeypatch, *arguments.split())
    said = capsys.readouterr().err
    if message is None:
        assert status == 2
        assert "Missing argument" in said
    else:
        assert status == 1
        assert said.startswith(f"Error: {message}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 1, "Error: the disk is full (runs/x). Finished"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), 1, "Error: runs/x: Permission denied\n"),
        (KeyboardInterrupt(), 130, "Stopped. What was finished is kept, and no file is half-written.\n"),
    ],
)
def test_what_no_command_has_foreseen_is_one_message_too(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object, **_keywords: object) -> None:
        raise error

    monkeypatch.setattr("model_training.data.sample_table.find_table", fail)
    assert run(monkeypatch, "data", "split", "table") == status
    assert capsys.readouterr().err.startswith(said)
