"""`demo`: the whole way once, on rendered people whose clips are laid out as CASME II is: prepare, cache, train,
evaluate, leave-one-subject-out, export, serve.

Every step is the command that a user would type; the last one asks the running service about pairs of the test people
and compares its answers with `predict`'s.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
from openpyxl import Workbook

from face.microexpression.spec import MicroExpressionSpec
from face.whole_file import write_text
from model_training.data.sample_table import read_table
from model_training.errors import TrainingError
from model_training.microexpression.inference.predict import as_json, predict_pair
from model_training.microexpression.simulation.face_motion import MotionStudio
from model_training.microexpression.simulation.movements import NEGATIVE, POSITIVE, SURPRISE
from model_training.microexpression.simulation.rendered_pairs import rendered_pairs
from model_training.runtime.served_models import post_files, served
from model_training.runtime.typed_steps import SUMMARY, TypedSteps, told_seconds
from model_training.training.run_files import STATE

ANNOTATIONS = "CASME2-coding.xlsx"
# As CASME II's annotations call what moves.
EMOTION = {NEGATIVE: "disgust", POSITIVE: "happiness", SURPRISE: "surprise"}
# Largest difference between served and predicted probabilities: two runtimes add float32 numbers in another order.
TOLERANCE = 2e-3
TRAIN = """task = "microexpression"
[data]
cache = "{cache}"
labels = ["negative", "positive", "surprise"]
[model]
name = "HTNet"
dim = 16
heads = 1
block_repeats = [2, 2, 2]
dropout = 0.1
[optimisation]
epochs = {epochs}
batch_size = 32
learning_rate = 2e-3
ema_decay = 0.95
[run]
out = "{run}"
seed = {seed}
"""
LOSO = """[training]
input = "standardised"
epochs = {epochs}
batch_size = 32
learning_rate = 1e-3
[training.model]
dim = 16
block_repeats = [1, 1, 1]
dropout = 0.2
"""


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much the demonstration renders, trains and asks."""

    people: int
    percents: tuple[float, ...]
    epochs: int
    asked: int


FULL = DemoSize(people=24, percents=(2.0, 3.0, 4.0, 5.0), epochs=30, asked=12)
SMALL = DemoSize(people=8, percents=(3.0, 5.0), epochs=2, asked=3)


