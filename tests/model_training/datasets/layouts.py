"""Miniatures of the official layouts, written from their documented names and quirks. Frames are a few grey pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from openpyxl import Workbook


def write_image(path: Path, *, size: tuple[int, int] = (8, 8), value: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix.strip(), np.full((*size, 3), value, np.uint8))
    assert ok
    path.write_bytes(data.tobytes())
    return path


def write_workbook(path: Path, rows: list[list[Any]], *, sheet: str = "Sheet1", before: tuple[str, ...] = ()) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for other in before:
        workbook.create_sheet(other).append(["nothing", "here"])
    page = workbook.create_sheet(sheet)
    for row in rows:
        page.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook.save(path)
    return path


def frames(folder: Path, pattern: str, numbers: range) -> None:
    for number in numbers:
        write_image(folder / pattern.format(number))


CASME2_HEADER = [
    "Subject",
    None,
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
]


def casme2(root: Path) -> Path:
    """Blank header columns, `/` as apex, subjects as text and number, a clip whose frames are missing, an emotion
    outside the classes."""
    rows = [
        CASME2_HEADER,
        ["01", None, "EP02_01f", 46, 59, 86, None, "12", "happiness"],
        ["01", None, "EP19_05f", 10, 14, 20, None, "4+L10", "disgust"],
        [2, None, "EP01_11f", 46, "/", 86, None, "4", "repression"],
        ["sub2", None, "EP03_02f", 1, 5, 9, None, "1+2", "surprise"],
        ["02", None, "EP06_01f", 1, 5, 9, None, "4", "others"],
        ["03", None, "EP07_03", 1, 5, 9, None, "1", "surprise"],
        ["03", None, "EP08_05", 1, 5, 9, None, "1", "sadness"],
        [None] * 9,
        ["03", None, "EP09_02", 1, 12, 9, None, "1", "disgust"],
    ]
    raw = root / "CASME2_RAW_selected"
    frames(raw / "sub01/EP02_01f", "img{}.jpg", range(46, 87))
    frames(raw / "sub01/EP19_05f", "img{}.jpg", range(10, 21))
    frames(raw / "sub02/EP01_11f", "img{}.jpg", range(46, 87))
    for clip in ("sub02/EP03_02f", "sub02/EP06_01f", "sub03/EP08_05", "sub03/EP09_02"):
        frames(raw / clip, "img{}.jpg", range(1, 10))
    frames(root / "Cropped/sub01/EP02_01f", "reg_img{}.jpg", range(46, 87))
    return write_workbook(root / "CASME2-coding-20140508.xlsx", rows)


def smic(root: Path) -> None:
    """Folders not padded; one clip in the wrong folder, one without frames."""
    top = root / "SMIC_all_cropped/HS"
    frames(top / "s1/micro/negative/s1_ne_01", "image{:03d}.jpg", range(100, 111))
    frames(top / "s1/micro/positive/s1_po_01", "image{:03d}.jpg", range(1, 4))
    frames(top / "s12/micro/surprise/s12_sur_01", "image{}.jpg", range(8, 13))
    frames(top / "s12/micro/positive/s12_ne_02", "image{}.jpg", range(1, 4))
    (top / "s12/micro/negative/s12_ne_01").mkdir(parents=True)


def samm(root: Path) -> Path:
    """13 lines of preamble, frames of 4 and 5 digits, wrong apex and offset cells."""
    preamble = [[f"SAMM, line {line}"] for line in range(13)]
    header = [
        "Subject",
        "Filename",
        "Inducement Code",
        "Onset Frame",
        "Apex Frame",
        "Offset Frame",
        "Duration",
        "Micro",
        "Action Units",
        "Estimated Emotion",
        "Objective Classes",
        "Notes",
    ]
    rows = [
        ["006", "006_1_2", 1, 562, 565, 570, 9, "1/2", "4", "Anger", 3, None],
        [7, "007_3_1", 1, 10001, 10004, 10009, 9, "1", "12", "Happiness", 1, None],
        ["007", "007_3_2", 1, 20, 99999, 30, 9, "1", "1", "Surprise", 1, None],
        ["007", "007_3_3", 1, 20, 25, 22, 9, "1", "1", "Surprise", 1, "offset before apex"],
        ["011", "011_1_1", 1, 5, 7, 9, 9, "1", "1", "Other", 7, None],
        ["011", "011_1_2", 1, 5, 8, 9, 9, "1", "1", "Surprise", 7, None],
    ]
    frames(root / "SAMM/006/006_1_2", "006_{:05d}.jpg", range(562, 571))
    frames(root / "SAMM/007/007_3_1", "007_{}.jpg", range(10001, 10010))
    for clip in ("007_3_2", "007_3_3"):
        frames(root / "SAMM/007" / clip, "007_{:04d}.jpg", range(20, 31))
    frames(root / "SAMM/011/011_1_1", "011_{:04d}.jpg", range(5, 10))
    frames(root / "SAMM/011/011_1_2", "011_{:04d}.jpg", [5, 6, 7, 9])  # type: ignore[arg-type]
    return write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", [*preamble, header, *rows])


def casme3(root: Path) -> Path:
    """Numbers as text, several clips of one file, a repeated key, another sheet in front."""
    rows = [
        ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"],
        ["spNO.1", "a", "10", "14", "20", "4", "I", "disgust"],
        ["spNO.1", "a", "30", "33", "39", "12", "II", "happy"],
        ["spNO.1", "a", "30", "34", "39", "12", "II", "happy"],
        ["spNO.2", "b", "5", "7", "9", "1", "III", "surprise"],
        ["spNO.02", "b", "12", "14", "18", "1", "III", "others"],
        ["spNO.2", "c", "5", "0", "9", "1", "III", "fear"],
    ]
    frames(root / "part_A/spNO.1/a/color", "{}.jpg", range(8, 41))
    frames(root / "part_A/spNO.2/b/color", "{}.jpg", range(3, 21))
    frames(root / "part_A/spNO.2/c/color", "{}.jpg", range(3, 11))
    return write_workbook(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", rows, sheet="label", before=("readme",))


def published_flow(root: Path) -> None:
    """The csv with a BOM, the blank before `.png`, one image missing, one label out of range."""
    table = "\ufeffdataset,sub,filename_o,label,apex,imagename,sub_filename\n" + "\n".join(
        [
            "casme2,sub01,EP02_01f,1,,sub01_EP02_01f.jpg,",
            "smic,s1,s1_ne_01,0,,x.jpg,",
            "samm,006,006_1_2,2,,x.jpg,",
            "samm,007,007_1_2,0,,x.jpg,",
            "samm,009,009_1_2,3,,x.jpg,",
            "",
        ]
    )
    root.mkdir(parents=True, exist_ok=True)
    (root / "combined_3_class2_for_optical_flow.csv").write_text(table, encoding="utf-8")
    folder = root / "STSNet_whole_norm_u_v_os"
    for name in ("sub01_EP02_01f .png", "s1_s1_ne_01 .png", "006_006_1_2 .png", "009_009_1_2 .png"):
        write_image(folder / name, size=(28, 28))


def ck_plus(root: Path) -> None:
    """593 sequences in small: an emotion, none annotated, a sequence of one frame, a broken emotion file."""
    images = root / "cohn-kanade-images"
    for sequence, count in (("S005/001", 11), ("S005/002", 4), ("S010/001", 1), ("S011/001", 3), ("S012/001", 3)):
        subject, number = sequence.split("/")
        frames(images / sequence, f"{subject}_{number}_{{:08d}}.png", range(1, count + 1))
    for sequence, content in (("S005/001", "   3.0000000e+00\n"), ("S011/001", "nonsense"), ("S012/001", "7.0")):
        subject, number = sequence.split("/")
        target = root / "Emotion" / sequence / f"{subject}_{number}_00000011_emotion.txt"
        target.parent.mkdir(parents=True)
        target.write_text(content, encoding="utf-8")
    (root / "Emotion/S005/002").mkdir(parents=True)


def grade_folders(root: Path, *, first: int = 1, count: int = 6, patients: int = 3) -> None:
    for grade in range(first, first + count):
        for patient in range(patients):
            name = f"patient{grade * 10 + patient:03d}"
            write_image(root / f"grade_{grade}" / f"{name}_left.jpg")
            write_image(root / f"grade_{grade}" / f"{name}_right_2.jpg")
