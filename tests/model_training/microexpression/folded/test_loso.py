"""LOSO on a small made-up set: what a fold sees, the three protocols, resuming, the report."""

import os
import signal
import threading
import time
from multiprocessing import active_children

import numpy as np
import pytest
import torch

from model_training.errors import Interrupted, TrainingError
from model_training.microexpression.evaluation.report import loso_report, write_report
from model_training.microexpression.folded.fold_chunk import (
    LosoRun,
    fit_chunk,
    held_out_subjects,
)
from model_training.microexpression.folded.inputs import mirror, network_input, shift_randomly
from model_training.microexpression.folded.loso import LosoResult, choose, choose_held_out, run_all, run_loso
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.training import TrainingConfig, balance, predict, train_folded
from model_training.microexpression.published_flow import FlowImages, load_flow
from model_training.runtime.shard import Shard
from tests.model_training.microexpression.folded.flow_clips import made_up, save_cache

SMALL = TrainingConfig(
    model=FoldedConfig(dim=4, block_repeats=(1, 1, 1), dropout=0.0), epochs=8, batch_size=16, learning_rate=5e-3
)


@pytest.fixture
def cache(tmp_path):
    path = tmp_path / "flow.npz"
    save_cache(made_up(), path)
    return path


def test_every_clip_is_tested_by_a_network_that_has_not_seen_its_subject():
    data = made_up()
    poisoned = data.labels.copy()
    poisoned[data.subjects == "set/s1"] = 0
    other = FlowImages(data.images, poisoned, data.subjects, data.datasets, data.clips)
    run = LosoRun(config=SMALL, seed=0)
    first, second = (fit_chunk(each, run, [1])["probabilities"] for each in (data, other))
    tested = data.subjects == "set/s1"
    assert np.isfinite(first[:, tested]).all()
    assert np.isnan(first[:, ~tested]).all()
    np.testing.assert_array_equal(first[:, tested], second[:, tested])


def test_shards_into_one_folder_are_one_run(cache, tmp_path):
    short = SMALL.changed(epochs=2)
    run = LosoRun(config=short, seed=0, folds_per_chunk=1)
    whole = run_loso(cache, run, out=tmp_path / "whole")
    assert run_loso(cache, run, out=tmp_path / "shared", shard=Shard(2, 2)) is None
    both = run_loso(cache, run, out=tmp_path / "shared", shard=Shard(1, 2))
    joined = run_loso(cache, run, out=tmp_path / "shared")
    for result in (both, joined):
        np.testing.assert_array_equal(result.probabilities, whole.probabilities)


def test_a_shard_does_its_share_of_all_runs_together(cache, tmp_path):
    short = SMALL.changed(epochs=1)
    runs = [LosoRun(config=short, seed=seed, folds_per_chunk=3) for seed in range(3)]
    assert [run.chunks(load_flow(cache)) for run in runs] == [2, 2, 2]
    for number in (1, 2, 3, 4):
        run_all(cache, runs, out=tmp_path / "shared", shard=Shard(number, 4))
        assert len(list((tmp_path / "shared").rglob("*.npz"))) == (2, 4, 5, 6)[number - 1]
    for shared, whole in zip(
        run_all(cache, runs, out=tmp_path / "shared"), run_all(cache, runs, out=tmp_path / "whole"), strict=True
    ):
        assert shared.probabilities.tobytes() == whole.probabilities.tobytes()


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_ends_a_long_run_at_once_and_keeps_finished_chunks(cache, tmp_path, processes, request):
    run = LosoRun(config=SMALL.changed(epochs=100_000), seed=0, folds_per_chunk=2)
    folder = tmp_path / "out" / f"{run.name()}_{run.fingerprint(load_flow(cache))}"
    folder.mkdir(parents=True)
    (folder / "folds_000.npz").write_bytes(b"finished before")
    # A shell's background jobs ignore Ctrl-C, and this test would never end there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    timer = threading.Timer(4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(Interrupted, match=r"1 of 2 chunks of seed0 are finished and kept in .*goes on from there"):
        run_loso(cache, run, out=tmp_path / "out", processes=processes)
    assert time.monotonic() - started < 30, "the run itself would take many minutes"
    assert active_children() == []


