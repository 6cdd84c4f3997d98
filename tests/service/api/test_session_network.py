"""Examinations with the shipped network of examinations, without it, and with one for another palsy model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from face.vocabulary import POSES
from service.inference.errors import BundleError
from tests.onnx_factory import write_palsy_bundle
from tests.service.api.conftest import Serve
from tests.service.api.write_assessment_example import PATIENT

SHIPPED = Path(__file__).parents[3] / "models"
NETWORK = "htnet-palsy-session"
STEPS = {"name": "regions-then-table", "version": "1", "sha256": None}
CORE = ("rest", "brow_lift", "gentle_closure", "full_smile")


@pytest.fixture(scope="module")
def shipped(serve: Serve) -> Iterator[TestClient]:
    with serve(SHIPPED, running_max=2) as running:
        yield running


@pytest.fixture(scope="module")
def without(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that has the shipped palsy model only."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "palsy").symlink_to(SHIPPED / "palsy")
    with serve(folder) as running:
        yield running


def assess(client: TestClient, *poses: str) -> Any:
    files = [(pose, (f"{pose}.jpg", (PATIENT / f"{pose}.jpg").read_bytes(), "image/jpeg")) for pose in poses]
    return client.post("/v1/palsy/assess", files=files)


@pytest.fixture(scope="module")
def answer(shipped: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = assess(shipped, *POSES).json()
    return found


@pytest.fixture(scope="module")
def by_steps(without: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = assess(without, *POSES).json()
    return found


def test_the_answer_says_which_network_read_the_examination(
    shipped: TestClient, answer: dict[str, Any], by_steps: dict[str, Any]
) -> None:
    listed = {model["task"]: model for model in shipped.get("/v1/models").json()["models"]}
    network = listed["palsy-session"]
    assert answer["session_method"] == {key: network[key] for key in ("name", "version", "sha256")}
    assert network["name"] == NETWORK
    assert by_steps["session_method"] == STEPS
    assert answer["model"] == by_steps["model"]


def test_movements_are_those_of_the_network(answer: dict[str, Any], by_steps: dict[str, Any]) -> None:
    def smile(found: dict[str, Any]) -> dict[str, dict[str, float]]:
        return {
            one["side"]: one
            for one in found["measures"]
            if one["id"] == "commissure_excursion" and one["pose"] == "full_smile"
        }

    network, steps = smile(answer), smile(by_steps)
    for side in ("left", "right"):
        assert network[side]["value"] != steps[side]["value"]
        assert network[side]["u"] < steps[side]["u"]
    # The patient's right side is the weak one.
    assert network["right"]["value"] < network["left"]["value"]


def test_where_the_steps_are_better_they_make_the_grade(shipped: TestClient, without: TestClient) -> None:
    """Of rest, brow lift, closure and smile the shipped network measures, and does not grade."""
    network, steps = assess(shipped, *CORE).json(), assess(without, *CORE).json()
    assert network["evidence"]["class"] == "core"
    assert network["probabilities"] == pytest.approx(steps["probabilities"])
    assert network["measures"] != steps["measures"]


def test_a_network_for_another_palsy_model_stops_the_start_or_is_left_out(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The palsy model was exchanged, by adapting it or in an update, and the network was not."""
    write_palsy_bundle(tmp_path / "palsy")
    shutil.copytree(SHIPPED / "palsy-session", tmp_path / "palsy-session")
    with pytest.raises(BundleError, match=r"another palsy model.*htnet palsy train-session"), serve(tmp_path):
        pass
    with serve(tmp_path, broken_models="leave-out") as client:
        assert client.get("/readyz").json()["left_out"] == ["palsy-session"]
        assert assess(client, *CORE).json()["session_method"] == STEPS
    assert "palsy-session is left out" in caplog.text


def test_an_update_of_the_service_alone_says_that_the_network_is_missing(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "palsy").symlink_to(SHIPPED / "palsy")
    with serve(tmp_path) as client:
        assert client.get("/readyz").json()["models"] == ["palsy"]
    assert f"{tmp_path} has no bundle for palsy-session" in caplog.text


def test_two_answers_by_the_steps_can_still_be_compared(
    shipped: TestClient, answer: dict[str, Any], by_steps: dict[str, Any]
) -> None:
    def compared(before: dict[str, Any], after: dict[str, Any]) -> Any:
        return shipped.post("/v1/palsy/compare", json={"before": before, "after": after})

    assert compared(by_steps, by_steps).status_code == 200
    mixed = compared(by_steps, answer)
    assert (mixed.status_code, mixed.json()["code"]) == (409, "model-mismatch")
    unknown = {**answer, "session_method": {**answer["session_method"], "sha256": "0" * 64}}
    response = compared(unknown, unknown)
    assert (response.status_code, response.json()["code"]) == (409, "model-mismatch")
    assert NETWORK in response.json()["detail"]
