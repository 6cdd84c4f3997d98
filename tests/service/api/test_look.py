"""POST /v1/palsy/look: is the face well placed, and was the movement made?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from face.vocabulary import POSES, VISIBLE_REGIONS
from service.api.schemas.look import LookAnswer
from tests.service.api.conftest import Serve, jpeg_of
from tests.service.api.test_assess import SHIPPED
from tests.service.api.write_assessment_example import PATIENT

URL = "/v1/palsy/look"


@pytest.fixture(scope="module")
def shipped(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, audit_url="") as running:
        yield running


def send(client: TestClient, image: bytes, *, rest: dict[str, Any] | str | None = None, **query: Any) -> Any:
    files = {"image": ("frame.jpg", image, "image/jpeg")}
    if rest is not None:
        files["rest"] = (
            "rest.json",
            (rest if isinstance(rest, str) else json.dumps(rest)).encode(),
            "application/json",
        )
    return client.post(URL, files=files, params=query)


def look(client: TestClient, image: bytes, **sent: Any) -> dict[str, Any]:
    response = send(client, image, **sent)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="module")
def patient() -> dict[str, bytes]:
    return {pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in POSES}


@pytest.fixture(scope="module")
def at_rest(shipped: TestClient, patient: dict[str, bytes]) -> dict[str, Any]:
    return look(shipped, patient["rest"])


def test_a_look_says_where_the_face_is_and_what_of_it_is_seen(at_rest: dict[str, Any]) -> None:
    LookAnswer.model_validate(at_rest)
    assert set(at_rest["visibility"]) == set(VISIBLE_REGIONS)
    assert all(region["seen"] for region in at_rest["visibility"].values())
    box, picture = at_rest["face"], at_rest["picture"]
    assert 0 < box["x"] < box["x"] + box["width"] < picture["width"]
    assert 0.8 < box["width"] / at_rest["quality"]["face_width_px"] < 1.3
    assert 55 < at_rest["measures"]["mm_per_unit"] < 72
    assert at_rest["activation"] is at_rest["shows"] is at_rest["made"] is None


@pytest.mark.parametrize("pose", ["brow_lift", "tight_closure", "full_smile"])
def test_a_movement_is_seen_against_the_look_at_rest(
    shipped: TestClient, patient: dict[str, bytes], at_rest: dict[str, Any], pose: str
) -> None:
    moved = look(shipped, patient[pose], rest=at_rest["measures"], pose=pose)
    assert moved["made"] is True
    assert moved["shows"] != "rest"


def test_a_movement_that_is_not_made_is_told(
    shipped: TestClient, patient: dict[str, bytes], at_rest: dict[str, Any]
) -> None:
    still = look(shipped, patient["rest"], rest=at_rest["measures"], pose="full_smile")
    assert (still["shows"], still["made"]) == ("rest", False)
    assert abs(still["activation"]["brow_up"]) < 0.1
    assert look(shipped, patient["rest"], rest=at_rest["measures"], pose="rest")["made"] is True
    other = look(shipped, patient["tight_closure"], rest=at_rest["measures"], pose="brow_lift")
    assert other["made"] is False


def test_a_mirrored_camera_is_turned_back(shipped: TestClient, photo: np.ndarray) -> None:
    plain = look(shipped, jpeg_of(photo))
    mirrored = look(shipped, jpeg_of(np.ascontiguousarray(photo[:, ::-1])), mirrored="true")
    assert mirrored["picture"]["mirrored"] is True
    assert mirrored["measures"]["left"]["brow_height"] == pytest.approx(
        plain["measures"]["left"]["brow_height"], abs=0.02
    )
    assert mirrored["face"]["x"] == pytest.approx(512 - plain["face"]["x"] - plain["face"]["width"], abs=6)


def test_what_is_not_in_the_picture_is_a_sentence_and_no_refusal(shipped: TestClient, photo: np.ndarray) -> None:
    box = look(shipped, jpeg_of(photo))["face"]
    cut = photo[: round(box["y"] + 0.6 * box["height"])]
    answer = look(shipped, jpeg_of(cut))
    assert not answer["visibility"]["left_mouth"]["seen"]
    assert any("Too little is seen of the" in warning for warning in answer["quality"]["warnings"])


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("no JSON", "not the `measures`"),
        ('{"left": {}}', "(left.brow_height)"),
        ('{"a": "' + "x" * 20_001, "`measures`"),
    ],
)
def test_a_rest_look_of_another_form_is_refused(client: TestClient, jpeg: bytes, rest: str, words: str) -> None:
    response = send(client, jpeg, rest=rest)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert words in response.json()["detail"]


@pytest.mark.parametrize("broken", [{"fissure": 0.0}, {"fissure": float("nan")}, {"fissure": 1e300}, {"fissure": None}])
def test_measures_that_no_face_has_are_refused(
    shipped: TestClient, at_rest: dict[str, Any], jpeg: bytes, broken: dict[str, Any]
) -> None:
    rest = {**at_rest["measures"], "left": {**at_rest["measures"]["left"], **broken}}
    response = send(shipped, jpeg, rest=rest)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert "(left.fissure)" in response.json()["detail"]


def test_no_face_is_a_refusal(client: TestClient) -> None:
    response = send(client, jpeg_of(np.full((240, 320, 3), 90, np.uint8)))
    assert (response.status_code, response.json()["code"]) == (422, "no-face")


def test_looks_leave_no_record_and_have_a_rate_of_their_own(serve: Serve, jpeg: bytes) -> None:
    with serve(SHIPPED, rate_limit_per_minute=0.001, rate_limit_burst=2, live_rate_limit_per_minute=0.002) as limited:
        assert [send(limited, jpeg).status_code for _ in range(3)] == [200, 200, 429]
        graded = limited.post("/v1/palsy/grade", files={"image": ("a.jpg", jpeg, "image/jpeg")})
        assert graded.status_code == 200
        answers = [line for line in limited.get("/metrics").text.splitlines() if "htnet_answers_total{" in line]
    assert [line.rsplit(" ")[-1] for line in answers] == ["1.0"]
