"""What examinations are worth, on tables of sessions: figures with intervals by person, as one dictionary for a JSON
file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from face.palsy.assessment.comparison import followed_figures
from face.palsy.assessment.examination import Examination, examine
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.measures import raw_measures
from face.palsy.assessment.measuring.movement import same_movement
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.scores.sunnybrook import sunnybrook
from face.palsy.assessment.session_model import SessionModel
from face.vocabulary import HOUSE_BRACKMANN, POSES, REGIONS, SIDES, Pose, Side
from model_training.metrics.classification import Floats, Ints, quadratic_weighted_kappa
from model_training.metrics.intervals import intervals_by_person
from model_training.metrics.reliability import expected_calibration_error
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.palsy.evaluation.sessions.true_findings import true_findings, true_picture

# The subsets that an examination is judged on, beside one smile alone, which is what `grade` would have.
SUBSETS: Mapping[str, frozenset[Pose]] = {
    "all": frozenset(POSES),
    "core": frozenset({"rest", "brow_lift", "gentle_closure", "full_smile"}),
}
_ALONE: Pose = "full_smile"
# Measures whose error is told, and in which pictures.
_MEASURED: Mapping[str, tuple[Pose, ...]] = {
    "commissure_excursion": ("full_smile",),
    "brow_excursion": ("brow_lift",),
    "fissure": ("rest", "gentle_closure", "tight_closure"),
    "upper_lip_rise": ("snarl",),
}
# A column of the tables whose truth is known in millimetres; of a warped portrait it is not.
_MILLIMETRES = "iod_mm"


def judge_sessions(
    sessions: Sequence[ReadSession], numbers: FittedNumbers, *, model: SessionModel | None = None, repeats: int = 1000
) -> dict[str, Any]:
    """sessions: of one table, each with its truth. model: the network of examinations, numbers then its own."""
    examined = {
        name: [
            examine({pose: p for pose, p in session.pictures.items() if pose in subset}, numbers, model=model)
            for session in sessions
        ]
        for name, subset in SUBSETS.items()
    }
    people = [str(session.truth["person_id"]) for session in sessions]
    found: dict[str, Any] = {
        "sessions": len(sessions),
        "people": len(set(people)),
        "refused_pictures": sum(session.refused for session in sessions),
        "one_photograph": _with_intervals(_Grades.of_one_picture(sessions), people, repeats),
    }
    for name, several in examined.items():
        found[name] = _with_intervals(_Grades.of_examinations(sessions, several), people, repeats)
    whole = examined["all"]
    measured = [(s, one) for s, one in zip(sessions, examined["all"], strict=True) if _MILLIMETRES in s.truth]
    return {
        **found,
        "rules": _with_intervals(_Grades.of_rules(sessions, whole), people, repeats),
        "regional_severity_error": _regional_errors(sessions, whole),
        "patterns": _patterns(sessions, whole),
        **(
            {"measures_mm": _measure_errors(measured), "sunnybrook": _sunnybrook(measured, numbers)} if measured else {}
        ),
        "movements": {**_movements(whole), "missing_noticed": _missing_noticed(sessions, numbers)},
        "same_face_false_alarms": _mean(one.same_face.doubtful for one in whole if one.same_face is not None),
        "smallest_detectable_change": _smallest_changes(sessions, whole),
    }


class _Grades:
    """labels, predicted: (N,) from 0; severity, expected: (N,) 0..5; probabilities (N, 6); sets: of labels; sides."""

    def __init__(
        self,
        sessions: Sequence[ReadSession],
        probabilities: Floats | None,
        predicted: Sequence[int],
        sets: Sequence[Sequence[int]] | None,
        sides: Sequence[Side] | None,
    ) -> None:
        self.labels = np.array([int(session.truth["label"]) - 1 for session in sessions])
        self.severity = np.array([float(session.truth["severity"]) for session in sessions])
        self.true_sides = [str(session.truth["side"]) for session in sessions]
        self.predicted = np.array(predicted)
        self.probabilities, self.sets, self.sides = probabilities, sets, sides

    @classmethod
    def of_examinations(cls, sessions: Sequence[ReadSession], examined: Sequence[Examination]) -> _Grades:
        graded = [one.grade for one in examined]
        probabilities = np.array([np.full(6, 1 / 6) if grade is None else grade.probabilities for grade in graded])
        return cls(
            sessions,
            probabilities,
            [-1 if grade is None else grade.index for grade in graded],
            [() if grade is None else grade.prediction_set for grade in graded],
            [one.side for one in examined],
        )

    @classmethod
    def of_one_picture(cls, sessions: Sequence[ReadSession]) -> _Grades:
        """The network's own answer for one smile, in the sessions where it can be read; rest elsewhere."""
        pictures = [session.pictures.get(_ALONE) or next(iter(session.pictures.values())) for session in sessions]
        probabilities = np.array([picture.probabilities for picture in pictures])
        predicted = (np.cumsum(probabilities, axis=1) >= 0.5).argmax(axis=1)
        sides: list[Side] = [SIDES[int(picture.side_probabilities.argmax())] for picture in pictures]
        return cls(sessions, probabilities, [int(one) for one in predicted], None, sides)

    @classmethod
    def of_rules(cls, sessions: Sequence[ReadSession], examined: Sequence[Examination]) -> _Grades:
        rules = [-1 if one.rule_grade is None else HOUSE_BRACKMANN.index(one.rule_grade) for one in examined]
        return cls(sessions, None, rules, None, None)

    def figures(self, rows: Ints) -> dict[str, float]:
        labels, predicted = self.labels[rows], self.predicted[rows]
        known = predicted >= 0
        found = {
            "kappa": quadratic_weighted_kappa(labels[known], predicted[known], classes=6),
            "exact": float(np.mean(labels == predicted)),
            "within_one": float(np.mean(known & (np.abs(labels - predicted) <= 1))),
            "graded_I": float(np.mean(predicted == 0)),
            "graded_I_or_II": float(np.mean(known & (predicted <= 1))),
            "ungraded": float(np.mean(~known)),
        }
        if self.probabilities is not None:
            expected = self.probabilities[rows] @ np.arange(6)
            if np.ptp(self.severity[rows]) > 0:  # healthy people are all alike
                found["spearman"] = float(spearmanr(expected, self.severity[rows])[0])
            found["error"] = float(np.mean(np.abs(expected - self.severity[rows])))
            found["ece"] = expected_calibration_error(self.probabilities[rows], labels)
        if self.sets is not None:
            sets = [self.sets[row] for row in rows]
            found["coverage"] = float(np.mean([label in one for label, one in zip(labels, sets, strict=True)]))
            found["set_size"] = float(np.mean([len(one) for one in sets]))
        obvious = [row for row in rows if self.labels[row] >= 2]
        if self.sides is not None and obvious:
            found["side_from_III"] = float(np.mean([self.sides[row] == self.true_sides[row] for row in obvious]))
        return found


