"""What the service says in English has words in the page's other languages, sentence by sentence."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import face.frame.quality
import face.microexpression.clip_reading
import face.microexpression.reading
import face.palsy.assessment.comparison
import face.palsy.assessment.doubts
import face.palsy.visibility
import face.palsy.warnings
import face.photograph
import service.analysis.palsy_clip
import service.page

_STATIC = Path(service.page.__file__).parent / "static"
_MODELS = Path(__file__).parents[3] / "models"
_SAYING = (
    face.frame.quality, face.microexpression.clip_reading, face.microexpression.reading,
    face.palsy.assessment.comparison, face.palsy.assessment.doubts, face.palsy.visibility, face.palsy.warnings,
    face.photograph, service.analysis.palsy_clip,
)  # fmt: skip


def _translations(language: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(
        (_STATIC / "texts" / f"{language}.service.json").read_text(encoding="utf-8")
    )
    return found


def _template(node: ast.expr) -> str | None:
    """A sentence with {} for what is filled in; None for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def _warnings_of(module: ModuleType) -> Iterator[str]:
    """What is appended to a list of warnings, returned as one, or written in a table of them."""
    assert module.__file__
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        said: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            said = node.args
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.List):
            said = node.value.elts
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
            said = node.value.values
        yield from (words for one in said if (words := _template(one)) and words.endswith((".", ".)")))


def _shape(words: str) -> str:
    return re.sub(r"`?\{\d?\}`?", "{}", words)


@pytest.mark.parametrize("language", ["de", "zh-Hans"])
def test_every_warning_of_the_service_is_translated_and_nothing_else(language: str) -> None:
    said = {_shape(words) for module in _SAYING for words in _warnings_of(module)}
    said |= {json.loads(path.read_text())["intended_use"] for path in _MODELS.glob("*/manifest.json")}
    known = {_shape(words) for words in _translations(language)["sentences"]}
    assert len(said) > 40
    assert (sorted(said - known), sorted(known - said)) == ([], [])


@pytest.mark.parametrize("language", ["de", "zh-Hans"])
def test_a_translation_holds_every_value_of_its_sentence(language: str) -> None:
    values = re.compile(r"\{\d\}")
    for english, own in _translations(language)["sentences"].items():
        assert sorted(values.findall(english)) == sorted(values.findall(own)), english


def test_the_words_in_sentences_are_the_same_in_both_languages() -> None:
    german, chinese = _translations("de"), _translations("zh-Hans")
    assert german["sentences"].keys() == chinese["sentences"].keys()
    assert german["words"].keys() == chinese["words"].keys()
