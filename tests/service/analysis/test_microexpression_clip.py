"""A clip, or its pictures, -> events with their emotion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from face.clip.limits import ClipLimits
from face.errors import ClipTooLong, MultipleFaces, NoFace, UndecodableImage
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.photograph import PhotographReader
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.microexpression_clip import MicroexpressionClip, analyze_clip, analyze_pictures, clip_limits
from service.clips.decoding import Clip, ClipDecoder
from service.config import Settings
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from tests import factories
from tests.clip_factory import h264_clip, moving_pictures
from tests.face.microexpression.test_input import BROW_RAISE, SMILE, warped

Rgb = npt.NDArray[np.uint8]
SHIPPED = Path(__file__).parents[3] / "models" / "microexpression"
FPS = 30
# A smile that grows for a tenth of a second, in the middle of a second of rest.
PROFILE = [0.0] * 12 + [1.0, 2.2, 3.2, 3.0, 2.0, 0.8] + [0.0] * 12
APEX = 14


@pytest.fixture(scope="module")
def analyzer() -> Iterator[MicroexpressionAnalyzer]:
    reader = PhotographReader(limits=Settings().image_limits)
    bundle = load_bundle(SHIPPED)
    yield MicroexpressionAnalyzer(
        bundle, open_session(bundle, provider="cpu", threads=1), reader, overlay_max_side_px=256
    )
    reader.close()


def filmed(rgb: Rgb, face: Face, profile: list[float], movement: list[tuple[float, ...]]) -> list[Rgb]:
    rng = np.random.default_rng(7)
    moved = [warped(rgb, face, movement, percent) if percent else rgb for percent in profile]
    return [np.clip(one + rng.normal(0, 1.0, rgb.shape) + 0.5, 0, 255).astype(np.uint8) for one in moved]


@pytest.fixture(scope="module")
def portrait(astronaut_rgb: Rgb, face_landmarker: FaceLandmarker) -> tuple[Rgb, Face]:
    rgb = cv2.resize(astronaut_rgb[20:240, 114:334], (352, 352), interpolation=cv2.INTER_CUBIC)
    (face,) = face_landmarker.detect(rgb)
    return rgb, face


@pytest.fixture(scope="module")
def smiling(portrait: tuple[Rgb, Face]) -> list[Rgb]:
    return filmed(*portrait, PROFILE, SMILE)


def clip_of(pictures: list[Rgb], **how: int) -> Clip:
    return Clip.of(h264_clip(pictures, durations=[600 // FPS] * len(pictures), **how), limits=ClipLimits())  # type: ignore[arg-type]


def png(rgb: Rgb) -> bytes:
    return factories.encode(rgb, "PNG")


def expect_the_smile(found: MicroexpressionClip) -> None:
    (event,) = found.read.events
    assert event.event.kind == "expression"
    assert event.label == "positive"
    assert event.probability == max(event.probabilities.values())
    assert sum(event.probabilities.values()) == pytest.approx(1)
    assert abs(event.event.apex - APEX) <= 1
    assert event.event.onset < APEX < event.event.offset
    assert found.read.times_s[APEX] == pytest.approx(APEX / FPS, abs=0.002)
    assert event.score > 1
    first, last = found.read.spotted.rest
    assert last < 13 or first > 16


def test_a_clip_has_its_event(
    analyzer: MicroexpressionAnalyzer, face_landmarker: FaceLandmarker, smiling: list[Rgb]
) -> None:
    told: list[tuple[str, float]] = []
    found = analyze_clip(
        analyzer, clip_of(smiling), ClipDecoder(), face_landmarker, tell=lambda stage, done: told.append((stage, done))
    )
    expect_the_smile(found)
    assert found.warnings == ()
    assert [stage for stage, _ in told] == ["frames"] * 30 + ["motion"] * 30
    assert told[-1] == ("motion", 1.0)
    assert {"frames", "spotting", "inference", "total"} <= set(found.timings_ms)
    # The face's width on the pictures of the clip, as a photograph would have it.
    assert 120 < found.read.quality.face_width_px < 170


def test_its_pictures_in_order_have_the_same(analyzer: MicroexpressionAnalyzer, smiling: list[Rgb]) -> None:
    expect_the_smile(analyze_pictures(analyzer, [png(rgb) for rgb in smiling], fps=FPS))


def test_an_upside_down_clip_is_turned_and_says_so(
    analyzer: MicroexpressionAnalyzer, face_landmarker: FaceLandmarker, smiling: list[Rgb]
) -> None:
    turned = [np.ascontiguousarray(rgb[::-1, ::-1]) for rgb in smiling]
    found = analyze_clip(analyzer, clip_of(turned), ClipDecoder(), face_landmarker)
    expect_the_smile(found)
    assert "upside down" in found.warnings[0]
    pictures = analyze_pictures(analyzer, [png(rgb) for rgb in turned], fps=FPS)
    expect_the_smile(pictures)
    assert "upside down" in pictures.warnings[0]
    # A clip that says of itself how it is to be turned needs no word.
    said = analyze_clip(analyzer, clip_of(turned, rotation_deg=180), ClipDecoder(), face_landmarker)
    expect_the_smile(said)
    assert said.warnings == ()


def test_a_one_sided_movement_is_on_the_patients_side_also_of_a_mirrored_clip(
    analyzer: MicroexpressionAnalyzer, face_landmarker: FaceLandmarker, portrait: tuple[Rgb, Face]
) -> None:
    # The corner of the mouth at the picture's right is the patient's left.
    pictures = filmed(*portrait, [0.0] * 8 + [2.0, 4.0, 4.0, 2.0] + [0.0] * 5, SMILE[1:])
    for mirrored, stronger, weaker in ((False, "left_lip", "right_lip"), (True, "right_lip", "left_lip")):
        found = analyze_clip(analyzer, clip_of(pictures), ClipDecoder(), face_landmarker, mirrored=mirrored)
        (event,) = found.read.events
        assert event.regions[stronger] > 2 * event.regions[weaker]


def test_nothing_found_is_an_answer(
    analyzer: MicroexpressionAnalyzer, face_landmarker: FaceLandmarker, smiling: list[Rgb]
) -> None:
    found = analyze_clip(analyzer, clip_of(smiling[:12]), ClipDecoder(), face_landmarker)
    assert found.read.events == ()
    assert len(found.read.spotted.motion) == 12


def test_a_slow_clip_a_long_movement_and_a_large_one_are_warned_of(
    analyzer: MicroexpressionAnalyzer, portrait: tuple[Rgb, Face]
) -> None:
    profile = [0.0] * 9 + [1.5, 3.0, 4.0, 4.0, 3.0, 1.5] + [0.0] * 4
    found = analyze_pictures(analyzer, [png(one) for one in filmed(*portrait, profile, BROW_RAISE)], fps=8)
    assert "8 frames a second" in found.warnings[0]
    (event,) = found.read.events
    assert event.label == "surprise"
    assert any("lasts for" in warning for warning in event.warnings)
    grin = [0.0] * 9 + [12.0, 20.0, 12.0] + [0.0] * 4
    (large,) = analyze_pictures(analyzer, [png(one) for one in filmed(*portrait, grin, SMILE)], fps=FPS).read.events
    assert large.label is None
    assert "no emotion is named" in large.warnings[0]


def test_another_person_after_a_cut_gets_no_emotion(analyzer: MicroexpressionAnalyzer, smiling: list[Rgb]) -> None:
    other = cv2.GaussianBlur(smiling[0][:, ::-1], (0, 0), 1.5)
    rng = np.random.default_rng(3)
    cut = [*smiling[:12], *(np.clip(other + rng.normal(0, 1, other.shape), 0, 255).astype(np.uint8) for _ in range(6))]
    found = analyze_pictures(analyzer, [png(rgb) for rgb in cut], fps=FPS)
    assert all(event.label is None for event in found.read.events)


def test_refusals_name_the_frame(analyzer: MicroexpressionAnalyzer, smiling: list[Rgb]) -> None:
    pictures = [png(rgb) for rgb in smiling[:4]]
    with pytest.raises(UndecodableImage, match=r"^Frame 3 of 5: "):
        analyze_pictures(analyzer, [*pictures[:2], pictures[2][:200], *pictures[2:]], fps=FPS)
    with pytest.raises(MultipleFaces, match=r"^Frame 2 of 4: "):
        analyze_pictures(analyzer, [pictures[0], png(factories.two_faces()), *pictures[2:]], fps=FPS)


def test_a_clip_without_a_face_or_with_too_many_frames_is_refused(
    analyzer: MicroexpressionAnalyzer, face_landmarker: FaceLandmarker
) -> None:
    with pytest.raises(NoFace, match="0 of 20 frames"):
        analyze_clip(analyzer, clip_of(moving_pictures(20)), ClipDecoder(), face_landmarker)
    long = h264_clip(moving_pictures(401, width=16, height=16), durations=[20] * 401)
    with pytest.raises(ClipTooLong, match="401 pictures; at most 400"):
        Clip.of(long, limits=clip_limits(ClipLimits()))
