"""The training loop: exact resume, several processes, and what it refuses."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from model_training.errors import Interrupted, TrainingError
from model_training.networks.htnet import HTNet
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.tasks import make_task
from model_training.training.checkpoint import load_checkpoint, take_weights
from model_training.training.run_state import Progress, save_state
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import HTNET, TINY, at_step, config, losses, quiet


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache"))


def test_an_interrupted_run_goes_on_with_the_same_losses(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(make_task(config(cache, tmp_path / "whole")), say=quiet)
    with monkeypatch.context() as patch:
        at_step(12, patch, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Interrupted, match="--resume"):
            train(make_task(config(cache, tmp_path / "cut")), say=quiet)
    assert len(losses(tmp_path / "cut")) == 8 + 4
    cut = train(make_task(config(cache, tmp_path / "cut")), resume=True, say=quiet)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert dict(cut.figures) == dict(whole.figures)
    a, b = (load_checkpoint(tmp_path / name / "best.pt").state_dict for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_killed_run_goes_on_from_its_last_state_with_the_same_losses(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"run": {"checkpoint_steps": 3}}
    train(make_task(config(cache, tmp_path / "whole", **settings)), say=quiet)
    with monkeypatch.context() as patch:
        at_step(14, patch, lambda: sys.exit(9))
        with pytest.raises(SystemExit):
            train(make_task(config(cache, tmp_path / "killed", **settings)), say=quiet)
    assert len(losses(tmp_path / "killed")) == 13  # two steps beyond the state of step 3, to be done again
    train(make_task(config(cache, tmp_path / "killed", **settings)), resume=True, say=quiet)
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {**TINY, "use_geometry": False, "use_roi": False, "use_diagonal_attn": False}},
        {"model": HTNET},
        {"loss": {"kind": "cross-entropy", "class_smoothing": 0.05}},
        {"optimisation": {"precision": "bf16", "accumulate": 2}},
        {"data": {"class_balance": "loss"}, "optimisation": {"patience": 1}},
        {
            "data": {"class_balance": "none"},
            "augmentation": {"flip": False, "photometric": 0.0, "noise": 0.0, "shift_px": 0},
        },
    ],
    ids=["plain", "htnet", "cross-entropy", "bf16", "loss-balance", "bare"],
)
def test_every_option_trains(cache: Path, tmp_path: Path, changes: dict) -> None:
    changes.setdefault("optimisation", {})["epochs"] = 1
    result = train(make_task(config(cache, tmp_path, **changes)), say=quiet)
    assert result.epochs == 1
    assert np.isfinite(losses(tmp_path)).all()
    loaded = load_checkpoint(result.best)
    assert set(loaded.calibration) >= {"grade_temperature", "conformal_threshold"}
    assert loaded.training_data["train_people"] == 8
    assert loaded.training_data["validation_people"] == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile imports what torch deprecates
def test_a_compiled_run_has_the_losses_of_a_plain_one_and_resumes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two minutes, nearly all of it the compiler's."""
    model = {**TINY, "dropout": 0.0}
    train(make_task(config(cache, tmp_path / "plain", model=model)), say=quiet)
    compiled = {"model": model, "optimisation": {"compile": True}}
    with monkeypatch.context() as patch:
        at_step(12, patch, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Interrupted, match="--resume"):
            train(make_task(config(cache, tmp_path / "compiled", **compiled)), say=quiet)
    result = train(make_task(config(cache, tmp_path / "compiled", **compiled)), resume=True, say=quiet)
    np.testing.assert_allclose(losses(tmp_path / "compiled"), losses(tmp_path / "plain"), rtol=1e-4)
    names = load_checkpoint(result.best).state_dict.keys()
    assert names == load_checkpoint(tmp_path / "plain/best.pt").state_dict.keys()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:dynamo_pgo:UserWarning")
def test_compiling_without_a_compiler_says_what_to_do(cache: Path, tmp_path: Path) -> None:
    import torch._inductor.config as inductor

    with inductor.patch({"cpp.cxx": (None, str(tmp_path / "g++")), "force_disable_caches": True}):
        refused(
            cache,
            tmp_path / "out",
            "No working C.. compiler found.*compile=false",
            model=HTNET,
            optimisation={"compile": True},
        )


