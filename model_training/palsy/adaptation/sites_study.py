"""What learning together would give: sites alone, federated and pooled, judged on the same new people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from face.palsy.decoding import PalsyCalibration
from face.whole_file import write_text
from model_training.errors import TrainingError
from model_training.palsy.adaptation.federated import averaged, change_of
from model_training.palsy.adaptation.heads import (
    AdaptableModel,
    HeadFit,
    Photographs,
    Weights,
    answers_of,
    fit_heads,
    look_at,
)
from model_training.palsy.adaptation.verdict import Verdict, compare, score_of
from model_training.palsy.evaluation.evaluate import select
from model_training.palsy.evaluation.judgement import Judgement, judge

AS_IT_IS, TOGETHER, POOLED = "as it is", "federated", "pooled"


def study_sites(
    checkpoint: Path,
    sites: Mapping[str, Path],
    tests: Mapping[str, Path],
    out: Path,
    *,
    rounds: int = 5,
    fit: HeadFit | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """sites, tests: name -> cache, of other people each. Writes OUT/sites.json and returns it.

    Every way of learning sees each photograph as often: the epochs of `fit`, shared out over the rounds. All keep the
    checkpoint's calibration, so that what is compared is what the heads have learned. `pooled` is what no hospital
    allows: all photographs in one place. progress: called with (steps done, all).
    """
    fit = fit or HeadFit()
    if len(sites) < 2:
        raise TrainingError(f"learning together takes at least two sites, got {', '.join(sites) or 'none'}")
    if not 1 <= rounds <= fit.epochs:
        raise TrainingError(f"--rounds must lie between 1 and the {fit.epochs} epochs, got {rounds}")
    model = AdaptableModel(checkpoint)
    chosen = {name: select(checkpoint, folder, split="all") for name, folder in {**sites, **tests}.items()}
    steps = len(chosen) + len(sites) + rounds + 1
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, steps)

    people = {name: set(one.frame["person_id"]) for name, one in chosen.items()}
    _refuse_known_people({name: people[name] for name in sites}, {name: people[name] for name in tests})
    seen: dict[str, Photographs] = {}
    for name, one in chosen.items():
        seen[name] = look_at(model, one.cache, one.rows)
        step()
    heads: dict[str, Weights] = {AS_IT_IS: model.heads}
    for site in sites:
        heads[f"{site} alone"] = fit_heads(model, seen[site], fit, seed=seed)
        step()
    heads[TOGETHER] = model.heads
    each = fit.changed(epochs=max(1, fit.epochs // rounds))
    for number in range(rounds):
        changes = [
            change_of(
                model,
                seen[site],
                each,
                people=len(people[site]),
                seed=seed + number,
                start=heads[TOGETHER],
            )
            for site in sites
        ]
        heads[TOGETHER] = averaged(heads[TOGETHER], changes)
        step()
    heads[POOLED] = fit_heads(model, Photographs.together([seen[site] for site in sites]), fit, seed=seed)
    step()
    judged = {
        way: _judge(model, [(seen[test], chosen[test].frame) for test in tests], weights)
        for way, weights in heads.items()
    }
    report = {
        "sites": {name: {"images": len(seen[name]), "people": len(people[name])} for name in chosen},
        "rounds": rounds,
        "fit": fit.to_dict(),
        "seed": seed,
        "figures": {
            way: {"score": float(score_of(one).mean()), **one.figures(np.arange(len(one.truth)))}
            for way, one in judged.items()
        },
        "verdicts": [verdict.as_dict() for verdict in verdicts_of(judged)],
        "sentences": [verdict.sentence() for verdict in verdicts_of(judged)],
    }
    write_text(json.dumps(report, indent=1) + "\n", out / "sites.json")
    return report


def verdicts_of(judged: Mapping[str, Judgement]) -> list[Verdict]:
    """Everything against the model as it is, and the federated model against each site alone and the pooled one."""
    first = [compare(way, one, AS_IT_IS, judged[AS_IT_IS]) for way, one in judged.items() if way != AS_IT_IS]
    others = [way for way in judged if way not in (AS_IT_IS, TOGETHER)]
    return first + [compare(TOGETHER, judged[TOGETHER], way, judged[way]) for way in others]


def _judge(model: AdaptableModel, tests: list[tuple[Photographs, pd.DataFrame]], heads: Weights) -> Judgement:
    outputs = answers_of(model, Photographs.together([seen for seen, _ in tests]), heads)
    return judge(
        pd.concat([frame for _, frame in tests], ignore_index=True),
        outputs,
        labels=model.checkpoint.labels,
        calibration=PalsyCalibration.from_dict(model.checkpoint.calibration),
    )


def _refuse_known_people(learned: Mapping[str, set[str]], tested: Mapping[str, set[str]]) -> None:
    for site, people in learned.items():
        for test, others in tested.items():
            if shared := sorted(people & others):
                raise TrainingError(
                    f"{site} and {test} share {len(shared)} people ({shared[0]!r}, ...): a test of people who were "
                    "learned from says nothing"
                )
