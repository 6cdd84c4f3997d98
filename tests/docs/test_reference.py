"""docs/reference is what the code says, and the commands in documents, code and configurations are commands that there
are."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from docs.generate_reference import CODE_SYSTEM, PAGES, REFERENCE, code_system_text, page
from docs.reference_pages.command_line import command_line, subcommands
from tests.docs.markdown import ROOT, Document, markdown_files

PACKAGES = ("face", "service", "model_training", "export", "htnet")
# In backticks, over line ends too, also behind `torchrun ... -m`; or an indented line of its own.
_QUOTED = re.compile(r"`(?:[^`]* -m )?(htnet [^`]+)`")
_OWN_LINE = re.compile(r"^ {4,}(?:\$ )?(htnet .+)$", re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == page(name), "run python -m docs.generate_reference"


def test_the_published_code_system_is_current() -> None:
    assert CODE_SYSTEM.read_text(encoding="utf-8") == code_system_text(), "run python -m docs.generate_reference"


def commands_in(document: Document) -> Iterator[list[str]]:
    """The words of each `htnet ...` in the document, code blocks and prose alike."""
    for line in [*document.code_lines(), *document.inline_code()]:
        words = shlex.split(line.strip().removeprefix("$ "), comments=True) if "htnet " in line else []
        if words[:1] == ["htnet"]:
            yield words[1:]


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], set[str]]:
    """The way to each group and command of htnet, e.g. ("palsy", "train"), with its options."""

    def below(command: Any, context: typer.Context, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], set[str]]]:
        yield way, {"--help", *(option for p in command.params for option in (*p.opts, *p.secondary_opts))}
        for name, inner in subcommands(command, context):
            yield from below(inner, typer.Context(inner, info_name=name, parent=context), (*way, name))

    root = command_line()
    return dict(below(root, typer.Context(root), ()))


def is_known(words: list[str], known: dict[tuple[str, ...], set[str]]) -> bool:
    """Whether these words can be typed after htnet, arguments and values aside."""
    way = max((way for way in known if tuple(words[: len(way)]) == way), key=len)
    rest = words[len(way) :]
    is_group = any(other[:-1] == way for other in known)
    if is_group and rest and not rest[0].startswith(("--", "...")):
        return False
    return {word.partition("=")[0] for word in rest if word.startswith("--")} <= known[way]


@pytest.mark.parametrize("path", [path for path in markdown_files() if path.name != "CHANGELOG.md"], ids=str)
def test_commands_exist_with_their_options(path: Path, known: dict[tuple[str, ...], set[str]]) -> None:
    assert [words for words in commands_in(Document.read(path)) if not is_known(words, known)] == []


def texts_in_code(path: Path) -> Iterator[str]:
    """Every string and docstring; what an f-string fills in is three dots."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    filled_in = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in filled_in for part in node.values}
    for node in filled_in:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def comments_of_configuration(path: Path) -> str:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return "\n".join("    " + line.removeprefix("#").strip() if line.startswith("#") else "" for line in lines)


def commands_in_text(text: str) -> Iterator[list[str]]:
    quoted = _QUOTED.findall(text)
    for command in [*quoted, *_OWN_LINE.findall(_QUOTED.sub("", text))]:
        yield shlex.split(command.replace("\n", " "), comments=True)[1:]


def is_known_in_code(words: list[str], known: dict[tuple[str, ...], set[str]]) -> bool:
    """As is_known; where code fills in the group, both tasks' groups must have the command."""
    if words[:1] == ["..."]:
        return all(is_known([group, *words[1:]], known) for group in ("palsy", "microexpression"))
    return is_known(words, known)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_commands_named_in_code_exist_with_their_options(known: dict[tuple[str, ...], set[str]]) -> None:
    named = [
        (str(path), words)
        for path in tracked(*(f"{package}/*.py" for package in PACKAGES))
        for text in texts_in_code(path)
        for words in commands_in_text(text)
    ]
    assert len(named) > 50
    assert [(path, words) for path, words in named if not is_known_in_code(words, known)] == []


def test_commands_named_in_configurations_exist_with_their_options(known: dict[tuple[str, ...], set[str]]) -> None:
    named = [
        (str(path), words)
        for path in tracked("configs/*.toml")
        for words in commands_in_text(comments_of_configuration(path))
    ]
    assert len(named) >= 9
    assert [(path, words) for path, words in named if not is_known(words, known)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("make it with `htnet palsy train\n    --nothing`", [["palsy", "train", "--nothing"]]),
        ("`torchrun -m htnet palsy nothing`", [["palsy", "nothing"]]),
        ("First this:\n\n    htnet nothing --out DIR\n", [["nothing", "--out", "DIR"]]),
    ],
)
def test_a_command_that_does_not_exist_is_found(
    text: str, found: list[list[str]], known: dict[tuple[str, ...], set[str]]
) -> None:
    assert list(commands_in_text(text)) == found
    assert not is_known(found[0], known)
