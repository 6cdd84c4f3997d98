"""A folder of photographs graded by a bundle, without HTTP."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import cv2
import pytest
from skimage import data

from face.errors import NoImages
from face.palsy.prediction_table import columns
from face.palsy.reading import ReadPhotograph
from face.vocabulary import HOUSE_BRACKMANN
from model_training.runtime.shard import Shard
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
    calls: list[tuple[int, int]] = []
    made = grade_photographs(given, bundle, tmp_path / "out", progress=lambda *at: calls.append(at))
    assert (made.stopped, made.graded, made.known, len(reads)) == (False, 3, 1, 4), "nothing is read twice"
    assert calls == [(1, 3), (2, 3), (3, 3)]
    whole = grade_photographs(given, bundle, tmp_path / "whole")
    assert made.table.read_bytes() == whole.table.read_bytes()


def test_a_kill_loses_no_more_than_the_running_answer(photographs: Path, bundle: Bundle, tmp_path: Path) -> None:
    whole = grade_photographs([photographs], bundle, tmp_path)
    (answers,) = (tmp_path / "answers").rglob("*.jsonl")
    answers.write_bytes(answers.read_bytes()[:-30])
    again = grade_photographs([photographs], bundle, tmp_path / "out")
    made = grade_photographs([photographs], bundle, tmp_path)
    assert (made.known, made.graded, made.refused) == (1, 1, 1)
    assert made.table.read_bytes() == again.table.read_bytes() == whole.table.read_bytes()
    assert grade_photographs([photographs], bundle, tmp_path).known == 2


def test_shards_become_the_table_of_one_run(photographs: Path, bundle: Bundle, tmp_path: Path) -> None:
    picture = (photographs / "face.png").read_bytes()
    given = [tmp_path / f"{number}.png" for number in range(4)] + [tmp_path / "gone.png"]
    for path in given[:4]:
        path.write_bytes(picture)
    (tmp_path / "list.txt").write_text("\n".join(path.name for path in given), encoding="utf-8")
    out = tmp_path / "shared"
    for number in (2, 1):
        made = grade_photographs([tmp_path / "list.txt"], bundle, out, share=Shard(number, 2))
        assert (made.images, made.table.exists()) == ((3, 2)[number - 1], False)
    joined = grade_photographs([tmp_path / "list.txt"], bundle, out)
    assert (joined.known, joined.graded, joined.refused) == (4, 4, 1), "what is missing may come yet"
    whole = grade_photographs([tmp_path / "list.txt"], bundle, tmp_path / "whole")
    assert joined.table.read_bytes() == whole.table.read_bytes()
    with joined.table.open(encoding="utf-8", newline="") as file:
        assert [row["sha256"] for row in csv.DictReader(file)] == [hashlib.sha256(picture).hexdigest()] * 4 + [""]


def test_an_answer_is_of_one_file_as_it_is_and_of_one_model(photographs: Path, bundle: Bundle, tmp_path: Path) -> None:
    photograph = tmp_path / "a.png"
    photograph.write_bytes((photographs / "face.png").read_bytes())
    grade_photographs([photograph], bundle, tmp_path / "out")
    assert grade_photographs([photograph], bundle, tmp_path / "out", faces="largest").known == 0
    other = load_bundle(write_palsy_bundle(tmp_path / "other", name="another-palsy"))
    assert grade_photographs([photograph], other, tmp_path / "out").known == 0
    photograph.write_bytes((photographs / "no_face.png").read_bytes())
    made = grade_photographs([photograph], bundle, tmp_path / "out")
    assert (made.known, made.refused) == (0, 1)


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
