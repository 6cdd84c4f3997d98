"""CASME II, SMIC-HS, SAMM, CAS(ME)^3 and the published flow images: miniatures of their layouts, quirks included."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from face.vocabulary import EMOTIONS
from htnet.data import data
from model_training.data.sample_table import read_table
from model_training.datasets.converters.microexpression_sets import (
    convert_casme2,
    convert_casme3,
    convert_samm,
    convert_smic,
)
from model_training.datasets.converters.published_flow import convert_published_flow
from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.emotions import scheme
from model_training.datasets.reading.ground_truth import read_ground_truth
from model_training.errors import TrainingError
from tests.model_training.datasets import layouts


def conversion(name: str, out: Path, labels: tuple[str, ...] = EMOTIONS) -> Conversion:
    return Conversion(dataset=name, labels=labels, out=out)


def finished(made: Conversion) -> pd.DataFrame:
    made.finish(shares=None, seed=0)
    table = read_table(made.out)
    for column in ("path", "onset_path"):
        if column in table.frame:
            assert all(table.path(path).is_file() for path in table.frame[column])
    return table.frame.set_index("sample_id")


def reasons(made: Conversion) -> dict[str, str]:
    return {item["where"].split(" ", 1)[-1]: item["reason"] for item in made.dropped}


def test_casme2(tmp_path: Path) -> None:
    annotations = layouts.casme2(tmp_path)
    made = conversion("casme2", tmp_path / "out")
    convert_casme2(made, root=tmp_path, annotations=annotations, scheme=scheme("megc2019-casme2"))
    table = finished(made)
    assert made.read == 8
    assert list(table.index) == ["casme2/sub01/EP02_01f", "casme2/sub01/EP19_05f", "casme2/sub02/EP03_02f"]
    smile = table.loc["casme2/sub01/EP02_01f"]
    assert smile["path"].endswith("CASME2_RAW_selected/sub01/EP02_01f/img59.jpg")
    assert smile["onset_path"].endswith("img46.jpg")
    assert (smile["label"], smile["label_name"], smile["person_id"]) == (2, "positive", "casme2/sub01")
    assert list(table["label_name"]) == ["positive", "negative", "surprise"]
    why = reasons(made)
    assert why["row 4"] == "no apex annotated: sub02 EP01_11f"
    assert why["row 6"] == "emotion outside the classes: 'others'"
    assert why["row 7"].startswith("no frames: EP07_03")
    assert why["row 8"] == "emotion outside the classes: 'sadness'"
    assert why["row 10"].startswith("apex outside the clip: 12 is not between onset 1 and offset 9")


def test_casme2_middle_frame_all_negatives_and_cropped_frames(tmp_path: Path) -> None:
    annotations = layouts.casme2(tmp_path)
    made = conversion("casme2", tmp_path / "out")
    convert_casme2(made, root=tmp_path, annotations=annotations, scheme=scheme("three"), missing_apex="middle")
    table = finished(made)
    assert table.loc["casme2/sub02/EP01_11f", "path"].endswith("img66.jpg")
    assert table.loc["casme2/sub03/EP08_05", "label_name"] == "negative"
    cropped = conversion("casme2", tmp_path / "cropped")
    convert_casme2(cropped, root=tmp_path, annotations=annotations, scheme=scheme("three"), frames="cropped")
    assert finished(cropped).loc["casme2/sub01/EP02_01f", "path"].endswith("reg_img59.jpg")


def test_smic(tmp_path: Path) -> None:
    layouts.smic(tmp_path)
    made = conversion("smic", tmp_path / "out")
    convert_smic(made, root=tmp_path / "SMIC_all_cropped", scheme=scheme("three"))
    table = finished(made)
    assert list(table["label_name"]) == ["negative", "positive", "surprise"]
    assert list(table["person_id"]) == ["smic/s01", "smic/s01", "smic/s12"]
    assert table["path"].iloc[0].endswith("image105.jpg")
    assert "middle frame" in made.notes[0]
    assert sorted(item["reason"].split(":")[0] for item in made.dropped) == [
        "folder and file code disagree",
        "no frames",
    ]


def test_samm(tmp_path: Path) -> None:
    annotations = layouts.samm(tmp_path)
    made = conversion("samm", tmp_path / "out")
    convert_samm(made, root=tmp_path, annotations=annotations, scheme=scheme("three"))
    table = finished(made)
    assert list(table.index) == ["samm/006/006_1_2", "samm/007/007_3_1"]
    assert table["path"].iloc[0].endswith("SAMM/006/006_1_2/006_00565.jpg")
    assert table["path"].iloc[1].endswith("007_10004.jpg")
    why = reasons(made)
    assert why["row 17"].startswith("apex outside the clip: 99999")
    assert why["row 18"].startswith("apex outside the clip: 25 is not between onset 20 and offset 22")
    assert why["row 19"] == "emotion outside the classes: 'other'"
    assert why["row 20"] == "apex frame missing: 8 of 011 011_1_2"


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        ("three", ["negative", "positive", "surprise"]),
        ("four", ["negative", "positive", "surprise", "others"]),
        ("seven", ["disgust", "happiness", "surprise", "others"]),
    ],
)
def test_casme3(tmp_path: Path, classes: str, names: list[str]) -> None:
    annotations = layouts.casme3(tmp_path)
    chosen = scheme(classes)
    made = conversion("casme3", tmp_path / "out", chosen.labels)
    convert_casme3(made, root=tmp_path / "part_A", annotations=annotations, scheme=chosen)
    table = finished(made)
    assert list(table["label_name"]) == names
    assert list(table.index[:2]) == ["casme3/spNO.1/a/10", "casme3/spNO.1/a/30"]
    assert set(table["person_id"]) == {"casme3/spNO.1", "casme3/spNO.2"}
    assert reasons(made)["row 4"] == "appears twice: spNO.1 a onset 30"
    assert reasons(made)["row 7"].startswith("apex outside the clip: 0")


def test_published_flow(tmp_path: Path) -> None:
    layouts.published_flow(tmp_path / "flow")
    made = conversion("flow", tmp_path / "out")
    convert_published_flow(made, root=tmp_path / "flow")
    table = finished(made)
    assert list(table["person_id"]) == ["flow/casme2/sub01", "flow/smic/s1", "flow/samm/006"]
    assert list(table["label_name"]) == ["positive", "negative", "surprise"]
    assert table["path"].iloc[0].endswith("sub01_EP02_01f .png")
    assert [item["reason"].split(":")[0] for item in made.dropped] == ["flow image missing", "label out of range"]


def test_published_flow_pre_split(tmp_path: Path) -> None:
    for subject, label, name in (
        ("sub01", 1, "sub01_EP02_01f .png"),
        ("006", 2, "006_1_2 .png"),
        ("s3", 0, "s3_ne_03 .png"),
    ):
        layouts.write_image(tmp_path / "three_norm_u_v_os" / subject / "u_test" / str(label) / name, size=(28, 28))
        layouts.write_image(tmp_path / "three_norm_u_v_os" / subject / "u_train" / "0" / "other .png", size=(28, 28))
    made = conversion("flow", tmp_path / "out")
    convert_published_flow(made, root=tmp_path)
    assert sorted(finished(made)["label_name"]) == ["negative", "positive", "surprise"]
    with pytest.raises(TrainingError, match="holds neither"):
        convert_published_flow(conversion("flow", tmp_path / "x"), root=tmp_path / "three_norm_u_v_os/sub01")


PAIRS = """
[columns]
person = "Subject"
label = "Estimated Emotion"
[path]
template = "{imagename}"
onset = "{Estimated Emotion}/{Filename}/{OnsetFrame}.jpg"
"""


def pairs(root: Path, column_map: str, *options: str) -> Result:
    """Of a spreadsheet as MMEW's: three people with two clips each, of one the onset is missing."""
    lines = ["Subject,Filename,OnsetFrame,ApexFrame,Estimated Emotion,imagename"]
    for person, emotion in ((1, "happiness"), (2, "great surprise"), (3, "happiness"), (3, "great surprise")):
        clip = f"S{person:02d}-{emotion[0]}"
        apex = f"{emotion}/{clip}/15.jpg"
        for frame in (1, 15):
            layouts.write_image(root / emotion / clip / f"{frame}.jpg")
        lines.append(f"{person},{clip},1,15,{emotion},{apex}")
    (root / "happiness/S03-h/1.jpg").unlink()
    (root / "mmew.csv").write_text("\n".join(lines), encoding="utf-8")
    (root / "map.toml").write_text(column_map, encoding="utf-8")
    given = ("--root", root, "--table", root / "mmew.csv", "--column-map", root / "map.toml", "--out", root / "out")
    return CliRunner().invoke(data, ["prepare", "pairs", *map(str, given), "--validation", "0", *options])


