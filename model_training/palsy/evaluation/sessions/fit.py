"""Fits what an examination leaves to numbers: `face/palsy/assessment/fitted.json`.

On simulated people that nothing is judged on. No network is trained here: temperatures, thresholds, one line for each
measure, and what two examinations of the same palsy differ by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from face.palsy.assessment.comparison import followed_figures, sdc_name
from face.palsy.assessment.evidence import EVIDENCE, Evidence, evidence_of
from face.palsy.assessment.examination import Examination, examine
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.grade import session_grade
from face.palsy.assessment.measuring.measures import raw_measures
from face.palsy.assessment.measuring.movement import MOVEMENTS, activation
from face.palsy.assessment.measuring.same_face import proportions
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT
from face.palsy.decoding import inclusion_scores
from face.vocabulary import POSES, REGIONS, Pose
from model_training.metrics.classification import Floats, Ints
from model_training.metrics.temperature import temperature_of_probabilities, tempered
from model_training.palsy.calibration import conformal_quantile
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.palsy.evaluation.sessions.true_findings import true_picture
from model_training.simulator.sessions.palsies import sample_session_palsy

COVERAGE = 0.9
# Correlation with the truth from which on a measure is corrected.
CLOSE_ENOUGH = 0.8
_PALSIES, _SEED = 20_000, 7

# The sets of pictures that each class of evidence is fitted on.
SUBSETS: dict[Evidence, tuple[frozenset[Pose], ...]] = {
    "full": (frozenset(POSES),),
    "core": (
        frozenset({"rest", "brow_lift", "gentle_closure", "full_smile"}),
        frozenset({"rest", "brow_lift", "tight_closure", "closed_smile", "pucker"}),
    ),
    "partial": (
        frozenset({"rest", "brow_lift", "full_smile"}),
        frozenset({"rest", "tight_closure", "full_smile"}),
        frozenset({"rest", "brow_lift", "gentle_closure"}),
    ),
    "single_movement": tuple(frozenset[Pose]({"rest", pose}) for pose in POSES if pose != "rest"),
    "single_photo": (frozenset({"rest"}),),
}
# Measures with a truth in the simulator, and the pictures that they are fitted on.
_WITH_TRUTH: dict[str, tuple[Pose, ...]] = {
    "fissure": POSES,
    "brow_excursion": ("brow_lift",),
    "closure": ("gentle_closure", "tight_closure"),
    "commissure_excursion": ("closed_smile", "full_smile"),
    "commissure_dx": ("closed_smile", "full_smile"),
    "commissure_dy": ("closed_smile", "full_smile"),
    "upper_lip_rise": ("snarl",),
    "ala_rise": ("snarl",),
    "pucker_excursion": ("pucker",),
    "mouth_width": ("rest", "pucker"),
}


def fit_numbers(sessions: Sequence[ReadSession]) -> dict[str, Any]:
    """The content of fitted.json. sessions: of simulated people, some with two visits. What is fitted later builds on
    what was fitted before."""
    numbers: dict[str, Any] = {
        "coverage": COVERAGE,
        "calibration": {name: {"temperature": 1.0, "conformal_threshold": COVERAGE} for name in EVIDENCE},
        "severity": _severity_prior(),
        "same_face": _same_face(sessions),
        "movement": _movement(sessions),
        "measures": _measures(sessions),
        "sdc95": {},
    }
    numbers["calibration"] = _calibration(sessions, FittedNumbers.of(numbers))
    fitted = FittedNumbers.of(numbers)
    numbers["sdc95"] = smallest_changes(sessions, lambda session: examine(session.pictures, fitted))
    return {name: _rounded(value) for name, value in numbers.items()}


def _severity_prior() -> dict[str, Any]:
    """Of drawn palsies, half of them with regions that differ."""
    rng = np.random.default_rng(_SEED)
    drawn = [sample_session_palsy("differ" if n % 2 else "alike", rng)[0].severity for n in range(_PALSIES)]
    severities = np.array([[getattr(one, region) for region in REGIONS] for one in drawn])
    return {"mean": severities.mean(axis=0).tolist(), "covariance": np.cov(severities.T).tolist()}


def _same_face(sessions: Sequence[ReadSession]) -> dict[str, Any]:
    faces = [
        {pose: proportions(picture) for pose, picture in session.pictures.items()}
        for session in sessions
        if len(session.pictures) >= 3
    ]
    strays: dict[Pose, list[Floats]] = {pose: [] for pose in POSES}
    for several in faces:
        middle = np.median(list(several.values()), axis=0)
        for pose, face in several.items():
            strays[pose].append(face - middle)
    offsets = {pose: np.mean(strays[pose], axis=0) for pose in POSES}
    even = [np.array([face - offsets[pose] for pose, face in several.items()]) for several in faces]
    apart = np.concatenate([several - several.mean(axis=0) for several in even])
    within = np.sqrt((apart**2).sum(axis=0) / (len(apart) - len(even)))
    return {
        "pose_offsets": {pose: offset.tolist() for pose, offset in offsets.items()},
        "within_person": within.tolist(),
    }


def _movement(sessions: Sequence[ReadSession]) -> dict[str, Any]:
    """Multinomial logistic regression on the channels, written for channels as they come."""
    channels, poses = [], []
    for session in sessions:
        rest = session.pictures.get("rest")
        for pose in MOVEMENTS:
            if rest is not None and pose in session.pictures:
                seen = activation(session.pictures[pose], rest, mm_per_unit=NOMINAL_MM_PER_UNIT)
                channels.append(astuple(seen))
                poses.append(MOVEMENTS.index(pose))
    given = np.array(channels)
    mean, spread = given.mean(axis=0), given.std(axis=0)
    model = LogisticRegression(C=3.0, max_iter=5000).fit((given - mean) / spread, poses)
    weights = model.coef_ / spread
    return {"weights": weights.tolist(), "bias": (model.intercept_ - weights @ mean).tolist()}


def _measures(sessions: Sequence[ReadSession]) -> dict[str, dict[str, float]]:
    """Lengths in true millimetres: the scale has an uncertainty of its own."""
    raw: dict[tuple[str, str, Pose, str], float] = {}
    truth: dict[tuple[str, str, Pose, str], float] = {}
    for session in sessions:
        if "rest" not in session.pictures:
            continue
        measured = [picture.halves.eye_distance for picture in session.pictures.values()]
        mm_per_unit = float(session.truth["iod_mm"]) / float(np.median(measured))
        perfect = {pose: true_picture(row) for pose, row in session.rows.items()}
        for pose, picture in session.pictures.items():
            key = (str(session.truth["session_id"]), pose)
            for found in raw_measures(pose, picture, session.pictures["rest"], mm_per_unit):
                raw[found.id, key[0], pose, str(found.side)] = found.value
            for found in raw_measures(pose, perfect[pose], perfect["rest"], 1.0):
                truth[found.id, key[0], pose, str(found.side)] = found.value
    fitted = {}
    for name in sorted({key[0] for key in raw}):
        keys = [key for key in raw if key[0] == name and key[2] in _WITH_TRUTH.get(name, ()) and key in truth]
        if keys:
            x, y = np.array([truth[key] for key in keys]), np.array([raw[key] for key in keys])
            fitted[name] = _line(truth=x, raw=y)
        else:
            fitted[name] = {"slope": 1.0, "offset": 0.0, "u": _repeat_error(name, raw, sessions)}
    return {name: {key: float(value) for key, value in error.items()} for name, error in fitted.items()}


def _line(*, truth: Floats, raw: Floats) -> dict[str, float]:
    """A line corrects what follows the truth closely; what does not would only be blown up by one."""
    slope, offset = 1.0, 0.0
    if np.corrcoef(truth, raw)[0, 1] >= CLOSE_ENOUGH:
        slope, intercept = np.polyfit(truth, raw, 1)
        offset = intercept / slope
    return {"slope": slope, "offset": offset, "u": float(np.sqrt(np.mean((raw / slope - offset - truth) ** 2)))}


def _repeat_error(name: str, raw: dict[tuple[str, str, Pose, str], float], sessions: Sequence[ReadSession]) -> float:
    """Standard deviation of one examination, from the differences of two of the same palsy."""
    differences = [
        raw[name, first, pose, side] - raw[name, second, pose, side]
        for first, second in _visits(sessions)
        for pose in POSES
        for side in ("left", "right", "None")
        if (name, first, pose, side) in raw and (name, second, pose, side) in raw
    ]
    return float(np.std(differences) / np.sqrt(2))


def _visits(sessions: Sequence[ReadSession]) -> Iterator[tuple[str, str]]:
    """Pairs of session ids of the same palsy."""
    of: dict[str, list[str]] = {}
    for session in sessions:
        of.setdefault(str(session.truth["visit_of"]), []).append(str(session.truth["session_id"]))
    for several in of.values():
        if len(several) >= 2:
            first, second = sorted(several)[:2]
            yield first, second


def _calibration(sessions: Sequence[ReadSession], numbers: FittedNumbers) -> dict[str, dict[str, float]]:
    fitted: dict[str, dict[str, float]] = {}
    for evidence, subsets in SUBSETS.items():
        probabilities, labels = [], []
        for session in sessions:
            for subset in subsets:
                pictures = {pose: picture for pose, picture in session.pictures.items() if pose in subset}
                if evidence_of(frozenset(pictures)) == evidence:
                    probabilities.append(session_grade(pictures, numbers).probabilities)
                    labels.append(int(session.truth["label"]) - 1)
        fitted[evidence] = calibrated(np.array(probabilities), np.array(labels))
    return fitted


def calibrated(probabilities: Floats, labels: Ints) -> dict[str, float]:
    """(N, 6) and grades from 0 -> the fields of `SessionCalibration`."""
    temperature = temperature_of_probabilities(probabilities, labels)
    scores = inclusion_scores(tempered(probabilities, temperature))[np.arange(len(labels)), labels]
    return {
        "temperature": temperature,
        "conformal_threshold": min(1.0, conformal_quantile(scores, coverage=COVERAGE)),
    }


def smallest_changes(
    sessions: Sequence[ReadSession], examined_as: Callable[[ReadSession], Examination]
) -> dict[str, float]:
    """1.96 standard deviations of what two examinations of the same palsy differ by, for every figure that can be
    compared."""
    examined = {str(session.truth["session_id"]): followed_figures(examined_as(session)) for session in sessions}
    differences: dict[str, list[float]] = {}
    for first, second in _visits(sessions):
        for name, value in examined[first].items():
            if name in examined[second]:
                differences.setdefault(sdc_name(name), []).append(examined[second][name] - value)
    return {
        name: float(1.96 * np.sqrt(np.mean(np.square(values))))
        for name, values in sorted(differences.items())
        if len(values) >= 10
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}")
