"""FNP folders and tables, CK+, and data sets with a column map."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from face.vocabulary import HOUSE_BRACKMANN
from model_training.data.sample_table import read_table
from model_training.datasets.converters.ck_plus import convert_ck_plus
from model_training.datasets.converters.column_map import convert_with_column_map, read_column_map
from model_training.datasets.converters.fnp import (
    DEFAULT_STEM,
    convert_grade_folders,
    convert_grade_table,
    stem_pattern,
)
from model_training.datasets.reading.conversion import Conversion, describe_splits, split_lines
from model_training.datasets.reading.labels import THREE, grade_reader
from model_training.datasets.reading.splits import SplitShares, person_folds
from model_training.errors import TrainingError
from tests.model_training.datasets import layouts

STEM = stem_pattern(DEFAULT_STEM)


def conversion(out: Path, labels: tuple[str, ...] = HOUSE_BRACKMANN, name: str = "fnp") -> Conversion:
    return Conversion(dataset=name, labels=labels, out=out)


def finished(made: Conversion, shares: SplitShares | None = None) -> pd.DataFrame:
    made.finish(shares=shares, seed=0)
    return read_table(made.out).frame


@pytest.mark.parametrize(("grades", "first"), [("1..6", 1), ("0..5", 0)])
def test_grade_folders_count_as_the_user_says(tmp_path: Path, grades: str, first: int) -> None:
    layouts.grade_folders(tmp_path / "fnp", first=first)
    made = conversion(tmp_path / "out")
    convert_grade_folders(made, root=tmp_path / "fnp", grades=grade_reader(grades=grades, classes=6), stem=STEM)
    table = finished(made, SplitShares(validation=0.34, test=0.33))
    assert sorted(table["label"].unique()) == [1, 2, 3, 4, 5, 6]
    assert set(table["side"]) == {"left", "right"}
    assert table["person_id"].nunique() == 18
    for name in ("train", "validation", "test"):
        assert sorted(table[table["split"] == name]["label"].unique()) == [1, 2, 3, 4, 5, 6]
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["rows_read"] == 36
    assert report["splits"]["train"]["people"] == 6


def test_the_wrong_count_is_refused_not_guessed(tmp_path: Path) -> None:
    layouts.grade_folders(tmp_path / "fnp", first=0)
    with pytest.raises(TrainingError, match=r"grade_0: grade 0 is outside 1\.\.6"):
        convert_grade_folders(
            conversion(tmp_path / "out"),
            root=tmp_path / "fnp",
            grades=grade_reader(grades="1..6", classes=6),
            stem=STEM,
        )
    with pytest.raises(TrainingError, match="must say how the grades are written"):
        grade_reader(grades="six", classes=6)
    with pytest.raises(TrainingError, match="say which grades form a class"):
        grade_reader(grades="1..6", classes=3)
    with pytest.raises(TrainingError, match="must name every grade"):
        grade_reader(grades="1..6", classes=3, merge="1;2,3;5,6")
    with pytest.raises(TrainingError, match="--classes must be 3"):
        grade_reader(grades="1..6", classes=4)


def test_three_classes_by_name_and_by_merging(tmp_path: Path) -> None:
    for folder, name in (("normal", "p1"), ("mild", "p2"), ("severe", "p3_left")):
        layouts.write_image(tmp_path / "three" / folder / f"{name}.png")
    made = conversion(tmp_path / "out", THREE)
    convert_grade_folders(made, root=tmp_path / "three", grades=grade_reader(grades="names", classes=3), stem=STEM)
    assert dict(zip(*finished(made)[["label_name", "label"]].T.to_numpy(), strict=True)) == {
        "normal": 1,
        "mild": 2,
        "severe": 3,
    }
    layouts.grade_folders(tmp_path / "six")
    made = conversion(tmp_path / "merged", THREE)
    reader = grade_reader(grades="1..6", classes=3, merge="1;2,3;4,5,6")
    convert_grade_folders(made, root=tmp_path / "six", grades=reader, stem=STEM)
    assert finished(made)["label"].value_counts().to_dict() == {1: 6, 2: 12, 3: 18}


def test_two_spellings_of_a_patient_are_one_person(tmp_path: Path) -> None:
    for name in ("patient001_left", "Patient1_left_2", "patient_01"):
        layouts.write_image(tmp_path / "fnp/grade_1" / f"{name}.jpg")
    made = conversion(tmp_path / "out")
    convert_grade_folders(
        made,
        root=tmp_path / "fnp",
        grades=grade_reader(grades="1..6", classes=6),
        stem=stem_pattern(r"(?P<person>patient_?\d+).*"),
    )
    assert finished(made)["person_id"].nunique() == 1
    assert "are one person" in " ".join(made.notes)
    with pytest.raises(TrainingError, match="cannot be split into 3 groups"):
        finished(made, SplitShares())


def test_grade_table(tmp_path: Path) -> None:
    for name in ("a_1", "a_2", "b_1", "c_1"):
        layouts.write_image(tmp_path / f"img/{name}.jpg")
    (tmp_path / "t.csv").write_text(
        "\ufeffimage_path;grade;side;split;patient\nimg/a_1.jpg;1;none;train;A\nimg\\a_2.jpg;II;L;train;A\nimg/b_1.jpg;7;right;train;B\n"
        "img/b_1.jpg;6;right;val;B\nimg/gone.jpg;6;right;val;B\n\nimg/c_1.jpg;3;middle;test;C\nimg/c_1.jpg;3;;other;C\nimg/c_1.jpg;3;;test;\n",
        encoding="utf-8",
    )
    made = conversion(tmp_path / "out")
    reader = grade_reader(grades="1..6", classes=6)
    convert_grade_table(
        made, root=tmp_path, table=tmp_path / "t.csv", grades=reader, person_column="patient", stem=STEM
    )
    table = finished(made)
    assert list(table["label"]) == [1, 2, 6]
    assert list(table["side"]) == ["none", "left", "right"]
    assert list(table["split"]) == ["train", "train", "validation"]
    why = [item["reason"] for item in made.dropped]
    assert why[0] == "label out of range: grade 7 is outside 1..6"
    assert [reason.split(":")[0] for reason in why[1:]] == [
        "file missing",
        "side unreadable",
        "unknown split",
        "no patient id",
    ]


def test_a_person_on_two_sides_of_a_given_split_is_an_error(tmp_path: Path) -> None:
    for name in ("a_1", "a_2"):
        layouts.write_image(tmp_path / f"{name}.jpg")
    (tmp_path / "t.csv").write_text("image_path,grade,split\na_1.jpg,1,train\na_2.jpg,2,test\n", encoding="utf-8")
    made = conversion(tmp_path / "out")
    reader = grade_reader(grades="1..6", classes=6)
    convert_grade_table(made, root=tmp_path, table=tmp_path / "t.csv", grades=reader, person_column=None, stem=STEM)
    with pytest.raises(TrainingError, match="person 'fnp/a' is in test and train"):
        finished(made)
    assert not (tmp_path / "out/samples.parquet").exists()


def test_ck_plus_as_healthy_controls_and_with_a_grade_map(tmp_path: Path) -> None:
    layouts.ck_plus(tmp_path)
    reader = grade_reader(grades="1..6", classes=6)
    made = conversion(tmp_path / "out", name="ckplus")
    convert_ck_plus(made, root=tmp_path, grades=reader)
    table = finished(made)
    assert set(table["label"]) == {1}
    assert set(table["side"]) == {"none"}
    assert list(table["pose"]) == ["rest", "disgust", "rest", "", "rest", "surprise"]
    assert table["path"].iloc[1].endswith("S005_001_00000011.png")
    assert sorted(item["reason"].split(":")[0] for item in made.dropped) == [
        "emotion file unreadable",
        "too few frames",
    ]
    (tmp_path / "map.csv").write_text("subject,sequence,grade,side\nS005,001,3,left\nS012,,I,none\n", encoding="utf-8")
    made = conversion(tmp_path / "mapped", name="ckplus")
    convert_ck_plus(made, root=tmp_path, grade_map=tmp_path / "map.csv", grades=reader)
    assert list(finished(made)["label"]) == [3, 3, 1, 1]
    (tmp_path / "map.csv").write_text("subject,grade\nS005,9\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"map\.csv, row 2: grade 9 is outside"):
        convert_ck_plus(conversion(tmp_path / "x"), root=tmp_path, grade_map=tmp_path / "map.csv", grades=reader)


MEEI = """
sheet = "Scores"
[columns]
person = "Patient"
label = "HB"
side = "Affected"
eface = "eFACE total"
[path]
template = "{Category}/{Patient}/{pose}.jpg"
poses = { rest = 1, full_smile = 5 }
[values.side]
"L" = "left"
"R" = "right"
"-" = "none"
"""


def test_meei_through_a_column_map(tmp_path: Path) -> None:
    rows = [
        ["Standard set"],
        ["Patient", "Category", "HB", "Affected", "eFACE total"],
        ["F01", "flaccid", "VI", "L", 41],
        ["S02", "synkinetic", 3.0, "R", 70],
        ["N03", "normal", 1, "-", 100],
        ["N04", "normal", 1, "?", 100],
        ["N05", "normal", 1, "", 100],
    ]
    table = layouts.write_workbook(tmp_path / "scores.xlsx", rows, sheet="Scores")
    for folder in ("flaccid/F01", "synkinetic/S02", "normal/N03", "normal/N05"):
        for pose in (1, 5):
            layouts.write_image(tmp_path / folder / f"{pose}.jpg")
    (tmp_path / "synkinetic/S02/5.jpg").unlink()
    (tmp_path / "map.toml").write_text(MEEI, encoding="utf-8")
    made = conversion(tmp_path / "out", name="meei")
    reader = grade_reader(grades="1..6", classes=6)
    convert_with_column_map(
        made, root=tmp_path, table=table, columns=read_column_map(tmp_path / "map.toml"), grades=reader
    )
    found = finished(made)
    assert list(found["label"]) == [6, 6, 3, 1, 1, 1, 1]
    assert list(found["pose"]) == ["rest", "full_smile", "rest", "rest", "full_smile", "rest", "full_smile"]
    assert list(found["eface"]) == ["41", "41", "70", *["100"] * 4]
    assert list(found["side"]) == ["left", "left", "right", "none", "none", "", ""]
    assert split_lines(describe_splits(found.assign(split=""), HOUSE_BRACKMANN)) == [
        "no split: 7 rows of 4 people (I 4, II 0, III 1, IV 0, V 0, VI 2)"
    ]
    assert [item["reason"].split(":")[0] for item in made.dropped] == [
        "file missing",
        "value not understood",
        "value not understood",
    ]


def test_yfp_intensities_become_three_classes(tmp_path: Path) -> None:
    layouts.write_image(tmp_path / "p1/0001.jpg")
    (tmp_path / "labels.csv").write_text("patient,frame,mouth\np1,0001,0.5\np1,0001,0.7\n", encoding="utf-8")
    (tmp_path / "map.toml").write_text(
        '[columns]\nperson = "patient"\nlabel = "mouth"\n[path]\ntemplate = "{patient}/{frame}.jpg"\n'
        '[values.label]\n"0" = 1\n"0.5" = 2\n"1.0" = 3\n'
    )
    made = conversion(tmp_path / "out", THREE, "yfp")
    columns = read_column_map(tmp_path / "map.toml")
    convert_with_column_map(
        made,
        root=tmp_path,
        table=tmp_path / "labels.csv",
        columns=columns,
        grades=grade_reader(grades="names", classes=3),
    )
    assert list(finished(made)["label_name"]) == ["mild"]
    assert made.dropped[0]["reason"] == "value not understood: label '0.7' is not in [values.label]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns]\nlabel = "x"\n[path]\ntemplate = "a"', r"must name 'person' \(splits are by patient\)"),
        ('[columns]\nperson = "p"\nlabel = "x"\n[path]\ntemplate = "a"\ncolour = 1', r"unknown key 'path\.colour'"),
        ('[columns]\nperson = "p"\nlabel = "x"', "missing key 'path'"),
        (
            '[columns]\nperson = "p"\nlabel = "x"\nonset_path = "o"\n[path]\ntemplate = "a"',
            r"must not name 'onset_path', which is made from \[path\]",
        ),
        ("[columns", "not valid TOML"),
    ],
)
def test_a_column_map_is_strict(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=message):
        read_column_map(tmp_path / "map.toml")
    with pytest.raises(TrainingError, match="no such column map"):
        read_column_map(tmp_path / "absent.toml")


def test_nothing_usable_is_an_error_that_shows_the_first_reason(tmp_path: Path) -> None:
    layouts.write_image(tmp_path / "fnp/grade_1/x.jpg")
    made = conversion(tmp_path / "out")
    reader = grade_reader(grades="1..6", classes=6)
    convert_grade_folders(made, root=tmp_path / "fnp", grades=reader, stem=stem_pattern(r"(?P<person>p\d+)"))
    with pytest.raises(
        TrainingError, match=r"no usable row .1 read, 1 dropped, first: grade_1/x.jpg: file name does not match"
    ):
        finished(made)


def test_folds_hold_every_person_once(tmp_path: Path) -> None:
    layouts.grade_folders(tmp_path / "fnp", patients=4)
    made = conversion(tmp_path / "out")
    convert_grade_folders(made, root=tmp_path / "fnp", grades=grade_reader(grades="1..6", classes=6), stem=STEM)
    table = finished(made)
    folds = person_folds(table, folds=4, seed=1)
    assert sorted(person for fold in folds for person in fold) == sorted(table["person_id"].unique())
    assert {len(fold) for fold in folds} == {6}
    assert folds == person_folds(table, folds=4, seed=1) != person_folds(table, folds=4, seed=2)
    assert len(person_folds(table, folds=0, seed=0)) == 24


def in_grade_folders(root: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        layouts.write_image(root / f"grade_{number % 6 + 1}" / name)
    return root


@pytest.mark.parametrize(
    ("names", "doubt"),
    [
        ([f"{kind}_{n}.jpg" for kind in ("IMG", "DSC", "photo") for n in range(12)], r"'DSC', 'IMG', 'photo' are what"),
        ([f"IMG{n:04d}.png" for n in range(12)], "are what a camera calls its files"),
        ([f"anna_{n}.jpg" for n in range(6)] + [f"bo_{n}.jpg" for n in range(6)], "there would be 2 people only"),
        ([f"clinic_{n}.jpg" for n in range(12)] + [f"x{n}.jpg" for n in range(6)], "'clinic' would hold 67%"),
        (
            [f"anna_{n}.jpg" for n in range(6)] + [f"x{n}.jpg" for n in range(24)],
            "'anna' would have 6",
        ),
    ],
)
def test_file_names_that_hardly_name_people_are_refused_unless_the_user_insists(
    tmp_path: Path, names: list[str], doubt: str
) -> None:
    root, reader = in_grade_folders(tmp_path / "fnp", names), grade_reader(grades="1..6", classes=6)
    with pytest.raises(TrainingError, match=rf"{doubt}.*--stem.*--person-column"):
        convert_grade_folders(conversion(tmp_path / "out"), root=root, grades=reader, stem=STEM, stem_chosen=False)
    made = conversion(tmp_path / "out")
    convert_grade_folders(made, root=root, grades=reader, stem=STEM)
    assert any(note.startswith("doubtful people: ") for note in made.notes)


def test_patients_by_letter_and_number_are_people(tmp_path: Path) -> None:
    root = in_grade_folders(tmp_path / "fnp", [f"P{n:02d}_left.jpg" for n in range(12)])
    made = conversion(tmp_path / "out")
    convert_grade_folders(made, root=root, grades=grade_reader(grades="1..6", classes=6), stem=STEM, stem_chosen=False)
    assert len(made.rows) == 12


def test_what_is_no_picture_is_counted_and_listed_with_its_reason(tmp_path: Path) -> None:
    layouts.grade_folders(tmp_path / "fnp", first=1)
    folder = tmp_path / "fnp/grade_2"
    for name in ("scan.psd", "film.mov", "raw.dng", "._p1.jpg", "notes.docx"):
        (folder / name).write_bytes(b"something")
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    made = conversion(tmp_path / "out")
    convert_grade_folders(made, root=tmp_path / "fnp", grades=grade_reader(grades="1..6", classes=6), stem=STEM)
    table = finished(made, SplitShares(validation=0.34, test=0.33))
    dropped = pd.read_csv(tmp_path / "out/dropped.csv").set_index("where")["reason"]
    assert len(table) + len(dropped) == made.read
    assert dropped["grade_2/scan.psd"] == "not a format that is read (.psd): save it as JPEG or PNG"
    assert dropped["grade_2/._p1.jpg"].startswith("attributes that macOS keeps")
    assert dropped["grade_2/gone.jpg"].startswith("link that leads nowhere")
    assert {"grade_2/film.mov", "grade_2/raw.dng", "grade_2/notes.docx"} <= set(dropped.index)


def graded_table(folder: Path, lines: list[str]) -> Conversion:
    for number in range(1, 4):
        layouts.write_image(folder / f"a{number}.jpg")
    (folder / "table.csv").write_text("\n".join(["image_path,grade,side,who", *lines]), encoding="utf-8")
    made = conversion(folder / "out")
    convert_grade_table(
        made, root=folder, table=folder / "table.csv", grades=grade_reader(grades="1..6", classes=6),
        person_column="who", stem=STEM,
    )  # fmt: skip
    return made


def test_whole_numbers_that_a_program_wrote_as_floats_are_grades_and_people(tmp_path: Path) -> None:
    made = graded_table(tmp_path, ["a1.jpg,1.0,left,7.0", "a2.jpg,,left,8.0", "a3.jpg,2.5,,9"])
    assert [(row["label"], row["person_id"]) for row in made.rows] == [(1, "fnp/7")]
    assert [item["reason"] for item in made.dropped] == [
        "label out of range: the cell is empty",
        "label out of range: '2.5' is no grade",
    ]


def test_a_row_that_was_written_twice_counts_once_and_a_contradiction_is_named(tmp_path: Path) -> None:
    made = graded_table(tmp_path, ["a1.jpg,1,left,7", "a2.jpg,2,right,8", "a1.jpg,1,left,7"])
    assert len(finished(made)) == 2
    assert made.dropped == [{"where": "table.csv row 4", "reason": "written twice: the same as table.csv row 2"}]
    made = graded_table(tmp_path, ["a1.jpg,1,left,7", "a1.jpg,3,left,7"])
    with pytest.raises(TrainingError, match=r"table\.csv row 2 and table\.csv row 3 contradict .*: label 1 and 3"):
        made.finish(shares=None, seed=0)


def test_columns_of_another_language_are_answered_with_the_way_to_name_them(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("图像路径,等级,患侧\na1.jpg,1,左\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"first row is 图像路径, 等级, 患侧\. .*--column-map .*\[values\.side\]"):
        convert_grade_table(
            conversion(tmp_path / "out"), root=tmp_path, table=tmp_path / "table.csv",
            grades=grade_reader(grades="1..6", classes=6), person_column=None, stem=STEM,
        )  # fmt: skip


def test_a_table_says_early_how_little_few_people_can_say_and_a_failed_split_leaves_the_dropped_rows(
    tmp_path: Path,
) -> None:
    made = graded_table(tmp_path, ["a1.jpg,1,,7", "a2.jpg,1,,8", "a3.jpg,1,,9", "a4.jpg,1,,10"])
    made.finish(shares=SplitShares(validation=0.34, test=0.33), seed=0)
    assert any("all rows have one class, I" in note for note in made.notes)
    assert any("test has 1 person and 1 of 6 classes: its figures say little" in note for note in made.notes)
    made = graded_table(tmp_path / "b", ["a1.jpg,1,,7", "a4.jpg,1,,10"])
    with pytest.raises(TrainingError, match="cannot be split"):
        made.finish(shares=SplitShares(), seed=0)
    assert pd.read_csv(tmp_path / "b/out/dropped.csv")["where"].to_list() == ["table.csv row 3"]
