"""POST /v1/microexpression/clip with the shipped bundle: clips and pictures made in code."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from face.landmarks.landmarker import FaceLandmarker
from service.api.schemas.microexpression_clip import MicroexpressionClipAnswer
from service.audit.store import AuditQuery, AuditStore
from tests.clip_factory import h264_clip, moving_pictures, webm_clip
from tests.service.api.conftest import Serve, jpeg_of
from tests.service.api.write_clip_example import CLIP_EXAMPLE, CLIP_URL, FPS, clip_of, raised_brows

SHIPPED = Path(__file__).parents[3] / "models" / "microexpression"


@pytest.fixture(scope="module")
def audit_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('audit')}/audit.sqlite"


@pytest.fixture(scope="module")
def running(serve: Serve, tmp_path_factory: pytest.TempPathFactory, audit_url: str) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(SHIPPED, folder / "microexpression")
    with serve(folder, audit_url=audit_url) as client:
        yield client


@pytest.fixture(scope="module")
def pictures(face_landmarker: FaceLandmarker) -> list[np.ndarray]:
    return raised_brows(face_landmarker)


def send_clip(client: TestClient, data: bytes, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return client.post(CLIP_URL, files={"clip": ("clip.mp4", data, "video/mp4")}, params=query, headers=headers)


def send_frames(client: TestClient, pictures: list[np.ndarray], **query: Any) -> Any:
    files = [("frame", (f"{n}.jpg", jpeg_of(rgb, quality=97), "image/jpeg")) for n, rgb in enumerate(pictures)]
    return client.post(CLIP_URL, files=files, params=query)


def expect_raised_brows(body: dict[str, Any]) -> None:
    (event,) = body["events"]
    assert event["emotion"]["label"] == "surprise"
    assert event["movement_kind"] == "expression"
    assert event["reliability"] > 0.9
    assert abs(event["apex"]["frame"] - 11) <= 1
    assert event["apex"]["t_s"] == pytest.approx(event["apex"]["frame"] / FPS, abs=0.003)
    assert event["onset"]["t_s"] < event["apex"]["t_s"] < event["offset"]["t_s"]
    assert set(event["regions"]) == {"left_eye", "right_eye", "left_lip", "right_lip"}
    assert len(body["curve"]["t_s"]) == len(body["curve"]["motion"]) == 22
    assert np.argmax(body["curve"]["motion"]) == pytest.approx(11, abs=1)
    assert set(body["rest"]) == {"from", "to"}
    assert body["rest"]["from"]["frame"] < body["rest"]["to"]["frame"]
    assert body["model"]["task"] == "microexpression"
    assert body["quality"]["face_width_px"] > 100


def test_a_clip_a_body_of_its_own_and_its_pictures_are_answered_alike(
    running: TestClient, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    data = clip_of(pictures)
    for answer in (
        send_clip(running, data),
        running.post(CLIP_URL, content=data, headers={"content-type": "video/mp4"}),
        send_frames(running, pictures, fps=FPS),
        send_clip(running, webm_clip(tmp_path, pictures, fps=FPS)),
    ):
        assert answer.status_code == 200, answer.text
        expect_raised_brows(answer.json())


def test_a_still_clip_is_answered_with_no_event(running: TestClient, pictures: list[np.ndarray]) -> None:
    answer = send_clip(running, clip_of(pictures[:9]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["events"] == []
    assert max(answer.json()["curve"]["motion"]) < 0.5


def test_a_frame_without_a_face_is_a_gap_in_the_curve(running: TestClient, pictures: list[np.ndarray]) -> None:
    grey = np.full_like(pictures[0], 120)
    body = send_frames(running, [*pictures[:3], grey, *pictures[4:]], fps=FPS).json()
    assert body["curve"]["motion"][3] is None
    assert "In 1 of 22 frames" in body["quality"]["warnings"][0]
    assert len(body["events"]) == 1


def test_progress_comes_as_lines_where_it_is_asked_for(running: TestClient, pictures: list[np.ndarray]) -> None:
    answer = send_clip(running, clip_of(pictures), headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["stage"] for line in lines[:-1]} <= {"frames", "motion"}
    expect_raised_brows(lines[-1]["result"])


def test_a_clip_is_recorded_and_counted_under_its_own_name(
    running: TestClient, pictures: list[np.ndarray], audit_url: str
) -> None:
    answer = send_clip(running, clip_of(pictures))
    still = send_frames(running, pictures[:9], fps=FPS)
    store = AuditStore(audit_url)
    records = {one.request_id: one for one in store.read(AuditQuery(), limit=50)}
    store.close()
    record = records[answer.json()["request_id"]]
    assert (record.task, record.label) == ("microexpression-clip", "surprise")
    assert len(record.image_sha256) == 1
    assert len(records[still.json()["request_id"]].image_sha256) == 9
    assert records[still.json()["request_id"]].label == "none"
    metrics = running.get("/metrics").text
    assert 'htnet_answers_total{label="none",task="microexpression-clip"}' in metrics
    assert 'htnet_stage_duration_seconds_count{stage="spotting",task="microexpression-clip"}' in metrics


@pytest.mark.parametrize(
    ("files", "query", "said"),
    [
        ({}, {}, "no picture in the body|multipart"),
        ({"clip": 1, "frame": 3}, {}, "not both"),
        ({"clip": 1}, {"fps": 30}, "leave 'fps' out"),
        ({"frame": 3}, {}, r"\?fps="),
        ({"frame": 2}, {"fps": 30}, "at least 3.*classify"),
        ({"frame": 3}, {"fps": 0}, "fps"),
        ({"frame": 3}, {"fps": 251}, "250"),
        ({"frame": 3}, {"fps": "nan"}, "fps"),
        ({"clips": 1}, {}, "Did you mean 'clip'"),
        ({"clip": 2}, {}, "'clip' came twice"),
        ({"frame": 3}, {"fps": 30, "heatmap": True}, "heatmap"),
    ],
)
def test_a_request_that_is_not_one_says_how_it_should_be(
    running: TestClient, pictures: list[np.ndarray], files: dict[str, int], query: dict[str, Any], said: str
) -> None:
    contents = {"clip": clip_of(pictures[:3]), "frame": jpeg_of(pictures[0])}
    sent = [
        (name, ("x", contents.get(name, b"x"), "image/jpeg")) for name, count in files.items() for _ in range(count)
    ]
    answer = running.post(CLIP_URL, files=sent, params=query)
    assert answer.status_code in (400, 415, 422), answer.text
    assert re.search(said, answer.json()["detail"]), answer.json()["detail"]


def test_what_is_no_clip_is_refused_by_what_it_is(running: TestClient, pictures: list[np.ndarray]) -> None:
    whole = clip_of(pictures)
    for data, code in (
        (jpeg_of(pictures[0]), "unsupported-media-type"),
        (whole[: len(whole) // 2], "undecodable-clip"),
        (b"", "undecodable-clip"),
        (h264_clip(pictures[:2], durations=[20, 20]), "undecodable-clip"),
        (h264_clip(moving_pictures(401, width=16, height=16), durations=[20] * 401), "clip-too-long"),
        (h264_clip(pictures[:4], durations=[2] * 4), "clip-too-long"),
        (clip_of(moving_pictures(12)), "no-face"),
    ):
        answer = send_clip(running, data)
        assert answer.json()["code"] == code, answer.text
        assert answer.status_code < 500
    broken = running.post(
        CLIP_URL,
        files=[("frame", ("f", jpeg_of(pictures[0]), "image/jpeg"))] * 3 + [("frame", ("f", b"GIF89a", "image/gif"))],
        params={"fps": 25},
    )
    assert broken.status_code == 400
    assert broken.json()["detail"].startswith("Frame 4 of 4: ")


def test_four_hundred_pictures_are_read_and_one_more_refused(running: TestClient) -> None:
    files = [("frame", ("f", b"x", "image/jpeg"))] * 401
    answer = running.post(CLIP_URL, files=files, params={"fps": 25})
    assert answer.status_code == 422
    assert "more than 400" in answer.json()["detail"]


def test_the_example_of_the_description_is_what_is_answered(running: TestClient, pictures: list[np.ndarray]) -> None:
    example = json.loads(CLIP_EXAMPLE.read_text(encoding="utf-8"))
    MicroexpressionClipAnswer.model_validate(example)
    answer = send_clip(running, clip_of(pictures)).json()
    assert answer.keys() == example.keys()
    assert [one["apex"] for one in answer["events"]] == [one["apex"] for one in example["events"]]
    assert answer["curve"]["motion"] == pytest.approx(example["curve"]["motion"], abs=0.3)
    shown = running.get("/openapi.json").json()["components"]["schemas"]["MicroexpressionClipAnswer"]["examples"]
    assert shown == [example]