def test_loso_learns_resumes_and_is_the_same_in_two_processes(cache, tmp_path):
    run = LosoRun(config=SMALL, seed=0, folds_per_chunk=2)
    said: list[str] = []
    result = run_loso(cache, run, out=tmp_path / "one", progress=said.append)
    assert (choose(result, load_flow(cache).subject_index(), "b").argmax(-1) == result.labels).mean() > 0.9
    again: list[str] = []
    run_loso(cache, run, out=tmp_path / "one", progress=again.append)
    assert again == ["seed0: 2 of 2 chunks are done"]
    both = run_loso(cache, run, out=tmp_path / "two", processes=2)
    np.testing.assert_allclose(both.probabilities, result.probabilities, atol=1e-5)


def test_another_configuration_does_not_take_up_old_parts(cache):
    data = load_flow(cache)
    first = LosoRun(config=SMALL, seed=0).fingerprint(data)
    assert LosoRun(config=SMALL.changed(epochs=9), seed=0).fingerprint(data) != first
    assert LosoRun(config=SMALL, seed=0, held_out=True).fingerprint(data) != first


def test_epochs_are_chosen_by_the_named_protocol_and_no_other():
    labels, subject = np.array([0, 1, 2, 0]), np.array([0, 0, 1, 1])
    right, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    probabilities = np.stack([right, wrong, wrong]).astype(np.float32)
    loss = np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    result = LosoResult(probabilities=probabilities, validation_loss=loss, labels=labels)
    assert (choose(result, subject, "a").argmax(-1) == labels).all()
    assert (choose(result, subject, "b").argmax(-1) != labels).all()
    held_out, winners = choose_held_out([result], subject)
    np.testing.assert_array_equal(held_out.argmax(-1) == labels, [False, False, True, True])
    assert winners.tolist() == [0, 0]
    with pytest.raises(ValueError, match="held_out"):
        choose_held_out([LosoResult(probabilities, np.full((3, 2), np.nan), labels)], subject)


def test_the_configuration_is_chosen_for_each_subject_by_held_out_loss_alone():
    labels, subject = np.array([0, 1, 2, 0]), np.array([0, 0, 1, 1])
    right, wrong = np.eye(3, dtype=np.float32)[labels], np.eye(3, dtype=np.float32)[(labels + 1) % 3]
    first = LosoResult(right[None], np.array([[2.0, 1.0]]), labels)
    second = LosoResult(np.stack([wrong, right]), np.array([[1.0, 9.0], [3.0, 9.0]]), labels)
    held_out, winners = choose_held_out([first, second], subject)
    assert winners.tolist() == [1, 0]
    np.testing.assert_array_equal(held_out.argmax(-1) == labels, [False, False, True, True])