def _with_intervals(grades: _Grades, people: Sequence[str], repeats: int) -> dict[str, Any]:
    everything: Callable[[Ints], dict[str, float]] = grades.figures
    figures = everything(np.arange(len(people)))
    return {"figures": figures, "intervals": intervals_by_person(people, everything, repeats=repeats)}


def _regional_errors(sessions: Sequence[ReadSession], examined: Sequence[Examination]) -> dict[str, float]:
    return {
        region: _mean(
            abs(one.grade.regions[region].severity - float(session.truth[f"severity_{region}"]))
            for session, one in zip(sessions, examined, strict=True)
            if one.grade is not None and region in one.grade.regions
        )
        for region in REGIONS
    }


def _patterns(sessions: Sequence[ReadSession], examined: Sequence[Examination]) -> dict[str, dict[str, float]]:
    """By the pattern that was drawn, the share of sessions with each that was found."""
    found: dict[str, dict[str, float]] = {}
    for drawn in sorted({str(session.truth["pattern"]) for session in sessions}):
        of = [one for session, one in zip(sessions, examined, strict=True) if session.truth["pattern"] == drawn]
        found[drawn] = {
            "sessions": float(len(of)),
            "forehead_spared": _mean("forehead_spared" in one.patterns for one in of),
            "bilateral_suspected": _mean("bilateral_suspected" in one.patterns for one in of),
        }
    return found


def _measure_errors(measured: Sequence[tuple[ReadSession, Examination]]) -> dict[str, dict[str, float]]:
    """error: mean absolute one, the scale's included; error_without_scale: by the true distance of the eyes. covered:
    share of intervals of 95 % that hold the truth. bias: measured less true."""
    apart: dict[str, list[float]] = {}
    covered: dict[str, list[bool]] = {}
    unscaled: dict[str, list[float]] = {}
    for session, one in measured:
        truth = {pose: true_picture(row) for pose, row in session.rows.items()}
        perfect = {
            (raw.id, pose, raw.side): raw.value
            for pose in truth
            for raw in raw_measures(pose, truth[pose], truth["rest"], 1.0)
        }
        for measure in one.measures:
            if measure.pose in _MEASURED.get(measure.id, ()):
                name = f"{measure.id}.{measure.pose}"
                true = perfect[measure.id, measure.pose, measure.side]
                error = measure.value - true
                assert one.scale is not None  # noqa: S101 - without a scale there is no measure
                factor = float(session.truth["iod_mm"]) / one.scale.mm_per_iod
                unscaled.setdefault(name, []).append(abs(measure.value * factor - true))
                apart.setdefault(name, []).append(error)
                covered.setdefault(name, []).append(abs(error) <= 2 * measure.u)
    return {
        name: {
            "count": float(len(errors)),
            "error": float(np.mean(np.abs(errors))),
            "error_without_scale": float(np.mean(unscaled[name])),
            "bias": float(np.mean(errors)),
            "covered": float(np.mean(covered[name])),
        }
        for name, errors in sorted(apart.items())
    }


