"""A small network of examinations learns movements that its landmarks show, and what is fitted on it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.checkpoint_bundle import export_checkpoint
from face.palsy.assessment.evidence import EVIDENCE
from face.palsy.assessment.fitted import fitted_numbers
from face.palsy.assessment.session_model import MEASURES_OF_HALF, SessionInputSpec
from face.vocabulary import POSES
from model_training.errors import TrainingError
from model_training.palsy.evaluation.sessions.readings import ReadSession
from model_training.palsy.sessions.calibrating import SessionNumbers, check_sessions, fit_session_numbers
from model_training.palsy.sessions.config import SessionTrainingConfig, batches, steps_of
from model_training.palsy.sessions.samples import HALVES, SessionSamples, session_samples
from model_training.palsy.sessions.stored import session_checkpoint, stored_network
from model_training.palsy.sessions.training import TrainedSessions, train_sessions
from model_training.palsy.trained_parts import TrainedParts
from model_training.training.checkpoint import load_checkpoint, save_checkpoint
from service.analysis.palsy_session import PalsySessionAnalyzer
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from tests.model_training.palsy.examinations import examinations

CONFIG = SessionTrainingConfig(width=2, hidden=8, members=2, epochs=1, grader_epochs=150, folds=2, ridge=3.0)


@pytest.fixture(scope="module")
def sessions() -> list[ReadSession]:
    return examinations(30)


@pytest.fixture(scope="module")
def samples(sessions: list[ReadSession]) -> SessionSamples:
    return session_samples(sessions)


@pytest.fixture(scope="module")
def trained(samples: SessionSamples, tmp_path_factory: pytest.TempPathFactory) -> TrainedSessions:
    told: list[float] = []
    parts = TrainedParts(tmp_path_factory.mktemp("parts"))
    made = train_sessions(samples, CONFIG, parts, progress=lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    return made


@pytest.fixture(scope="module")
def numbers(sessions: list[ReadSession], samples: SessionSamples, trained: TrainedSessions) -> SessionNumbers:
    told: list[tuple[int, int]] = []
    fitted = fit_session_numbers(
        sessions, samples, trained, fitted_numbers(), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(examined, len(told)) for examined in range(1, len(told) + 1)]
    return fitted


def test_the_truth_is_in_the_unit_of_the_landmarks(sessions: list[ReadSession], samples: SessionSamples) -> None:
    """The landmarks of these pictures are true but for noise: what they show is what is to be learned."""
    smile, brow = POSES.index("full_smile"), POSES.index("brow_lift")
    for row, session in enumerate(sessions[:6]):
        rest = session.pictures["rest"].halves
        for half, side in enumerate(HALVES):
            now, before = (getattr(one, side) for one in (session.pictures["full_smile"].halves, rest))
            wanted = samples.movements[row, :, half]
            assert wanted[smile, MEASURES_OF_HALF.index("corner_out")] == pytest.approx(
                now.commissure[0] - before.commissure[0], abs=0.03
            )
            assert wanted[0, MEASURES_OF_HALF.index("rest_brow")] == pytest.approx(before.brow_height, abs=0.03)
            assert wanted[0, MEASURES_OF_HALF.index("rest_corner_down")] == pytest.approx(
                before.commissure[1], abs=0.03
            )
            assert np.isnan(wanted[brow, MEASURES_OF_HALF.index("rest_brow")])
            assert np.isnan(wanted[0, MEASURES_OF_HALF.index("corner_out")])


def test_people_stay_in_one_fold(samples: SessionSamples) -> None:
    folds = samples.folds(3, seed=1)
    assert all(len(set(folds[samples.people == person])) == 1 for person in set(samples.people))
    with pytest.raises(TrainingError, match="30 people are too few for 40 folds"):
        samples.folds(40, seed=1)


def test_sessions_without_rest_teach_nothing(sessions: list[ReadSession]) -> None:
    without = [
        replace(session, pictures={pose: one for pose, one in session.pictures.items() if pose != "rest"})
        for session in sessions[:2]
    ]
    with pytest.raises(TrainingError, match="no session has a rest picture"):
        session_samples(without)


def test_without_regions_that_differ_there_is_nothing_to_choose_by(sessions: list[ReadSession]) -> None:
    """Said before the training, not after it."""
    check_sessions(sessions)
    healthy = [session for session in sessions if session.truth["side"] == "none"]
    with pytest.raises(TrainingError, match="--regions differ"):
        check_sessions(healthy)
    palsies = [session for session in sessions if session not in healthy]
    without_snarl = [
        replace(session, pictures={pose: one for pose, one in session.pictures.items() if pose != "snarl"})
        for session in palsies
    ]
    with pytest.raises(TrainingError, match=f"of these {len(palsies)} sessions none such has the pictures of full;"):
        check_sessions(without_snarl)


@pytest.mark.parametrize(("count", "sizes"), [(9, [9, 9]), (64, [64, 64]), (150, [64, 64, 64, 64])])
def test_a_few_examples_are_a_step_too(count: int, sizes: list[int]) -> None:
    steps = list(batches(count, epochs=2, seed=0))
    assert [len(step) for step in steps] == sizes
    assert len(steps) == steps_of(count, epochs=2)
    assert all(len(set(step)) == len(step) for step in steps)


def test_movements_of_unseen_people_are_found(samples: SessionSamples, trained: TrainedSessions) -> None:
    for pose, measure in (("brow_lift", "brow_up"), ("full_smile", "corner_length")):
        where = (slice(None), POSES.index(pose), slice(None), MEASURES_OF_HALF.index(measure))
        truth, found = samples.movements[where].ravel(), trained.movements[where].ravel()
        assert np.corrcoef(truth, found)[0, 1] > 0.9, pose


def test_two_uncertainties_hold_what_they_promise(samples: SessionSamples, trained: TrainedSessions) -> None:
    held = np.abs(trained.movements - samples.movements) <= 2 * trained.movements_u
    known = np.isfinite(samples.movements)
    assert held[known].mean() == pytest.approx(0.9545, abs=0.02)


def test_every_class_of_evidence_is_fitted_and_only_better_ones_are_graded(numbers: SessionNumbers) -> None:
    assert set(numbers.calibration) == set(EVIDENCE)
    assert all(0 < one["temperature"] <= 5 for one in numbers.calibration.values())
    assert set(numbers.grades_from) == {name for name in EVIDENCE if numbers.errors[name][0] < numbers.errors[name][1]}
    base = fitted_numbers()
    fitted = numbers.over(base)
    for name in EVIDENCE:
        own = numbers.calibration[name]["temperature"]
        expected = own if name in numbers.grades_from else base.calibration[name].temperature
        assert fitted.calibration[name].temperature == expected
    assert 0 < numbers.sdc95["expected_grade"] < 2


def test_the_bundle_reads_as_the_network_it_was_made_of(
    tmp_path: Path,
    sessions: list[ReadSession],
    samples: SessionSamples,
    trained: TrainedSessions,
    numbers: SessionNumbers,
) -> None:
    spec = SessionInputSpec(palsy_model_sha256="0" * 64, palsy_input="1" * 64)
    made = session_checkpoint(trained.network, numbers, spec, config=CONFIG, samples=samples)
    save_checkpoint(made, tmp_path / "session.pt")
    stored = stored_network(load_checkpoint(tmp_path / "session.pt"))
    assert stored.config == trained.network.config
    report = export_checkpoint([tmp_path / "session.pt"], tmp_path / "bundle")
    assert max(report.parity.max_difference.values()) < 1e-3
    bundle = load_bundle(report.directory)
    assert bundle.manifest.name == "palsy-session-custom"  # the shipped name is for the shipped one
    model = PalsySessionAnalyzer(bundle, open_session(bundle)).model
    assert model.grades_from == set(numbers.grades_from)
    read = model.read(sessions[1].pictures)
    assert read.severities.shape == (4,)
    assert set(read.corrected) == set(POSES)
