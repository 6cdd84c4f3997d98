"""POST /v1/microexpression/classify with the shipped bundle and real frames."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.face.microexpression.test_input import BROW_RAISE, SMILE, warped
from tests.service.api.conftest import jpeg_of

SHIPPED = Path(__file__).parents[3] / "models" / "microexpression"
PATH = "/v1/microexpression/classify"


@pytest.fixture(scope="module")
def running(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(SHIPPED, folder / "microexpression")
    with serve(folder) as client:
        yield client


def post(client, onset, apex, **query):
    files = {"onset": ("onset.jpg", jpeg_of(onset), "image/jpeg"), "apex": ("apex.jpg", jpeg_of(apex), "image/jpeg")}
    return client.post(PATH, files=files, params=query)


@pytest.mark.parametrize(("movement", "emotion"), [(SMILE, "positive"), (BROW_RAISE, "surprise")])
def test_a_small_movement_of_a_photograph_is_named(running, photo, astronaut_face, movement, emotion):
    answer = post(running, photo, warped(photo, astronaut_face, movement, 3))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["emotion"]["label"] == emotion
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert set(body["motion"]["regions"]) == {"left_eye", "right_eye", "left_lip", "right_lip"}
    assert body["motion"]["reliability"] > 0.9
    assert body["model"]["task"] == "microexpression"
    assert {"decode", "landmarks", "inference", "total"} <= set(body["timings_ms"])


def test_the_heatmap_lies_on_the_apex_photograph(running, photo, astronaut_face):
    apex = cv2.resize(warped(photo, astronaut_face, SMILE, 4), (640, 640), interpolation=cv2.INTER_AREA)
    picture = post(running, photo, apex).json()["motion"]["heatmap"]
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(picture["data"]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert drawn.shape[:2] == (picture["height"], picture["width"])
    assert picture["height"] == picture["width"]
    assert post(running, photo, apex, heatmap=False).json()["motion"]["heatmap"] is None


def test_the_same_picture_twice_is_no_motion(running, photo):
    answer = post(running, photo, photo)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "no-motion"


def test_frames_that_cannot_be_onset_and_apex_are_refused_by_what_is_wrong(running, photo, astronaut_face):
    # As like as another face can be: the mirrored photograph, same age, light and hair.
    assert post(running, photo, np.ascontiguousarray(photo[:, ::-1])).json()["code"] == "different-faces"
    grin = warped(photo, astronaut_face, SMILE, 20)
    assert post(running, photo, grin).json()["code"] == "movement-too-large"


def test_a_missing_apex_is_named(running, photo):
    answer = running.post(PATH, files={"onset": ("onset.jpg", jpeg_of(photo), "image/jpeg")})
    assert answer.status_code == 422 or answer.status_code == 400
    assert "apex" in answer.json()["detail"]
