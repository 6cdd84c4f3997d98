"""The site (`make docs`): Sphinx reads the repository's Markdown where it lies, so that its links work here and there.

Nothing in the built pages comes from elsewhere: hospitals' networks do not reach content networks.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[1]

project = "htnet-clinical"
author = "the htnet-clinical authors"
copyright = author
extensions = ["myst_parser"]
# The source folder is the repository: these are its documents.
include_patterns = [
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
    "docs/*.md", "docs/**/*.md", "models/*/MODEL_CARD.md",
]  # fmt: skip
exclude_patterns = [".*", "build", "data", "dist", "runs"]
root_doc = "README"
myst_heading_anchors = 4
# JSON in the documents is shortened with "...", which is no JSON.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "htnet-clinical"
html_copy_source = False
html_show_sphinx = False
templates_path = ["templates"]
html_additional_pages = {"index": "to_readme.html"}


def linked_pages(markdown: str, *, folder: str) -> list[str]:
    """The pages that a list in `folder` links to, one an item, as Sphinx calls them."""
    targets = re.findall(r"^- \[[^\]]*\]\(([^)]+)\.md\)", markdown, re.MULTILINE)
    return ["/" + posixpath.normpath(posixpath.join(folder, target)) for target in targets]


def contents(pages: list[str], *, caption: str = "") -> str:
    """A hidden table of contents: it makes the side bar."""
    lines = ["```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), "", *pages, "```"]
    return "\n\n" + "\n".join(lines) + "\n"


def add_contents(_: Sphinx, name: str, source: list[str]) -> None:
    """Sphinx wants every page in a table of contents; written into a page, it would be shown as code on GitHub. So they
    are made here of the lists that readers see."""
    if name == root_doc:
        shelves = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split("\n## ")[1:]
        for shelf in shelves:
            source[0] += contents(linked_pages(shelf, folder="docs"), caption=shelf.partition("\n")[0])
        source[0] += contents(["/docs/index"])
    elif name == "docs/research/index":
        source[0] += contents(linked_pages(source[0], folder="docs/research"))


def refuse_outside(app: Sphinx, error: Exception | None) -> None:
    """Fail where a built page would load anything from another host."""
    if error is not None:
        return
    outside = re.compile(r"""(?:\bsrc=|<link\b[^>]*\bhref=|@import\s+|url\()["']?(?:https?:)?//""")
    found = [page for page in Path(app.outdir).rglob("*") if page.suffix in (".html", ".css")]
    found = [page for page in found if outside.search(page.read_text(encoding="utf-8"))]
    if found:
        raise ExtensionError(f"these pages would load something from outside: {', '.join(map(str, found))}")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", refuse_outside)
