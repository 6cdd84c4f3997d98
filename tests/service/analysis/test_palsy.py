from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from face.image.limits import ImageLimits
from face.palsy.decoding import name_side
from face.photograph import PhotographReader
from face.vocabulary import SIDES
from service.analysis.palsy import PalsyAnalyzer
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from tests.onnx_factory import GRADE_I, GRADE_III, SIDE_LEFT, SIDE_NONE, write_palsy_bundle

GRADE_V = (8.0, 7.0, 6.0, 3.0, -3.0)


@pytest.fixture(scope="module")
def reader() -> Iterator[PhotographReader]:
    reader = PhotographReader(limits=ImageLimits())
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def photo() -> bytes:
    return cv2.imencode(".png", skimage.data.astronaut()[..., ::-1])[1].tobytes()


def analyzer(directory: Path, reader: PhotographReader, **graph: Any) -> PalsyAnalyzer:
    bundle = load_bundle(write_palsy_bundle(directory, graph=graph))
    return PalsyAnalyzer(bundle, open_session(bundle), reader)


@pytest.mark.parametrize(
    ("grade", "sides", "expected", "warned"),
    [
        (GRADE_I, SIDE_NONE, "none", False),
        (GRADE_I, SIDE_LEFT, "none", True),
        (GRADE_III, SIDE_LEFT, "left", False),
        (GRADE_V, (-4.0, 4.0, 0.0), "right", False),
        (GRADE_V, (0.0, 0.5, 3.0), "right", True),
    ],
)
def test_grade_and_side_never_contradict_each_other(
    tmp_path: Path,
    reader: PhotographReader,
    photo: bytes,
    grade: tuple[float, ...],
    sides: tuple[float, float, float],
    expected: str,
    warned: bool,
) -> None:
    analysis = analyzer(tmp_path, reader, grade_logits=grade, side_logits=sides).analyze(photo, heatmap=False)
    assert analysis.reading.side == expected
    assert any("side" in warning for warning in analysis.warnings) == warned


def test_the_side_rule_between_healthy_and_obvious() -> None:
    assert name_side(np.array([0.3, 0.1, 0.6]), grade_index=1) == (SIDES.index("none"), 0.6)
    assert name_side(np.array([0.7, 0.1, 0.2]), grade_index=1) == (SIDES.index("left"), 0.7)
    assert name_side(np.array([0.2, 0.45, 0.35]), grade_index=1) == (SIDES.index("none"), 0.35)
    assert name_side(np.array([0.1, 0.59, 0.31]), grade_index=1) == (SIDES.index("none"), 0.31)
    side, probability = name_side(np.array([0.1, 0.3, 0.6]), grade_index=2)
    assert (SIDES[side], probability) == ("right", pytest.approx(0.75))


def test_stages_are_timed_and_nothing_is_drawn_unasked(tmp_path: Path, reader: PhotographReader, photo: bytes) -> None:
    analysis = analyzer(tmp_path, reader).analyze(photo, heatmap=False)
    assert analysis.heatmap is None
    assert analysis.roi_maps is None
    stages = {name: value for name, value in analysis.timings_ms.items() if name != "total"}
    assert list(stages) == ["decode", "landmarks", "preprocessing", "inference", "rendering"]
    assert sum(stages.values()) <= analysis.timings_ms["total"]


def test_the_same_photograph_gets_the_same_answer(tmp_path: Path, reader: PhotographReader, photo: bytes) -> None:
    subject = analyzer(tmp_path, reader)
    first, second = subject.analyze(photo), subject.analyze(photo)
    assert first.heatmap is not None
    assert second.heatmap is not None
    assert first.heatmap.data == second.heatmap.data
    np.testing.assert_array_equal(first.reading.probabilities, second.reading.probabilities)


def test_a_session_can_be_injected(tmp_path: Path, reader: PhotographReader, photo: bytes) -> None:
    seen: dict[str, tuple[int, ...]] = {}
    bundle = load_bundle(write_palsy_bundle(tmp_path))
    real = open_session(bundle)

    class Recording:
        def run(self, inputs: Any) -> dict[str, Any]:
            seen.update({name: array.shape for name, array in inputs.items()})
            return real.run(inputs)

    PalsyAnalyzer(bundle, Recording(), reader).analyze(photo)
    assert seen == {"images": (1, 1, 224, 224), "landmarks": (1, 478, 3)}
