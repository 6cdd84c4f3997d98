from __future__ import annotations

import base64
import io
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.onnx_factory import GRADE_I, SIDE_NONE, write_palsy_bundle
from tests.service.api.conftest import Serve, jpeg_of

URL = "/v1/palsy/grade"


def grade(client: TestClient, data: bytes, **query: Any) -> dict[str, Any]:
    response = client.post(URL, params=query, files={"image": ("photo.jpg", data, "image/jpeg")})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def pixels(picture: dict[str, Any]) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(picture["data"]))) as image:
        assert image.format == "PNG"
        assert image.size == (picture["width"], picture["height"])
        return np.asarray(image.convert("RGBA"))


def test_the_answer_is_the_contracts(client: TestClient, jpeg: bytes) -> None:
    answer = grade(client, jpeg)
    assert answer["grade"]["house_brackmann"] == "III"
    assert answer["grade"]["index"] == 3
    assert answer["grade"]["prediction_set"] == ["III", "IV"]
    assert answer["grade"]["coverage"] == 0.9
    assert list(answer["probabilities"]) == ["I", "II", "III", "IV", "V", "VI"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert answer["affected_side"]["side"] == "left"
    regions = answer["asymmetry"]["regions"]
    assert list(regions) == ["forehead", "eye", "nose", "mouth"]
    # the tiny model's heat lies on one corner of the mouth
    assert regions["mouth"] > 0.5
    assert regions["forehead"] < 0.01
    assert regions["eye"] < 0.01
    assert answer["asymmetry"]["score"] == pytest.approx(sum(regions.values()) / 4)
    assert {region["name"] for region in answer["regions"]} == {"left_eye", "right_eye", "left_lip", "right_lip"}
    assert answer["roi_maps"] is None
    assert answer["evidence"] == "single_photo"
    assert {"decode", "landmarks", "inference", "total"} <= set(answer["timings_ms"])
    assert answer["model"]["task"] == "palsy"
    assert len(answer["model"]["sha256"]) == 64
    assert answer["quality"]["face_width_px"] == pytest.approx(89, abs=4)
    assert answer["request_id"]


def test_the_heatmap_lies_on_the_photograph_at_the_patients_left_mouth_corner(client: TestClient, jpeg: bytes) -> None:
    answer = grade(client, jpeg)
    heat = pixels(answer["asymmetry"]["heatmap"])
    assert heat.shape[:2] == (512, 512)
    rows, columns = np.nonzero(heat[..., 3])
    polygon = next(r["polygon"] for r in answer["regions"] if r["name"] == "left_lip")
    centre = (float(columns.mean()), float(rows.mean()))
    assert cv2.pointPolygonTest(np.array(polygon, np.float32), centre, False) > 0


def test_roi_maps_come_on_request_each_on_its_own_part_of_the_face(client: TestClient, jpeg: bytes) -> None:
    answer = grade(client, jpeg, roi_maps=True, heatmap=False)
    assert answer["asymmetry"]["heatmap"] is None
    centres = {}
    for roi in answer["roi_maps"]:
        rows, columns = np.nonzero(pixels(roi)[..., 3])
        centres[roi["region"]] = (columns.mean(), rows.mean())
    assert list(centres) == ["forehead", "left_eye", "nose", "right_eye", "mouth"]
    assert centres["left_eye"][0] > centres["right_eye"][0]
    assert centres["forehead"][1] < centres["left_eye"][1] < centres["mouth"][1]


def test_a_large_photograph_gets_a_small_overlay_of_its_shape(client: TestClient, photo: np.ndarray) -> None:
    large = cv2.resize(photo, (1600, 1200))
    heat = grade(client, jpeg_of(large))["asymmetry"]["heatmap"]
    assert (heat["width"], heat["height"]) == (512, 384)


def test_the_orientation_of_the_file_is_applied(client: TestClient, photo: np.ndarray, jpeg: bytes) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(np.rot90(photo[:, :480])).save(buffer, "JPEG", quality=92, exif=exif)
    answer = grade(client, buffer.getvalue())
    heat = answer["asymmetry"]["heatmap"]
    assert (heat["width"], heat["height"]) == (480, 512)
    upright = grade(client, jpeg)
    np.testing.assert_allclose(answer["regions"][0]["polygon"], upright["regions"][0]["polygon"], atol=4)


def test_the_image_itself_may_be_the_body(client: TestClient, jpeg: bytes) -> None:
    raw = client.post(URL, content=jpeg, headers={"content-type": "image/jpeg"})
    assert raw.status_code == 200
    assert raw.json()["probabilities"] == grade(client, jpeg)["probabilities"]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tiff"])
def test_other_formats(client: TestClient, photo: np.ndarray, suffix: str) -> None:
    data = cv2.imencode(suffix, photo[..., ::-1])[1].tobytes()
    assert grade(client, data)["grade"]["house_brackmann"] == "III"


def test_the_largest_of_several_faces_on_request(client: TestClient, photo: np.ndarray) -> None:
    small = cv2.resize(photo, (384, 384))
    both = np.full((512, 512 + 384, 3), 128, np.uint8)
    both[:, :512], both[:384, 512:] = photo, small
    answer = grade(client, jpeg_of(both), face="largest")
    assert max(x for region in answer["regions"] for x, _ in region["polygon"]) < 512


def test_the_request_id_is_taken_over_or_made(client: TestClient, jpeg: bytes) -> None:
    offered = client.post(URL, files={"image": jpeg}, headers={"X-Request-ID": "visit-2026-11-24"})
    assert offered.json()["request_id"] == offered.headers["x-request-id"] == "visit-2026-11-24"
    harmful = client.post(URL, files={"image": jpeg}, headers={"X-Request-ID": "a b\tc"})
    assert harmful.json()["request_id"] == harmful.headers["x-request-id"] != "a b\tc"


def test_a_healthy_answer_has_no_side(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(tmp_path / "palsy", graph={"grade_logits": GRADE_I, "side_logits": SIDE_NONE})
    with serve(tmp_path) as client:
        answer = grade(client, jpeg)
    assert answer["grade"]["house_brackmann"] == "I"
    assert answer["affected_side"]["side"] == "none"
    assert answer["affected_side"]["probability"] > 0.9


def test_grades_of_a_data_set_keep_their_names(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(
        tmp_path / "own", graph={"grade_logits": (4.0, -3.0)}, labels__grades=["normal", "mild", "severe"]
    )
    with serve(tmp_path) as client:
        answer = grade(client, jpeg)
    assert answer["grade"]["house_brackmann"] is None
    assert answer["grade"]["label"] == "mild"
    assert set(answer["probabilities"]) == {"normal", "mild", "severe"}


def test_nothing_of_the_photograph_is_logged(client: TestClient, jpeg: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        response = client.post(URL, files={"image": ("Doe_Jane_1970.jpg", jpeg, "image/jpeg")})
    assert response.status_code == 200
    assert caplog.records
    assert "Doe_Jane" not in caplog.text + str([vars(record) for record in caplog.records])
    assert "Doe_Jane" not in response.text


def test_a_whole_face_is_said_to_be_seen_everywhere(client: TestClient, jpeg: bytes) -> None:
    visibility = grade(client, jpeg)["visibility"]
    assert list(visibility) == ["forehead", "left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
    assert all(region == {"value": 1.0, "seen": True} for region in visibility.values())


def test_a_covered_forehead_has_no_score_and_the_set_is_wider(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    seen = np.ones((32, 32), np.float32)
    seen[:7] = 0.1
    write_palsy_bundle(tmp_path / "palsy", graph={"seen_map": seen}, thresholds__visibility={"seen_from": 0.6})
    with serve(tmp_path) as client:
        answer = grade(client, jpeg)
    assert not answer["visibility"]["forehead"]["seen"]
    assert answer["asymmetry"]["regions"]["forehead"] is None
    others = [answer["asymmetry"]["regions"][region] for region in ("eye", "nose", "mouth")]
    assert answer["asymmetry"]["score"] == pytest.approx(sum(others) / 3)
    assert answer["grade"]["prediction_set"] == ["II", "III", "IV", "V"]
    assert any("the forehead" in warning for warning in answer["quality"]["warnings"])


def test_a_covered_eye_is_refused_by_name(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    seen = np.ones((32, 32), np.float32)
    seen[2:17, 17:] = 0.0
    write_palsy_bundle(tmp_path / "palsy", graph={"seen_map": seen})
    with serve(tmp_path) as client:
        refused = client.post(URL, files={"image": ("photo.jpg", jpeg, "image/jpeg")})
    assert (refused.status_code, refused.json()["code"]) == (422, "face-covered")
    assert "the left eye" in refused.json()["detail"]


def test_the_pose_says_whether_the_face_is_at_rest(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    surely_vi = {"grade_logits": (9.0,) * 5, "movement_logits": (0.0, 0.0, 0.0, 5.0)}
    write_palsy_bundle(tmp_path / "palsy", graph=surely_vi)
    with serve(tmp_path) as client:
        assert grade(client, jpeg)["grade"]["prediction_set"] == ["VI"]
        assert grade(client, jpeg, pose="rest")["grade"]["prediction_set"] == ["V", "VI"]
        wrong = client.post(URL, params={"pose": "wink"}, files={"image": ("photo.jpg", jpeg, "image/jpeg")})
    assert wrong.json()["code"] == "invalid-parameters"
