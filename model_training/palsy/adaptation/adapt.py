"""A palsy model adapted to a clinic's own graded photographs, where that is shown to help.

Three ways of answering are judged on people whom the answer has not seen: the model as it is; the same with a
calibration of the clinic; and with heads fitted there too, then calibrated. What is kept is decided beforehand: the
first, unless a later one is better beyond its interval. The heads that are written are then fitted on everybody, their
calibration on the answers that each fold gave to its own test people.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from face.palsy.decoding import PalsyCalibration, PalsyReading
from face.whole_file import write_text
from model_training.datasets.reading.splits import person_folds
from model_training.errors import TrainingError
from model_training.palsy.adaptation.heads import AdaptableModel, HeadFit, Photographs, answers_of, fit_heads, look_at
from model_training.palsy.adaptation.verdict import Verdict, compare, score_of
from model_training.palsy.evaluation.evaluate import select
from model_training.palsy.evaluation.judgement import Judgement, judge
from model_training.training.checkpoint import save_checkpoint
from model_training.training.row_split import Rows
from model_training.training.task import Outputs

FEWEST_IMAGES, FEWEST_PEOPLE = 30, 10
AS_IT_IS, CALIBRATED, FINE_TUNED = "as it is", "calibrated", "fine-tuned"
REPORT, ADAPTED = "adaptation.json", "adapted.pt"


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """kept: which way of answering; checkpoint: None where that is the model as it is. figures: of each way, on people
    whom it has not seen."""

    people: int
    images: int
    figures: Mapping[str, Mapping[str, float]]
    verdicts: list[Verdict]
    kept: str
    checkpoint: Path | None

    def lines(self) -> list[str]:
        shown = ("score", "kappa", "exact", "within_one", "mae", "ece", "coverage", "set_size")
        rows = [f"{self.images} images of {self.people} people, each judged by what never saw its person"]
        for name, figures in self.figures.items():
            rows.append(f"{name}: " + ", ".join(f"{figure} {figures[figure]:.3f}" for figure in shown))
        rows += [verdict.sentence() for verdict in self.verdicts]
        if self.checkpoint is None:
            rows.append("nothing helped beyond its interval: the model stays as it is, and no checkpoint is written")
        return rows


def adapt(
    checkpoint: Path,
    cache_folder: Path,
    out: Path,
    *,
    split: str = "all",
    folds: int = 5,
    fit: HeadFit | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Adapted:
    """Write OUT/adaptation.json and, where something helped, OUT/adapted.pt. progress: called with (steps done, all).

    Raises TrainingError as `evaluate.select`, for a network without heads, and for fewer than 30 images or 10 people.
    """
    fit = fit or HeadFit()
    model = AdaptableModel(checkpoint)
    selected = select(checkpoint, cache_folder, split=split)
    frame = selected.frame.reset_index(drop=True)
    people = sorted(set(frame["person_id"]))
    if len(frame) < FEWEST_IMAGES or len(people) < FEWEST_PEOPLE:
        raise TrainingError(
            f"{cache_folder}: {len(frame)} images of {len(people)} people in split {split!r}; to adapt and to see "
            f"whether it helped takes {FEWEST_IMAGES} images of {FEWEST_PEOPLE} people at least, some hundred better"
        )
    if folds < 2:
        raise TrainingError(f"--folds must be at least 2, got {folds}")
    tests = [np.flatnonzero(frame["person_id"].isin(test)) for test in person_folds(frame, folds=folds, seed=seed)]
    steps = _Steps(len(frame) + folds**2, progress)
    seen = look_at(model, selected.cache, selected.rows, progress=steps.images)
    clinic = _Clinic(model, seen, frame, fit, seed, steps)
    plain = answers_of(model, seen)
    shipped = model.checkpoint.calibration
    answered = {
        AS_IT_IS: clinic.pooled([(test, plain, shipped) for test in tests]),
        CALIBRATED: clinic.pooled([(test, plain, clinic.calibration(plain, _rest(test, tests))) for test in tests]),
    }
    tuned = [clinic.tuned(test, tests) for test in tests]
    answered[FINE_TUNED] = clinic.pooled(tuned)
    verdicts, kept = _decide(answered)
    state, calibration = model.checkpoint.state_dict, shipped
    everybody = np.arange(len(frame))
    if kept == FINE_TUNED:
        state = model.state_dict_with(fit_heads(model, seen, fit, seed=seed))
        calibration = clinic.calibration(_joined(tuned, plain), everybody)
    elif kept == CALIBRATED:
        calibration = clinic.calibration(plain, everybody)
    result = Adapted(
        people=len(people),
        images=len(frame),
        figures={name: _figures(judged) for name, judged in answered.items()},
        verdicts=verdicts,
        kept=kept,
        checkpoint=None if kept == AS_IT_IS else out / ADAPTED,
    )
    report = {
        "from": origin_of(model),
        "on": {"cache": cache_folder.name, "split": split, "people": result.people, "images": result.images},
        "folds": folds,
        "seed": seed,
        "fit": fit.to_dict(),
        "figures": {name: dict(figures) for name, figures in result.figures.items()},
        "verdicts": [verdict.as_dict() for verdict in verdicts],
        "kept": kept,
    }
    write_text(json.dumps(report, indent=1) + "\n", out / REPORT)
    if result.checkpoint is not None:
        save_checkpoint(
            replace(
                model.checkpoint,
                state_dict=state,
                calibration=calibration,
                metrics={**model.checkpoint.metrics, "adaptation": dict(result.figures[kept])},
                training_data={**model.checkpoint.training_data, "adapted": report},
            ),
            result.checkpoint,
        )
    return result


def origin_of(model: AdaptableModel) -> dict[str, Any]:
    """What a model was adapted from: its file's name and SHA-256 and, of a bundle, its name and version."""
    path = model.checkpoint.path
    origin: dict[str, Any] = {"file": "" if path is None else path.name}
    if path is not None and path.is_file():
        origin["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest = path.parent / "manifest.json"
        if manifest.is_file():
            said = json.loads(manifest.read_text(encoding="utf-8"))
            origin |= {"name": said.get("name"), "version": said.get("version")}
    return origin


class _Steps:
    """Progress over the images that are looked at and the fits."""

    def __init__(self, count: int, tell: Callable[[int, int], object] | None) -> None:
        self.count, self.tell, self.done = count, tell, 0

    def images(self, done: int, _all: int) -> None:
        self.done = done
        self.say()

    def fitted(self) -> None:
        self.done += 1
        self.say()

    def say(self) -> None:
        if self.tell is not None:
            self.tell(self.done, self.count)


# Rows of the test people, the outputs that they are taken from (of all rows), and the calibration.
_Fold = tuple[Rows, Outputs, Mapping[str, Any]]


class _Clinic:
    """Fits and judges on the photographs of one clinic. frame: their rows of the table."""

    def __init__(
        self, model: AdaptableModel, seen: Photographs, frame: Any, fit: HeadFit, seed: int, steps: _Steps
    ) -> None:
        self.model, self.seen, self.frame, self.fit, self.seed, self.steps = model, seen, frame, fit, seed, steps

    def calibration(self, outputs: Outputs, rows: Rows) -> dict[str, Any]:
        """Fitted on these rows. The limits stay: they are of what lies below the heads."""
        fitted = self.model.task.calibrate(
            self.frame.iloc[rows], {name: values[rows] for name, values in outputs.items()}
        )
        return {**self.model.checkpoint.calibration, **{k: v for k, v in fitted.items() if k != "thresholds"}}

    def tuned(self, test: Rows, tests: list[Rows]) -> _Fold:
        """Heads that never saw `test`, calibrated on the other folds, each answered by heads of the rest."""
        rest = _rest(test, tests)
        held_out = {name: values.copy() for name, values in answers_of(self.model, self.seen).items()}
        for inner in tests:
            if inner is not test:
                for name, values in self._by_heads_of(np.setdiff1d(rest, inner)).items():
                    held_out[name][inner] = values[inner]
        return test, self._by_heads_of(rest), self.calibration(held_out, rest)

    def _by_heads_of(self, rows: Rows) -> Outputs:
        heads = fit_heads(self.model, self.seen.part(rows), self.fit, seed=self.seed)
        self.steps.fitted()
        return answers_of(self.model, self.seen, heads)

    def pooled(self, folds: list[_Fold]) -> Judgement:
        """Every photograph by the fold that tests its person."""
        labels = self.model.checkpoint.labels
        readings: list[PalsyReading | None] = [None] * len(self.frame)
        for test, outputs, calibration in folds:
            judged = judge(
                self.frame.iloc[test],
                {name: values[test] for name, values in outputs.items()},
                labels=labels,
                calibration=PalsyCalibration.from_dict(calibration),
            )
            for row, reading in zip(test, judged.readings, strict=True):
                readings[row] = reading
        whole = judge(self.frame, folds[0][1], labels=labels, calibration=PalsyCalibration())
        return replace(whole, readings=[reading for reading in readings if reading is not None])


def _rest(test: Rows, tests: list[Rows]) -> Rows:
    return np.sort(np.concatenate([other for other in tests if other is not test]))


def _joined(folds: list[_Fold], like: Outputs) -> Outputs:
    """Each fold's answers to its own test people."""
    joined = {name: values.copy() for name, values in like.items()}
    for test, outputs, _ in folds:
        for name in joined:
            joined[name][test] = outputs[name][test]
    return joined


def _decide(answered: Mapping[str, Judgement]) -> tuple[list[Verdict], str]:
    kept, verdicts = AS_IT_IS, []
    for name in (CALIBRATED, FINE_TUNED):
        verdict = compare(name, answered[name], kept, answered[kept])
        verdicts.append(verdict)
        if verdict.helped:
            kept = name
    return verdicts, kept


def _figures(judged: Judgement) -> dict[str, float]:
    return {"score": float(score_of(judged).mean()), **judged.figures(np.arange(len(judged.truth)))}
