"""Examinations with a truth, whose landmarks are the simulated head's own; enough to train a small network on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.severity import RegionalSeverity, house_brackmann_grade, overall_severity
from face.vocabulary import POSES, Pose, Side
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.simulator.patient import Palsy, movement_weights
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.sessions.session_set import truth_columns
from model_training.simulator.sessions.visit import TrueMeasures, measure_halves, true_landmarks
from tests.face.palsy.assessment.patients import OPEN_FISSURE_MM, mean_head, patient

NOISE = 0.004


def examinations(people: int, *, visits: int = 2, seed: int = 5) -> list[ReadSession]:
    """Every third person without a palsy, the others' alternately left and right, regions apart."""
    rng = np.random.default_rng(seed)
    return [
        examination(person, visit, *_palsy(person, rng), rng=rng)
        for person, visit in ((person, visit) for person in range(people) for visit in range(1, visits + 1))
    ]


def examination(
    person: int, visit: int, severity: RegionalSeverity, side: Side, *, rng: np.random.Generator
) -> ReadSession:
    palsy = Palsy({} if side == "none" else {side.capitalize(): severity}, synkinesis=0.0)
    effort = float(rng.uniform(0.8, 1.1))
    pictures: dict[Pose, SessionPicture] = {
        pose: replace(picture, points=picture.points + rng.normal(0, NOISE, picture.points.shape).astype(np.float32))
        for pose, picture in patient(palsy, effort=effort, side=side).items()
    }
    common = {
        "person_id": f"p{person}", "session_id": f"p{person}-{visit}", "visit_of": f"p{person}", "visit": visit,
        "label": house_brackmann_grade(severity), "severity": overall_severity(severity), "side": side,
        "pattern": "healthy" if side == "none" else "spread",
        **{f"severity_{region}": value for region, value in severity.as_dict().items()},
    }  # fmt: skip
    rows = {pose: pd.Series({**common, **_truth(palsy, pose, effort=effort)}) for pose in POSES}
    return ReadSession(rows=rows, pictures=pictures, refused=0)


def _palsy(person: int, rng: np.random.Generator) -> tuple[RegionalSeverity, Side]:
    if person % 3 == 0:
        return RegionalSeverity.even(0.0), "none"
    forehead, eye, nose, mouth = rng.uniform(0.5, 4.5, 4)
    return RegionalSeverity(forehead=forehead, eye=eye, nose=nose, mouth=mouth), "left" if person % 2 else "right"


def _truth(palsy: Palsy, pose: Pose, *, effort: float) -> dict[str, float]:
    head = mean_head()
    weights = movement_weights(MOVEMENTS[pose], palsy, effort=effort)
    halves = measure_halves(true_landmarks(head.deform(head.mean, weights)))
    opening = {side.lower(): OPEN_FISSURE_MM * (1 - weights.get(f"eyeBlink{side}", 0.0)) for side in ("Left", "Right")}
    return truth_columns(TrueMeasures(halves=halves, opening=opening))
