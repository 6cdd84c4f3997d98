"""Simulated people: the true displacement is found by the service's flow, and the flow images look like the published
ones in what can be told without a picture of a person."""

import cv2
import numpy as np
import pytest

from model_training.microexpression.face_motion import MotionStudio
from model_training.microexpression.movements import POSITIVE
from model_training.microexpression.simulated_flow import SimulationConfig, simulate_people, warp_forward
from service.preprocessing.flow import DisParameters, dis_flow, luminance
from service.preprocessing.microexpression_input import MicroExpressionSpec

SMILE = {f"mouthSmile{side}": 0.25 for side in ("Left", "Right")}
# Mean over the 442 published flow images: share of u's and v's power below 3 cycles an image, and strain's mean and
# median grey level. Figures of docs/microexpression/flow_statistics.json.
PUBLISHED_SLOW_SHARE, PUBLISHED_STRAIN_MEAN, PUBLISHED_STRAIN_MEDIAN = 0.647, 25.5, 15.0


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
    images = np.concatenate(
        [part["flow"] for part in simulate_people(MicroExpressionSpec(), config, people=range(6), seed=2)]
    )
    centred = images[..., :2] - images[..., :2].mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centred, axes=(1, 2))) ** 2
    cycles = np.fft.fftfreq(28) * 28
    slow = power[:, np.hypot(cycles[:, None], cycles) < 3].sum((1, 2)) / power.sum((1, 2, 3))
    assert slow.mean() == pytest.approx(PUBLISHED_SLOW_SHARE, abs=0.12)
    strain = images[..., 2].reshape(len(images), -1)
    assert strain.mean() == pytest.approx(PUBLISHED_STRAIN_MEAN, rel=0.45)
    assert np.median(strain, axis=1).mean() == pytest.approx(PUBLISHED_STRAIN_MEDIAN, rel=0.6)
