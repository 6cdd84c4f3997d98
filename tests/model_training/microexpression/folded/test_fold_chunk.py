"""Folds trained at once: each as if alone, in another precision, and gone on with from the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from face.microexpression.spec import MicroExpressionSpec
from htnet.commands import app
from model_training.errors import TrainingError
from model_training.microexpression.evaluation.size_study import sizes_of, study_sizes
from model_training.microexpression.folded import fold_chunk
from model_training.microexpression.folded.fold_chunk import LosoRun, adapted, fit_chunk, folds_in_a_chunk
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.reference import SimulatedSet, train_reference
from model_training.microexpression.folded.training import TrainingConfig
from model_training.training.checkpoint import save_atomically
from tests.model_training.microexpression.folded.flow_clips import made_up, save_cache

SMALL = TrainingConfig(
    model=FoldedConfig(dim=4, block_repeats=(1, 1, 1), dropout=0.2),
    epochs=4,
    batch_size=16,
    learning_rate=5e-3,
    shift_px=1,
    mixup=0.2,
)


@pytest.mark.parametrize("held_out", [False, True])
def test_all_folds_in_one_batch_are_the_folds_one_by_one(held_out):
    data = made_up(subjects=6)
    run = LosoRun(config=SMALL, seed=3, held_out=held_out)
    together = fit_chunk(data, run, list(range(6)))
    for fold in range(6):
        alone = fit_chunk(data, run, [fold])
        tested = data.subject_index() == fold
        np.testing.assert_allclose(
            alone["probabilities"][:, tested], together["probabilities"][:, tested], atol=1e-4, rtol=0
        )
        np.testing.assert_allclose(
            alone["validation_loss"][:, 0], together["validation_loss"][:, fold], atol=1e-4, rtol=0
        )


def test_folds_begin_differently_and_seeds_do_too():
    data = made_up(subjects=2)
    first, second = (fit_chunk(data, LosoRun(config=SMALL, seed=seed), [0])["probabilities"] for seed in (0, 1))
    own = data.subject_index() == 0
    assert np.abs(first[:, own] - second[:, own]).max() > 1e-3


def test_a_chunk_that_was_killed_goes_on_where_it_was_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(fold_chunk, "SECONDS_BETWEEN_STATES", -1.0)
    monkeypatch.setattr(fold_chunk, "STATES_SHARE", float("inf"))
    data, run = made_up(subjects=3), LosoRun(config=SMALL, seed=0, held_out=True)
    whole = fit_chunk(data, run, [0, 1, 2])
    state = tmp_path / "state.pt"

    class Killed(BaseException):
        pass

    def kill(epoch: int) -> None:
        if epoch == 3:
            raise Killed

    with pytest.raises(Killed):
        fit_chunk(data, run, [0, 1, 2], on_epoch=kill, state=state)
    epochs: list[int] = []
    resumed = fit_chunk(data, run, [0, 1, 2], on_epoch=epochs.append, state=state)
    assert epochs == [3, 4]
    for name, values in whole.items():
        np.testing.assert_array_equal(resumed[name], values)


def test_half_precision_learns_the_same_thing():
    data = made_up()
    full, half = (
        fit_chunk(data, LosoRun(config=SMALL.changed(precision=precision, epochs=8), seed=0), [0, 1, 2, 3])
        for precision in ("float32", "bf16")
    )
    assert not np.array_equal(full["probabilities"], half["probabilities"])
    right = [(each["probabilities"][-1].argmax(-1) == data.labels).mean() for each in (full, half)]
    assert min(right) > 0.9


def test_a_configuration_has_the_classes_of_the_data_unless_it_names_its_own():
    seven = made_up(classes=tuple("abcdefg"))
    assert adapted(SMALL, seven).model.num_classes == 7
    assert adapted(SMALL, seven, precision="bf16").precision == "bf16"
    said = TrainingConfig(model=FoldedConfig(num_classes=3))
    assert adapted(said, seven).model.num_classes == 3


def test_a_gpu_takes_all_folds_at_once_and_a_cpu_what_suits_its_cache():
    data = made_up(subjects=20)
    assert folds_in_a_chunk(None, data, device="cuda:0") == 20
    assert folds_in_a_chunk(None, data, device="cpu") == 17
    assert folds_in_a_chunk(5, data, device="cuda") == 5


def test_an_exhausted_gpu_says_what_to_give(monkeypatch):
    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fold_chunk, "train_folded", exhausted)
    with pytest.raises(TrainingError, match=r"4 folds at once need more memory .* --folds-at-once 2"):
        fit_chunk(made_up(), LosoRun(config=SMALL, seed=0), [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("classes", "count"), [(("negative", "positive", "surprise"), 3), (("a", "b", "c", "d"), 4), (tuple("abcdefg"), 7)]
)
def test_the_command_judges_sets_of_three_four_and_seven_classes(tmp_path, classes, count):
    save_cache(made_up(subjects=4, clips=2 * count, classes=classes), tmp_path / "flow.npz")
    (tmp_path / "tiny.toml").write_text(
        "[training]\nepochs = 6\nbatch_size = 16\nlearning_rate = 1e-2\n"
        "[training.model]\ndim = 8\nblock_repeats = [1, 1, 1]\ndropout = 0.0\n"
    )
    result = CliRunner().invoke(
        app,
        [
            *("microexpression", "loso", "--data", str(tmp_path / "flow.npz"), "--config", str(tmp_path / "tiny.toml")),
            *("--out", str(tmp_path / "out"), "--seeds", "1", "--held-out-seeds", "0", "--no-shuffled"),
            *("--precision", "bf16", "--folds-at-once", "4"),
        ],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    report = (tmp_path / "out" / "loso.json").read_text()
    assert f'"num_classes": {count}' in report
    assert '"precision": "bf16"' in report
    assert all(name in report for name in classes)


def test_a_start_of_another_size_is_refused_by_name(tmp_path):
    data = made_up(subjects=10, clips=3)
    small = SMALL.changed(epochs=1)
    simulated = SimulatedSet(data.images, data.labels, data.subject_index())
    made = train_reference(small, simulated, members=1, seed=0, spec=MicroExpressionSpec())
    save_atomically(made, tmp_path / "start.pt")
    wide = small.changed(model=small.model.changed(dim=8))
    with pytest.raises(TrainingError, match=r"start.pt: is another network than \[training.model\] says"):
        fit_chunk(data, LosoRun(config=wide, seed=0, initial=str(tmp_path / "start.pt")), [0])


def test_heads_that_make_one_network_are_trained_once():
    sizes = sizes_of(FoldedConfig(), [16, 8], [1, 2, 3, 4])
    assert [(size.config.dim, size.heads) for size in sizes] == [(16, (1, 2, 4)), (16, (3,)), (8, (1, 2, 4)), (8, (3,))]
    assert sizes[1].config.inner_widths() == (15, 30, 60)
    assert sizes[1].weights < sizes[0].weights
    with pytest.raises(TrainingError, match="--heads 9 are more than --dim 8"):
        sizes_of(FoldedConfig(), [8], [9])


def test_the_study_is_a_table_with_the_reason_why_heads_hardly_matter(tmp_path: Path):
    save_cache(made_up(), tmp_path / "flow.npz")
    seen: list[float] = []
    rows = study_sizes(
        tmp_path / "flow.npz",
        SMALL,
        dims=[4, 6],
        heads=[1, 2, 4],
        seeds=2,
        out=tmp_path / "study",
        folds_per_chunk=4,
        progress=lambda done, runs: seen.append(done / runs),
    )
    assert [(row["dim"], row["heads"]) for row in rows] == [(4, "1, 2, 4"), (6, "1, 2"), (6, "4")]
    assert seen == sorted(seen)
    assert seen[-1] == 1
    for row in rows:
        assert 0 <= row["uf1_low"] <= row["uf1_high"] <= 1
        assert row["uf1_chosen_on_the_test_subject"] >= row["uf1"] - 1e-9
        assert row["largest_difference_between_heads"] < 1e-5
    text = (tmp_path / "study" / "study.md").read_text()
    assert text.count("\n| ") == 3
    assert "every block sees one token" in text
    assert (tmp_path / "study" / "study.csv").is_file()
