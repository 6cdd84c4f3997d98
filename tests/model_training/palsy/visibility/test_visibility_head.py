"""The head that says what is seen: mirrored alike, learns a cover in seconds, judged, saved and loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from face.palsy.visibility import SeenLimits
from htnet.palsy.group import palsy
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.trained_parts import TrainedParts
from model_training.palsy.visibility import training
from model_training.palsy.visibility.judging import judge_visibility, region_shares
from model_training.palsy.visibility.network import SeenMap
from model_training.palsy.visibility.training import VisibilityConfig, load_visibility, train_visibility
from tests.model_training.caches import write_cache


def test_the_mirrored_mosaic_has_the_mirrored_map() -> None:
    torch.manual_seed(0)
    network = SeenMap(width=4).eval()
    mosaic = torch.randint(0, 256, (2, 1, 224, 224), dtype=torch.uint8)
    with torch.no_grad():
        seen, mirrored = network(mosaic), network(mosaic.flip(-1))
    assert seen.shape == (2, 32, 32)
    torch.testing.assert_close(mirrored, seen.flip(-1), atol=1e-5, rtol=0)


def test_every_weight_learns_and_a_mosaic_of_another_shape_is_refused() -> None:
    network = SeenMap(width=2)
    network(torch.randint(0, 256, (4, 1, 224, 224), dtype=torch.uint8)).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())
    with pytest.raises(ValueError, match=r"\(N, 1, 224, 224\)"):
        network(torch.zeros(1, 3, 224, 224))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than a small network."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visibility")
    write_cache(folder / "train", people=24, seed=1, hidden=True)
    write_cache(folder / "validation", people=6, seed=2, hidden=True)
    config = VisibilityConfig(width=4, epochs=14, batch_size=8, learning_rate=1e-2)
    epochs = []
    best = train_visibility(
        [folder / "train"],
        [folder / "validation"],
        folder / "head.pt",
        config,
        TrainedParts(folder / "parts"),
        on_epoch=epochs.append,
    )
    assert len(epochs) == 14
    assert best.validation_loss == min(epoch.validation_loss for epoch in epochs) < epochs[0].validation_loss
    return folder


def test_a_cover_on_people_it_has_not_seen_is_found_and_a_clean_face_left_alone(trained: Path) -> None:
    figures = judge_visibility(trained / "head.pt", trained / "validation", limits=SeenLimits())
    assert figures.people == 6
    assert figures.named == {"patch": 1.0}
    assert (figures.clean_named, figures.clean_refused) == (0.0, 0.0)
    shares, frame = region_shares(trained / "head.pt", trained / "validation")
    assert shares.shape == (len(frame), 6)
    left_eye = shares[:, 1]
    covered = (frame["hidden"] == "patch").to_numpy()
    assert left_eye[covered].max() < 0.3 < 0.9 < left_eye[~covered].min()


def test_the_same_seed_gives_the_same_head(trained: Path, tmp_path: Path) -> None:
    config = VisibilityConfig(width=2, epochs=1, batch_size=16)
    for name in ("a.pt", "b.pt"):
        parts = TrainedParts(tmp_path / f"parts of {name}")
        train_visibility([trained / "train"], [trained / "validation"], tmp_path / name, config, parts)
    first, second = (load_visibility(tmp_path / name).state_dict() for name in ("a.pt", "b.pt"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_cache_without_the_truth_and_a_file_of_another_network_are_refused(trained: Path, tmp_path: Path) -> None:
    plain = write_cache(tmp_path / "plain", people=6)
    config, parts = VisibilityConfig(width=2, epochs=1, batch_size=4), TrainedParts(tmp_path / "parts")
    with pytest.raises(TrainingError, match="does not say what is seen"):
        train_visibility([plain], [trained / "validation"], tmp_path / "head.pt", config, parts)
    with pytest.raises(TrainingError, match="not a cache of hidden faces"):
        judge_visibility(trained / "head.pt", plain, limits=SeenLimits())
    grader = Path(__file__).resolve().parents[4] / "models/palsy/checkpoint.pt"
    with pytest.raises(TrainingError, match="holds HTNetEnhanced for palsy, not a visibility head"):
        load_visibility(grader)
    with pytest.raises(TrainingError, match="fewer than one batch"):
        train_visibility(
            [trained / "validation"],
            [trained / "validation"],
            tmp_path / "x.pt",
            VisibilityConfig(batch_size=500),
            parts,
        )
    assert not np.isnan(region_shares(trained / "head.pt", trained / "validation")[0]).any()


def test_a_training_that_is_stopped_in_a_step_and_in_judging_ends_with_the_same_file(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(out: str, *options: str) -> Result:
        given = ["--train", trained / "train", "--validation", trained / "validation", "--out", tmp_path / out]
        return CliRunner().invoke(palsy, ["train-visibility", *map(str, given), "--epochs", "3", *options])

    def stopped_in(name: str, call: int) -> Iterator[None]:
        called, original = 0, getattr(training, name)

        def stopping(*arguments: object) -> object:
            nonlocal called
            called += 1
            if called == call:
                os.kill(os.getpid(), signal.SIGINT)
            return original(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(training, name, stopping)
            yield

    whole = run("whole.pt")
    assert whole.exit_code == 0, whole.exception
    for number, (name, call) in enumerate([("_validation_loss", 1), ("_jittered", 1), ("_validation_loss", 2)]):
        for _ in stopped_in(name, call):
            stopped = run("head.pt", *(["--resume"] if number else []))
        assert isinstance(stopped.exception, Interrupted), stopped.exception
        assert f"Everything is saved in {tmp_path / 'head-training'}; the same command" in str(stopped.exception)
    resumed = run("head.pt", "--resume")
    assert resumed.exit_code == 0, resumed.exception
    assert (tmp_path / "head.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()
    assert resumed.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1].replace("whole", "head")
    assert run("head.pt", "--resume").stdout.splitlines()[-1] == resumed.stdout.splitlines()[-1]
    assert "made with another seed; repeat what" in str(run("head.pt", "--resume", "--seed", "1").exception)