def test_it_learns(cache: Path, tmp_path: Path) -> None:
    result = train(
        make_task(config(cache, tmp_path, optimisation={"epochs": 12, "learning_rate": 1e-2, "ema_decay": 0.8})),
        say=quiet,
    )
    first, last = (np.mean(part) for part in (losses(tmp_path)[:8], losses(tmp_path)[-8:]))
    assert last < 0.8 * first
    assert result.figures["kappa"] > 0.5


SCRIPT = textwrap.dedent("""
    import sys, tomllib
    from pathlib import Path
    from model_training.tasks import make_task
    from model_training.training.config import load_config
    from model_training.training.train import train
    train(make_task(load_config(Path(sys.argv[1]))), say=lambda text: None)
""")


def test_two_processes_see_what_one_of_the_double_batch_sees(cache: Path, tmp_path: Path) -> None:
    model = "\n".join(f"{key} = {json.dumps(value)}" for key, value in {**TINY, "dropout": 0.0}.items())
    toml = f"""
        [data]
        cache = {json.dumps(str(cache))}
        [model]
        {model}
        [optimisation]
        epochs = 1
        batch_size = BATCH
        [loss]
        roi = 0.0
        side = 0.0
        [run]
        out = "OUT"
        tensorboard = false
        threads = 1
    """
    for name, batch in (("one", 8), ("two", 4)):
        text = textwrap.dedent(toml).replace("BATCH", str(batch)).replace("OUT", str(tmp_path / name))
        (tmp_path / f"{name}.toml").write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    run = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "model_training",
        "train",
        "--config",
        "two.toml",
    ]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    subprocess.run([sys.executable, "script.py", "one.toml"], cwd=tmp_path, env=environment, check=True, timeout=240)
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=2e-4)
    one, two = (load_checkpoint(tmp_path / name / "best.pt").state_dict for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-2, atol=2e-3)


def test_init_takes_what_fits_and_says_so(cache: Path, tmp_path: Path) -> None:
    first = train(make_task(config(cache, tmp_path / "first", optimisation={"epochs": 1})), say=quiet)
    said: list[str] = []
    wider = {**TINY, "head_dim": 24}
    train(
        make_task(config(cache, tmp_path / "second", model=wider, optimisation={"epochs": 1})),
        init=[first.best],
        say=said.append,
    )
    text = "\n".join(said)
    assert "tensors taken" in text
    assert "not taken, other shape: fused_head" in text
    other = {
        "name": "HTNet",
        "image_size": 224,
        "patch_size": 28,
        "dim": 4,
        "heads": 1,
        "num_hierarchies": 1,
        "block_repeats": [1],
    }
    with pytest.raises(TrainingError, match="no weight of that checkpoint fits"):
        train(make_task(config(cache, tmp_path / "third", model=other)), init=[first.best], say=quiet)


def test_of_several_checkpoints_the_last_one_wins(cache: Path, tmp_path: Path) -> None:
    short = {"epochs": 1}
    first, second = (
        train(make_task(config(cache, tmp_path / name, optimisation=short, run={"seed": seed})), say=quiet).best
        for name, seed in (("first", 1), ("second", 2))
    )
    still = {**short, "learning_rate": 1e-9, "ema_decay": 0.0, "weight_decay": 0.0}
    last = train(make_task(config(cache, tmp_path / "last", optimisation=still)), init=[first, second], say=quiet).best
    weights = {path: load_checkpoint(path).state_dict["fused_head.pair.0.weight"] for path in (first, second, last)}
    torch.testing.assert_close(weights[last], weights[second], atol=1e-4, rtol=0)
    assert not torch.allclose(weights[first], weights[second], atol=1e-2)


def test_init_takes_the_encoder_of_a_micro_expression_network() -> None:
    shape = {"patch_size": 7, "dim": 8, "heads": 1, "num_hierarchies": 2, "block_repeats": (1, 1), "in_channels": 1}
    emotions = HTNet(image_size=28, num_classes=3, **shape)
    graded = HTNetEnhanced(image_size=28, num_classes=6, **shape)
    report = take_weights(graded, emotions.state_dict())
    own = graded.state_dict()
    encoder = {f"image_branch.encoder.{name}": value for name, value in emotions.encoder.state_dict().items()}
    # Half a face has its own positions, and its patches hold the difference from the other half too.
    own_shape = (".position", "patch_embedding.projection.weight")
    assert set(report.taken) == {name for name in encoder if not name.endswith(own_shape)}
    assert all(torch.equal(own[name], encoder[name]) for name in report.taken)
    assert "not taken, other shape: image_branch.encoder.levels.0.position [4, 4, 8] -> [4, 2, 8]" in report.lines()


