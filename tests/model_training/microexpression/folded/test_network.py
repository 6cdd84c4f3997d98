"""The folded network is HTNet, once per fold."""

import pytest
import torch

from model_training.microexpression.folded.network import (
    FoldedConfig,
    _dropout,
    fold_state_dict,
    forward,
    htnet_arguments,
    init_weights,
    one_fold,
    patches,
)
from model_training.networks.htnet import HTNet


@pytest.mark.parametrize(
    "config", [FoldedConfig(dim=8), FoldedConfig(dim=6, block_repeats=(1, 2, 3), position="scalar")]
)
def test_each_fold_answers_as_htnet_with_its_weights(config):
    weights = init_weights(config, 3, torch.Generator().manual_seed(0))
    images = torch.rand(5, 3, 28, 28) * 2 - 1
    folded = forward(config, weights, patches(images))
    for fold in range(3):
        model = HTNet(**htnet_arguments(config)).eval()
        model.load_state_dict(fold_state_dict(config, weights, fold))
        torch.testing.assert_close(folded[fold], model(images), rtol=1e-4, atol=1e-5)
        assert model.encoder.sees_one_token


def test_folds_do_not_touch_each_other():
    config = FoldedConfig(dim=4, dropout=0.0)
    weights = {
        name: value.requires_grad_()
        for name, value in init_weights(config, 2, torch.Generator().manual_seed(1)).items()
    }
    logits = forward(config, weights, patches(torch.rand(4, 3, 28, 28)))
    logits[0].square().sum().backward()
    assert all(value.grad[1].abs().max() == 0 for value in weights.values())
    assert all(value.grad[0].abs().max() > 0 for value in weights.values())


def test_shared_and_own_images_give_the_same_answer():
    config = FoldedConfig(dim=4)
    weights = init_weights(config, 2, torch.Generator().manual_seed(2))
    cut = patches(torch.rand(4, 3, 28, 28))
    both = forward(config, weights, cut)
    torch.testing.assert_close(both, forward(config, weights, torch.stack([cut, cut])))
    torch.testing.assert_close(both[1:], forward(config, one_fold(weights, 1), cut), rtol=1e-4, atol=1e-5)


def test_dropout_keeps_the_mean_and_draws_for_every_fold_anew():
    torch.manual_seed(0)
    ones = torch.ones(2, 500, 64, requires_grad=True)
    dropped = _dropout(ones, 0.3)
    assert (dropped == 0).float().mean().item() == pytest.approx(77 / 256, abs=0.01)
    assert dropped[dropped > 0].unique().tolist() == pytest.approx([256 / 179])
    assert ((dropped[0] == 0) == (dropped[1] == 0)).float().mean() < 0.7
    dropped.sum().backward()
    torch.testing.assert_close(ones.grad, dropped.detach())
    torch.manual_seed(0)
    torch.testing.assert_close(_dropout(ones, 0.3), dropped)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="position"):
        FoldedConfig(position="sinus")
    with pytest.raises(ValueError, match="dropout"):
        FoldedConfig(dropout=1.0)
