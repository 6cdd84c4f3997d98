from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from face.palsy.severity import RegionalSeverity, house_brackmann_grade
from model_training.cli import build_app
from model_training.data.sample_table import read_table
from model_training.errors import Interrupted, TrainingError
from model_training.simulator import dataset
from model_training.simulator.asymmetry_map import MAP_UNIT
from model_training.simulator.dataset import SimulationConfig, simulate

SMALL = {"identities": 3, "images_per_identity": 4, "seed": 11, "size_px": 160, "split": "train"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(out, SimulationConfig(**SMALL))
    return out


def contents(folder: Path) -> dict[str, bytes]:
    kept = (path for path in sorted(folder.rglob("*")) if path.suffix in (".jpg", ".png"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def test_table_is_valid_and_its_files_are_there(finished: Path) -> None:
    table = read_table(finished)
    assert len(table) == 12
    assert table.frame["person_id"].nunique() == 3
    for row in table.frame.itertuples():
        picture = cv2.imread(str(table.path(row.path)))
        assert picture.shape == (160, 160, 3)
        asymmetry = cv2.imread(str(table.path(row.asymmetry_map)), cv2.IMREAD_UNCHANGED)
        assert (asymmetry.shape, asymmetry.dtype) == ((96, 96), np.uint16)
        assert 0 <= asymmetry.max() * MAP_UNIT < 0.65
        regions = {name: getattr(row, f"severity_{name}") for name in ("forehead", "eye", "nose", "mouth")}
        assert house_brackmann_grade(RegionalSeverity(**regions)) == row.label
        assert row.label == 1 + int(np.floor(row.severity + 0.5))
        assert (row.side == "none") == (row.label == 1)
        assert row.skin_tone in "123456"
    names = json.loads((finished / "dataset.json").read_text())["landmarks"]
    assert all(len(points) == 2 * len(names) for points in table.frame["landmarks"])


def test_interrupted_run_goes_on_and_ends_with_the_same_files(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SimulationConfig(**SMALL)
    whole = dataset.Simulator.simulate_person
    done = []

    def stop_at_the_second(self: dataset.Simulator, number: int) -> list[dict[str, object]]:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(number)
        return whole(self, number)

    monkeypatch.setattr(dataset.Simulator, "simulate_person", stop_at_the_second)
    with pytest.raises(Interrupted, match="goes on"):
        simulate(tmp_path, config)
    assert not (tmp_path / "samples.parquet").exists()

    def remember(self: dataset.Simulator, number: int) -> list[dict[str, object]]:
        done.append(number)
        return whole(self, number)

    monkeypatch.setattr(dataset.Simulator, "simulate_person", remember)
    simulate(tmp_path, config)
    assert sorted(done) == [0, 1, 2]
    assert contents(tmp_path) == contents(finished)
    assert read_table(tmp_path).frame.equals(read_table(finished).frame)


def test_other_settings_in_the_same_folder_are_refused(finished: Path) -> None:
    with pytest.raises(TrainingError, match="other settings"):
        simulate(finished, SimulationConfig(**{**SMALL, "seed": 12}))


def test_more_people_can_be_added_to_a_finished_set(finished: Path, tmp_path: Path) -> None:
    simulate(tmp_path, SimulationConfig(**{**SMALL, "identities": 1}))
    simulate(tmp_path, SimulationConfig(**{**SMALL, "identities": 2}))
    assert contents(tmp_path).items() <= contents(finished).items()
    assert len(read_table(tmp_path)) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identities": 0}, "identities"),
        ({"split": "training"}, "split"),
        ({"size_px": 64}, "size_px"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulationConfig(**{**SMALL, **change})


@pytest.mark.slow
def test_two_processes_write_the_files_of_one(finished: Path, tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path), "--identities", "3", "--images-per-identity", "4", "--seed", "11"]
    arguments += ["--size", "160", "--split", "train", "--processes", "2"]
    result = CliRunner().invoke(build_app(), arguments)
    assert result.exit_code == 0, result.output
    assert contents(tmp_path) == contents(finished)


@pytest.mark.slow
def test_preview_is_a_sheet_of_all_poses_and_grades(tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), ["preview", "--out", str(tmp_path), "--size", "192"])
    assert result.exit_code == 0, result.output
    sheet = cv2.imread(str(tmp_path / "preview.jpg"))
    assert sheet.shape == (8 * 208, 6 * 192, 3)


def test_the_fingerprint_covers_whatever_decides_a_render() -> None:
    """By name, so that a file that moves out of sight of the fingerprint fails here and not in somebody's data set."""
    covered = {path.relative_to(dataset.ROOM).as_posix() for path in dataset.files_of_renders()}
    assert covered >= {
        *("asymmetry_map.py", "dataset.py", "palsy.py", "patient.py", "poses.py", "sensor.py", "shot.py"),
        *("head/anatomy.py", "head/head.py", "head/identity.py", "head/head_data/head.npz", "head/head_data/lips.jpg"),
        *("render/camera.py", "render/glasses.py", "render/look.py", "render/renderer.py", "render/shader_inputs.py"),
        *("render/shaders/face.frag", "render/shaders/face.vert", "render/shaders/value.frag"),
    }
    decides_nothing = {
        "commands.py",
        "contact_sheet.py",
        "bake/bake_head.py",
        "bake/bake_landmarks.py",
        "head/head_data/landmarks.npz",
    }
    assert not covered & decides_nothing
    assert not [name for name in covered if name.startswith("photographs/")]
