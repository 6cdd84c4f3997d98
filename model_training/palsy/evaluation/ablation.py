"""What each part of the palsy model contributes: every variant trained from scratch with several seeds, judged on
simulated people and on warped photographs that none of them saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from face.palsy.decoding import PalsyCalibration
from model_training.data.cache import open_cache
from model_training.errors import TrainingError
from model_training.palsy.evaluation.evidence import answers_of
from model_training.palsy.evaluation.figures import photograph_figures, simulated_figures
from model_training.palsy.inference.grader import load_palsy_checkpoint
from model_training.palsy.task import PalsyTask
from model_training.training.config import load_config
from model_training.training.run_files import keep_plan
from model_training.training.train import BEST, train

# Name -> changes of the configuration, which is that of the whole model.
_NO_CLOSEUPS = ("model.closeups=[]",)
_NO_GEOMETRY = (*_NO_CLOSEUPS, "model.use_geometry=false")
_NO_ROI = ("model.use_roi=false", "loss.roi=0.0")
VARIANTS: dict[str, tuple[str, ...]] = {
    "geometry alone": (*_NO_CLOSEUPS, "model.use_images=false", "loss.roi=0.0"),
    "HTNet": (*_NO_GEOMETRY, *_NO_ROI, "model.use_diagonal_attn=false"),
    "+ diagonal micro-attention": (*_NO_GEOMETRY, *_NO_ROI),
    "+ ROI attention": _NO_GEOMETRY,
    "+ geometry (fusion)": _NO_CLOSEUPS,
    "+ close-ups": (),
}
# Intervals by person are the report's business; spread over seeds is the ablation's.
REPEATS = 2
PLAN = "plan.json"


@dataclass(frozen=True)
class AblationRun:
    """One variant with one seed, in a folder of its own."""

    variant: str
    changes: tuple[str, ...]
    seed: int
    folder: Path

    @property
    def figures(self) -> Path:
        return self.folder / "figures.json"


def run_ablation(
    config: Path,
    *,
    seeds: int,
    test: Path,
    photographs: Path,
    out: Path,
    processes: int = 1,
    say: Callable[[str], None] = print,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Train and judge VARIANTS x seeds 1 .. `seeds` -> path of OUT/ablation.md; ablation.csv has a row for each run.

    `processes` share the runs. Finished runs are kept, an interrupted one goes on. progress: called with
    (runs done, all that were missing). Raises TrainingError as `train` does, and for a folder that holds runs of
    another configuration, or judged on other caches.
    """
    if seeds < 1:
        raise TrainingError(f"--seeds must be at least 1, got {seeds}")
    judged_on = {"test": str(test.resolve()), "photographs": str(photographs.resolve())}
    # The ablation sets the seeds itself.
    plan = {**judged_on, **load_config(config, overrides=("run.seed=1",)).to_dict()}
    keep_plan(out / PLAN, plan, holds="runs", cure="choose another --out")
    runs = [
        AblationRun(name, changes, seed, out / f"{''.join(c for c in name if c.isalnum())}-{seed}")
        for seed in range(1, seeds + 1)
        for name, changes in VARIANTS.items()
    ]
    missing = [run for run in runs if not run.figures.exists()]
    # Not forked: a fork of a process in which torch has computed hangs in its threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_train_and_judge, run, config, test, photographs): run for run in missing}
        for number, future in enumerate(as_completed(futures), start=1):
            run, figures = futures[future], future.result()
            say(
                f"{run.variant}, seed {run.seed}: kappa {figures['kappa']:.3f}, photographs "
                f"{figures['photo_spearman']:.3f} (run {number} of {len(missing)})"
            )
            if progress is not None:
                progress(number, len(missing))
    table = pd.DataFrame(
        {"variant": run.variant, "seed": run.seed, **json.loads(run.figures.read_text(encoding="utf-8"))}
        for run in runs
    )
    table.to_csv(out / "ablation.csv", index=False, float_format="%.4f")
    path = out / "ablation.md"
    path.write_text(_as_markdown(table), encoding="utf-8")
    return path


def _train_and_judge(run: AblationRun, config: Path, test: Path, photographs: Path) -> dict[str, float]:
    settings = load_config(config, overrides=(*run.changes, f'run.out="{run.folder}"', f"run.seed={run.seed}"))
    train(PalsyTask(settings), resume=(run.folder / "state.pt").exists(), say=_say_nothing)
    figures = _judge(run.folder / BEST, test, photographs)
    run.figures.write_text(json.dumps(figures), encoding="utf-8")
    return figures


def _judge(checkpoint: Path, test: Path, photographs: Path) -> dict[str, float]:
    loaded, network, spec = load_palsy_checkpoint(checkpoint)
    calibration = PalsyCalibration.from_dict(loaded.calibration)
    judged = [
        answers_of(network, open_cache(folder, kind="palsy", fingerprint=spec.fingerprint()))[0]
        for folder in (test, photographs)
    ]
    simulated = simulated_figures(judged[0], calibration, repeats=REPEATS)
    photo = photograph_figures(judged[1], calibration, repeats=REPEATS)["pooled"]["figures"]
    figures = simulated["all"]["figures"]
    return {
        **{name: figures[name] for name in ("kappa", "within_one", "mae", "side_palsy")},
        "healthy_I_or_II": simulated["healthy"]["graded_I_or_II"],
        **{f"photo_{name}": photo[name] for name in ("spearman", "within_face", "mae", "side")},
    }


def _as_markdown(table: pd.DataFrame) -> str:
    figures = [name for name in table.columns if name not in ("variant", "seed")]
    lines = [f"| variant | {' | '.join(figures)} |", f"|{'---|' * (len(figures) + 1)}"]
    for name in table["variant"].unique():
        part = table[table["variant"] == name]
        cells = (
            f"{part[figure].mean():.3f} ± {part[figure].std():.3f}" if len(part) > 1 else f"{part[figure].mean():.3f}"
            for figure in figures
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _say_nothing(_: str) -> None:
    return None
