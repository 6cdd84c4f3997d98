"""What of a face is seen: by a map of what lies before it, by the picture's border, and whether it is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from face.errors import FaceCovered, PreprocessingError
from face.frame.regions import roi_masks, visible_region_masks
from face.image.decode import ImageLimits
from face.palsy.decoding import PalsyCalibration
from face.palsy.input import PalsyInputSpec
from face.palsy.limits import AnswerLimits
from face.palsy.reading import Array, ReadPhotograph, read_palsy
from face.photograph import PhotographReader
from face.vocabulary import VISIBLE_REGIONS, Pose, VisibleRegion
from tests import factories

GRADE_VI = np.full((1, 5), 9, np.float32)
GRADE_III = np.array([[9, 9, -9, -9, -9]], np.float32)
NOTHING_COVERED = np.ones((32, 32), np.float32)


@pytest.fixture(scope="module")
def reader() -> Iterator[PhotographReader]:
    made = PhotographReader(limits=ImageLimits())
    yield made
    made.close()


def read(
    reader: PhotographReader,
    rgb: np.ndarray,
    *,
    seen_map: np.ndarray | None = NOTHING_COVERED,
    grade: np.ndarray = GRADE_III,
    movement: tuple[float, ...] | None = None,
    **given: Any,
) -> ReadPhotograph:
    said: dict[str, Array] = {
        "grade_logits": grade,
        "side_logits": np.array([[4, 0, 0]], np.float32),
        "asymmetry_map": np.full((1, 32, 32), 0.06, np.float32),
        "roi_maps": np.full((1, 5, 32, 32), 0.5, np.float32),
    }
    if seen_map is not None:
        said["seen_map"] = seen_map[None]
    if movement is not None:
        said["movement_logits"] = np.array([movement], np.float32)

    def graph(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
        del tensors
        return said

    return read_palsy(
        factories.jpeg(rgb), reader, graph, PalsyInputSpec(),
        calibration=PalsyCalibration(), limits=AnswerLimits(), **given,
    )  # fmt: skip


def without(reader: PhotographReader, *regions: VisibleRegion, seen: float = 0.0) -> np.ndarray:
    """The map that sees all of the astronaut but these regions, and of these what `seen` says."""
    aligned = read(reader, factories.astronaut()).made.aligned
    masks = visible_region_masks(roi_masks(aligned, size=32))
    hidden = masks[[VISIBLE_REGIONS.index(region) for region in regions]].max(axis=0)
    return np.where(hidden < 0.5, 1.0, seen).astype(np.float32)


def test_a_whole_face_is_seen_everywhere(reader: PhotographReader) -> None:
    seen = read(reader, factories.astronaut())
    assert seen.visibility.hidden == ()
    assert all(value == pytest.approx(1.0) for value in seen.visibility.values.values())
    assert seen.reading.prediction_set == (2,)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("left_eye", "the left eye"),
        ("right_eye", "the right eye"),
        ("left_mouth", "the left half of the mouth"),
        ("right_mouth", "the right half of the mouth"),
    ],
)
def test_without_an_eye_or_a_half_of_the_mouth_there_is_no_grade(
    reader: PhotographReader, region: VisibleRegion, words: str
) -> None:
    with pytest.raises(FaceCovered, match=words) as refused:
        read(reader, factories.astronaut(), seen_map=without(reader, region))
    assert "Take away what covers the face" in str(refused.value)


@pytest.mark.parametrize(
    ("region", "seen"),
    [
        ("left_eye", 0.3),
        ("right_eye", 0.3),
        ("left_mouth", 0.5),
        ("right_mouth", 0.5),
        ("forehead", 0.5),
        ("nose", 0.5),
    ],
)
def test_a_region_that_is_seen_in_part_is_named_keeps_its_score_and_widens_the_set(
    reader: PhotographReader, region: VisibleRegion, seen: float
) -> None:
    """A mouth that a palsy pulls aside looks half covered: it must cost the patient neither answer nor figures."""
    whole = read(reader, factories.astronaut())
    part = read(reader, factories.astronaut(), seen_map=without(reader, region, seen=seen))
    assert (part.visibility.hidden, part.visibility.partly) == ((), (region,))
    (named,) = (warning for warning in part.warnings if "Not all is seen" in warning)
    assert region.split("_")[0] in named
    assert f"({part.visibility.values[region]:.0%} of it)" in named
    assert (whole.reading.prediction_set, part.reading.prediction_set) == ((2,), (1, 2, 3))
    assert part.regional == whole.regional
    np.testing.assert_array_equal(part.outputs["asymmetry_map"], whole.outputs["asymmetry_map"])


def test_a_mouth_must_be_seen_better_than_an_eye_to_be_whole(reader: PhotographReader) -> None:
    """What covers mouths, a mask or a tape, is as smooth as a cheek."""
    at = {
        region: read(reader, factories.astronaut(), seen_map=without(reader, region, seen=0.6)).visibility
        for region in ("left_eye", "left_mouth")
    }
    assert at["left_eye"].values["left_eye"] == pytest.approx(at["left_mouth"].values["left_mouth"], abs=0.1)
    assert (at["left_eye"].partly, at["left_mouth"].partly) == ((), ("left_mouth",))


def test_the_refusal_names_the_limit_of_the_bundle(reader: PhotographReader) -> None:
    with pytest.raises(FaceCovered, match="a grade needs 40% of both eyes"):
        read(reader, factories.astronaut(), seen_map=without(reader, "left_eye"))


def test_without_the_forehead_the_set_is_wider_and_the_forehead_has_neither_score_nor_heat(
    reader: PhotographReader,
) -> None:
    seen = read(reader, factories.astronaut(), seen_map=without(reader, "forehead"))
    assert seen.visibility.hidden == ("forehead",)
    assert seen.reading.prediction_set == (1, 2, 3)
    assert [warning for warning in seen.warnings if "the forehead" in warning]
    assert seen.regional is not None
    assert seen.regional["forehead"] is None
    assert seen.regional["mouth"] == pytest.approx(0.4)
    forehead = roi_masks(seen.made.aligned, size=32)[0] > 0.99
    assert seen.outputs["asymmetry_map"][forehead].max() < 0.01 * 0.06 + 1e-6
    assert seen.outputs["roi_maps"][:, forehead].max() < 0.01


@pytest.mark.parametrize(
    ("cut", "region"),
    [
        (np.s_[:, :252], "left_eye"),
        (np.s_[:, :240], "left_mouth"),
        (np.s_[:, 195:], "right_eye"),
        (np.s_[:, 205:], "right_mouth"),
        (np.s_[:150], "left_mouth"),
        (np.s_[:140], "right_mouth"),
        (np.s_[105:], "right_eye"),
    ],
)
def test_a_face_that_the_border_cuts_is_refused_or_its_region_named(
    reader: PhotographReader, cut: Any, region: VisibleRegion
) -> None:
    """The landmarks of half a face are invented: the answer must say what it has not seen, whatever it finds."""
    said = all_that_is_said(reader, np.ascontiguousarray(factories.astronaut()[cut]))
    words = region.replace("_mouth", " half of the mouth").replace("_", " ")
    assert said.startswith(("no-face", "face-turned-away")) or ("border cuts" in said and words in said), said


def all_that_is_said(reader: PhotographReader, rgb: np.ndarray) -> str:
    """The refusal, or all warnings, by a graph that knows only where the picture ends."""
    try:
        return " ".join(read(reader, rgb, seen_map=None).warnings)
    except PreprocessingError as refused:
        return f"{refused.code}: {refused}"


def test_a_border_that_cuts_the_rim_of_a_region_is_named_and_the_set_is_wider(reader: PhotographReader) -> None:
    whole = read(reader, factories.astronaut())
    columns = whole.made.aligned.to_canonical.inverse().apply([[128 + 70, 120]])[0, 0]
    seen = read(reader, np.ascontiguousarray(factories.astronaut()[:, : int(columns)]), seen_map=None)
    assert set(seen.visibility.cut) == {"left_eye", "left_mouth"}
    assert seen.visibility.hidden == ()
    assert any("the left eye" in warning and "of its outline" in warning for warning in seen.warnings)
    assert seen.reading.prediction_set == (1, 2, 3)


@pytest.mark.parametrize("pose", ["rest", "full_smile", None])
@pytest.mark.parametrize("movement", [None, (5.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 5.0)])
def test_at_rest_vi_is_never_the_only_grade(
    reader: PhotographReader, pose: Pose | None, movement: tuple[float, ...] | None
) -> None:
    seen = read(reader, factories.astronaut(), grade=GRADE_VI, movement=movement, pose=pose)
    at_rest = pose == "rest" or (pose is None and movement is not None and movement[0] > 0)
    assert seen.reading.index == 5
    assert seen.reading.prediction_set == ((4, 5) if at_rest else (5,))


def test_at_rest_one_grade_of_iv_to_vi_brings_its_likelier_neighbour_along(reader: PhotographReader) -> None:
    def of(grade: list[float]) -> tuple[int, ...]:
        made = read(reader, factories.astronaut(), grade=np.array([grade], np.float32), pose="rest")
        return made.reading.prediction_set

    assert of([9, 9, 9, -9, -9]) == (3, 4)
    assert of([9, 9, 9, 3, -3.5]) == (3, 4)
    assert of([9, 9, 9, 3.5, -3]) == (4, 5)
    assert of([9, 9, -9, -9, -9]) == (2,)
    assert of([-9, -9, -9, -9, -9]) == (0,)
