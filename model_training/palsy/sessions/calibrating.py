"""What an examination by the network leaves to numbers, fitted on sessions by networks that did not see the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from face.palsy.assessment.evidence import EVIDENCE, Evidence, evidence_of
from face.palsy.assessment.examination import examine
from face.palsy.assessment.fitted import FittedNumbers, MeasureError, SessionCalibration
from face.palsy.assessment.grade import fitted_grade, session_grade
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.measuring.scale import NOMINAL_MM_PER_UNIT
from face.palsy.assessment.session_model import MEASURES_OF_HALF, Method, SessionModel
from face.vocabulary import POSES, Pose
from model_training.errors import TrainingError
from model_training.metrics.classification import Floats
from model_training.palsy.evaluation.sessions.fit import COVERAGE, SUBSETS, calibrated, smallest_changes
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.palsy.sessions.samples import SessionSamples
from model_training.palsy.sessions.training import TrainedSessions

# What the shares of movement take their error from, in the words of `measuring.measures`: the network's measure of it,
# and in which picture.
_ERRORS: Mapping[str, tuple[str, tuple[Pose, ...]]] = {
    "brow_excursion": ("brow_up", ("brow_lift",)),
    "commissure_excursion": ("corner_length", ("closed_smile", "full_smile")),
    "upper_lip_rise": ("lip_up", ("snarl",)),
}
_REGIONS_DIFFER = ("spread", "forehead_spared", "marginal_mandibular", "zygomatic")


@dataclass(frozen=True)
class SessionNumbers:
    """calibration: by evidence. grades_from: where the network's error was smaller, on sessions whose regions differ,
    than that of the steps without it; errors: of (network, steps) there, in grades. measure_u: of `_ERRORS`, in
    millimetres. sdc95: as `FittedNumbers`."""

    calibration: dict[Evidence, dict[str, float]]
    grades_from: tuple[Evidence, ...]
    errors: dict[Evidence, tuple[float, float]]
    measure_u: dict[str, float]
    sdc95: dict[str, float]

    def over(self, base: FittedNumbers) -> FittedNumbers:
        return replace(
            base,
            coverage=COVERAGE,
            calibration={
                **base.calibration,
                **{name: SessionCalibration(**self.calibration[name]) for name in self.grades_from},
            },
            measures={**base.measures, **{name: MeasureError(1.0, 0.0, u) for name, u in self.measure_u.items()}},
            sdc95=self.sdc95,
        )

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "coverage": COVERAGE}


def check_sessions(sessions: Sequence[ReadSession]) -> None:
    """Raises TrainingError where `fit_session_numbers` would have nothing to choose by; to be asked before hours of
    training."""
    apart = [session for session in sessions if session.truth["pattern"] in _REGIONS_DIFFER]
    lacking = [name for name in EVIDENCE if not any(_pictures_of(name, [session]) for session in apart)]
    if lacking:
        raise TrainingError(
            "whether the network or the steps without it make the grade is chosen on sessions whose regions differ, "
            f"and of these {len(sessions)} sessions none such has the pictures of {', '.join(lacking)}; add a table of "
            "`htnet simulate sessions --regions differ`"
        )


def fit_session_numbers(
    sessions: Sequence[ReadSession],
    samples: SessionSamples,
    trained: TrainedSessions,
    base: FittedNumbers,
    *,
    progress: Callable[[int, int], object] = lambda _, __: None,
) -> SessionNumbers:
    """sessions: those that the samples were made of, in their order. base: what is fitted without the network.
    progress: is called with (examinations done, all)."""
    done, total = 0, len(sessions) + sum(len(_pictures_of(evidence, sessions)) for evidence in EVIDENCE)

    def examining() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    plain = replace(base, calibration={name: SessionCalibration(1.0, COVERAGE) for name in EVIDENCE})
    calibration: dict[Evidence, dict[str, float]] = {}
    errors: dict[Evidence, tuple[float, float]] = {}
    for evidence in EVIDENCE:
        calibration[evidence], errors[evidence] = _of_evidence(
            evidence, sessions, samples, trained, plain, base, examining=examining
        )
    chosen = tuple(name for name in EVIDENCE if errors[name][0] < errors[name][1])
    numbers = SessionNumbers(calibration, chosen, errors, _measure_u(samples, trained), {})
    fitted = numbers.over(base)
    rows = {str(session.truth["session_id"]): row for row, session in enumerate(sessions)}

    def examined(session: ReadSession) -> Any:
        examining()
        model = _model(trained, rows[str(session.truth["session_id"])], fitted, chosen)
        return examine(session.pictures, fitted, model=model)

    return replace(numbers, sdc95=smallest_changes(sessions, examined))


def _model(trained: TrainedSessions, row: int, numbers: FittedNumbers, grades_from: Sequence[Evidence]) -> SessionModel:
    return SessionModel(Method("unseen", "0", None), trained.graph_of(row), numbers, frozenset(grades_from))


def _of_evidence(
    evidence: Evidence,
    sessions: Sequence[ReadSession],
    samples: SessionSamples,
    trained: TrainedSessions,
    plain: FittedNumbers,
    base: FittedNumbers,
    *,
    examining: Callable[[], object],
) -> tuple[dict[str, float], tuple[float, float]]:
    """Its calibration, and the errors of the expected grade of (network, steps) where regions differ."""
    probabilities, labels, apart = [], [], []
    for row, pictures in _pictures_of(evidence, sessions):
        examining()
        truth = sessions[row].truth
        grade = fitted_grade(_model(trained, row, plain, EVIDENCE).read(pictures), frozenset(pictures), plain)
        probabilities.append(grade.probabilities)
        labels.append(samples.labels[row])
        if truth["pattern"] in _REGIONS_DIFFER:
            true_grade = 1 + float(truth["severity"])
            apart.append((grade.expected - true_grade, session_grade(pictures, base).expected - true_grade))
    network, steps = np.abs(np.array(apart)).mean(axis=0)
    return calibrated(np.array(probabilities), np.array(labels)), (float(network), float(steps))


def _pictures_of(evidence: Evidence, sessions: Sequence[ReadSession]) -> list[tuple[int, dict[Pose, SessionPicture]]]:
    """(number of the session, the pictures of it that are this evidence), for each set of them."""
    found = (
        (row, {pose: picture for pose, picture in session.pictures.items() if pose in subset})
        for row, session in enumerate(sessions)
        for subset in SUBSETS[evidence]
    )
    return [(row, pictures) for row, pictures in found if evidence_of(frozenset(pictures)) == evidence]


def _measure_u(samples: SessionSamples, trained: TrainedSessions) -> dict[str, float]:
    """Root mean square of what the heads were wrong by, at 63 mm between the eyes."""
    apart: Floats = np.asarray(trained.movements - samples.movements, np.float64)
    present = samples.tensors["present"] > 0

    def spread(measure: str, poses: tuple[Pose, ...]) -> float:
        rows = [POSES.index(pose) for pose in poses]
        found = apart[:, rows][present[:, rows]][..., MEASURES_OF_HALF.index(measure)]
        return float(np.sqrt(np.mean(np.square(found))))

    return {name: NOMINAL_MM_PER_UNIT * spread(*where) for name, where in _ERRORS.items()}
