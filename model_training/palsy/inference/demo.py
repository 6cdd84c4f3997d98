"""`demo`: the whole way once, on simulated patients laid out as a data set would be: prepare, cache, train, evaluate,
export, serve.

Every step is the command that a user would type, in a process of its own; the last one asks the running service about
photographs of the test people and compares its answers with `predict`'s.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from face.whole_file import write_text
from model_training.data.sample_table import read_table
from model_training.datasets.converters.fnp import DEFAULT_STEM
from model_training.errors import TrainingError
from model_training.palsy.inference.served import ask, compare
from model_training.palsy.task import PalsyTask
from model_training.runtime.gpu_presence import refuse_missing_gpu
from model_training.runtime.served_models import served
from model_training.runtime.typed_steps import SUMMARY, TypedSteps, told_seconds
from model_training.training.config import load_config
from model_training.training.run_files import STATE


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much the demonstration simulates, trains and asks."""

    people: int
    images: int
    size_px: int
    epochs: int
    asked: int


FULL = DemoSize(people=72, images=12, size_px=384, epochs=14, asked=24)
SMALL = DemoSize(people=16, images=4, size_px=256, epochs=1, asked=6)


def run_demo(
    out: Path, *, config: Path, size: DemoSize, jobs: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Goes on where it was stopped with the same settings. Raises TrainingError when a step fails or a served answer
    differs from `predict`'s, Interrupted on Ctrl-C; returns what is written to demo.json."""
    simulated, photographs, table, cache = out / "simulated", out / "fnp", out / "table", out / "cache"
    checkpoint, report, predicted, models = out / "run/best.pt", out / "report", out / "predicted", out / "models"
    chosen = [
        f"data.cache={cache}", f"run.out={out / 'run'}", f"run.seed={seed}", f"optimisation.epochs={size.epochs}"
    ]  # fmt: skip
    _check(config, chosen)
    settings = {**asdict(size), "seed": seed, "config": config.read_text(encoding="utf-8")}
    steps = TypedSteps(out, settings=settings, say=say)
    steps.run(
        "simulate renders", out=simulated, identities=size.people, images_per_identity=size.images, seed=seed,
        size=size.size_px, processes=jobs,
    )  # fmt: skip
    if "prepare" not in steps.seconds:
        lay_out_as_grade_folders(simulated, photographs)
    # Named, as `prepare` asks, since a simulated person has every grade in turn, which a patient has not.
    steps.run(
        "data prepare", "fnp", root=photographs, grades="1..6", stem=DEFAULT_STEM, out=table, validation=0.2, test=0.2,
        seed=seed,
    )  # fmt: skip
    steps.run("data cache", table, out=cache, jobs=jobs)
    begun = (out / "run" / STATE).is_file()
    steps.run("palsy train", config=config, set=chosen, resume=begun or None)
    steps.run("palsy evaluate", checkpoint=checkpoint, cache=cache, out=report)
    asked = photographs_of_test_people(table, size.asked)
    write_text("\n".join(str(path.resolve()) for path in asked), out / "asked.txt")
    steps.run("palsy predict", out / "asked.txt", checkpoint=checkpoint, out=predicted)
    # The comparison below is of float32 with float32.
    steps.run("export", checkpoint=checkpoint, out=models / "palsy", metrics=report / "metrics.json", int8=False)
    with steps.timed("serve"), served(models, out / "service.log") as url:
        answers = [ask(url, path) for path in asked]
    differences = compare(predicted / "predictions.csv", answers)
    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    summary = {
        "seconds": steps.seconds,
        "total_seconds": steps.total_seconds,
        "asked": len(answers),
        "different": differences,
        "figures": metrics["all"]["figures"],
        "people": size.people,
        "images": size.people * size.images,
    }
    write_text(json.dumps(summary, indent=2), out / SUMMARY)
    if differences:
        raise TrainingError(
            f"{len(differences)} of {len(answers)} served answers differ from predict's: " + "; ".join(differences[:5])
        )
    return summary


def _check(config: Path, chosen: list[str]) -> None:
    """Before minutes of simulating. Raises TrainingError for a configuration that `train` would refuse."""
    settings = load_config(config, overrides=tuple(chosen))
    if settings.task != "palsy":
        raise TrainingError(f"{config}: its task is {settings.task!r}; this demonstration grades palsies")
    refuse_missing_gpu(settings.run.device, name="run.device")
    PalsyTask(settings).build_model(None)


def lay_out_as_grade_folders(simulated: Path, target: Path) -> None:
    """Simulated photographs as an FNP-like set: grade_3/patient007_left_smile-012.jpg. Nothing but the pictures and
    their names is passed on."""
    table = read_table(simulated)
    numbers = {person: index for index, person in enumerate(sorted(table.frame["person_id"].unique()), start=1)}
    for index, row in enumerate(table.frame.to_dict("records")):
        folder = target / f"grade_{row['label']}"
        folder.mkdir(parents=True, exist_ok=True)
        pose = row["pose"].replace("_", "-")
        name = f"patient{numbers[row['person_id']]:03d}_{row['side'] or 'none'}_{pose}-{index:04d}"
        shutil.copyfile(table.path(row["path"]), folder / (name + Path(row["path"]).suffix))


def photographs_of_test_people(table: Path, count: int) -> list[Path]:
    """Photographs of the test people, as different in grade as there are."""
    read = read_table(table)
    frame = read.frame[read.frame["split"] == "test"]
    frame = frame.assign(turn=frame.groupby("label").cumcount()).sort_values(["turn", "label"])
    return [read.path(path) for path in frame["path"].head(count)]


def describe(summary: dict[str, Any]) -> list[str]:
    figures = pd.Series(summary["figures"]).round(3).to_dict()
    return [
        f"{summary['asked']} served answers equal predict's ({summary['people']} simulated people, "
        f"{summary['images']} photographs)",
        told_seconds(summary["seconds"]),
        f"test people: kappa {figures['kappa']}, within one {figures['within_one']}, mae {figures['mae']}",
    ]


def default_config() -> Path:
    """configs/demo.toml of the repository, or the copy that an installed package has beside this file. Raises
    TrainingError where there is neither."""
    here = Path(__file__).parent
    for path in (here.parents[2] / "configs/demo.toml", here / "demo.toml"):
        if path.is_file():
            return path
    raise TrainingError(f"{here / 'demo.toml'} is missing; give a configuration with --config")
