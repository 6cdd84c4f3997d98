"""docs/reference is what the code says, and the commands in the documents are commands that there are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from docs.generate_reference import PAGES, REFERENCE, command_line, page, subcommands
from tests.docs.markdown import Document, markdown_files


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == page(name), "run python -m docs.generate_reference"


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