def _sunnybrook(
    measured_sessions: Sequence[tuple[ReadSession, Examination]], numbers: FittedNumbers
) -> dict[str, float]:
    """Upper ends of the ranges, since the nasolabial fold is not measured: the truth's by the simulator's
    millimetres."""
    measured, truth = [], []
    for session, one in measured_sessions:
        if set(session.rows) == set(session.pictures) and one.grade is not None:
            side: Side = "right" if session.truth["side"] == "right" else "left"
            perfect = sunnybrook(true_findings(session.rows, side, numbers), eyelid_surgery=False)
            measured.append(float(one.sunnybrook.composite_range[1]))
            truth.append(float(perfect.composite_range[1]))
    x, y = np.array(measured), np.array(truth)
    return {"sessions": float(len(x)), "mae": float(np.mean(np.abs(x - y))), "icc": _icc(x, y)}


def _icc(x: Floats, y: Floats) -> float:
    """Two-way random effects, absolute agreement, single rater: ICC(2, 1) of Shrout & Fleiss, Psychol Bull
    1979;86:420."""
    both = np.stack([x, y], axis=1)
    count, raters = both.shape
    if count < 2:
        return float("nan")
    mean = both.mean()
    between = raters * np.sum((both.mean(axis=1) - mean) ** 2) / (count - 1)
    judges = count * np.sum((both.mean(axis=0) - mean) ** 2) / (raters - 1)
    left = np.sum((both - both.mean(axis=1, keepdims=True) - both.mean(axis=0) + mean) ** 2)
    error = left / ((count - 1) * (raters - 1))
    return float((between - error) / (between + (raters - 1) * error + raters * (judges - error) / count))


def _movements(examined: Sequence[Examination]) -> dict[str, float]:
    """recognised: of the pictures of a movement, taken for it (gentle and tight, closed and full being one).
    falsely_missed: true movements called not seen or another."""
    seen = [
        (pose, found) for one in examined for pose, found in one.poses.items() if pose != "rest" and found.looks_like
    ]
    return {
        "pictures": float(len(seen)),
        "recognised": _mean(
            same_movement(pose, found.looks_like) for pose, found in seen if found.looks_like is not None
        ),
        "falsely_missed": _mean(found.status != "used" for _, found in seen),
    }


def _missing_noticed(sessions: Sequence[ReadSession], numbers: FittedNumbers) -> float:
    """Share of movements that were not made and are not used: the rest picture of the same patient's other visit under
    each movement's name."""
    rests: dict[str, dict[str, SessionPicture]] = {}
    for session in sessions:
        if "rest" in session.pictures:
            rests.setdefault(str(session.truth["visit_of"]), {})[str(session.truth["session_id"])] = session.pictures[
                "rest"
            ]
    noticed = []
    for session in sessions:
        own = str(session.truth["session_id"])
        others = [rest for name, rest in rests.get(str(session.truth["visit_of"]), {}).items() if name != own]
        if others and "rest" in session.pictures:
            pictures: dict[Pose, SessionPicture] = dict.fromkeys(POSES, others[0]) | {"rest": session.pictures["rest"]}
            found = examine(pictures, numbers)
            noticed += [seen.status != "used" for pose, seen in found.poses.items() if pose != "rest"]
    return _mean(noticed)


def _smallest_changes(sessions: Sequence[ReadSession], examined: Sequence[Examination]) -> dict[str, float]:
    """1.96 root mean squares of what two examinations of the same palsy differ by; without a second visit there is
    none."""
    by_palsy: dict[str, list[dict[str, float]]] = {}
    for session, one in zip(sessions, examined, strict=True):
        by_palsy.setdefault(str(session.truth["visit_of"]), []).append(followed_figures(one))
    wanted = ("expected_grade", "share.mouth", "share.forehead", "share.eye", "sunnybrook", "movement_index")
    found = {}
    for name in wanted:
        differences = [
            several[1][name] - several[0][name]
            for several in by_palsy.values()
            if len(several) >= 2 and name in several[0] and name in several[1]
        ]
        if differences:
            found[name] = float(1.96 * np.sqrt(np.mean(np.square(differences))))
    return found


def _mean(values: Any) -> float:
    listed = [float(value) for value in values]
    return sum(listed) / len(listed) if listed else float("nan")
