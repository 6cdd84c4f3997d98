"""The modules of HTNetEnhanced, each against what it promises."""

import pytest
import torch

from model_training.networks.geometry_branch import GeometryBranch
from model_training.networks.mirror_attention import (
    AsymmetryMap,
    MirrorAttention,
    join_halves,
    split_halves,
    swap_halves,
)
from model_training.networks.roi_attention import RoiAttention
from tests.model_training.networks.made_inputs import faces


def test_mirror_attention_rows_sum_to_one_and_stay_in_the_neighbourhood():
    torch.manual_seed(0)
    attention = MirrorAttention(rows=8, columns=4, dim=8, heads=2, window=3)
    with torch.no_grad():
        attention.bias.normal_()
    weights = attention.weights(torch.randn(2, 2, 8, 4, 8))
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    # 9 own and 9 mirrored neighbours inside, 4 + 4 in a corner
    assert set((weights > 0).sum(-1).unique().tolist()) == {8, 12, 18}


def test_mirror_attention_equals_a_slow_loop():
    torch.manual_seed(0)
    rows, columns, dim, heads, window = 8, 6, 8, 2, 3
    attention = MirrorAttention(rows=rows, columns=columns, dim=dim, heads=heads, window=window).eval()
    with torch.no_grad():
        attention.bias.normal_()
    x = torch.randn(1, 2, rows, columns, dim)
    query, key, value = (
        t.view(2, rows, columns, heads, 4) for t in attention.qkv(attention.norm(x))[0].chunk(3, dim=-1)
    )
    expected = torch.zeros(2, rows, columns, heads, 4)
    for half in (0, 1):
        for row in range(rows):
            for column in range(columns):
                for head in range(heads):
                    scores, values = [], []
                    for source, first in ((half, 0), (1 - half, window * window)):
                        for step in range(window * window):
                            r, c = row + step // window - 1, column + step % window - 1
                            if 0 <= r < rows and 0 <= c < columns:
                                score = query[half, row, column, head] @ key[source, r, c, head] / 2
                                scores.append(score + attention.bias[head, first + step])
                                values.append(value[source, r, c, head])
                    weights = torch.stack(scores).softmax(0)
                    expected[half, row, column, head] = weights @ torch.stack(values)
    torch.testing.assert_close(attention(x), x + attention.out(expected.flatten(-2)[None]))


def test_halves_split_and_join_are_inverse_and_mirroring_swaps_them():
    image = torch.arange(24.0).view(1, 1, 4, 6)
    halves = split_halves(image)
    torch.testing.assert_close(join_halves(halves[:, 0], halves[:, 1]), image)
    torch.testing.assert_close(split_halves(image.flip(-1)), swap_halves(halves))


def test_asymmetry_map_follows_a_displacement_field():
    torch.manual_seed(0)
    asymmetry = AsymmetryMap(dim=4, face_dim=6, rows=3, columns=2)
    torch.nn.init.normal_(asymmetry.movement[-1].weight)
    x = torch.randn(1, 1, 3, 2, 4).expand(1, 2, 3, 2, 4)  # halves that agree
    face = torch.randn(1, 2, 6)
    field = torch.zeros(1, 3, 2, 3)
    field[0, 1, 0] = torch.tensor([0.3, -0.4, 0.0])
    heat = asymmetry(x, face, field)[0]
    assert (heat > 1e-6).nonzero().tolist() == [[1, 0], [1, 3]]
    torch.testing.assert_close(heat, heat.flip(-1))
    other = asymmetry(x, torch.randn(1, 2, 6), field)[0]
    assert not torch.allclose(other, heat), "how much of it is seen depends on the movement"
    assert not asymmetry(x, face, torch.zeros_like(field)).any(), "no difference, no heat, whatever the movement"


def test_roi_attention_suppresses_what_lies_outside_the_maps():
    torch.manual_seed(0)
    roi = RoiAttention(dim=4)
    with torch.no_grad():
        roi.maps[1].weight.zero_()
        roi.maps[1].weight[0, 0] = 50.0  # the first map follows the first channel
        roi.maps[1].bias.fill_(-20.0)
    x = torch.zeros(1, 2, 2, 2, 4)
    x[..., 1] = 1.0
    x[:, :, 0, :, 0] = 3.0
    attended, pooled, maps = roi(x)
    assert maps[:, :, 0, :, 0].min() > 0.99
    assert attended[:, :, 1].abs().max() < 1e-6
    assert attended[:, :, 0].abs().max() > 0.5
    assert pooled.shape == (1, 2, 5, 4)


def test_geometry_parts_behave_under_mirroring_and_rebuild_the_face():
    branch = GeometryBranch(out_dim=4, components=5, hidden_dim=8)
    landmarks = faces(30)
    symmetric, antisymmetric = branch.sum_and_difference(landmarks)
    torch.testing.assert_close((symmetric + antisymmetric).view_as(landmarks), landmarks)
    mirrored_symmetric, mirrored_antisymmetric = branch.sum_and_difference(branch.mirrored(landmarks))
    torch.testing.assert_close(mirrored_symmetric, symmetric)
    torch.testing.assert_close(mirrored_antisymmetric, -antisymmetric)
    shares = branch.fit(landmarks)
    assert all(0 < share <= 1 for share in shares.values())
    projected = (symmetric - branch.symmetric_mean) @ branch.symmetric_basis
    torch.testing.assert_close(projected.square().mean(0), torch.ones(5), rtol=1e-3, atol=1e-3)


def test_unlike_faces_score_higher():
    branch = GeometryBranch(out_dim=4, components=5)
    landmarks = faces(200)
    branch.fit(landmarks)
    usual, odd = branch.unlikeness(landmarks), branch.unlikeness(3 * faces(5, seed=9))
    assert usual.mean() == pytest.approx(1.0, abs=0.1)
    assert odd.min() > usual.max()


def test_geometry_refuses_faces_it_cannot_learn_from():
    branch = GeometryBranch(out_dim=4, components=5)
    for wrong, message in (
        (faces(4), "got 4"),
        (faces(1).expand(40, -1, -1), "does not vary"),
        (torch.zeros(40, 468, 3), "468"),
        (faces(40) * float("nan"), "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            branch.fit(wrong)
