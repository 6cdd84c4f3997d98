"""The table "old command, new command": every script of the research code is in it, and what stands beside it can be
typed as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from docs.reference_pages.command_line import command_line
from model_training.runtime import gpu_presence
from tests.docs.markdown import ROOT, Document

PAGE = Path("docs/how-to/coming-from-htnet.md")
# What the research code's folder holds.
THERE = (
    "main_HTNet.py --train True", "main_HTNet.py --train False", "Model.py", "Alex_for_three_datasets.py",
    "HTNet_for_three_datasets_confusion_matrix.py", "confusion_matrix.py", "combined_3_class2_for_optical_flow.csv",
    "cas(me)3_part_A_edited.csv", "MMEW_Micro_Exp_delete_others.csv",
)  # fmt: skip


def rows() -> list[tuple[str, str]]:
    """(there, here) of each row, still with their code marks."""
    text = Document.read(PAGE).text
    lines = text.partition("## Old command, new command")[2].partition("\n## ")[0].splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    assert table[0] == ["there", "here"]
    assert all(len(cells) == 2 for cells in table[2:])
    return [(there, here) for there, here in table[2:]]


def commands(cell: str) -> list[list[str]]:
    """The words behind htnet of each command."""
    return [shlex.split(code)[1:] for code in re.findall(r"`(htnet [^`]+)`", cell)]


def parse(words: list[str]) -> dict[str, Any]:
    """The values that a command gets from these words. Raises UsageError where they cannot be typed so."""
    command: Any = command_line()
    context: Any = typer.Context(command, info_name="htnet")
    rest = words
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
        command = command.load() if hasattr(command, "load") else command
        context = typer.Context(command, info_name=name, parent=context)
    return dict(command.make_context(context.info_name, list(rest), parent=context.parent).params)


@pytest.mark.parametrize("there", THERE)
def test_a_script_of_the_research_code_is_found_in_the_table(there: str) -> None:
    assert any(there in cell for cell, _ in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: re.sub(r"[^\w.]+", "-", row[0])[:50])
def test_what_stands_beside_it_can_be_typed(row: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine with the GPU that a row asks for.
    monkeypatch.setattr(gpu_presence, "version", lambda _package: "2.13.0+cu126")
    monkeypatch.setattr(gpu_presence, "_cuda_devices", lambda: 1)
    there, here = row
    found = commands(here)
    # Where no command stands: a call of Python, a file that another row's command writes, or the way to a table.
    assert found or re.search(r"from model_training import|written by `loso`|every `loso`|column map", here), there
    for words in found:
        if words[-1] == "--help":
            with pytest.raises(typer.Exit) as left:
                parse(words)
            assert left.value.exit_code == 0
            continue
        values = parse(words)
        configs = values.get("config") or []
        for config in configs if isinstance(configs, list) else [configs]:
            assert (ROOT / config).is_file(), f"{config} is no file of this repository"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("microexpression loso --data FLOW", "config"),
        ("microexpression loso --data FLOW --config c.toml --out o --device tpu", "tpu"),
        ("microexpression study --data FLOW --dims 8", "--dims"),
        ("import-original", "Missing"),
    ],
)
def test_what_cannot_be_typed_is_found(words: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        parse(words.split())
