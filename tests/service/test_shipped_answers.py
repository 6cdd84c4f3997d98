"""The shipped bundles answer today what they answered when `shipped_answers.json` was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from tests.service.shipped_answers import GOLDEN, answers, made_photographs

# Machines differ in the last digits of landmarks; a change that anyone would notice is far larger.
TOLERANCE = 0.01
MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def today() -> Iterator[dict[str, dict[str, Any]]]:
    with TestClient(create_app(Settings(models_dir=MODELS, audit_url="", running_max=1))) as client:
        yield answers(lambda path, images: client.post(path, files=images).json(), made_photographs())


@pytest.mark.parametrize("name", json.loads(GOLDEN.read_text(encoding="utf-8")))
def test_the_answer_is_as_it_was(today: dict[str, dict[str, Any]], name: str) -> None:
    _compare(today[name], json.loads(GOLDEN.read_text(encoding="utf-8"))[name], where=name)


def _compare(found: Any, golden: Any, *, where: str) -> None:
    """Numbers within the tolerance (pixels, degrees: relative), everything else exactly; keys may be added."""
    if isinstance(golden, dict):
        for key, value in golden.items():
            _compare(found[key], value, where=f"{where}.{key}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), where
        for number, value in enumerate(golden):
            _compare(found[number], value, where=f"{where}[{number}]")
    elif isinstance(golden, float):
        assert found == pytest.approx(golden, abs=TOLERANCE, rel=TOLERANCE), where
    else:
        assert found == golden, where
