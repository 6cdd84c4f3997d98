"""Real frames: a photograph, and the same face moved by a known field."""

import cv2
import numpy as np
import pytest
from skimage import data

from face.errors import DifferentFaces, HeadTurned, NoMotion
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.input import microexpression_input
from face.microexpression.spec import MicroExpressionSpec

SPEC = MicroExpressionSpec()
# Landmark, direction (in units of the amplitude), width and height of the bump (in inter-ocular distances).
SMILE = [(61, -0.6, -0.8, 0.18, 0.16), (291, 0.6, -0.8, 0.18, 0.16)]
BROW_RAISE = [(105, 0, -1, 0.24, 0.11), (334, 0, -1, 0.24, 0.11)]
LEFT_SMILE = SMILE[1:]


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker() as made:
        yield made


@pytest.fixture(scope="module")
def onset(landmarker):
    rgb = data.astronaut()
    return rgb, landmarker.detect(rgb)[0]


def warped(rgb, face, bumps, percent):
    amplitude = percent / 100 * np.linalg.norm(np.diff(face.eye_centres, axis=0))
    interocular = np.linalg.norm(np.diff(face.eye_centres, axis=0))
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float32)
    field = np.zeros((*rgb.shape[:2], 2), np.float32)
    for point, across, down, wide, high in bumps:
        x, y = face.points[point, :2]
        bump = np.exp(
            -(((columns - x) / (wide * interocular)) ** 2) / 2 - (((rows - y) / (high * interocular)) ** 2) / 2
        )
        field += bump[..., None] * np.float32(amplitude) * np.array([across, down], np.float32)
    return cv2.remap(
        rgb, columns - field[..., 0], rows - field[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def analyse(landmarker, onset, apex_rgb):
    rgb, face = onset
    return microexpression_input(rgb, face, apex_rgb, landmarker.detect(apex_rgb)[0], SPEC)


def test_a_smile_moves_the_lips_and_a_raised_brow_the_eyes(landmarker, onset):
    smile = analyse(landmarker, onset, warped(*onset, SMILE, 4))
    assert min(smile.moved.regions["left_lip"], smile.moved.regions["right_lip"]) > 1.5
    assert max(smile.moved.regions["left_eye"], smile.moved.regions["right_eye"]) < 0.6
    brow = analyse(landmarker, onset, warped(*onset, BROW_RAISE, 4))
    assert min(brow.moved.regions["left_eye"], brow.moved.regions["right_eye"]) > 1.5
    assert max(brow.moved.regions["left_lip"], brow.moved.regions["right_lip"]) < 0.6
    assert brow.tensors["flow"].shape == (3, 28, 28)
    assert brow.tensors["flow"].dtype == np.uint8


def test_sides_are_the_patients_and_the_map_lies_on_the_photograph(landmarker, onset):
    rgb, face = onset
    made = analyse(landmarker, onset, warped(*onset, LEFT_SMILE, 5))
    assert made.moved.regions["left_lip"] > 3 * made.moved.regions["right_lip"]
    motion = made.motion_on_apex(width=rgb.shape[1], height=rgb.shape[0])
    row, column = np.unravel_index(motion.argmax(), motion.shape)
    assert np.hypot(column - face.points[291, 0], row - face.points[291, 1]) < 0.2 * face.interocular_px
    assert motion.max() == pytest.approx(5, rel=0.35)


def test_another_size_light_and_tilt_leave_the_same_motion(landmarker, onset):
    plain = analyse(landmarker, onset, warped(*onset, SMILE, 4))
    turned = cv2.getRotationMatrix2D((256, 200), 6, 1.15)
    apex = cv2.warpAffine(warped(*onset, SMILE, 4), turned, (600, 560))
    darker = (apex * 0.7 + 15).astype(np.uint8)
    other = analyse(landmarker, onset, darker)
    assert other.moved.score == pytest.approx(plain.moved.score, rel=0.3)
    both = np.corrcoef(plain.moved.motion[..., 1].ravel(), other.moved.motion[..., 1].ravel())[0, 1]
    assert both > 0.8


def test_the_same_picture_is_no_motion(landmarker, onset):
    with pytest.raises(NoMotion, match="reliability"):
        analyse(landmarker, onset, onset[0])


def test_a_written_and_read_copy_is_no_motion(landmarker, onset):
    written = cv2.imencode(".jpg", onset[0], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    with pytest.raises(NoMotion):
        analyse(landmarker, onset, cv2.imdecode(written, cv2.IMREAD_COLOR))


def test_another_face_in_the_same_place_is_refused(onset):
    rgb, face = onset
    # Another appearance in exactly the same place and pose: a cat's.
    x, y = face.points[:, :2].min(axis=0).astype(int)
    right, bottom = face.points[:, :2].max(axis=0).astype(int)
    other = rgb.copy()
    other[y:bottom, x:right] = cv2.resize(data.chelsea()[20:220, 100:300], (right - x, bottom - y))
    with pytest.raises(DifferentFaces, match="back miss themselves"):
        microexpression_input(rgb, face, other, face, SPEC)


def test_a_turned_head_is_refused_with_the_angle(onset):
    rgb, face = onset
    turn = np.deg2rad(20)
    rotation = np.eye(4, dtype=np.float32)
    rotation[:3, :3] = [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    turned = type(face)(**{**vars(face), "pose": rotation @ face.pose})
    with pytest.raises(HeadTurned, match=r"turned by (19|20) degrees"):
        microexpression_input(rgb, face, rgb, turned, SPEC)


def test_the_spec_survives_json_and_names_strange_keys():
    assert MicroExpressionSpec.from_dict(SPEC.to_dict()) == SPEC
    assert MicroExpressionSpec.from_dict(SPEC.to_dict()).fingerprint() == SPEC.fingerprint()
    with pytest.raises(ValueError, match="crop_depth"):
        MicroExpressionSpec.from_dict({**SPEC.to_dict(), "crop_depth": 3})