@pytest.mark.parametrize(
    ("values", "labels", "names"),
    [
        ("", "happiness, Great Surprise", ["happiness", "Great Surprise", "Great Surprise"]),
        (
            '[values.label]\n"happiness" = "positive"\n"great surprise" = 3\n',
            "negative,positive,surprise",
            ["positive", "surprise", "surprise"],
        ),
    ],
)
def test_pairs_through_a_column_map(tmp_path: Path, values: str, labels: str, names: list[str]) -> None:
    done = pairs(tmp_path, PAIRS + values, "--labels", labels, "--name", "mmew")
    assert done.exit_code == 0, done.exception
    table = read_table(tmp_path / "out")
    assert list(table.frame["label_name"]) == names
    assert list(table.frame["person_id"]) == ["mmew/1", "mmew/2", "mmew/3"]
    assert [Path(path).name for path in table.frame["onset_path"]] == ["1.jpg"] * 3
    assert [Path(path).name for path in table.frame["path"]] == ["15.jpg"] * 3
    assert all(table.path(path).is_file() for column in ("path", "onset_path") for path in table.frame[column])
    assert "dropped 1: file missing" in done.stdout


def test_what_is_no_map_of_pairs_is_told(tmp_path: Path) -> None:
    alone = pairs(tmp_path, PAIRS.replace("onset =", "# onset ="))
    assert isinstance(alone.exception, TrainingError)
    assert "a pair has two frames; name the one at rest, too: [path] onset" in str(alone.exception)
    one = pairs(tmp_path, PAIRS, "--labels", "happiness")
    assert "--labels 'happiness' names 1 class(es); at least two are needed" in str(one.exception)
    given = ["--root", "x", "--table", "y", "--column-map", str(tmp_path / "map.toml"), "--out", "o"]
    graded = CliRunner().invoke(data, ["prepare", "neuroface", *given])
    assert "[path] onset is of pairs of frames: `htnet data prepare pairs`" in str(graded.exception)


