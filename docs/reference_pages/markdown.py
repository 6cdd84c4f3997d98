"""The little Markdown that the pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A Markdown table; line breaks and bars in the cells are taken care of."""
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(" ".join(str(cell).split()).replace("|", r"\|") for cell in row) + " |"
    yield ""


def code(value: object) -> str:
    return f"`{value}`"


def plain(text: str) -> str:
    """Angle brackets are text here, not HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;")
