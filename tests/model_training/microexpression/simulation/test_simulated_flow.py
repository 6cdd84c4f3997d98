"""Simulated people: the true displacement is found by the service's flow, and the flow images look like the published
ones in what can be told without a picture of a person."""

import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from face.microexpression.flow import DisParameters, dis_flow, luminance
from face.microexpression.spec import MicroExpressionSpec
from model_training.errors import Interrupted, TrainingError
from model_training.microexpression.simulation.face_motion import MotionStudio
from model_training.microexpression.simulation.flow_statistics import statistics_of, told_apart
from model_training.microexpression.simulation.movements import POSITIVE
from model_training.microexpression.simulation.simulated_flow import SimulationConfig, simulate_people, warp_forward
from model_training.microexpression.simulation.simulated_set import simulate_set

SMILE = {f"mouthSmile{side}": 0.25 for side in ("Left", "Right")}
FIGURES = Path(__file__).parents[4] / "docs" / "research" / "microexpression" / "flow_statistics.json"


@pytest.fixture(scope="module")
def face():
    cv2.setNumThreads(1)
    studio = MotionStudio(MicroExpressionSpec())
    yield studio.draw(np.random.default_rng(3))
    studio.close()


def test_a_smile_of_the_head_gives_its_true_field(face):
    field = face.displacement([SMILE])[0]
    length = np.linalg.norm(field, axis=-1)
    grey = luminance(face.onset)
    flow = dis_flow(grey, warp_forward(grey, field), DisParameters())
    moving = length > 0.5 * length.max()
    assert length.max() > 1.0
    assert np.abs(flow - field)[moving].mean() < 0.25 * length[moving].mean()
    assert np.corrcoef(flow[..., 1].ravel(), field[..., 1].ravel())[0, 1] > 0.8


def test_a_smile_lifts_the_mouth_corners_outwards_and_leaves_the_brows(face):
    field = face.displacement([SMILE])[0]
    height, width = field.shape[:2]
    right, left = (field[int(0.70 * height), int(x * width)] for x in (0.29, 0.68))
    assert right[1] < 0 > left[1]
    assert right[0] < 0 < left[0]
    assert np.linalg.norm(field[: int(0.25 * height)], axis=-1).max() < 0.1 * np.linalg.norm(field, axis=-1).max()


def test_a_person_depends_on_seed_and_number_alone_with_both_flow_methods():
    config = SimulationConfig(per_person=4, tvl1_share=0.5)
    together = list(simulate_people(MicroExpressionSpec(), config, people=range(2), seed=5))
    alone = next(iter(simulate_people(MicroExpressionSpec(), config, people=range(1, 2), seed=5)))
    for name in ("flow", "label", "person"):
        np.testing.assert_array_equal(together[1][name], alone[name])
    assert (together[0]["flow"].reshape(4, -1, 3).max(1) == 255).all()
    assert set(together[0]["label"].tolist()) <= {0, POSITIVE, 2}


def test_statistics_are_near_those_of_the_published_images():
    config = SimulationConfig(per_person=12, tvl1_share=0.4)
    made = simulate_people(MicroExpressionSpec(), config, people=range(6), seed=2)
    simulated = statistics_of(np.concatenate([part["flow"] for part in made]))
    published = json.loads(FIGURES.read_text(encoding="utf-8"))["sets"]["published"]
    for channel in ("u", "v", "strain"):
        assert simulated[channel]["mean"] == pytest.approx(published[channel]["mean"], rel=0.45)
        assert simulated[channel]["deviation"] == pytest.approx(published[channel]["deviation"], rel=0.35)
        for band, share in published[channel]["power_by_cycles"].items():
            assert simulated[channel]["power_by_cycles"][band] == pytest.approx(share, abs=0.12)


def test_images_of_one_kind_are_not_told_apart_and_of_two_kinds_are():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 60, 28, 28, 3)).astype(np.uint8)
    assert 0.3 < told_apart(first, second) < 0.7
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), 2) for image in second])
    assert told_apart(first, smooth) > 0.95


def test_a_set_that_was_stopped_goes_on_with_those_who_are_missing(tmp_path):
    config = SimulationConfig(per_person=2)

    def stop(done: int, _all: int) -> None:
        if done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"1 of 3 people are finished and kept in .*flow-people; the same command"):
        simulate_set(tmp_path / "flow.npz", config, people=range(2, 5), seed=5, progress=stop)
    assert [path.stem for path in (tmp_path / "flow-people").glob("*.npz")] == ["000002"]
    with pytest.raises(TrainingError, match="holds people made with another seed; repeat what they were made with"):
        simulate_set(tmp_path / "flow.npz", config, people=range(2, 5), seed=6)
    told: list[tuple[int, int]] = []
    assert (
        simulate_set(
            tmp_path / "flow.npz", config, people=range(2, 5), seed=5, progress=lambda *done: told.append(done)
        )
        == 6
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [path.name for path in tmp_path.iterdir()] == ["flow.npz"]
    made = list(simulate_people(MicroExpressionSpec(), config, people=range(2, 5), seed=5))
    with np.load(tmp_path / "flow.npz") as stored:
        for name in ("flow", "label", "person"):
            np.testing.assert_array_equal(stored[name], np.concatenate([part[name] for part in made]))
