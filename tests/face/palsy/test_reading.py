"""The one reading of a photograph, with a graph that always says the same: what is told, refused, left out, timed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from face.errors import OutOfDistribution
from face.frame.quality import QualityLimits
from face.image.limits import ImageLimits
from face.landmarks.look import Look
from face.palsy.decoding import PalsyCalibration, TurnedHead
from face.palsy.input import PalsyInputSpec, palsy_input
from face.palsy.limits import AnswerLimits
from face.palsy.reading import Array, Graph, ReadPhotograph, read_palsy, see_palsy
from face.photograph import Photograph, PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import REGIONS
from tests import factories

SPEC = PalsyInputSpec()
UNLIKE = 2.5
# Grade I, yet the left side looks weaker.
SAID: Mapping[str, Array] = {
    "grade_logits": np.full((1, 5), -5, np.float32),
    "side_logits": np.array([[4, 0, 0]], np.float32),
    "ood_score": np.array([UNLIKE], np.float32),
    "asymmetry_map": np.full((1, 32, 32), 0.05, np.float32),
}


def graph_without(*names: str) -> Graph:
    def graph(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        assert {name: (values.shape, str(values.dtype)) for name, values in tensors.items()} == {
            "images": ((1, 1, 224, 224), "uint8"),
            "landmarks": ((1, 478, 3), "float32"),
        }
        return {name: values for name, values in SAID.items() if name not in names}

    return graph


@pytest.fixture(scope="module")
def reader() -> Iterator[PhotographReader]:
    made = PhotographReader(limits=ImageLimits())
    yield made
    made.close()


def read(reader: PhotographReader, graph: Graph, limits: AnswerLimits | None = None, **given: Any) -> ReadPhotograph:
    return read_palsy(
        factories.jpeg(factories.astronaut()), reader, graph, SPEC,
        calibration=PalsyCalibration(), limits=limits or AnswerLimits(), **given,
    )  # fmt: skip


def test_warnings_come_in_the_order_of_the_stages(reader: PhotographReader, monkeypatch: pytest.MonkeyPatch) -> None:
    look = reader.read

    def lose_the_mirrored_face(*arguments: Any, **options: Any) -> Photograph:
        seen = look(*arguments, **options)
        return replace(seen, looks=Look(face=seen.face, disagreement=None))

    monkeypatch.setattr(reader, "read", lose_the_mirrored_face)
    limits = AnswerLimits(quality=QualityLimits(warn_face_width_px=1000.0), warn_above=2.0, refuse_above=3.0)
    warnings = read(reader, graph_without(), limits).warnings
    starts = [
        "The face is only",
        "The face is not found in the mirrored photograph",
        "The face is unlike most",
        "The grade is that of a healthy face, yet the left side looks weaker",
    ]
    assert [warning[: len(start)] for warning, start in zip(warnings, starts, strict=True)] == starts


def test_a_face_too_unlike_is_refused_by_the_graphs_own_score(reader: PhotographReader) -> None:
    limits = AnswerLimits(warn_above=1.0, refuse_above=2.0)
    with pytest.raises(OutOfDistribution, match=r"score 2\.50, at most 2\.00 is answered"):
        read(reader, graph_without(), limits)
    assert not any("unlike" in warning for warning in read(reader, graph_without("ood_score"), limits).warnings)


def test_regions_are_read_off_the_map_and_left_out_without_one(reader: PhotographReader) -> None:
    drawn = read(reader, graph_without(), AnswerLimits(full_scale=0.1)).regional
    assert drawn == pytest.approx(dict.fromkeys(REGIONS, 0.5))
    without = read(reader, graph_without("asymmetry_map"))
    assert without.regional is None
    assert "asymmetry_map" not in without.outputs


def test_the_outputs_lose_their_batch_axis_and_are_decoded(reader: PhotographReader) -> None:
    made = read(reader, graph_without())
    assert {name: values.shape for name, values in made.outputs.items()} == {
        name: values.shape[1:] for name, values in SAID.items()
    }
    assert (made.reading.index, made.reading.side) == (0, "none")


def test_what_the_graph_is_given_is_the_input_of_the_photograph_seen_both_ways(reader: PhotographReader) -> None:
    data = factories.jpeg(factories.astronaut())
    photograph = reader.read(data, policy="single", both_ways=True)
    expected = palsy_input(photograph.rgb, photograph.face, SPEC)
    seen, made = see_palsy(data, reader, SPEC)
    np.testing.assert_array_equal(seen.rgb, photograph.rgb)
    assert seen.looks is not None
    for tensors in (made.tensors, read(reader, graph_without()).made.tensors):
        assert tensors.keys() == expected.tensors.keys()
        for name, values in expected.tensors.items():
            np.testing.assert_array_equal(tensors[name], values)


def test_every_stage_is_timed(reader: PhotographReader) -> None:
    watch = Stopwatch()
    read(reader, graph_without(), watch=watch)
    assert list(watch.timings_ms) == ["decode", "landmarks", "preprocessing", "inference", "rendering"]
    unread = Stopwatch()
    read(reader, graph_without("asymmetry_map"), watch=unread)
    assert list(unread.timings_ms) == ["decode", "landmarks", "preprocessing", "inference", "rendering"]


def test_a_turned_head_takes_from_the_grade_whichever_way_it_is_turned(reader: PhotographReader) -> None:
    logits = np.array([[2.0, 1.0, -1.0, -2.0, -3.0]], np.float32)
    allowance = TurnedHead(from_deg=5.0, per_deg=0.5)
    np.testing.assert_allclose(allowance.allowed_for(logits, 4.9), logits)
    np.testing.assert_allclose(allowance.allowed_for(logits, 9.0), logits - 2.0)
    np.testing.assert_allclose(allowance.allowed_for(logits, -9.0), logits - 2.0)
    np.testing.assert_allclose(TurnedHead().allowed_for(logits, 40.0), logits)

    def obvious(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        del tensors
        return {**SAID, "grade_logits": np.full((1, 5), 6, np.float32)}

    straight = read(reader, obvious)
    strict = read(reader, obvious, AnswerLimits(turned_head=TurnedHead(per_deg=10.0)))
    assert abs(strict.quality.yaw_deg) > 0.8
    assert (straight.reading.index, strict.reading.index) == (5, 0)
    assert straight.reading.prediction_set == (5,)
    assert strict.reading.prediction_set == (0, 1, 2, 3, 4, 5), "what the turn may hide stays possible"
    np.testing.assert_array_equal(strict.outputs["grade_logits"], straight.outputs["grade_logits"])