def test_standardised_images_do_not_hang_on_one_pixel():
    images = torch.randint(100, 150, (4, 3, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    one_peak = images.clone()
    one_peak[:, :, 3, 3] = 255
    plain, other = (network_input(each, kind="standardised") for each in (images, one_peak))
    torch.testing.assert_close(plain.mean((-2, -1)), torch.zeros(4, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(plain.std((-2, -1)), torch.full((4, 3), 0.5), atol=1e-2, rtol=0)
    assert (plain - other)[:, :, 5:].abs().max() < 0.1
    mirrored = network_input(mirror(images), kind="standardised")
    torch.testing.assert_close(mirrored[:, 0], -plain[:, 0].flip(-1), atol=1e-5, rtol=0)


def test_held_out_subjects_are_whole_and_never_the_test_subject():
    subject = np.repeat(np.arange(8), 5)
    for fold in range(8):
        chosen = held_out_subjects(subject, fold, seed=3)
        assert not chosen[subject == fold].any()
        assert chosen.mean() >= 0.15
        assert all(chosen[subject == name].all() or not chosen[subject == name].any() for name in range(8))


def test_the_report_has_all_protocols_side_by_side(cache, tmp_path):
    data = load_flow(cache)
    short = SMALL.changed(epochs=2)
    plain = [run_loso(cache, LosoRun(config=short, seed=seed), out=tmp_path / "p") for seed in (0, 1)]
    kept = [[run_loso(cache, LosoRun(config=short, seed=0, held_out=True), out=tmp_path / "p")]]
    control = [run_loso(cache, LosoRun(config=short, seed=0, shuffle=True), out=tmp_path / "p")]
    report = loso_report(plain, kept, control, data, configurations=["short"], about={})
    assert list(report["protocols"]) == ["a", "b", "c"]
    assert report["protocols"]["a"]["single"]["full"]["uf1"] >= report["protocols"]["b"]["single"]["full"]["uf1"]
    assert "leaks" in report["protocols"]["a"]["meaning"]
    baseline = report["baseline"]
    assert baseline["scores"]["full"]["clips"] == len(data)
    assert baseline["scores"]["full"]["uar"] > baseline["shuffled_labels"]["uar"]
    write_report(report, tmp_path / "report")
    for name in ("loso.json", "loso.csv", "subjects.csv", "loso.png"):
        assert (tmp_path / "report" / name).stat().st_size > 0


def test_too_few_subjects_and_wrong_classes_are_named(cache, tmp_path):
    single = tmp_path / "single.npz"
    save_cache(made_up(subjects=1), single)
    with pytest.raises(TrainingError, match="two subjects"):
        run_loso(single, LosoRun(config=SMALL, seed=0), out=tmp_path)
    seven = TrainingConfig(model=FoldedConfig(dim=4, num_classes=7))
    with pytest.raises(TrainingError, match="num_classes"):
        run_loso(cache, LosoRun(config=seven, seed=0), out=tmp_path)


def test_mirroring_twice_is_the_image_and_negates_u():
    images = torch.randint(0, 256, (3, 3, 28, 28), dtype=torch.uint8)
    assert torch.equal(mirror(mirror(images)), images)
    assert torch.equal(mirror(images)[:, 0], 255 - images[:, 0].flip(-1))


def test_the_published_input_is_four_swapped_boxes_in_bgr():
    images = torch.arange(28 * 28).reshape(28, 28).remainder(256).to(torch.uint8).expand(1, 3, 28, 28).clone()
    images[:, 2] = 7
    tiles = network_input(images, kind="published_boxes")
    assert tiles.shape == (1, 3, 28, 28)
    assert (tiles[:, 0] == 7).all()
    assert torch.equal(tiles[0, 2, :14, :14], images[0, 0, 2:16, 4:18].float())
    assert torch.equal(tiles[0, 2, :14, 14:], images[0, 0, 14:28, 3:17].float())
    assert torch.equal(tiles[0, 2, 14:, :14], images[0, 0, 3:17, 14:28].float())


def test_shifts_keep_within_the_given_pixels():
    images = torch.zeros(20, 3, 28, 28, dtype=torch.uint8)
    images[:, :, 14, 14] = 255
    places = shift_randomly(images, 2, torch.Generator().manual_seed(0))[:, 0].nonzero()[:, 1:]
    assert (places - 14).abs().max() == 2


def test_balanced_weights_give_every_class_the_same_share():
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    weight = balance(torch.ones(1, 7), labels, 3)
    shares = [weight[0][labels == c].sum() for c in range(3)]
    torch.testing.assert_close(shares[0], shares[1])
    torch.testing.assert_close(shares[0], shares[2])


def test_training_is_the_same_twice():
    data = made_up(subjects=2)
    images = torch.from_numpy(np.ascontiguousarray(data.images.transpose(0, 3, 1, 2)))
    weights = [
        train_folded(SMALL.changed(epochs=2), images, torch.from_numpy(data.labels), torch.ones(1, len(data)), seed=4)
        for _ in range(2)
    ]
    assert torch.equal(predict(SMALL, weights[0], images), predict(SMALL, weights[1], images))
