"""A folder of photographs graded by a bundle, without HTTP."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import pytest
from skimage import data

from face.errors import NoImages
from face.palsy.prediction_table import columns
from face.palsy.reading import ReadPhotograph
from face.vocabulary import HOUSE_BRACKMANN
from service.analysis.palsy import PalsyAnalyzer
from service.analysis.photograph_table import grade_photographs
from service.inference.bundle import Bundle, load_bundle
from service.inference.errors import BundleError
from tests.onnx_factory import write_palsy_bundle

SHIPPED = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    cv2.imwrite(str(folder / "face.png"), data.astronaut()[..., ::-1])
    cv2.imwrite(str(folder / "no_face.png"), data.coffee()[..., ::-1])
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(write_palsy_bundle(tmp_path_factory.mktemp("bundle") / "palsy"))


def test_a_folder_becomes_a_table(photographs: Path, bundle: Bundle, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    made = grade_photographs(
        [photographs], bundle, tmp_path / "out", progress=lambda done, total: calls.append((done, total))
    )
    assert (made.images, made.graded, made.refused, made.stopped) == (2, 1, 1, False)
    assert calls == [(1, 2), (2, 2)]
    with made.table.open(encoding="utf-8", newline="") as file:
        face, no_face = csv.DictReader(file)
    assert list(face) == columns(HOUSE_BRACKMANN)
    assert (face["grade"], face["side"], face["index"], face["code"]) == ("III", "left", "3", "")
    assert sum(float(face[f"probability_{grade}"]) for grade in HOUSE_BRACKMANN) == pytest.approx(1)
    assert 0 <= float(face["asymmetry_mouth"]) <= 1
    assert (no_face["code"], no_face["grade"], no_face["probability_I"]) == ("no-face", "", "")
    assert "face" in no_face["reason"]


def test_ctrl_c_keeps_what_was_read(
    photographs: Path, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PalsyAnalyzer.read
    reads: list[int] = []

    def interrupted_at_the_second(analyzer: PalsyAnalyzer, data: bytes, **options: Any) -> ReadPhotograph:
        reads.append(len(data))
        if len(reads) == 2:
            raise KeyboardInterrupt
        return read(analyzer, data, **options)

    monkeypatch.setattr(PalsyAnalyzer, "read", interrupted_at_the_second)
    picture = (photographs / "face.png").read_bytes()
    given = [tmp_path / f"{number}.png" for number in range(3)]
    for path in given:
        path.write_bytes(picture)
    made = grade_photographs(given, bundle, tmp_path / "out")
    assert (made.stopped, made.images, made.graded) == (True, 3, 1)
    assert len(made.table.read_text(encoding="utf-8").splitlines()) == 2


def test_what_cannot_be_graded_is_named(photographs: Path, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(NoImages, match="no such image, folder or list"):
        grade_photographs([tmp_path / "gone"], bundle, tmp_path)
    with pytest.raises(BundleError, match="grading needs one for 'palsy'"):
        grade_photographs([photographs], load_bundle(SHIPPED / "microexpression"), tmp_path)


def test_a_picture_that_cannot_be_read_has_a_row_that_says_so(
    photographs: Path, bundle: Bundle, tmp_path: Path
) -> None:
    """A DICOM file beside photographs: left out without a word, its patient would be lost."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/IMG_1.dcm").write_bytes(bytes(128) + b"DICM" + bytes(64))
    (tmp_path / "in/face.png").write_bytes((photographs / "face.png").read_bytes())
    made = grade_photographs([tmp_path / "in"], bundle, tmp_path / "out")
    assert (made.graded, made.refused) == (1, 1)
    with made.table.open(encoding="utf-8", newline="") as file:
        refused = next(row for row in csv.DictReader(file) if row["code"])
    assert (Path(refused["path"]).name, refused["code"]) == ("IMG_1.dcm", "unsupported-media-type")
    assert "DICOM" in refused["reason"]
