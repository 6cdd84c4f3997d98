"""From a published layout through prepare and cache to LOSO's reader and to `train`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import typer
from skimage import data
from typer.testing import CliRunner

from face.landmarks.landmarker import FaceLandmarker
from model_training.cli import build_app
from model_training.configuration import build
from model_training.crossvalidation.crossval import cross_validate
from model_training.errors import TrainingError
from model_training.microexpression.published_flow import load_flow
from model_training.tasks import make_task
from model_training.training.checkpoint import load_checkpoint
from model_training.training.config import TrainConfig
from model_training.training.train import train
from tests.face.microexpression.test_input import SMILE, warped
from tests.model_training.datasets.layouts import write_workbook


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """24 clips of 8 subjects whose class shows in the first channel."""
    folder = tmp_path / "published"
    (folder / "STSNet_whole_norm_u_v_os").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["dataset,sub,filename_o,label,apex,imagename,sub_filename"]
    for number in range(24):
        subject, label = f"sub{number // 3 + 1:02d}", number % 3
        rgb = rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)
        rgb[..., 0] = 100 * label
        cv2.imwrite(str(folder / "STSNet_whole_norm_u_v_os" / f"{subject}_EP{number} .png"), rgb[..., ::-1])
        lines.append(f"{'casme2' if number < 12 else 'smic'},{subject},EP{number},{label},,x,")
    (folder / "combined_3_class2_for_optical_flow.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_both_published_layouts_are_read_alike_and_what_is_missing_is_named(published: Path, tmp_path: Path) -> None:
    """`three_norm_u_v_os` holds the same pictures once more, in a folder for each test subject and label."""
    whole = load_flow(published)
    for image, label, subject, clip in zip(whole.images, whole.labels, whole.subjects, whole.clips, strict=True):
        folder = tmp_path / "three_norm_u_v_os" / subject.partition("/")[2]
        for part in (f"u_test/{label}", "u_train/0"):
            (folder / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / part / f"{clip} .png"), image[..., ::-1])
    for root in (tmp_path, tmp_path / "three_norm_u_v_os"):
        split = load_flow(root)
        order, wanted = np.argsort(split.clips), np.argsort(whole.clips)
        np.testing.assert_array_equal(split.images[order], whole.images[wanted])
        np.testing.assert_array_equal(split.labels[order], whole.labels[wanted])
        people = [person.partition("/")[2] for person in whole.subjects[wanted]]
        assert split.subjects[order].tolist() == people
    next((published / "STSNet_whole_norm_u_v_os").glob("*EP3 .png")).unlink()
    with pytest.raises(TrainingError, match=r"row 5: flow image missing: 'sub02_EP3 \.png'"):
        load_flow(published)
    table = published / "combined_3_class2_for_optical_flow.csv"
    table.write_text(table.read_text().replace("sub01,EP0,0", "sub01,EP0,7"))
    with pytest.raises(TrainingError, match="row 2: label out of range: '7' is not 0, 1 or 2"):
        load_flow(published)


def test_the_checkout_of_the_research_code_is_read_as_it_lies(published: Path, tmp_path: Path) -> None:
    """Its table lies beside `datasets/`, which also holds the faces and the pre-split layout."""
    whole = load_flow(published)
    checkout = tmp_path / "HTNet"
    for name in ("STSNet_whole_norm_u_v_os", "combined_datasets_whole", "three_norm_u_v_os/sub01/u_test"):
        (checkout / "datasets" / name).mkdir(parents=True)
    for image in (published / "STSNet_whole_norm_u_v_os").iterdir():
        image.rename(checkout / "datasets/STSNet_whole_norm_u_v_os" / image.name)
    table = checkout / "combined_3_class2_for_optical_flow.csv"
    (published / table.name).rename(table)
    for given in (checkout, checkout / "datasets", checkout / "datasets/STSNet_whole_norm_u_v_os", table):
        read = load_flow(given)
        np.testing.assert_array_equal(read.images, whole.images)
        np.testing.assert_array_equal(read.subjects, whole.subjects)
    with pytest.raises(TrainingError, match="combined_datasets_whole: holds neither"):
        load_flow(checkout / "datasets/combined_datasets_whole")
    table.rename(tmp_path / "elsewhere.csv")
    with pytest.raises(TrainingError, match="nothing says which emotion its images show: put combined_3_class2_for"):
        load_flow(checkout / "datasets/STSNet_whole_norm_u_v_os")
    (tmp_path / "elsewhere.csv").rename(tmp_path / table.name)
    with pytest.raises(TrainingError, match="its flow images are missing, STSNet_whole_norm_u_v_os/ beside it or in"):
        load_flow(tmp_path / table.name)


def run(*arguments: object) -> None:
    app: typer.Typer = build_app()
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_published_images_arrive_unchanged_and_train(published: Path, tmp_path: Path) -> None:
    run("prepare", "published-flow", "--root", published, "--out", tmp_path / "table", "--validation", 0.25)
    run("cache", tmp_path / "table", "--kind", "microexpression", "--out", tmp_path / "cache", "--jobs", 1)
    direct, prepared = load_flow(published), load_flow(tmp_path / "cache")
    np.testing.assert_array_equal(prepared.images, direct.images)
    np.testing.assert_array_equal(prepared.labels, direct.labels)
    assert prepared.class_names == direct.class_names
    assert list(prepared.datasets) == list(direct.datasets)
    assert [person.removeprefix("flow/") for person in prepared.subjects] == list(direct.subjects)
    values = {
        "task": "microexpression",
        "data": {"cache": str(tmp_path / "cache"), "labels": ["negative", "positive", "surprise"]},
        "model": {"dim": 8, "heads": 1, "block_repeats": [1, 1, 1]},
        "optimisation": {"epochs": 12, "batch_size": 6, "learning_rate": 1e-2, "ema_decay": 0.5},
        "run": {"out": str(tmp_path / "run"), "tensorboard": False, "threads": 1},
    }
    result = train(make_task(build(TrainConfig, values, source="test")), say=lambda _text: None)
    assert result.figures["uf1"] > 0.6
    saved = load_checkpoint(result.best)
    assert saved.labels == ("negative", "positive", "surprise")
    assert saved.calibration["temperature"] > 0
    cross(published, values, tmp_path)


def cross(published: Path, values: dict, tmp_path: Path) -> None:
    """What else a trained checkpoint and its cache are for."""
    best, cache, out = tmp_path / "run/best.pt", tmp_path / "cache", tmp_path / "report"
    run(
        "evaluate-microexpression",
        "--checkpoint",
        best,
        "--data",
        cache,
        "--split",
        "validation",
        "--out",
        out,
        "--pictures",
    )
    page = (out / "report.html").read_text()
    assert "learning curves" in page
    assert "say little of others" in page
    table = pd.read_csv(out / "predictions.csv")
    shares = table.filter(regex="^probability_")
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["all"]["figures"]["accuracy"] == pytest.approx((table["label"] == table["predicted"]).mean())
    settings = build(TrainConfig, {**values, "run": {**values["run"], "out": str(tmp_path / "cv")}}, source="test")
    made = cross_validate(settings, folds=4, validation=0.34, say=lambda _line: None)
    assert made is not None
    pooled = pd.read_csv(tmp_path / "cv/report/predictions.csv")
    assert sorted(pooled["clip"]) == sorted(load_flow(published).clips)
    assert float(made.figures["uf1"].split()[0]) > 0.5
    assert any("8 people say little" in warning for warning in made.warnings)


SEVEN = ("disgust", "surprise", "others", "fear", "anger", "sadness", "happy")


@pytest.fixture(scope="module")
def casme3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subjects (a photograph and its mirror image) with one clip of every emotion each."""
    folder = tmp_path_factory.mktemp("casme3")
    rows: list[list[object]] = [["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]]
    portrait = data.astronaut()[:300, 90:390]
    with FaceLandmarker() as landmarker:
        for number, rgb in ((1, portrait), (2, np.ascontiguousarray(portrait[:, ::-1]))):
            face = landmarker.detect(rgb)[0]
            frames = folder / f"part_A/spNO.{number}/a/color"
            frames.mkdir(parents=True)
            for place, emotion in enumerate(SEVEN):
                onset = 10 * place
                for frame, picture in ((onset, rgb), (onset + 4, warped(rgb, face, SMILE, 3 + place / 2))):
                    cv2.imwrite(str(frames / f"{frame}.png"), picture[..., ::-1])
                rows.append([f"spNO.{number}", "a", str(onset), str(onset + 4), str(onset + 6), "12", "I", emotion])
    write_workbook(folder / "labels.xlsx", rows, sheet="label", before=("readme",))
    return folder


@pytest.mark.parametrize(("classes", "names", "clips"), [("three", 3, 12), ("four", 4, 14), ("seven", 7, 14)])
def test_cas_me_3_in_its_three_class_schemes_goes_all_the_way(
    casme3: Path, tmp_path: Path, classes: str, names: int, clips: int
) -> None:
    run(
        *("prepare", "casme3", "--root", casme3, "--annotations", casme3 / "labels.xlsx", "--classes", classes),
        *("--out", tmp_path / "table", "--validation", 0),
    )
    run("cache", tmp_path / "table", "--kind", "microexpression", "--out", tmp_path / "cache", "--jobs", 1)
    config = tmp_path / "tiny.toml"
    config.write_text("[training]\nepochs = 2\n[training.model]\ndim = 4\nblock_repeats = [1, 1, 1]\n")
    run("loso", "--data", tmp_path / "cache", "--config", config, "--seeds", 1, "--out", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "loso.json").read_text(encoding="utf-8"))
    assert (report["clips"], report["subjects"], len(report["classes"])) == (clips, 2, names)
    assert np.sum(report["protocols"]["b"]["confusion_of_ensemble"]["full"]) == clips