def test_the_ground_truth_list_decides_clips_and_labels(tmp_path: Path) -> None:
    layouts.smic(tmp_path)
    listed = tmp_path / "megc.csv"
    listed.write_text("\ufeffSMIC,s01,s1_ne_01,0\n\nsmic,s12,s12_sur_01,2\n", encoding="utf-8")
    made = conversion("smic", tmp_path / "out")
    convert_smic(made, root=tmp_path, scheme=scheme("three"), truth=read_ground_truth(listed))
    assert list(finished(made)["label"]) == [1, 3]
    listed.write_text("smic,s01,s1_ne_01,7\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="line 1: 'smic,s01,s1_ne_01,7' is not"):
        read_ground_truth(listed)


def test_a_wrong_annotation_file_is_named(tmp_path: Path) -> None:
    layouts.casme2(tmp_path)
    other = layouts.write_workbook(tmp_path / "other.xlsx", [["A", "B"], [1, 2]])
    with pytest.raises(TrainingError, match=r"other\.xlsx: no header row with the columns Subject"):
        convert_casme2(conversion("casme2", tmp_path / "o"), root=tmp_path, annotations=other, scheme=scheme("three"))
    layouts.casme3(tmp_path)
    with pytest.raises(TrainingError, match="no sheet 'label'; it has Sheet1"):
        convert_casme3(conversion("c", tmp_path / "o"), root=tmp_path, annotations=other, scheme=scheme("three"))
    (tmp_path / "broken.xlsx").write_bytes(b"PK not a workbook")
    (tmp_path / "SAMM").mkdir()
    made = conversion("samm", tmp_path / "o")
    with pytest.raises(TrainingError, match=r"broken\.xlsx: cannot be read as a spreadsheet"):
        convert_samm(made, root=tmp_path, annotations=tmp_path / "broken.xlsx", scheme=scheme("three"))
    with pytest.raises(TrainingError, match="holds no SAMM"):
        convert_samm(made, root=tmp_path / "CASME2_RAW_selected", annotations=other, scheme=scheme("three"))
