from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from face.errors import FaceTooSmall, FaceTurnedAway
from face.frame.alignment import align_face
from face.frame.quality import Quality, QualityLimits, check_quality, head_angles, measure_quality
from face.image.decode import decode_image
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from tests import factories

GOOD = Quality(
    face_width_px=300,
    yaw_deg=2,
    pitch_deg=-3,
    roll_deg=1,
    sharpness=1.2,
    exposure=0.5,
    clipped=0.01,
    uneven_light=0.02,
)


def test_astronaut(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    quality = measure_quality(astronaut_rgb, astronaut_face)
    assert 80 < quality.face_width_px < 100
    assert abs(quality.yaw_deg) < 8
    assert -15 < quality.pitch_deg < 5
    assert 1 < quality.roll_deg < 6  # tilted a little to her left shoulder
    assert 0.5 < quality.exposure < 0.75
    aligned = align_face(astronaut_rgb, astronaut_face)
    assert measure_quality(astronaut_rgb, astronaut_face, aligned=aligned) == quality
    (warning,) = check_quality(quality, QualityLimits())
    assert "89 pixels wide" in warning


def test_mirrored_photograph_negates_yaw_and_roll(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    turned = dataclasses.replace(astronaut_face, pose=(astronaut_face.pose @ _rotation("y", 20)).astype(np.float32))
    one = measure_quality(astronaut_rgb, turned)
    other = measure_quality(np.ascontiguousarray(astronaut_rgb[:, ::-1]), turned.mirrored())
    assert one.yaw_deg > 10
    assert other.yaw_deg == pytest.approx(-one.yaw_deg, abs=1e-3)
    assert other.roll_deg == pytest.approx(-one.roll_deg, abs=1e-3)
    assert other.pitch_deg == pytest.approx(one.pitch_deg, abs=1e-3)
    assert other.uneven_light == pytest.approx(-one.uneven_light, abs=1e-3)
    for name in ("face_width_px", "sharpness", "exposure", "clipped"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.01, abs=1e-3)


def _rotation(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[first, first] = matrix[second, second] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix


@pytest.mark.parametrize("angle", [-30, -5, 12, 40])
def test_head_angles_of_pure_turns(angle: float) -> None:
    """The camera looks along -z, x is the patient's left, y is up; the face lies on the optical axis."""
    away = np.eye(4)
    away[2, 3] = -60
    assert head_angles((away @ _rotation("y", angle)).astype(np.float32)) == pytest.approx((angle, 0, 0), abs=1e-4)
    assert head_angles((away @ _rotation("x", -angle)).astype(np.float32)) == pytest.approx((0, angle, 0), abs=1e-4)
    assert head_angles((away @ _rotation("z", -angle)).astype(np.float32)) == pytest.approx((0, 0, angle), abs=1e-4)


@pytest.mark.parametrize("turn", [-20, 15])
def test_roll_of_a_turned_photograph(face_landmarker: FaceLandmarker, astronaut_face: Face, turn: float) -> None:
    rotation = cv2.getRotationMatrix2D((225, 125), -turn, 1)  # OpenCV counts anticlockwise
    turned = cv2.warpAffine(factories.astronaut(), rotation, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (face,) = face_landmarker.detect(turned)
    assert head_angles(face.pose)[2] - head_angles(astronaut_face.pose)[2] == pytest.approx(turn, abs=3)


@pytest.mark.parametrize("turn", [-40, -20, 20, 40])
def test_yaw_of_a_turned_head(face_landmarker: FaceLandmarker, astronaut_face: Face, turn: float) -> None:
    (face,) = face_landmarker.detect(factories.turned_face(factories.astronaut(), astronaut_face, yaw_deg=turn))
    yaw = head_angles(face.pose)[0]
    assert np.sign(yaw) == np.sign(turn)
    assert 0.65 * abs(turn) < abs(yaw) < 1.1 * abs(turn)  # the landmark model understates strong turns


def test_the_place_in_the_photograph_does_not_turn_the_head(face_landmarker: FaceLandmarker) -> None:
    head = cv2.resize(factories.astronaut()[20:260, 100:350], (200, 200), interpolation=cv2.INTER_AREA)
    angles = []
    for x, y in ((0, 0), (150, 150), (300, 0), (300, 300), (0, 300)):
        picture = np.full((500, 500, 3), 127, np.uint8)
        picture[y : y + 200, x : x + 200] = head
        (face,) = face_landmarker.detect(picture)
        angles.append(head_angles(face.pose))
    assert np.ptp(np.array(angles), axis=0).max() < 5


def test_face_width_hardly_changes_with_yaw(face_landmarker: FaceLandmarker, astronaut_face: Face) -> None:
    picture = factories.turned_face(factories.astronaut(), astronaut_face, yaw_deg=30)
    (face,) = face_landmarker.detect(picture)
    assert measure_quality(picture, face).face_width_px == pytest.approx(89, rel=0.12)


def test_blur_and_exposure_are_seen(astronaut_rgb: np.ndarray, astronaut_face: Face) -> None:
    sharp = measure_quality(astronaut_rgb, astronaut_face)
    values = [
        measure_quality(cv2.GaussianBlur(astronaut_rgb, (0, 0), s), astronaut_face).sharpness for s in (0.5, 1, 2)
    ]
    assert sharp.sharpness > values[0] > values[1] > values[2]
    dim = (astronaut_rgb * 0.5).astype(np.uint8)
    assert measure_quality(dim, astronaut_face).exposure == pytest.approx(sharp.exposure / 2, abs=0.01)
    assert measure_quality(dim, astronaut_face).sharpness == pytest.approx(sharp.sharpness, rel=0.3)
    shadow = astronaut_rgb.copy()
    shadow[:, :225] //= 3  # the patient's right half
    assert measure_quality(shadow, astronaut_face).uneven_light > 0.3


def test_a_good_photograph_has_no_warning() -> None:
    assert check_quality(GOOD, QualityLimits()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"face_width_px": 100.0}, "only 100 pixels wide"),
        ({"yaw_deg": 20.0}, "20 degrees to the patient's left"),
        ({"yaw_deg": -20.0}, "20 degrees to the patient's right"),
        ({"pitch_deg": 25.0}, "25 degrees up"),
        ({"pitch_deg": -25.0}, "25 degrees down"),
        ({"roll_deg": -30.0}, "right shoulder"),
        ({"sharpness": 0.1}, "blurred"),
        ({"exposure": 0.1}, "too dark"),
        ({"exposure": 0.95}, "overexposed"),
        ({"clipped": 0.4}, "40% of the face"),
        ({"uneven_light": 0.4}, "patient's left half"),
    ],
)
def test_each_warning_says_what_to_do(change: dict[str, float], says: str) -> None:
    (warning,) = check_quality(dataclasses.replace(GOOD, **change), QualityLimits())
    assert says in warning
    assert warning.endswith(".")
    assert ";" in warning  # finding; advice


def test_refusals() -> None:
    with pytest.raises(FaceTooSmall, match="40 pixels wide; at least 64"):
        check_quality(dataclasses.replace(GOOD, face_width_px=40), QualityLimits())
    with pytest.raises(FaceTurnedAway, match="50 degrees to the patient's right"):
        check_quality(dataclasses.replace(GOOD, yaw_deg=-50), QualityLimits())
    with pytest.raises(FaceTurnedAway, match="45 degrees down"):
        check_quality(dataclasses.replace(GOOD, pitch_deg=-45), QualityLimits())
    assert check_quality(dataclasses.replace(GOOD, yaw_deg=-50), QualityLimits(max_yaw_deg=60))
    with pytest.raises(ValueError, match="warn_exposure_low"):
        QualityLimits(warn_exposure_low=-1)


def test_real_files_are_refused(face_landmarker: FaceLandmarker, profile_jpeg: bytes) -> None:
    for data, error in ((profile_jpeg, FaceTurnedAway), (factories.jpeg(factories.small_face(40)), FaceTooSmall)):
        photo = decode_image(data).rgb
        (face,) = face_landmarker.detect(photo)
        with pytest.raises(error):
            check_quality(measure_quality(photo, face), QualityLimits())