def refused(cache: Path, out: Path, match: str, **changes: dict) -> None:
    with pytest.raises(TrainingError, match=match):
        train(make_task(config(cache, out, **changes)), say=quiet)
    assert not (out / "best.pt").exists()


def change_table(source: Path, target: Path, **columns: object) -> Path:
    write_cache(target)
    frame = pd.read_parquet(source / "samples.parquet")
    for name, values in columns.items():
        frame[name] = values(frame) if callable(values) else values
    frame.to_parquet(target / "samples.parquet")
    return target


def test_bad_tables_are_refused_by_name(cache: Path, tmp_path: Path) -> None:
    def both_sides(frame: pd.DataFrame) -> list[str]:
        return ["validation" if row == 0 else split for row, split in enumerate(frame["split"])]

    refused(change_table(cache, tmp_path / "a", split=both_sides), tmp_path / "out", "'p00' is in train and validation")
    refused(
        change_table(cache, tmp_path / "b", label=lambda f: f["label"].replace(4, 5)),
        tmp_path / "out",
        "no training row of class IV",
    )
    one = change_table(
        cache, tmp_path / "c", person_id=lambda f: f["person_id"].where(f["split"] == "validation", "p00")
    )
    refused(one, tmp_path / "out", "one person \\('p00'\\)")
    refused(change_table(cache, tmp_path / "d", split="train"), tmp_path / "out", "no row of split 'validation'")
    refused(cache, tmp_path / "out", "label 4, the configuration names 3", data={"labels": ["a", "b", "c"]})
    refused(cache, tmp_path / "out", "leaves no row", data={"select": {"pose": "pucker"}})
    refused(cache, tmp_path / "out", "no column 'nose'", data={"select": {"nose": "big"}})
    refused(tmp_path / "nothing", tmp_path / "out", "is no cache")


def test_a_run_of_another_configuration_or_preprocessing_is_refused(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(make_task(config(cache, out, optimisation={"epochs": 1})), say=quiet)
    with pytest.raises(TrainingError, match="holds a run already"):
        train(make_task(config(cache, out)), say=quiet)
    lines: list[str] = []
    faster = {"epochs": 2, "learning_rate": 1e-4}
    with pytest.raises(TrainingError, match=r"another configuration, different in optimisation.learning_rate"):
        train(make_task(config(cache, out, optimisation=faster)), resume=True, say=lines.append)
    assert not lines  # nothing goes on
    other = write_cache(tmp_path / "other", fingerprint="f" * 64)
    with pytest.raises(TrainingError, match="another preprocessing"):
        train(make_task(config(other, out, optimisation={"epochs": 1})), resume=True, say=quiet)


def test_more_epochs_go_on_where_the_run_ended(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = train(make_task(config(cache, out, optimisation={"epochs": 1})), say=quiet)
    lines: list[str] = []
    longer = train(make_task(config(cache, out, optimisation={"epochs": 3})), resume=True, say=lines.append)
    assert (first.epochs, longer.epochs) == (1, 3)
    assert len(losses(out)) == 3 * 8
    assert any("planned for 1 epochs, goes on to 3" in line for line in lines)
    with pytest.raises(TrainingError, match=r"3 epochs are trained already, more than optimisation\.epochs=2"):
        train(make_task(config(cache, out)), resume=True, say=quiet)


def test_ctrl_c_while_an_epoch_is_judged_loses_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(make_task(config(cache, tmp_path / "whole")), say=quiet)

    def judged_slowly(*_: Any, progress: Any, **__: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        progress(1, 2)
        raise AssertionError("went on judging")

    with monkeypatch.context() as patch:
        patch.setattr("model_training.training.train.run_model", judged_slowly)
        with pytest.raises(Interrupted, match="after epoch 1 was trained and before it was judged"):
            train(make_task(config(cache, tmp_path / "cut")), say=quiet)
    resumed = train(make_task(config(cache, tmp_path / "cut")), resume=True, say=quiet)
    assert resumed.figures == whole.figures
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_a_full_disk_keeps_the_last_state(cache: Path, tmp_path: Path) -> None:
    train(make_task(config(cache, tmp_path, optimisation={"epochs": 1})), say=quiet)
    before = (tmp_path / "state.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file that may not grow fails as a full disk does: in the middle of torch's archive.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"state\.pt: could not be written \(File too large\)"):
            save_state(config(cache, tmp_path), "f" * 64, Progress(), {"model": {"weight": torch.zeros(100_000)}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob(".*"))
