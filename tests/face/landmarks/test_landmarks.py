from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from face.errors import MultipleFaces, NoFace
from face.landmarks import mirror_table as landmark_mirror
from face.landmarks import model_file
from face.landmarks.found_face import MIRROR_INDEX, Face, choose_face
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.model_file import find_landmark_model
from tests import factories
from tests.face.landmarks.make_landmark_mirror import landmark_pairs

MIDLINE = (0, 1, 2, 4, 5, 6, 8, 9, 10, 151, 152, 168, 195, 197, 199, 200)


def test_mirror_index_is_an_involution() -> None:
    np.testing.assert_array_equal(MIRROR_INDEX[MIRROR_INDEX], np.arange(478))
    np.testing.assert_array_equal(MIRROR_INDEX[list(MIDLINE)], MIDLINE)
    for right, left in ((33, 263), (133, 362), (61, 291), (105, 334), (468, 473), (234, 454)):
        assert MIRROR_INDEX[right] == left


def test_mirror_table_is_what_its_script_makes() -> None:
    assert tuple(landmark_pairs()) == landmark_mirror.LANDMARK_PAIRS


def test_detect(astronaut_face: Face) -> None:
    assert astronaut_face.points.dtype == astronaut_face.pose.dtype == np.float32
    right, left = astronaut_face.eye_centres
    # Where the eyes are in the picture; the patient's right is at the left.
    assert np.abs(right - [204, 102]).max() < 4
    assert np.abs(left - [246, 104]).max() < 4
    assert astronaut_face.interocular_px == pytest.approx(np.linalg.norm(left - right))
    assert astronaut_face.points[1, 2] < 0 < astronaut_face.points[234, 2]  # the nose is nearer than the ear


def test_mirrored_face_is_the_face_of_the_mirrored_photograph(
    astronaut_rgb: np.ndarray, astronaut_face: Face, face_landmarker: FaceLandmarker
) -> None:
    (detected,) = face_landmarker.detect(np.ascontiguousarray(astronaut_rgb[:, ::-1]))
    mirrored = astronaut_face.mirrored()
    # The detector itself is mirror-symmetric only to a few hundredths of the distance of the eyes.
    assert np.abs(detected.points[:, :2] - mirrored.points[:, :2]).mean() < 0.03 * astronaut_face.interocular_px
    assert np.abs(detected.pose[:3, :3] - mirrored.pose[:3, :3]).max() < 0.06


def test_mirroring_twice_changes_nothing(astronaut_face: Face) -> None:
    twice = astronaut_face.mirrored().mirrored()
    np.testing.assert_allclose(twice.points, astronaut_face.points, atol=1e-3)
    np.testing.assert_allclose(twice.pose, astronaut_face.pose)


def test_face_refuses_wrong_shapes(astronaut_face: Face) -> None:
    with pytest.raises(ValueError, match=r"Face\.points must have shape \(478, 3\), got \(468, 3\)"):
        Face(astronaut_face.points[:468], astronaut_face.pose, 512, 512)
    with pytest.raises(ValueError, match="0x512"):
        Face(astronaut_face.points, astronaut_face.pose, 0, 512)


def test_choose_face(astronaut_face: Face, face_landmarker: FaceLandmarker) -> None:
    with pytest.raises(NoFace):
        choose_face([], policy="single")
    with pytest.raises(NoFace):
        choose_face([], policy="largest")
    with pytest.raises(ValueError, match="'biggest'"):
        choose_face([astronaut_face], policy="biggest")  # type: ignore[arg-type]
    assert choose_face([astronaut_face], policy="single") is astronaut_face
    faces = face_landmarker.detect(factories.near_and_far_face())
    with pytest.raises(MultipleFaces, match="2 faces"):
        choose_face(faces, policy="single")
    assert choose_face(faces[::-1], policy="largest").points[:, 0].mean() > 200


def test_two_faces_side_by_side(face_landmarker: FaceLandmarker) -> None:
    """Each is too small for the first look at a wide picture."""
    faces = face_landmarker.detect(factories.two_faces())
    assert len(faces) == 2
    assert sorted(round(face.points[1, 0]) // 512 for face in faces) == [0, 1]
    assert {(face.image_width, face.image_height) for face in faces} == {(1024, 512)}


@pytest.mark.parametrize("width_px", [40, 25])
def test_a_small_face_is_found_at_a_second_look(face_landmarker: FaceLandmarker, width_px: int) -> None:
    (face,) = face_landmarker.detect(factories.small_face(width_px))
    scale = width_px / 89
    expected = np.array([80, 60]) + scale * np.array([225, 103])  # between the eyes
    assert np.abs(face.eye_centres.mean(axis=0) - expected).max() < 0.06 * width_px


def test_no_face(face_landmarker: FaceLandmarker) -> None:
    assert face_landmarker.detect(factories.no_face()) == []
    for shape in ((1, 1, 3), (3, 900, 3), (64, 64, 3)):
        assert face_landmarker.detect(np.zeros(shape, np.uint8)) == []


def test_detect_refuses_other_arrays(face_landmarker: FaceLandmarker) -> None:
    with pytest.raises(ValueError, match="float32"):
        face_landmarker.detect(np.zeros((8, 8, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        face_landmarker.detect(np.zeros((8, 8), np.uint8))


def test_threads_share_one_landmarker(face_landmarker: FaceLandmarker, astronaut_face: Face) -> None:
    found: list[np.ndarray] = []

    def work() -> None:
        for _ in range(3):
            found.extend(face.points for face in face_landmarker.detect(factories.astronaut()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for points in found:
        np.testing.assert_allclose(points, astronaut_face.points, atol=1e-3)


def test_closed_landmarker_says_so() -> None:
    landmarker = FaceLandmarker(max_faces=1)
    landmarker.close()
    landmarker.close()
    with pytest.raises(RuntimeError, match="closed"):
        landmarker.detect(factories.astronaut())
    with pytest.raises(ValueError, match="max_faces"):
        FaceLandmarker(max_faces=0)


def test_model_is_found_and_verified(tmp_path: Path) -> None:
    model = find_landmark_model()
    assert find_landmark_model(model) == model
    with pytest.raises(FileNotFoundError, match=r"gone\.task does not exist"):
        find_landmark_model(tmp_path / "gone.task")
    changed = tmp_path / "changed.task"
    changed.write_bytes(model.read_bytes()[:-1] + b"\x00\x00")
    with pytest.raises(ValueError, match="SHA-256"):
        find_landmark_model(changed)


def test_missing_model_of_our_own_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "LANDMARK_MODEL_FILE", tmp_path / "face_landmarker.task")
    with pytest.raises(FileNotFoundError, match=r"face_landmarker\.task does not exist; .* install the project again"):
        find_landmark_model()


def test_quiet_start_and_clean_exit() -> None:
    """In a fresh process: nothing is printed, and a landmarker left open does not fail at the end."""
    program = (
        "import numpy as np\n"
        "from face.landmarks.landmarker import FaceLandmarker\n"
        "landmarker = FaceLandmarker()\n"
        "landmarker.detect(np.zeros((64, 64, 3), np.uint8))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