def run_demo(out: Path, *, size: DemoSize, jobs: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Goes on where it was stopped with the same settings. Raises TrainingError when a step fails or a served answer
    differs from `predict`'s, Interrupted on Ctrl-C; returns what is written to demo.json."""
    clips, table, cache, run = out / "casme2", out / "table", out / "cache", out / "run"
    checkpoint, report, models = run / "best.pt", out / "report", out / "models"
    steps = TypedSteps(out, settings={**asdict(size), "seed": seed}, say=say)
    annotations = clips / ANNOTATIONS
    if "render" not in steps.seconds:
        say(f"rendering {size.people} people with {3 * len(size.percents)} movements each, as {clips}")
        shutil.rmtree(clips, ignore_errors=True)
        with steps.timed("render"):
            lay_out_as_casme2(clips, size, seed=seed)
    steps.run(
        "data prepare", "casme2", root=clips, annotations=annotations, out=table, validation=0.25, test=0.25, seed=seed
    )
    steps.run("data cache", table, kind="microexpression", out=cache, jobs=jobs)
    write_text(TRAIN.format(cache=cache, run=run, epochs=size.epochs, seed=seed), out / "train.toml")
    write_text(LOSO.format(epochs=max(size.epochs // 2, 1)), out / "loso.toml")
    steps.run("microexpression train", config=out / "train.toml", resume=(run / STATE).is_file() or None)
    steps.run("microexpression evaluate", checkpoint=checkpoint, data=cache, split="test", out=report)
    steps.run("microexpression loso", data=cache, config=out / "loso.toml", seeds=1, held_out_seeds=0, out=out / "loso")
    asked = pairs_of_test_people(table, size.asked)
    steps.run("microexpression visualize", *asked[0], checkpoint=checkpoint, out=out / "sheet.png")
    # The comparison below is of float32 with float32.
    steps.run(
        "export", checkpoint=checkpoint, out=models / "microexpression", metrics=report / "metrics.json", int8=False
    )
    with steps.timed("serve"), served(models, out / "service.log") as url:
        different = [line for pair in asked for line in _differences(url, checkpoint, *pair)]
    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    loso = json.loads((out / "loso/loso.json").read_text(encoding="utf-8"))
    summary = {
        "seconds": steps.seconds,
        "total_seconds": steps.total_seconds,
        "asked": len(asked),
        "different": different,
        "figures": metrics["all"]["figures"],
        "loso_uf1": {name: part["single"]["full"]["uf1"] for name, part in loso["protocols"].items()},
        "people": size.people,
        "clips": loso["clips"],
    }
    write_text(json.dumps(summary, indent=2), out / SUMMARY)
    if different:
        raise TrainingError(f"served answers differ from predict's: {'; '.join(different[:5])}")
    return summary


def lay_out_as_casme2(folder: Path, size: DemoSize, *, seed: int) -> None:
    """Rendered pairs as CASME2_RAW_selected/sub01/EP01/img1.jpg and img5.jpg, and the annotations beside them."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has one
    columns = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
    sheet.append(columns)
    each = 3 * len(size.percents)
    with closing(MotionStudio(MicroExpressionSpec())) as studio:
        pairs = rendered_pairs(studio, people=size.people, seed=seed, percents=size.percents)
        for number, pair in enumerate(pairs):
            subject, clip = f"{number // each + 1:02d}", f"EP{number % each + 1:02d}"
            frames = folder / "CASME2_RAW_selected" / f"sub{subject}" / clip
            frames.mkdir(parents=True)
            for frame, picture in ((1, pair.onset), (5, pair.apex)):
                cv2.imwrite(str(frames / f"img{frame}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])
            sheet.append((subject, clip, 1, 5, 9, "", EMOTION[pair.label]))
    book.save(folder / ANNOTATIONS)


def pairs_of_test_people(table: Path, count: int) -> list[tuple[Path, Path]]:
    """Onset and apex of clips of the test people, as different in class as there are."""
    read = read_table(table)
    frame = read.frame[read.frame["split"] == "test"]
    frame = frame.assign(turn=frame.groupby("label").cumcount()).sort_values(["turn", "label"])
    return [(read.path(row["onset_path"]), read.path(row["path"])) for row in frame.head(count).to_dict("records")]


def _differences(url: str, checkpoint: Path, onset: Path, apex: Path) -> list[str]:
    served_answer = post_files(f"{url}/v1/microexpression/classify?heatmap=false", {"onset": onset, "apex": apex})
    name = f"{apex.parent.parent.name}/{apex.parent.name}"
    try:
        predicted = as_json(predict_pair(checkpoint, onset, apex).read)
    except TrainingError as error:
        # What predict refuses, the service refuses; its code is in the sentence's cause.
        cause = getattr(error.__cause__, "code", "")
        return [] if served_answer.get("code") == cause else [f"{name}: refused by predict ({cause}), not served so"]
    if "code" in served_answer:
        return [f"{name}: refused as {served_answer['code']!r} by the service, answered by predict"]
    apart = max(
        abs(share - served_answer["probabilities"][label]) for label, share in predicted["probabilities"].items()
    )
    same_kind = predicted["movement_kind"] == served_answer["movement_kind"]
    if apart > TOLERANCE or not same_kind:
        return [f"{name}: probabilities {apart:.4f} apart, movement {served_answer['movement_kind']}"]
    return []


def describe(summary: dict[str, Any]) -> Sequence[str]:
    figures, loso = summary["figures"], summary["loso_uf1"]
    return (
        f"{summary['asked']} served answers equal predict's ({summary['people']} rendered people, {summary['clips']} "
        "clips)",
        told_seconds(summary["seconds"]),
        f"test people: UF1 {figures['uf1']:.3f}, UAR {figures['uar']:.3f}; leave-one-subject-out: (a) {loso['a']:.3f}, "
        f"(b) {loso['b']:.3f}",
    )
