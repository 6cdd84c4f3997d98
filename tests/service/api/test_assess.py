from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from face.vocabulary import POSES
from service.api.schemas.assessment import AssessmentAnswer
from service.security.api_keys import new_key
from tests import factories
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve
from tests.service.api.write_assessment_example import EXAMPLE, PATIENT

URL, COMPARE_URL = "/v1/palsy/assess", "/v1/palsy/compare"
SHIPPED = Path(__file__).parents[3] / "models"

Parts = list[tuple[str, bytes]]


@pytest.fixture(scope="session")
def pictures() -> dict[str, bytes]:
    """The simulated patient of the tutorial: House-Brackmann IV on the right."""
    return {pose: (PATIENT / f"{pose}.jpg").read_bytes() for pose in POSES}


@pytest.fixture(scope="session")
def shipped(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, running_max=2) as running:
        yield running


def send(client: TestClient, parts: Parts, **query: Any) -> Any:
    files = [(name, (f"{name}.jpg", data, "image/jpeg")) for name, data in parts]
    return client.post(URL, params=query, files=files)


def assess(client: TestClient, parts: Parts, **query: Any) -> dict[str, Any]:
    response = send(client, parts, **query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture(scope="session")
def answer(shipped: TestClient, pictures: dict[str, bytes]) -> dict[str, Any]:
    return assess(shipped, list(pictures.items()), maps="asymmetry")


def test_eight_pictures_are_one_examination(answer: dict[str, Any]) -> None:
    assert answer["evidence"]["class"] == "full"
    assert answer["evidence"]["used"] == list(POSES)
    assert answer["grade"]["house_brackmann"] == "IV"
    assert "IV" in answer["grade"]["prediction_set"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert answer["affected_side"]["side"] == "right"
    assert all(0 <= one["share"] <= 1.2 for one in answer["regional_movement"].values())
    assert (
        answer["fngs2"]["total"]
        == sum(one["fngs"] for one in answer["regional_movement"].values()) + answer["fngs2"]["secondary"]
    )
    assert answer["sunnybrook"]["composite"] is None
    low, high = answer["sunnybrook"]["composite_range"]
    assert high - low == 10  # the nasolabial fold: 0 to 2, times 5
    assert {step["step"] for step in answer["decision_path"]} >= {"rest_symmetry", "forehead", "eye_closure", "mouth"}
    assert answer["same_face"] == {"result": "consistent", "farthest": None}
    assert 55 < answer["scale"]["mm_per_iod"] < 72
    assert all(one["u"] > 0 for one in answer["measures"])
    assert {"reading", "assessment", "total"} <= set(answer["timings_ms"])


def test_every_picture_has_its_own_answer_and_map(answer: dict[str, Any]) -> None:
    assert list(answer["poses"]) == list(POSES)
    for pose, one in answer["poses"].items():
        assert one["sent_as"] == pose
        assert one["status"] == "used"
        assert one["grade"]["house_brackmann"] in ("I", "II", "III", "IV", "V", "VI")
        assert one["quality"]["face_width_px"] > 100
        assert {region["name"] for region in one["regions"]} == {"left_eye", "right_eye", "left_lip", "right_lip"}
        with Image.open(io.BytesIO(base64.b64decode(one["heatmap"]["data"]))) as image:
            assert image.size == (400, 400)
        assert one["roi_maps"] is None


def test_mirrored_pictures_get_the_other_side_when_told(
    shipped: TestClient, pictures: dict[str, bytes], answer: dict[str, Any]
) -> None:
    def mirror(data: bytes) -> bytes:
        with Image.open(io.BytesIO(data)) as image:
            return factories.encode(np.ascontiguousarray(np.asarray(image)[:, ::-1]), "PNG")

    core = ("rest", "brow_lift", "tight_closure", "full_smile")
    sent = [(pose, mirror(pictures[pose])) for pose in core]
    assert assess(shipped, sent)["affected_side"]["side"] == "left"
    told = assess(shipped, sent, mirrored=True)
    assert told["affected_side"]["side"] == answer["affected_side"]["side"] == "right"


def test_unsorted_pictures_are_sorted_by_what_they_show(shipped: TestClient, pictures: dict[str, bytes]) -> None:
    order = list(reversed(POSES))
    found = assess(shipped, [("unsorted", pictures[pose]) for pose in order])
    sorted_to = {pose: order[int(one["sent_as"].removeprefix("unsorted-")) - 1] for pose, one in found["poses"].items()}
    assert sorted_to == {pose: pose for pose in POSES}
    assert found["unsorted"] == []
    twice = assess(
        shipped,
        [("rest", pictures["rest"]), ("full_smile", pictures["full_smile"]), ("unsorted", pictures["closed_smile"])],
    )
    assert twice["poses"]["closed_smile"]["sent_as"] == "unsorted-1"


def test_the_subset_is_graded_and_what_is_missing_is_null(shipped: TestClient, pictures: dict[str, bytes]) -> None:
    found = assess(shipped, [(pose, pictures[pose]) for pose in ("rest", "brow_lift")])
    assert found["evidence"]["class"] == "single_movement"
    assert found["evidence"]["missing"] == [pose for pose in POSES if pose not in ("rest", "brow_lift")]
    assert found["regional_movement"]["mouth"]["share"] is None
    assert found["regional_movement"]["mouth"]["severity"] is None
    assert found["fngs2"]["total"] is None
    assert found["points"]["points_8"] is None
    assert len(found["grade"]["prediction_set"]) >= 1
    alone = assess(shipped, [("rest", pictures["rest"])])
    assert alone["evidence"]["class"] == "single_photo"
    assert alone["fngs2"] is None


def test_one_picture_that_cannot_be_used_is_named_and_the_rest_is_graded(
    shipped: TestClient, pictures: dict[str, bytes]
) -> None:
    parts = [(pose, pictures[pose]) for pose in ("rest", "brow_lift", "full_smile")]
    cut = pictures["snarl"][:3000]
    found = assess(shipped, [*parts, ("snarl", cut), ("pucker", factories.jpeg(factories.no_face()))])
    assert found["poses"]["snarl"]["status"] == "refused"
    assert found["poses"]["snarl"]["problem"]["code"] == "undecodable-image"
    assert found["poses"]["pucker"]["problem"]["code"] == "no-face"
    assert found["poses"]["pucker"]["grade"] is None
    assert found["grade"] is not None
    assert any(warning.startswith("`pucker`: No face was found") for warning in found["warnings"])
    strict = send(shipped, [*parts, ("snarl", cut)], strict=True)
    assert (strict.status_code, strict.json()["code"]) == (400, "undecodable-image")
    assert strict.json()["detail"].startswith("`snarl`: ")


def test_nothing_usable_is_refused_with_each_pictures_reason(shipped: TestClient) -> None:
    no_face = factories.jpeg(factories.no_face())
    response = send(shipped, [("rest", no_face), ("full_smile", b"not a picture")])
    assert (response.status_code, response.json()["code"]) == (422, "no-usable-picture")
    assert "`rest`: No face" in response.json()["detail"]
    assert "`full_smile`: The file looks like text" in response.json()["detail"]


def test_the_same_picture_under_every_name_is_one_photograph(shipped: TestClient, pictures: dict[str, bytes]) -> None:
    found = assess(shipped, [(pose, pictures["rest"]) for pose in POSES])
    assert found["evidence"]["class"] == "single_photo"
    assert found["poses"]["snarl"]["problem"] == {
        "code": "same-picture",
        "detail": "The picture `snarl` is the same file as `rest`: it was read once.",
    }


def test_a_file_under_several_names_is_said_once_and_goes_by_the_movement_it_shows(
    shipped: TestClient, pictures: dict[str, bytes]
) -> None:
    smile = pictures["full_smile"]
    parts = [("rest", pictures["rest"]), *((pose, smile) for pose in ("brow_lift", "snarl", "full_smile"))]
    found = assess(shipped, [*parts, ("tight_closure", pictures["tight_closure"]), ("unsorted", smile)])
    assert found["evidence"]["used"] == ["rest", "tight_closure", "full_smile"]
    assert {pose for pose, one in found["poses"].items() if one["problem"]} == {"brow_lift", "snarl"}
    assert found["poses"]["brow_lift"]["problem"] == {
        "code": "same-picture",
        "detail": "The picture `brow_lift` is the same file as `full_smile`: it was read once.",
    }
    said = [warning for warning in found["warnings"] if "same file" in warning]
    assert said == [
        "The pictures `brow_lift`, `snarl`, `unsorted-1` are the same file as `full_smile`: it was read once. Send a "
        "picture of each movement."
    ]


def test_all_at_rest_shows_no_movement(shipped: TestClient, pictures: dict[str, bytes]) -> None:
    with Image.open(io.BytesIO(pictures["rest"])) as image:
        rest = np.asarray(image)
    other_files = [(pose, factories.jpeg(rest, quality=80 + number)) for number, pose in enumerate(POSES)]
    found = assess(shipped, other_files)
    assert found["evidence"]["class"] == "single_photo"
    assert found["evidence"]["not_seen"] == [pose for pose in POSES if pose != "rest"]
    assert any("No smile is visible in the picture `full_smile`" in warning for warning in found["warnings"])


def test_a_smile_under_brow_lift_is_told(shipped: TestClient, pictures: dict[str, bytes]) -> None:
    found = assess(shipped, [("rest", pictures["rest"]), ("brow_lift", pictures["full_smile"])])
    assert found["poses"]["brow_lift"]["status"] == "other_pose"
    assert found["poses"]["brow_lift"]["looks_like"] in ("closed_smile", "full_smile")
    assert any("The picture `brow_lift` looks like `" in warning for warning in found["warnings"])


def test_a_strangers_picture_is_doubted_and_refused_when_strict(
    shipped: TestClient, pictures: dict[str, bytes]
) -> None:
    with Image.open(io.BytesIO(pictures["full_smile"])) as image:
        stranger = factories.jpeg(np.asarray(image.resize((400, 520))))  # a face of other proportions
    parts = [(pose, pictures[pose]) for pose in ("rest", "brow_lift", "snarl")]
    found = assess(shipped, [*parts, ("full_smile", stranger)])
    assert found["same_face"] == {"result": "doubtful", "farthest": "full_smile"}
    assert any("may show another person" in warning for warning in found["warnings"])
    strict = send(shipped, [*parts, ("full_smile", stranger)], strict=True)
    assert (strict.status_code, strict.json()["code"]) == (422, "different-people")


@pytest.mark.parametrize(
    ("parts", "status", "said"),
    [
        ([], 415, "multipart/form-data"),
        ([("smile", b"x")], 422, "Did you mean 'full_smile'?"),
        ([("rest", b"x"), ("pupil_distance_mm", b"63")], 422, "as in ?pupil_distance_mm=..."),
        ([("rest", b"x"), ("rest", b"y")], 422, "'rest' came twice"),
        ([("unsorted", b"x")] * 10, 422, "more than 9"),
    ],
)
def test_a_form_that_cannot_be_read_says_what_to_send(client: TestClient, parts: Parts, status: int, said: str) -> None:
    response = send(client, parts)
    assert response.status_code == status
    assert said in response.json()["detail"]


def test_a_body_of_more_than_forty_megabytes_is_refused(client: TestClient) -> None:
    response = send(client, [(pose, bytes(6_000_000)) for pose in POSES])
    assert (response.status_code, response.json()["code"]) == (413, "image-too-large")
    assert "40,0" in response.json()["detail"]


def test_the_distance_of_the_pupils_must_be_a_persons(client: TestClient, jpeg: bytes) -> None:
    response = send(client, [("rest", jpeg)], pupil_distance_mm=6.3)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert "pupil_distance_mm" in response.json()["detail"]


def test_a_model_with_grades_of_its_own_cannot_examine(serve: Serve, tmp_path: Path, jpeg: bytes) -> None:
    write_palsy_bundle(
        tmp_path / "palsy",
        labels__grades=["normal", "mild", "severe"],
        graph={"grade_logits": (1.0, -1.0)},
    )
    with serve(tmp_path) as own:
        response = send(own, [("rest", jpeg)])
    assert (response.status_code, response.json()["code"]) == (404, "model-not-loaded")
    assert "House and Brackmann" in response.json()["detail"]


def test_one_audit_record_has_a_hash_for_each_picture(serve: Serve, tmp_path: Path, pictures: dict[str, bytes]) -> None:
    keys = tmp_path / "keys"
    key, line = new_key("auditor", "admin")
    keys.write_text(line + "\n")
    with serve(SHIPPED, audit_url=f"sqlite:///{tmp_path / 'audit.sqlite'}", api_keys_file=keys) as audited:
        audited.headers["x-api-key"] = key
        sent = [(pose, pictures[pose]) for pose in ("full_smile", "rest")]
        assess(audited, sent)
        send(audited, [("rest", b"x")])
        refused, answered = audited.get("/v1/audit").json()["records"]
        metrics = audited.get("/metrics").text
    assert answered["task"] == "palsy-session"
    assert answered["label"] in ("I", "II", "III", "IV", "V", "VI")
    assert answered["image_sha256"] == [hashlib.sha256(pictures[pose]).hexdigest() for pose in ("rest", "full_smile")]
    assert refused["refusal"] == "no-usable-picture"
    assert 'htnet_session_pictures_total{status="used"} 2.0' in metrics
    assert 'htnet_answers_total{label="' in metrics
    assert 'task="palsy-session"' in metrics


def test_the_example_of_the_description_is_an_answer() -> None:
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    answer = AssessmentAnswer.model_validate(example)
    assert answer.grade is not None
    assert json.loads(answer.model_dump_json()).keys() == example.keys()


def test_two_examinations_are_compared(shipped: TestClient, answer: dict[str, Any]) -> None:
    before = {**answer, "poses": {}}
    same = shipped.post(COMPARE_URL, json={"before": before, "after": before})
    assert same.status_code == 200, same.text
    assert {change["verdict"] for change in same.json()["changes"]} <= {"within_noise", None}
    assert same.json()["changes"][0]["figure"] == "expected_grade"
    assert same.json()["grades_overlap"]
    healed = json.loads(json.dumps(before))
    healed["grade"] |= {"expected": 1.2, "prediction_set": ["I"]}
    healed["regional_movement"]["mouth"]["share"] = 1.0
    changes = {
        change["figure"]: change
        for change in shipped.post(COMPARE_URL, json={"before": before, "after": healed}).json()["changes"]
    }
    assert changes["expected_grade"]["verdict"] == "better"
    assert changes["share.mouth"]["verdict"] == "better"
    assert changes["share.mouth"]["delta"] > changes["share.mouth"]["sdc95"] > 0


def test_what_is_summed_over_other_movements_is_not_compared(
    shipped: TestClient, pictures: dict[str, bytes], answer: dict[str, Any]
) -> None:
    """Fewer pictures at the second visit are no recovery: what was not seen leaves Sunnybrook's range open upwards."""
    core = ("rest", "brow_lift", "gentle_closure", "full_smile")
    fewer = assess(shipped, [(pose, pictures[pose]) for pose in core])
    assert fewer["sunnybrook"]["composite_range"][1] > answer["sunnybrook"]["composite_range"][1]
    found = shipped.post(COMPARE_URL, json={"before": {**answer, "poses": {}}, "after": fewer}).json()
    figures = {change["figure"] for change in found["changes"]}
    assert not figures & {"sunnybrook", "movement_index", "share.eye", "share.mouth"}
    assert {"expected_grade", "share.forehead", "share.gentle_closure", "share.full_smile"} <= figures
    assert any("`tight_closure`, `closed_smile`, `snarl`, `pucker`" in warning for warning in found["warnings"])
    same = shipped.post(COMPARE_URL, json={"before": fewer, "after": fewer}).json()
    assert {"sunnybrook", "movement_index", "share.eye"} <= {change["figure"] for change in same["changes"]}
    assert same["warnings"] == []


def test_answers_of_two_models_are_not_compared(shipped: TestClient, answer: dict[str, Any]) -> None:
    other = {**answer, "model": {**answer["model"], "sha256": "0" * 64}}
    response = shipped.post(COMPARE_URL, json={"before": answer, "after": other})
    assert (response.status_code, response.json()["code"]) == (409, "model-mismatch")
    response = shipped.post(COMPARE_URL, json={"before": answer})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert "after" in response.json()["detail"]


@pytest.mark.parametrize("value", [1e308, 0.0, -5.0])
def test_an_answer_that_was_changed_into_nonsense_is_refused(
    shipped: TestClient, answer: dict[str, Any], value: float
) -> None:
    nonsense = json.loads(json.dumps({**answer, "poses": {}}))
    nonsense["scale"]["mm_per_iod"] = value
    response = shipped.post(COMPARE_URL, json={"before": nonsense, "after": answer})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert "mm_per_iod" in response.json()["detail"]
