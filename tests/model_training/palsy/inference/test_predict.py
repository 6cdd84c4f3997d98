"""`predict` and `visualize` on photographs: the service's preprocessing, refusals in its words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage import data

from face.palsy.reading import ReadPhotograph
from face.vocabulary import HOUSE_BRACKMANN
from model_training.errors import Interrupted, TrainingError
from model_training.palsy.inference.commands import tell
from model_training.palsy.inference.given_images import given_images
from model_training.palsy.inference.grader import Grader
from model_training.palsy.inference.predict import predict_files
from model_training.palsy.inference.visualize import MirrorAttentionRecorder, _heading, visualize_files
from model_training.tasks import make_task
from model_training.training.train import train
from tests.model_training.caches import write_cache
from tests.model_training.training.tiny_runs import TINY, config, quiet


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    return train(
        make_task(config(write_cache(folder / "cache"), folder / "run", optimisation={"epochs": 1})), say=quiet
    ).best


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    astronaut = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "a.png"), astronaut)
    cv2.imwrite(str(folder / "mirrored.png"), np.ascontiguousarray(astronaut[:, ::-1]))
    cv2.imwrite(str(folder / "two.png"), np.hstack([astronaut, astronaut]))
    cv2.imwrite(str(folder / "coffee.png"), data.coffee())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return folder


def test_a_folder_becomes_a_table(checkpoint: Path, photographs: Path, tmp_path: Path) -> None:
    made = predict_files([photographs], checkpoint, tmp_path, pictures=True)
    assert (made.graded, made.refused, made.stopped) == (2, 3, False)
    assert made.table == tmp_path / "predictions.csv"
    table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False).set_index(
        pd.Index(["a", "broken", "coffee", "mirrored", "two"], name="photo")
    )
    assert table["code"].to_dict() == {
        "a": "",
        "broken": "undecodable-image",
        "coffee": "no-face",
        "mirrored": "",
        "two": "multiple-faces",
    }
    assert table.loc["coffee", "grade"] == ""
    assert table.loc["coffee", "reason"]
    answered = table.loc[["a", "mirrored"]]
    probabilities = answered.filter(regex="^probability_").astype(float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    # Landmarks of the mirrored photograph differ by a fraction of a pixel, so not to the last bit.
    np.testing.assert_allclose(*probabilities.to_numpy(), atol=0.05)
    left, right = (answered[f"side_probability_{side}"].astype(float) for side in ("left", "right"))
    assert left["a"] == pytest.approx(right["mirrored"], abs=0.08)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["00000_a.png", "00003_mirrored.png"]


def test_largest_face_and_lists(checkpoint: Path, photographs: Path, tmp_path: Path) -> None:
    (photographs.parent / "list.txt").write_text(
        f"# chosen\n{photographs.name}/two.png\n{photographs.name}/gone.png\n", encoding="utf-8"
    )
    made = predict_files([photographs.parent / "list.txt"], checkpoint, tmp_path, faces="largest")
    assert (made.graded, made.refused) == (1, 1)
    assert pd.read_csv(tmp_path / "predictions.csv")["code"].fillna("").to_list() == ["", "missing-file"]
    with pytest.raises(TrainingError, match="no such image, folder or list"):
        given_images([photographs / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no image found in"):
        given_images([tmp_path / "empty"])


def test_ctrl_c_keeps_what_was_graded(
    checkpoint: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coffee = (photographs / "coffee.png").read_bytes()
    grade = Grader.grade

    def stopping(grader: Grader, data: bytes) -> ReadPhotograph:
        if data == coffee:
            raise KeyboardInterrupt
        return grade(grader, data)

    monkeypatch.setattr(Grader, "grade", stopping)
    made = predict_files([photographs], checkpoint, tmp_path)
    with pytest.raises(Interrupted, match="Stopped after 2 of 5 images"):
        tell(made)
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 2


def test_a_sheet_with_every_map(checkpoint: Path, photographs: Path, tmp_path: Path) -> None:
    (written,) = visualize_files([photographs / "a.png"], checkpoint, tmp_path, say=quiet)
    sheet = cv2.imread(str(written))
    assert sheet.shape[1] > 1000
    assert sheet.std() > 20
    said: list[str] = []
    assert visualize_files([photographs / "coffee.png", photographs / "a.png"], checkpoint, tmp_path, say=said.append)
    assert said[0].startswith(f"left out: {photographs / 'coffee.png'}: ")
    with pytest.raises(TrainingError, match=r"no image could be graded.*coffee\.png: "):
        visualize_files([photographs / "coffee.png"], checkpoint, tmp_path, say=said.append)


def test_attention_shares_belong_to_their_positions(checkpoint: Path, photographs: Path) -> None:
    image = (photographs / "a.png").read_bytes()
    with Grader(checkpoint) as grader, MirrorAttentionRecorder(grader.network) as recorder:
        answer = grader.grade(image)
        share = recorder.share()
        assert share is not None
        assert share.shape == answer.outputs["asymmetry_map"].shape
        assert ((share >= 0) & (share <= 1)).all()
        mirrored = {
            "images": answer.made.tensors["images"][None, ..., ::-1],
            "landmarks": _mirrored(answer.made.tensors["landmarks"])[None],
        }
        grader.run(mirrored)
        np.testing.assert_allclose(recorder.share(), share[:, ::-1], atol=1e-5)


def _mirrored(landmarks: np.ndarray) -> np.ndarray:
    from model_training.palsy.augmentation import mirror_palsy

    return mirror_palsy({"landmarks": landmarks})["landmarks"]


def test_a_checkpoint_of_another_task_or_preprocessing_is_refused(
    checkpoint: Path, photographs: Path, tmp_path: Path
) -> None:
    import torch

    payload = torch.load(checkpoint, weights_only=True)
    for change, message in (
        ({"task": "microexpression"}, "needs one for palsy"),
        ({"preprocessing": {**payload["preprocessing"], "fingerprint": "0" * 64}}, "does not have the fingerprint"),
        ({"preprocessing": {**payload["preprocessing"], "spec": {"colour": True}}}, "unknown keys"),
        (
            {"config": {**payload["config"], "model": {**payload["config"]["model"], "dim": 16}}},
            "the weights do not fit the configuration",
        ),
        ({"config": {**payload["config"], "model": {**TINY, "dimm": 16}}}, "unknown key 'dimm' for HTNetEnhanced"),
        ({"format": 99}, "checkpoint format 99"),
    ):
        torch.save({**payload, **change}, tmp_path / "changed.pt")
        with pytest.raises(TrainingError, match=message):
            predict_files([photographs], tmp_path / "changed.pt", tmp_path / "out")


def test_a_sheet_says_why_the_grade_is_not_the_most_probable_one() -> None:
    probabilities = np.array([0.0, 0.0, 0.24, 0.25, 0.24, 0.27])
    reading = SimpleNamespace(
        probabilities=probabilities, index=4, probability=0.24, expected=4.5, prediction_set=(3, 4, 5), side="left",
        side_probability=0.9,
    )  # fmt: skip
    heading = _heading(SimpleNamespace(reading=reading), HOUSE_BRACKMANN)
    assert heading.startswith("V (24%)")
    assert "The grade is the median" in heading
    assert "The most probable single grade is VI (27%)." in heading
    reading.probabilities, reading.index = np.array([0.9, 0.1, 0, 0, 0, 0]), 0
    assert "median" not in _heading(SimpleNamespace(reading=reading), HOUSE_BRACKMANN)
