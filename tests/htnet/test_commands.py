"""Which commands there are, what their help says, and that listing them loads none of what they need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from htnet.commands import app
from model_training.cli import build_app
from tests.htnet.tree import every_command, every_group_and_command
from tests.model_training.test_cli import IN_HTNET

SETS = ("fnp", "ck-plus", "meei", "yfp", "neuroface", "casme2", "smic", "samm", "casme3", "published-flow", "pairs")


def htnet(*arguments: str, program: str = "from htnet.main import main; main()") -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own; program: what Python runs."""
    wide = {**os.environ, "TERMINAL_WIDTH": "200", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=wide, check=False
    )


def test_no_command_is_missing() -> None:
    assert set(every_command()) == {
        *("serve", "audit migrate", "audit export", "audit verify", "audit prune", "key new", "export"),
        "import-original",
        *(f"data prepare {name}" for name in SETS),
        *(f"data {name}" for name in ("split", "merge", "cache")),
        *(
            f"simulate {name}"
            for name in (
                "renders",
                "sessions",
                "hidden-faces",
                "other-camera",
                "preview",
                "palsies-on-photos",
                "sessions-on-photos",
                "pick-portraits",
                "microexpressions",
            )
        ),
        *(f"palsy {name}" for name in ("train", "crossval", "evaluate", "predict", "visualize", "calibrate")),
        *(
            f"palsy {name}"
            for name in (
                "assess",
                "dicom-sr",
                "judge-sessions",
                "judge-same-face",
                "fit-sessions",
                "train-session",
                "train-visibility",
                "judge-visibility",
            )
        ),
        *(f"palsy {name}" for name in ("evidence", "ablation", "throughput", "demo")),
        *(f"palsy {name}" for name in ("adapt", "study-sites", "site-update", "average-updates")),
        *(
            f"microexpression {name}"
            for name in ("train", "crossval", "reference", "finetune", "calibrate", "evaluate")
        ),
        *(f"microexpression {name}" for name in ("spot", "judge-spotting")),
        *(
            f"microexpression {name}"
            for name in (
                "loso",
                "study",
                "demo",
                "compare-flow",
                "metrics",
                "predict",
                "visualize",
                "false-alarms",
                "judge-spotting",
                "spot",
            )
        ),
    }


@pytest.mark.parametrize("command", every_command())
def test_every_help_text_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=200, prog_name="htnet")
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"htnet {command}" in " ".join(result.output.partition("Example:")[2].split())


@pytest.mark.parametrize(
    "group", [name for name, found in every_group_and_command().items() if isinstance(found, TyperGroup)]
)
def test_every_group_says_what_it_is_for_and_shows_an_example(group: str) -> None:
    result = CliRunner().invoke(app, [*group.split(), "--help"], terminal_width=200, prog_name="htnet")
    assert result.exit_code == 0
    assert f"Example: htnet {group} " in " ".join(result.output.split())


def test_every_option_and_argument_is_explained() -> None:
    silent = [
        f"{name}: {parameter.name}"
        for name, command in every_command().items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []


def test_the_training_package_has_the_same_functions_under_its_flat_names() -> None:
    flat = typer.main.get_command(build_app())
    assert isinstance(flat, TyperGroup)
    ours = every_group_and_command()
    different = []
    for name, command in flat.commands.items():
        if name == "prepare":
            assert isinstance(command, TyperGroup)
            pairs = [(f"prepare {one}", found, ours[f"data prepare {one}"]) for one, found in command.commands.items()]
        else:
            pairs = [(name, command, ours[IN_HTNET[name]])]
        different += [one for one, a, b in pairs if function_of(a) != function_of(b)]
    # Of `htnet`, a bundle answers where no checkpoint is given.
    assert different == ["predict"]


def function_of(command: typer.core.TyperCommand) -> tuple[str, str]:
    function = command.callback.__wrapped__  # type: ignore[union-attr]
    return function.__module__, function.__qualname__


HEAVY = ("torch", "mediapipe", "pandas", "onnxruntime", "fastapi", "cv2", "numpy")
SHOW_LOADED = "print(*[name for name in sys.modules if name in %s], file=sys.stderr)"


def test_help_of_everything_loads_no_group_and_nothing_heavy() -> None:
    watched = (*HEAVY, "htnet.palsy", "htnet.service", "htnet.data", "model_training.commands", "service")
    program = f"import sys; from htnet.main import main\ntry: main()\nfinally: {SHOW_LOADED % (watched,)}"
    shown = htnet("--help", program=program)
    assert shown.stdout.lstrip().startswith("Usage: htnet")
    assert shown.stderr.strip() == ""


def test_no_help_text_loads_what_its_command_needs() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from htnet.commands import app\n"
        f"for name in {list(every_group_and_command())}:\n"
        "    assert CliRunner().invoke(app, [*name.split(), '--help']).exit_code == 0, name\n" + SHOW_LOADED % (HEAVY,)
    )
    shown = htnet(program=program)
    assert shown.returncode == 0
    assert shown.stderr.strip() == ""


def test_help_answers_at_once() -> None:
    """CPU time, which other work on the machine does not lengthen as it does the clock's."""
    before = os.times()
    assert htnet("--help").returncode == 0
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 0.5


def test_it_runs_as_a_module_and_says_its_own_name() -> None:
    done = subprocess.run([sys.executable, "-m", "htnet", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Usage: htnet [OPTIONS]" in done.stdout


def test_a_misspelt_group_is_answered_with_the_nearest() -> None:
    done = htnet("palsey", "train")
    assert done.returncode == 2
    assert "Did you mean 'palsy'?" in done.stderr


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("train", "There is: htnet palsy train, htnet microexpression train"),
        ("loso --data FLOW", "There is: htnet microexpression loso"),
        ("palsy train --config a.toml --epochs 3", "It is a key of the configuration: --set optimisation.epochs=..."),
        ("microexpression crossval --batch-size=8", "a key of the configuration: --set optimisation.batch_size=..."),
        ("microexpression train --config a.toml --lr 1e-4", "keys of the configuration: --set optimisation.learning_"),
    ],
)
def test_what_other_programs_call_so_is_told_where_it_is(typed: str, told: str) -> None:
    done = htnet(*typed.split())
    assert done.returncode == 2
    assert told in done.stderr
