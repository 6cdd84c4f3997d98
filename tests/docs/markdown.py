"""The repository's Markdown: which files there are, their links, their headings' anchors, the code in them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def markdown_files() -> list[Path]:
    """Every Markdown file that git tracks or would track, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


@dataclass(frozen=True)
class Document:
    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Document:
        return cls(path, (ROOT / path).read_text(encoding="utf-8"))

    def links(self) -> Iterator[tuple[Path, str]]:
        """(target relative to the root, anchor or "") of each link to a file of the repository."""
        for target in _LINK.findall(_INLINE_CODE.sub("", _FENCE.sub("", self.text))):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            resolved = (ROOT / self.path.parent / file).resolve() if file else (ROOT / self.path)
            yield resolved.relative_to(ROOT), anchor

    def anchors(self) -> set[str]:
        """As GitHub and MyST make them of the headings; a repeated heading gets a number."""
        found: dict[str, int] = {}
        for heading in _HEADING.findall(_FENCE.sub("", self.text)):
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
        return {f"{slug}-{number}" if number else slug for slug, last in found.items() for number in range(last + 1)}

    def inline_code(self) -> list[str]:
        return _INLINE_CODE.findall(_FENCE.sub("", self.text))

    def code_lines(self) -> Iterator[str]:
        """Lines of fenced and indented blocks, with continuation lines joined."""
        blocks = [match.group(0) for match in _FENCE.finditer(self.text)]
        indented = [line for line in _FENCE.sub("", self.text).splitlines() if line.startswith("    ")]
        yield from "\n".join([*blocks, *indented]).replace("\\\n", " ").splitlines()
