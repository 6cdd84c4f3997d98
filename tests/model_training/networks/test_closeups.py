"""The close-ups: what each sees, and one head for each movement."""

import torch

from model_training.networks.closeups import MOVEMENTS, CloseUp, MovementHead


def test_a_closeup_sees_its_part_of_both_halves_and_nothing_else():
    torch.manual_seed(0)
    look = CloseUp(part="eye", in_channels=1, out_dim=8).eval()
    halves = torch.rand(1, 2, 1, 224, 112) * 2 - 1
    elsewhere, there = halves.clone(), halves.clone()
    elsewhere[..., 98:, :] = elsewhere[..., :22, :] = elsewhere[..., :26] = elsewhere[..., 102:] = 0
    there[:, 0, :, 60:62, 40:90] = 1
    vectors = look(halves)
    assert vectors.shape == (1, 2, 8)
    torch.testing.assert_close(look(elsewhere), vectors)
    assert ((look(there) - vectors).abs().amax(-1) > 1e-4).all(), "the partner sees the difference too"


def test_each_movement_has_a_head_of_its_own():
    torch.manual_seed(0)
    head = MovementHead(in_dim=8, num_classes=6)
    halves = torch.randn(3, 2, 8)
    one = list(MOVEMENTS).index("eyes")
    with torch.no_grad():
        head.movement.weight.zero_()
        head.movement.bias[one] = 50.0
    answer, movement = head(halves)
    assert movement.shape == (3, len(MOVEMENTS))
    for got, expected in zip(answer, head.heads[one](halves), strict=True):
        torch.testing.assert_close(got, expected)
    answer.grade.sum().backward()
    learns = [bool(own.grade.weight.grad.abs().max() > 1e-6) for own in head.heads]
    assert learns == [index == one for index in range(len(MOVEMENTS))]
    with torch.no_grad():
        head.movement.bias.zero_()
    mean = torch.stack([own(halves).side for own in head.heads]).mean(0)
    torch.testing.assert_close(head(halves)[0].side, mean)
