"""POST /v1/palsy/video: one clip in place of eight photographs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from service.api.schemas.clip import ClipAssessmentAnswer
from service.api.schemas.look import LookAnswer
from service.security.api_keys import new_key
from tests.clip_factory import box, h264_clip, moving_pictures
from tests.service.api.conftest import Serve
from tests.service.api.examination_clips import HOLD_S, RISE_S, examination_clip, examination_pictures, start_of
from tests.service.api.test_assess import SHIPPED
from tests.service.clips.test_decoding import decoders
from tests.service.fhir.test_grade_as_fhir import check_valid, observation

URL = "/v1/palsy/video"
POSES = ("brow_lift", "tight_closure", "full_smile")
NDJSON, FHIR = {"accept": "application/x-ndjson"}, {"accept": "application/fhir+json"}


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    yield
    assert decoders() == []


@pytest.fixture(scope="module")
def shipped(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED) as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return examination_clip(tmp_path_factory.mktemp("clip"), POSES)


def send(client: TestClient, data: bytes, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return client.post(URL, files={"clip": ("clip", data, "video/webm")}, params=query, headers=headers)


def examined(client: TestClient, data: bytes, **query: Any) -> dict[str, Any]:
    response = send(client, data, **query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="module")
def answer(shipped: TestClient, clip: bytes) -> dict[str, Any]:
    return examined(shipped, clip)


def test_movements_are_found_by_themselves_and_judged(answer: dict[str, Any]) -> None:
    ClipAssessmentAnswer.model_validate(answer)
    assert answer["evidence"]["used"] == ["rest", *POSES]
    assert answer["grade"]["house_brackmann"] in ("III", "IV", "V")
    assert answer["affected_side"]["side"] == "right"
    segments = answer["clip"]["segments"]
    assert [segment["pose"] for segment in segments] == list(POSES)
    for place, segment in enumerate(segments):
        start = start_of(place)
        assert start - 0.1 <= segment["start_s"] < segment["apex_s"] < segment["end_s"]
        assert start + RISE_S - 0.2 <= segment["apex_s"] <= start + RISE_S + HOLD_S + 0.2
        assert segment["judged"]
        assert segment["strength"] > 1


def test_the_answer_tells_the_clip_over_time(answer: dict[str, Any]) -> None:
    part = answer["clip"]
    assert (part["file"]["codec"], part["file"]["width"], part["file"]["seen_share"]) == ("VP8", 320, 1.0)
    assert all(start <= end for start, end in part["rest"]["intervals"])
    assert any(start <= part["rest"]["time_s"] <= end for start, end in part["rest"]["intervals"])
    brow = part["dynamics"]["brow_lift"]
    assert brow["left"]["excursion"] > 2 * brow["right"]["excursion"] > 0
    assert abs(brow["lag_s"]) < 0.1
    curves = part["curves"]
    assert all(len(values) == len(curves["t_s"]) for side in ("left", "right") for values in curves[side].values())
    highest = curves["t_s"][int(np.argmax(curves["left"]["brow_mm"]))]
    assert start_of(0) < highest < start_of(1)
    assert answer["timings_ms"]["clip"] < answer["timings_ms"]["total"]


def test_progress_comes_as_lines_and_the_answer_as_the_last(
    shipped: TestClient, clip: bytes, answer: dict[str, Any]
) -> None:
    response = send(shipped, clip, headers=NDJSON, curves="false")
    assert response.headers["content-type"] == "application/x-ndjson"
    *told, last = map(json.loads, response.text.splitlines())
    assert {line["stage"] for line in told} >= {"movements"}
    assert all(0 <= line["done"] <= 1 for line in told)
    result = last["result"]
    assert result["clip"].pop("curves") is None
    assert result["clip"] == {key: value for key, value in answer["clip"].items() if key != "curves"}
    for name in ("grade", "measures", "decision_path", "evidence", "warnings"):
        assert result[name] == answer[name]


def test_a_refusal_after_the_first_picture_is_the_last_line(shipped: TestClient) -> None:
    response = send(shipped, h264_clip(moving_pictures(40)), headers=NDJSON)
    last = json.loads(response.text.splitlines()[-1])
    problem = last["problem"] if response.status_code == 200 else last  # whether a line was out before the end
    assert (problem["code"], problem["status"]) == ("no-face", 422)
    assert "seen in 0 of 40 pictures" in problem["detail"]


def test_a_refusal_by_the_header_has_its_own_status_also_where_lines_are_wanted(shipped: TestClient) -> None:
    response = send(shipped, h264_clip(moving_pictures(12), said_size=(7680, 4320)), headers=NDJSON)
    assert (response.status_code, response.json()["code"]) == (413, "clip-too-large")


def test_a_script_names_the_movements(shipped: TestClient, clip: bytes) -> None:
    windows = [f"{pose}:{start_of(place):.1f}-{start_of(place) + 1.6:.1f}" for place, pose in enumerate(POSES)]
    followed = examined(shipped, clip, script=",".join(["rest:0-0.9", *windows]), curves="false")
    assert [segment["pose"] for segment in followed["clip"]["segments"]] == list(POSES)
    assert followed["clip"]["rest"]["time_s"] <= 0.9
    assert followed["evidence"]["used"] == ["rest", *POSES]


def test_another_movement_than_the_script_says_is_told(shipped: TestClient, clip: bytes) -> None:
    closing = f"{start_of(1):.1f}-{start_of(1) + 1.6:.1f}"
    followed = examined(shipped, clip, script=f"rest:0-0.9,full_smile:{closing}")
    assert followed["poses"]["full_smile"]["status"] in ("not_seen", "other_pose")
    assert followed["poses"]["full_smile"]["problem"]["detail"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("smile:1-2", "did you mean full_smile?"),
        ("rest:1", "Write it like"),
        ("rest:2-1", "ends before it begins"),
        ("rest:0-2,brow_lift:1-3", "overlap"),
        ("rest:0-1,brow_lift:90-91", "begins after the clip's end"),
        ("rest:1.2.3-4", "no two numbers"),
        ("", "Write it like"),
    ],
)
def test_a_script_that_cannot_be_followed_is_refused(shipped: TestClient, clip: bytes, script: str, words: str) -> None:
    response = send(shipped, clip, script=script)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert words in response.json()["detail"]


def test_a_mirrored_camera_gives_the_same_side(shipped: TestClient, tmp_path: Path) -> None:
    data = examination_clip(tmp_path, ("brow_lift", "full_smile"), mirrored=True)
    turned = examined(shipped, data, mirrored="true", curves="false")
    assert turned["affected_side"]["side"] == "right"
    brow = turned["clip"]["dynamics"]["brow_lift"]
    assert brow["left"]["excursion"] > 2 * brow["right"]["excursion"]
    assert examined(shipped, data, curves="false")["affected_side"]["side"] == "left"


def test_fhir_has_the_grade_and_the_clips_hash(shipped: TestClient, clip: bytes) -> None:
    response = send(shipped, clip, headers=FHIR, subject="Patient/7")
    bundle = response.json()
    check_valid(bundle)
    assert observation(bundle, "house-brackmann-grade")
    assert hashlib.sha256(clip).hexdigest() in response.text
    assert send(shipped, clip, headers=FHIR, maps="all").status_code == 422


def test_a_still_picture_as_a_clip_is_one_photograph_at_rest(shipped: TestClient) -> None:
    still = examination_pictures(())[:1] * 24
    found = examined(shipped, h264_clip(still, durations=[50] * 24), curves="false")
    assert found["evidence"]["class"] == "single_photo"
    assert found["clip"]["segments"] == []
    assert any("No movement is seen in the 2.0 s of the clip" in warning for warning in found["warnings"])


def with_second_face(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [np.concatenate([one, one], axis=1) for one in pictures]


def leaving(pictures: list[np.ndarray]) -> list[np.ndarray]:
    return [one if place < 8 else np.full_like(one, 90) for place, one in enumerate(pictures)]


@cache
def bad_clips() -> dict[str, tuple[bytes, int, str]]:
    """name -> (bytes, status, code)."""
    plain = h264_clip(moving_pictures(12))
    face = examination_pictures(("full_smile",))
    return {
        "truncated": (plain[:-700], 400, "undecodable-clip"),
        "cut in the middle of its pictures": (h264_clip(face, index_first=True)[:-200_000], 400, "undecodable-clip"),
        "a photograph called mp4": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200), 415, "unsupported-media-type"),
        "text": (b"#EXTM3U\nhttp://example.org/clip.ts\n" * 9, 415, "unsupported-media-type"),
        "AV1": (h264_clip(moving_pictures(12), coding=b"av01"), 415, "unsupported-codec"),
        "8K": (h264_clip(moving_pictures(12), said_size=(7680, 4320)), 413, "clip-too-large"),
        "three hours": (h264_clip(moving_pictures(12), durations=[900 * 600] * 12), 413, "clip-too-long"),
        "a single picture": (h264_clip(moving_pictures(1)), 400, "undecodable-clip"),
        "empty": (b"", 400, "undecodable-clip"),
        "only a sound track": (box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", box(b"trak")), 400, "undecodable-clip"),
        "nobody": (plain, 422, "no-face"),
        "two people": (h264_clip(with_second_face(face[:12])), 422, "multiple-faces"),
        "a face that leaves": (h264_clip(leaving(face[:24])), 422, "no-face"),
    }


@pytest.mark.parametrize("name", sorted(bad_clips()))
def test_a_bad_clip_gets_a_sentence(shipped: TestClient, name: str) -> None:
    data, status, code = bad_clips()[name]
    response = send(shipped, data)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert len(problem["detail"]) > 30
    assert problem["detail"].endswith((".", ")", "clip.mp4"))
    assert decoders() == []


def test_a_variable_rate_is_read_by_its_times(shipped: TestClient) -> None:
    pictures = examination_pictures(("full_smile",))
    durations = [40 if place % 3 else 70 for place in range(len(pictures))]
    found = examined(shipped, h264_clip(pictures, durations=durations), curves="false")
    assert found["clip"]["file"]["variable_rate"] is True
    assert [segment["pose"] for segment in found["clip"]["segments"]] == ["full_smile"]
    assert any("variable rate" in warning for warning in found["warnings"])


def test_one_record_has_the_clips_hash_and_refusals_are_recorded(serve: Serve, tmp_path: Path, clip: bytes) -> None:
    keys, (key, line) = tmp_path / "keys", new_key("auditor", "admin")
    keys.write_text(line + "\n")
    with serve(SHIPPED, audit_url=f"sqlite:///{tmp_path / 'audit.sqlite'}", api_keys_file=keys) as audited:
        audited.headers["x-api-key"] = key
        examined(audited, clip)
        send(audited, h264_clip(moving_pictures(12)))
        refused, answered = audited.get("/v1/audit").json()["records"]
        metrics = audited.get("/metrics").text
    assert answered["task"] == refused["task"] == "palsy-session"
    assert answered["label"] in ("I", "II", "III", "IV", "V", "VI")
    assert answered["image_sha256"] == [hashlib.sha256(clip).hexdigest()]
    assert refused["refusal"] == "no-face"
    assert 'htnet_session_pictures_total{status="used"} 4.0' in metrics
    assert 'htnet_refusals_total{reason="no-face",task="palsy-session"} 1.0' in metrics


def test_a_body_that_is_the_clip_itself_is_read(shipped: TestClient, clip: bytes, answer: dict[str, Any]) -> None:
    response = shipped.post(URL, content=clip, headers={"content-type": "video/webm"})
    assert response.json()["clip"] == answer["clip"]
    response = shipped.post(URL, content=clip, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")


def test_visits_by_clip_can_be_compared(shipped: TestClient, answer: dict[str, Any]) -> None:
    response = shipped.post("/v1/palsy/compare", json={"before": answer, "after": answer})
    assert response.status_code == 200, response.text
    assert {change["delta"] for change in response.json()["changes"]} == {0.0}


@pytest.mark.parametrize("schema", [ClipAssessmentAnswer, LookAnswer])
def test_the_examples_of_the_description_are_answers(schema: type[ClipAssessmentAnswer | LookAnswer]) -> None:
    (example,) = schema.model_json_schema()["examples"]
    schema.model_validate(example)


def test_larger_clips_than_allowed_are_refused_unread(serve: Serve) -> None:
    with serve(SHIPPED, clip_max_bytes=1000) as small:
        response = send(small, bytes(200_000))
        assert (response.status_code, response.json()["code"]) == (413, "clip-too-large")
        response = send(small, h264_clip(moving_pictures(12)))
        assert (response.status_code, response.json()["code"]) == (413, "clip-too-large")


class LeavingClient:
    """Sends a clip, and hangs up once its decoder runs, or its first line has come."""

    def __init__(self, client: TestClient, data: bytes, headers: dict[str, str]) -> None:
        self.sent: list[Message] = []
        self._client, self._left = client, asyncio.Event()
        self._body: list[Message] = [{"type": "http.request", "body": data, "more_body": False}]
        fields = {"content-type": "video/mp4", "content-length": str(len(data)), **headers}
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": URL,
            "raw_path": URL.encode(), "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
            "client": ("127.0.0.1", 1), "server": ("service", 80), "state": dict(client.app_state),
        }  # fmt: skip

    async def receive(self) -> Message:
        if self._body:
            return self._body.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def ask_and_leave(self) -> float:
        """Seconds from leaving to the end of the request."""
        asking = asyncio.create_task(self._client.app(self.scope, self.receive, self.send))
        while not decoders():
            await asyncio.sleep(0.05)
            assert not asking.done()
        self._left.set()
        left = time.monotonic()
        await asyncio.wait_for(asking, 20)
        return time.monotonic() - left


@pytest.mark.parametrize("headers", [{}, NDJSON], ids=["answer", "lines"])
def test_a_client_that_leaves_ends_the_work(serve: Serve, headers: dict[str, str]) -> None:
    pictures = examination_pictures(POSES) * 4
    with serve(SHIPPED) as running:
        assert running.portal is not None
        leaver = LeavingClient(running, h264_clip(pictures), headers)
        assert running.portal.call(leaver.ask_and_leave) < 2
        assert decoders() == []
        metrics = running.get("/metrics").text
        assert 'htnet_rejected_total{reason="disconnected"} 1.0' in metrics
        assert "htnet_analyses_in_flight 0.0" in metrics
        assert not any(b'"result"' in message.get("body", b"") for message in leaver.sent)
        assert send(running, h264_clip(moving_pictures(12))).status_code == 422  # its place is free


def test_photographs_do_not_wait_for_clips(serve: Serve, jpeg: bytes) -> None:
    """One clip works, one waits, a third is refused at once; a photograph passes them all."""
    data = h264_clip(examination_pictures(POSES) * 2)

    async def both(client: TestClient) -> tuple[int, int]:
        clips = [LeavingClient(client, data, {}) for _ in range(3)]
        asking = []
        for one in clips:
            asking.append(asyncio.create_task(client.app(one.scope, one.receive, one.send)))
            await asyncio.sleep(0.1)
        refused = next(message["status"] for message in clips[2].sent if message["type"] == "http.response.start")
        photograph = LeavingClient(client, jpeg, {"content-type": "image/jpeg", "content-length": str(len(jpeg))})
        photograph.scope |= {"path": "/v1/palsy/grade", "raw_path": b"/v1/palsy/grade"}
        await client.app(photograph.scope, photograph.receive, photograph.send)
        assert not asking[0].done()
        for one in clips:
            one._left.set()
        await asyncio.gather(*asking)
        return refused, photograph.sent[0]["status"]

    with serve(SHIPPED, clips_queue_wait_s=30) as running:
        assert running.portal is not None
        assert running.portal.call(both, running) == (503, 200)
