"""Links, anchors and file names in the documents exist, and every document is two clicks from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Document, markdown_files

DOCUMENTS = {path: Document.read(path) for path in markdown_files()}
README = Path("README.md")
# Filled in by a program or by GitHub, or there for whoever opens the folder.
NOT_FOR_READERS = (".github/", "configs/palsy_card.md", "docker/keys/README.md")
# The diary and the changelog name files as they were called then.
HISTORY = ("docs/research/", "CHANGELOG.md")
_FILE = re.compile(
    r"(?:face|service|model_training|export|htnet|models|configs|docker|docs|tests|requirements)/[\w./-]*"
)


def starts_with(path: Path, beginnings: tuple[str, ...]) -> bool:
    return path.as_posix().startswith(beginnings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_lead_to_files_and_anchors_that_exist(path: Path) -> None:
    broken = [
        f"{target}{'#' if anchor else ''}{anchor}"
        for target, anchor in DOCUMENTS[path].links()
        if not (ROOT / target).exists()
        or (anchor and (target not in DOCUMENTS or anchor not in DOCUMENTS[target].anchors()))
    ]
    assert broken == []


def test_every_document_is_two_clicks_from_the_readme() -> None:
    reached = {README}
    for _ in range(2):
        reached |= {target for path in reached if path in DOCUMENTS for target, _ in DOCUMENTS[path].links()}
    out_of_reach = [path for path in DOCUMENTS if path not in reached and not starts_with(path, NOT_FOR_READERS)]
    assert out_of_reach == []


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if not starts_with(path, HISTORY)], ids=str)
def test_files_that_are_named_exist(path: Path) -> None:
    named = [code for code in DOCUMENTS[path].inline_code() if _FILE.fullmatch(code)]
    assert [name for name in named if not (ROOT / name).exists()] == []
