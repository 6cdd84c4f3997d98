"""HTNet: shapes, gradients, and that attention over one token is one linear map."""

import copy

import numpy as np
import pytest
import torch

from model_training.networks.hierarchy import LocalAttention, SingleTokenAttention
from model_training.networks.htnet import SIZES, HTNet, fold_single_token_attention, named_size

# The setting of the paper: every block sees one token (see LocalAttention).
PUBLISHED = {
    "image_size": 28, "patch_size": 7, "dim": 256, "heads": 3, "num_hierarchies": 3, "block_repeats": (2, 2, 10),
    "num_classes": 3,
}  # fmt: skip
SMALL_PUBLISHED = {**PUBLISHED, "dim": 12, "block_repeats": (1, 1, 2)}


def make(**overrides):
    torch.manual_seed(0)
    arguments = {
        "image_size": 56,
        "dim": 8,
        "heads": 2,
        "num_hierarchies": 2,
        "block_repeats": (1, 2),
        "num_classes": 3,
    }
    return HTNet(**{**arguments, **overrides})


def images(count, size, channels=3):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(("size", "patch", "blocks"), [(56, 7, (1, 1)), (28, 7, (1, 2, 1)), (64, 8, (2, 1))])
def test_shapes_are_as_documented(size, patch, blocks):
    model = make(image_size=size, patch_size=patch, num_hierarchies=len(blocks), block_repeats=blocks, num_classes=5)
    features = model.forward_features(images(2, size))
    side = size // patch // 2 ** (len(blocks) - 1)
    assert features.shape == (2, side, side, 8 * 2 ** (len(blocks) - 1))
    logits = model(images(2, size))
    assert logits.shape == (2, 5)
    assert torch.isfinite(logits).all()


def test_bytes_and_scaled_floats_are_the_same_image():
    model = make().eval()
    grey = torch.arange(256, dtype=torch.uint8).repeat(37)[: 3 * 56 * 56].view(1, 3, 56, 56)
    torch.testing.assert_close(model(grey), model(grey.float() / 127.5 - 1))
    with pytest.raises(ValueError, match="int64"):
        model(grey.long())
    with pytest.raises(ValueError, match=r"floats up to 255, but floats must be scaled to -1\.\.1: give the bytes"):
        model(grey.float())


def test_pictures_with_the_channels_last_are_no_other_pictures():
    """They have as many values, which a network of patches could cut all the same."""
    with pytest.raises(ValueError, match=r"must be \(N, 3, 56, 56\), got \(2, 56, 56, 3\)"):
        make()(torch.zeros(2, 56, 56, 3, dtype=torch.uint8))


def test_every_weight_learns_where_blocks_see_several_tokens():
    model = make()
    model(images(4, 56)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_in_the_published_setting_every_block_sees_one_token_and_query_and_key_never_learn():
    model = HTNet(**SMALL_PUBLISHED)
    assert model.encoder.sees_one_token
    model(images(4, 28)).square().sum().backward()
    attentions = [module for module in model.modules() if isinstance(module, LocalAttention)]
    assert len(attentions) == 4
    for attention in attentions:
        query_and_key = attention.qkv.weight.grad[: 2 * attention.inner_dim]
        assert query_and_key.abs().max() < 1e-12
        assert attention.qkv.weight.grad[2 * attention.inner_dim :].abs().sum() > 0


def test_lean_and_folded_forms_answer_as_the_attention_does():
    model = HTNet(**SMALL_PUBLISHED).eval()
    lean = copy.deepcopy(model)
    for block in lean.modules():
        if isinstance(getattr(block, "attention", None), LocalAttention):
            block.attention = SingleTokenAttention.from_attention(block.attention)
    folded = fold_single_token_attention(model)
    x = images(5, 28)
    torch.testing.assert_close(lean(x), model(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(folded(x), model(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fold_single_token_attention(lean)(x), model(x), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, LocalAttention) for m in lean.modules())
    assert not any(isinstance(m, LocalAttention | SingleTokenAttention) for m in folded.modules())
    assert any(isinstance(m, LocalAttention) for m in model.modules()), "the original is left alone"


def test_lean_network_learns_with_every_weight_and_rebuilds_from_its_config():
    model = HTNet(**SMALL_PUBLISHED, lean=True)
    model(images(4, 28)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    again = HTNet(**model.config)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval()(images(2, 28)), model.eval()(images(2, 28)))


def test_published_size_has_the_published_number_of_weights():
    with torch.device("meta"):
        model = HTNet(**PUBLISHED)
    weights = sum(p.numel() for p in model.parameters())
    assert weights == pytest.approx(139.6e6, rel=0.02)


def test_local_attention_is_softmax_attention():
    torch.manual_seed(0)
    attention = LocalAttention(dim=8, heads=2, tokens=5)
    x = torch.randn(3, 5, 8)
    with torch.no_grad():
        query, key, value = attention.qkv(x).numpy().reshape(3, 5, 3, 2, 4).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2) / 2.0
        weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        expected = attention.out(torch.from_numpy((weights @ value).swapaxes(1, 2).reshape(3, 5, 8)))
        torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"image_size": 50}, "50"),
        ({"block_repeats": (1,)}, "num_hierarchies=2"),
        ({"block_repeats": (1, 0)}, "block_repeats"),
        ({"num_classes": 1}, "num_classes"),
        ({"dim": 0}, "dim"),
        ({"dropout": 1.0}, "dropout"),
        ({"heads": 9}, "heads=9"),
        ({"lean": True}, "one token"),
    ],
)
def test_wrong_arguments_are_refused_with_their_value(overrides, message):
    with pytest.raises(ValueError, match=message):
        make(**overrides)


def test_named_sizes_build_and_unknown_ones_are_refused():
    with torch.device("meta"):
        counts = [sum(p.numel() for p in HTNet(**named_size(name)).parameters()) for name in SIZES]
    assert counts == sorted(counts)
    assert counts[0] < 2.5e6
    with pytest.raises(ValueError, match="huge"):
        named_size("huge")
