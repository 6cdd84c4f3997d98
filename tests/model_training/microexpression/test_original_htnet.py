"""Weights of the original HTNet answer here as they do there. The original is written anew below, in its own layout and
names, from the published structure: what must agree is checked against something that shares no code with HTNet."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

from export.checkpoint_bundle import export_checkpoint
from face.vocabulary import EMOTIONS
from htnet.commands import app
from model_training import HTNet, load
from model_training.errors import TrainingError
from model_training.microexpression.folded.inputs import network_input, tile_boxes
from model_training.microexpression.original_htnet import arguments_of, import_original, read_original, renamed
from model_training.training.checkpoint import load_checkpoint, save_checkpoint, take_weights
from service.inference.bundle import load_bundle
from service.inference.session import open_session

State = dict[str, torch.Tensor]


def original_weights(
    *, image: int = 28, dim: int = 12, inner: int | None = None, repeats=(2, 2, 10), classes=3
) -> State:
    """Random, and none of them at its initial value, under the names of the published code."""
    draw = torch.Generator().manual_seed(4)
    state: State = {}

    def add(name: str, *shape: int, around: float = 0.0) -> None:
        state[name] = around + torch.randn(shape, generator=draw) * (
            0.2 if around else 1 / max(shape[-1:] + shape[1:2]) ** 0.5
        )

    add("to_patch_embedding.1.weight", dim, 147, 1, 1)
    add("to_patch_embedding.1.bias", dim)
    tokens = (image // 7 // 2 ** (len(repeats) - 1)) ** 2
    for level, count in enumerate(repeats):
        width = dim << level
        heads_width = (inner or dim) << level
        add(f"layers.{level}.0.pos_emb", tokens)
        for block in range(count):
            name = f"layers.{level}.0.layers.{block}"
            for part in "01":
                add(f"{name}.{part}.norm.g", 1, width, 1, 1, around=1.0)
                add(f"{name}.{part}.norm.b", 1, width, 1, 1)
            add(f"{name}.0.fn.to_qkv.weight", 3 * heads_width, width, 1, 1)
            add(f"{name}.0.fn.to_out.0.weight", width, heads_width, 1, 1)
            add(f"{name}.0.fn.to_out.0.bias", width)
            add(f"{name}.1.fn.net.0.weight", 4 * width, width, 1, 1)
            add(f"{name}.1.fn.net.0.bias", 4 * width)
            add(f"{name}.1.fn.net.3.weight", width, 4 * width, 1, 1)
            add(f"{name}.1.fn.net.3.bias", width)
        if level < len(repeats) - 1:
            add(f"layers.{level}.1.0.weight", 2 * width, width, 3, 3)
            add(f"layers.{level}.1.0.bias", 2 * width)
            add(f"layers.{level}.1.1.g", 1, 2 * width, 1, 1, around=1.0)
            add(f"layers.{level}.1.1.b", 1, 2 * width, 1, 1)
    add("mlp_head.0.g", 1, width, 1, 1, around=1.0)
    add("mlp_head.0.b", 1, width, 1, 1)
    add("mlp_head.2.weight", classes, width)
    add("mlp_head.2.bias", classes)
    return state


def original_answers(state: State, images: torch.Tensor, *, heads: int, repeats=(2, 2, 10)) -> torch.Tensor:
    """(N, 3, S, S) -> logits: channels first throughout, blocks moved to the batch, attention by a loop over heads."""

    def norm(x, name):
        spread = x.var(1, unbiased=False, keepdim=True) + 1e-5
        return (x - x.mean(1, keepdim=True)) / spread.sqrt() * state[f"{name}.g"] + state[f"{name}.b"]

    def conv(x, name, **more):
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **more)

    def attention(x, name, count):
        n, _, h, w = x.shape
        query, key, value = conv(x, f"{name}.to_qkv").flatten(2).chunk(3, 1)  # (n, inner, h * w)
        each = query.shape[1] // count
        mixed = []
        for first in range(0, count * each, each):
            q, k, v = (part[:, first : first + each] for part in (query, key, value))
            scores = (q.transpose(1, 2) @ k) / (x.shape[1] // count) ** 0.5
            mixed.append((scores.softmax(-1) @ v.transpose(1, 2)).transpose(1, 2))
        return conv(torch.cat(mixed, 1).reshape(n, -1, h, w), f"{name}.to_out.0")

    n, _, size, _ = images.shape
    side = size // 7
    cut = images.reshape(n, 3, side, 7, side, 7).permute(0, 3, 5, 1, 2, 4).reshape(n, 147, side, side)
    x = conv(cut, "to_patch_embedding.1")
    for level, count in enumerate(repeats):
        blocks = 2 ** (len(repeats) - 1 - level)
        edge = x.shape[-1] // blocks
        rows = [row.split(edge, 3) for row in x.split(edge, 2)]
        answers = []
        for block in (block for row in rows for block in row):
            y = block + state[f"layers.{level}.0.pos_emb"].view(1, 1, edge, edge)
            for number in range(count):
                name = f"layers.{level}.0.layers.{number}"
                y = y + attention(norm(y, f"{name}.0.norm"), f"{name}.0.fn", heads << level)
                hidden = F.gelu(conv(norm(y, f"{name}.1.norm"), f"{name}.1.fn.net.0"))
                y = y + conv(hidden, f"{name}.1.fn.net.3")
            answers.append(y)
        x = torch.cat([torch.cat(answers[i : i + blocks], 3) for i in range(0, len(answers), blocks)], 2)
        if level < len(repeats) - 1:
            x = F.max_pool2d(norm(conv(x, f"layers.{level}.1.0", padding=1), f"layers.{level}.1.1"), 3, 2, 1)
    return F.linear(norm(x, "mlp_head.0").mean((2, 3)), state["mlp_head.2.weight"], state["mlp_head.2.bias"])


def flow_bytes(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def saved(folder: Path, state: State) -> Path:
    torch.save(state, folder / "sub01.pth")
    return folder / "sub01.pth"


def test_all_171_tensors_give_the_same_answers():
    state = original_weights()
    assert len(state) == 171
    arguments = arguments_of(state, heads=None, source="x")
    assert arguments["block_repeats"] == [2, 2, 10]
    network = HTNet(**{**arguments, "block_repeats": (2, 2, 10)}).eval()
    network.load_state_dict(renamed(state, arguments))
    images = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(2)) * 2 - 1
    torch.testing.assert_close(network(images), original_answers(state, images, heads=1), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(("dim", "inner", "heads"), [(8, 8, 2), (8, 6, 3)])
def test_blocks_of_several_tokens_need_the_number_of_heads(tmp_path, dim, inner, heads):
    state = original_weights(image=56, dim=dim, inner=inner, repeats=(1, 2, 1))
    path = saved(tmp_path, state)
    if inner == dim:
        with pytest.raises(TrainingError, match=r"its attention can have 1, 2, 4, 8 heads; give the number .* --heads"):
            import_original(path)
        with pytest.raises(TrainingError, match="--heads 3 is none of them"):
            import_original(path, heads=3)
    arguments = arguments_of(state, heads=heads, source="x")
    network = HTNet(**{**arguments, "block_repeats": (1, 2, 1)}).eval()
    network.load_state_dict(renamed(state, arguments))
    images = torch.rand(2, 3, 56, 56, generator=torch.Generator().manual_seed(2))
    expected = original_answers(state, images, heads=heads, repeats=(1, 2, 1))
    torch.testing.assert_close(network(images), expected, rtol=1e-5, atol=1e-5)


def test_the_command_makes_a_checkpoint_that_takes_bytes_as_the_original_took_its_files(tmp_path):
    state = original_weights(repeats=(1, 1, 2))
    out = tmp_path / "original.pt"
    result = CliRunner().invoke(app, ["import-original", str(saved(tmp_path, state)), "--out", str(out)])
    assert result.exit_code == 0, result.output
    images = flow_bytes()
    network = load(out)
    as_read_there = network_input(images, kind="published_boxes")  # (strain, v, u) in 0..255
    expected = original_answers(state, as_read_there, heads=1, repeats=(1, 1, 2))
    torch.testing.assert_close(network(tile_boxes(images)), expected, rtol=1e-4, atol=1e-4)

    (tmp_path / "metrics.json").write_text('{"uf1": 0.5}', encoding="utf-8")
    bundle = export_checkpoint([out], tmp_path / "bundle", metrics_file=tmp_path / "metrics.json", int8=False)
    assert bundle.parity.worst < 1e-3
    answer = open_session(load_bundle(tmp_path / "bundle"), variant="float32").run({"flow": images.numpy()})
    torch.testing.assert_close(
        torch.from_numpy(answer["emotion_logits"]), expected.log_softmax(-1), rtol=1e-3, atol=1e-3
    )
    started = HTNet(**network.config)
    assert len(take_weights(started, load_checkpoint(out).state_dict).taken) == len(network.state_dict())


def test_the_imported_checkpoint_is_judged_on_the_subject_that_it_has_not_seen(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 28, 28, 3), dtype=np.uint8)
    labels, subjects = np.tile(np.arange(3), 4), np.repeat(["casme2/sub01", "casme2/sub02"], 6)
    np.savez(tmp_path / "flow.npz", flow=images, label=labels, subject=subjects, dataset=np.repeat("casme2", 12),
             clip=np.arange(12).astype(str), class_names=np.array(EMOTIONS))  # fmt: skip
    state = original_weights(repeats=(1, 1, 1), dim=4)
    save_checkpoint(import_original(saved(tmp_path, state)), tmp_path / "original.pt")
    arguments = ["--checkpoint", tmp_path / "original.pt", "--data", tmp_path / "flow.npz", "--out", tmp_path / "out"]
    run = ["microexpression", "evaluate", *map(str, arguments), "--subject", "casme2/sub01"]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.output
    as_read_there = network_input(torch.from_numpy(images[:6].transpose(0, 3, 1, 2)), kind="published_boxes")
    predicted = original_answers(state, as_read_there, heads=1, repeats=(1, 1, 1)).argmax(1).numpy()
    report = json.loads((tmp_path / "out/zero_shot.json").read_text(encoding="utf-8"))
    assert report["per_subject"] == [
        {"subject": "casme2/sub01", "clips": 6, "right": int((predicted == labels[:6]).sum())}
    ]
    assert "warning: 1 person says little of others" in result.output
    refused = CliRunner().invoke(app, [*run[:-1], "sub99"])
    assert "no clip of sub99; subjects are casme2/sub01, casme2/sub02" in str(refused.exception)
    assert CliRunner().invoke(app, [*run[:-1], "sub01"]).output == result.output
    refused = CliRunner().invoke(app, run[:-2])
    assert "which saw all of these subjects but one: name that one with --subject" in str(refused.exception)


def test_a_folder_of_weights_is_imported_whole_and_each_subject_judged_by_its_own(tmp_path):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (18, 28, 28, 3), dtype=np.uint8)
    labels, subjects = np.tile(np.arange(3), 6), np.repeat(["casme2/sub01", "smic/s01", "samm/006"], 6)
    np.savez(tmp_path / "flow.npz", flow=images, label=labels, subject=subjects, dataset=np.repeat("casme2", 18),
             clip=np.arange(18).astype(str), class_names=np.array(EMOTIONS))  # fmt: skip
    weights, predicted = tmp_path / "ourmodel_threedatasets_weights", []
    weights.mkdir()
    as_read_there = network_input(torch.from_numpy(images.transpose(0, 3, 1, 2)), kind="published_boxes")
    for number, subject in enumerate(("sub01", "s01", "006")):
        state = original_weights(repeats=(1, 1, 1), dim=4)
        state["mlp_head.2.bias"] += 3 * torch.eye(3)[number]  # another answer by each network
        torch.save(state, weights / f"{subject}.pth")
        own = as_read_there[6 * number : 6 * number + 6]
        predicted += original_answers(state, own, heads=1, repeats=(1, 1, 1)).argmax(1).tolist()
    imported = CliRunner().invoke(app, ["import-original", str(weights), "--out", str(tmp_path / "imported")])
    assert imported.exit_code == 0, imported.output
    assert "and 2 more for negative, positive, surprise" in imported.output
    judge = ["microexpression", "evaluate", "--data", str(tmp_path / "flow.npz"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*judge, "--checkpoint", str(tmp_path / "imported")])
    assert result.exit_code == 0, result.output
    assert len(set(predicted)) > 1
    table = pd.read_csv(tmp_path / "out/predictions.csv").sort_values("clip")
    assert table["predicted"].tolist() == [EMOTIONS[label] for label in predicted]

    (tmp_path / "imported/s01.pt").unlink()
    refused = CliRunner().invoke(app, [*judge, "--checkpoint", str(tmp_path / "imported")])
    assert "no s01.pt for smic/s01 (1 of 3 subjects have no network of their own)" in str(refused.exception)
    refused = CliRunner().invoke(app, [*judge, "--checkpoint", str(weights)])
    assert "become checkpoints with `htnet import-original`" in str(refused.exception)
    refused = CliRunner().invoke(app, ["import-original", str(tmp_path / "out"), "--out", "x"])
    assert "holds no .pth of the original code" in str(refused.exception)


def test_its_weights_are_not_loaded_under_names_that_no_tensor_has_here():
    network = HTNet(image_size=28, patch_size=7, dim=12, heads=1, num_hierarchies=3, block_repeats=(2, 2, 10))
    with pytest.raises(ValueError, match=r"`htnet import-original FILE\.pth --out FILE\.pt`, then"):
        network.load_state_dict(original_weights())


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda _: {"a": torch.zeros(2)}, "not weights of the original HTNet, to_patch_embedding.1.weight"),
        (lambda state: state | {"extra": torch.zeros(1)}, "it has no extra"),
        (lambda state: {k: v for k, v in state.items() if "1.fn.net.3.bias" not in k}, "fn.net.3.bias is missing"),
        (lambda state: {"state_dict": state, "epoch": 3} | {"labels": 1}, None),
        (lambda state: {f"module.{k}": v for k, v in state.items()}, None),
        (lambda _: {"epoch": 3, "loss": 0.1}, "holds more than weights and no state_dict"),
    ],
)
def test_other_files_are_refused_and_usual_wrappings_are_read(tmp_path, spoil, complaint):
    state = original_weights(repeats=(1, 1, 1), dim=4)
    path = saved(tmp_path, spoil(state))
    if complaint is None:
        assert read_original(path).keys() == state.keys()
        return
    with pytest.raises(TrainingError, match=complaint):
        import_original(path)


def test_classes_need_names(tmp_path):
    path = saved(tmp_path, original_weights(repeats=(1, 1, 1), dim=4, classes=5))
    with pytest.raises(TrainingError, match="its head has 5 classes, but --labels names 0"):
        import_original(path)
    assert import_original(path, labels="abcde").labels == tuple("abcde")
