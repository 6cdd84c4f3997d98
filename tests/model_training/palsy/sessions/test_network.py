"""What the network of examinations promises by its build, whatever its weights are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from export.graphs.networks import SessionGraph
from face.landmarks.found_face import MIRROR_INDEX
from face.palsy.assessment.session_model import MEASURES_OF_HALF, OUTPUTS
from face.vocabulary import HOUSE_BRACKMANN, POSES
from model_training.palsy.sessions.network import LINEAR_FEATURES, SessionNetwork

GRADES = len(HOUSE_BRACKMANN)
# Of a reading, with the sides exchanged.
OTHER_SIDE = [*range(GRADES), GRADES + 1, GRADES, GRADES + 2]


@pytest.fixture(scope="module")
def network() -> SessionNetwork:
    torch.manual_seed(3)
    made = SessionNetwork(width=4, hidden=8, members=2)
    for count, part in ((LINEAR_FEATURES, made.measuring.linear), (1, made.measuring.constant)):
        part.copy_(torch.randn_like(part) / count)
    return made.eval()


@pytest.fixture(scope="module")
def given(network: SessionNetwork) -> dict[str, Tensor]:
    return SessionGraph(network).example_inputs(3, seed=1)


def run(network: SessionNetwork, given: dict[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        answer: dict[str, Tensor] = network(**given)
    return answer


def test_the_mirrored_examination_has_the_other_side_and_all_else_alike(
    network: SessionNetwork, given: dict[str, Tensor]
) -> None:
    mirrored = {
        "images": given["images"].flip(-1),
        "landmarks": given["landmarks"][:, :, MIRROR_INDEX.copy()] * torch.tensor([-1.0, 1, 1]),
        "readings": given["readings"][..., OTHER_SIDE],
        "present": given["present"],
    }
    straight, turned = run(network, given), run(network, mirrored)
    assert set(straight) == set(OUTPUTS)
    for name in ("movements", "movements_u"):
        assert turned[name].numpy() == pytest.approx(straight[name].flip(2).numpy(), abs=1e-5)
    for name in ("severities", "severities_factor"):
        assert turned[name].numpy() == pytest.approx(straight[name].numpy(), abs=1e-4)
    assert turned["side_logit"].numpy() == pytest.approx(-straight["side_logit"].numpy(), abs=1e-4)


def test_a_missing_picture_says_nothing(network: SessionNetwork, given: dict[str, Tensor]) -> None:
    """Whatever lies in its row: the answer to the others stays."""
    row = POSES.index("snarl")
    present = given["present"].clone()
    present[:, row] = 0
    without = {**given, "present": present}
    noisy = {name: tensor.clone() for name, tensor in without.items()}
    noisy["images"][:, row] = 255 - noisy["images"][:, row]
    noisy["landmarks"][:, row] += 0.3
    noisy["readings"][:, row] = 1 / 3
    before, after = run(network, without), run(network, noisy)
    for name in ("movements", "severities", "severities_factor", "side_logit"):
        assert torch.equal(before[name], after[name])
    assert not before["movements"][:, row].any()


def test_without_a_rest_picture_nothing_is_a_movement(network: SessionNetwork, given: dict[str, Tensor]) -> None:
    present = torch.ones_like(given["present"])
    present[:, POSES.index("rest")] = 0
    answer = run(network, {**given, "present": present})
    assert answer["movements"].shape == (3, len(POSES), 2, len(MEASURES_OF_HALF))
    assert not answer["movements"].any()
    assert np.isfinite(answer["severities"].numpy()).all()


def test_no_picture_at_all_is_still_a_number(network: SessionNetwork, given: dict[str, Tensor]) -> None:
    """As the warm-up of a session sends it."""
    answer = run(network, {name: torch.zeros_like(tensor) for name, tensor in given.items()})
    assert all(torch.isfinite(tensor).all() for tensor in answer.values())


def test_uncertainties_are_positive_and_the_regions_stray_together(
    network: SessionNetwork, given: dict[str, Tensor]
) -> None:
    network.correlation_factor.copy_(torch.linalg.cholesky(torch.full((4, 4), 0.5) + 0.5 * torch.eye(4)))
    answer = run(network, given)
    assert (answer["movements_u"] > 0).all()
    factor = answer["severities_factor"]
    covariance = factor @ factor.transpose(1, 2)
    spread = covariance.diagonal(dim1=1, dim2=2).sqrt()
    correlation = covariance / (spread[:, :, None] * spread[:, None])
    assert correlation[:, 0, 1].numpy() == pytest.approx(0.5, abs=1e-5)
    network.correlation_factor.copy_(torch.eye(4))
