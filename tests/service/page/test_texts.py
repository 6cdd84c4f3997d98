"""The page speaks three languages, and none of them stops in the middle."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

import service.page
from face.palsy.assessment.comparison import Verdict
from face.palsy.assessment.evidence import EVIDENCE
from face.palsy.assessment.measuring.measures import MeasureId
from face.palsy.assessment.patterns import Pattern
from face.vocabulary import POSES
from service.problems import PROBLEMS

_STATIC = Path(service.page.__file__).parent / "static"
_LANGUAGES = ("en", "de", "zh-Hans")


def _texts(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((_STATIC / "texts" / f"{language}.json").read_text(encoding="utf-8"))
    return texts


@pytest.mark.parametrize("language", _LANGUAGES[1:])
def test_a_language_has_every_text_with_the_same_values(language: str) -> None:
    english, other = _texts("en"), _texts(language)
    assert english.keys() == other.keys()
    values = re.compile(r"\{(\w+)\}")
    assert [key for key in english if set(values.findall(english[key])) != set(values.findall(other[key]))] == []


def test_every_text_that_a_script_names_is_there() -> None:
    texts = _texts("en")
    named = set()
    for script in _STATIC.rglob("*.js"):
        named |= set(re.findall(r'\btext\("([\w-]+)"', script.read_text(encoding="utf-8")))
    named |= set(re.findall(r'data-(?:text|label)="([\w-]+)"', (_STATIC / "index.html").read_text(encoding="utf-8")))
    assert len(named) > 100
    assert sorted(named - texts.keys()) == []


def test_every_word_of_the_service_has_a_text() -> None:
    texts = _texts("en")
    wanted = {f"problem_{code}" for code in PROBLEMS}
    for prefix, words in {
        "pose": POSES, "ask": POSES, "class": EVIDENCE, "pattern": get_args(Pattern), "measure": get_args(MeasureId),
        "verdict": get_args(Verdict),
    }.items():  # fmt: skip
        wanted |= {f"{prefix}_{word}" for word in words}
    assert sorted(wanted - texts.keys()) == []


def test_no_folder_of_the_page_holds_over_a_dozen_files() -> None:
    folders = {path.parent for path in _STATIC.rglob("*")}
    assert {
        folder.name: count for folder in folders if (count := sum(f.is_file() for f in folder.iterdir())) > 12
    } == {}
