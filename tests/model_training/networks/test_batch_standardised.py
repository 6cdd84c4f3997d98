from __future__ import annotations

import torch

from model_training.networks.batch_standardised import BatchStandardised


def test_it_is_batch_normalisation_over_both_halves_alike() -> None:
    torch.manual_seed(0)
    mine, theirs = BatchStandardised(5), torch.nn.BatchNorm1d(5)
    x = 3 + 0.01 * torch.randn(16, 2, 5)
    for _ in range(200):
        ours = mine(x)
        reference = theirs(x.flatten(0, 1)).view_as(x)
    torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-3)
    assert ours.std(dim=(0, 1)).min() > 0.8, "what differs between faces is no longer small"
    mine.eval()
    theirs.eval()
    # PyTorch's running variance is the unbiased one.
    torch.testing.assert_close(mine(x), theirs(x.flatten(0, 1)).view_as(x), rtol=0.05, atol=0.05)
    torch.testing.assert_close(mine(x.flip(1)), mine(x).flip(1))


def test_one_face_alone_trains_without_dividing_by_nothing() -> None:
    layer = BatchStandardised(3)
    x = torch.ones(1, 2, 3, requires_grad=True)
    layer(x).sum().backward()
    assert torch.isfinite(x.grad).all()
