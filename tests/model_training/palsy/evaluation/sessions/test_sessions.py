"""Reading, fitting and judging, on examinations whose landmarks are the simulated head's own."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from face.errors import NoFace
from face.palsy.assessment.fitted import FittedNumbers, fitted_numbers
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.severity import RegionalSeverity
from face.vocabulary import Side
from model_training.data.sample_table import write_table
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.evaluation.sessions.figures import judge_sessions
from model_training.palsy.evaluation.sessions.fit import fit_numbers
from model_training.palsy.evaluation.sessions.kept_readings import Readings
from model_training.palsy.evaluation.sessions.readings import ReadSession, read_sessions
from model_training.palsy.evaluation.sessions.true_findings import true_findings
from model_training.simulator.patient import Palsy
from tests.face.palsy.assessment.patients import patient
from tests.model_training.palsy.examinations import examination


@pytest.fixture(scope="module")
def sessions() -> list[ReadSession]:
    """24 people with two visits each, every third without a palsy."""
    rng = np.random.default_rng(5)
    made = []
    for person in range(24):
        severity = RegionalSeverity.even(0.0 if person % 3 == 0 else float(rng.uniform(1, 4.5)))
        side: Side = "left" if person % 3 else "none"
        made += [examination(person, visit, severity, side, rng=rng) for visit in (1, 2)]
    return made


def test_what_is_fitted_can_be_read_and_follows_the_truth(sessions: list[ReadSession]) -> None:
    numbers = FittedNumbers.of(fit_numbers(sessions))
    # The landmarks are true here but for the noise, and the ring of the iris is the ruler.
    for name in ("brow_excursion", "commissure_excursion", "fissure"):
        assert numbers.measures[name].slope == pytest.approx(1.0, abs=0.25)
        assert 0 < numbers.measures[name].u < 1.5
    assert (numbers.within_person > 0).all()
    assert all(0 < one.temperature <= 5 for one in numbers.calibration.values())
    assert 0 < numbers.sdc95["share.mouth"] < 0.3
    assert numbers.severity_covariance[0, 1] > 0


def test_figures_are_those_of_the_sessions(sessions: list[ReadSession]) -> None:
    found = judge_sessions(sessions, fitted_numbers(), repeats=20)
    assert (found["sessions"], found["people"]) == (48, 24)
    figures = found["all"]["figures"]
    # The network of this test is right in every picture.
    assert figures["exact"] > 0.9
    assert figures["kappa"] > 0.97
    assert figures["side_from_III"] == 1.0
    low, high = found["all"]["intervals"]["exact"]
    assert low <= figures["exact"] <= high
    assert found["movements"]["recognised"] > 0.9
    assert found["measures_mm"]["brow_excursion.brow_lift"]["error"] < 2.5
    assert found["sunnybrook"]["mae"] < 12
    assert set(found["smallest_detectable_change"]) >= {"expected_grade", "share.mouth", "sunnybrook"}


def test_the_truth_is_read_by_the_same_findings(sessions: list[ReadSession]) -> None:
    worst = max(sessions, key=lambda session: session.truth["severity"])
    found = true_findings(worst.rows, "left", fitted_numbers())
    mouth = found.share("mouth")
    assert mouth is not None
    assert mouth < 0.5
    assert found.closes("tight_closure") is False


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """One session of a smile and of rest, whose files hold the name of their pose."""
    rows = [
        {
            "sample_id": pose, "person_id": "p", "path": f"{pose}.jpg", "label": 1, "side": "none", "pose": pose,
            "split": "", "dataset": "test", "session_id": "s", "visit_of": "v", "visit": 1, "severity": 0.0,
        }
        for pose in ("full_smile", "rest")
    ]  # fmt: skip
    for row in rows:
        (tmp_path / str(row["path"])).write_bytes(str(row["pose"]).encode())
    write_table(pd.DataFrame(rows), tmp_path / "samples.parquet")
    return tmp_path


class Reader:
    """Cannot use smiles; `stop` interrupts it at a pose. calls: what it was given."""

    def __init__(self, *, stop: str = "") -> None:
        self.calls: list[str] = []
        self.stop = stop
        self.rest = replace(patient(Palsy({}), poses=("rest",))["rest"], hidden=frozenset({"nose"}), yaw_deg=3.5)

    def __call__(self, data: bytes) -> SessionPicture:
        self.calls.append(data.decode())
        if data.decode() == self.stop:
            os.kill(os.getpid(), signal.SIGINT)
        if data == b"full_smile":
            raise NoFace("none")
        return self.rest


def test_what_is_read_is_kept_and_a_picture_that_cannot_be_used_is_counted(table: Path) -> None:
    reader = Reader()
    seen: list[tuple[int, int]] = []
    readings = Readings(reader, {"model": "a"})
    (session,) = read_sessions(table, readings, progress=lambda done, total: seen.append((done, total)))
    assert list(session.rows) == ["rest", "full_smile"]
    assert (list(session.pictures), session.refused) == (["rest"], 1)
    assert seen[-1] == (2, 2)
    (again,) = read_sessions(table, readings)
    assert len(reader.calls) == 2
    for one in (session, again):
        found = one.pictures["rest"]
        for name in ("points", "image", "probabilities", "side_probabilities"):
            np.testing.assert_array_equal(getattr(found, name), getattr(reader.rest, name), strict=True)
        assert (found.yaw_deg, found.pitch_deg, found.hidden) == (3.5, reader.rest.pitch_deg, {"nose"})


def test_readings_of_another_model_or_of_changed_pictures_are_not_taken(table: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first, second = Reader(), Reader()
    read_sessions(table, Readings(first, {"model": "a"}, folder=kept))
    read_sessions(table, Readings(second, {"model": "b"}, folder=kept))
    assert len(second.calls) == 2
    (table / "rest.jpg").write_bytes(b"rest of another person")
    read_sessions(table, Readings(first, {"model": "a"}, folder=kept))
    assert first.calls[2:] == ["full_smile", "rest of another person"]
    assert not (table / "readings").exists()


def test_where_nothing_can_be_kept_the_way_out_is_named(table: Path) -> None:
    (table / "readings").write_text("no folder")
    reader = Reader()
    with pytest.raises(TrainingError, match=r"cannot be made .* give --readings a folder to keep what is read"):
        read_sessions(table, Readings(reader, {"model": "a"}))
    assert not reader.calls


def test_reading_that_is_stopped_says_how_to_go_on(table: Path) -> None:
    with pytest.raises(Interrupted, match="the same command goes on"):
        read_sessions(table, Readings(Reader(stop="rest"), {"model": "a"}))
    assert len(read_sessions(table, Readings(Reader(), {"model": "a"}))) == 1


def test_a_table_of_something_else_is_refused_before_a_picture_is_read(table: Path) -> None:
    frame = pd.read_parquet(table / "samples.parquet")
    write_table(frame.drop(columns="visit_of"), table / "samples.parquet")
    reader = Reader()
    with pytest.raises(TrainingError, match="no column 'visit_of'"):
        read_sessions(table, Readings(reader, {"model": "a"}))
    assert not reader.calls


def test_a_picture_that_is_not_there_is_no_picture_that_cannot_be_used(table: Path) -> None:
    (table / "rest.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"rest\.jpg"):
        read_sessions(table, Readings(Reader(), {"model": "a"}))
