"""CASME II, SMIC-HS, SAMM and CAS(ME)^3 part A: annotation files and frames to onset/apex rows.

Frames stay where they are; `cache` turns each onset/apex pair into a flow image through the service's own
preprocessing. Subjects and clips are found by number where folder and spreadsheet pad differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.emotions import EmotionScheme
from model_training.datasets.reading.frames import numbered_folders, numbered_frames, require_folder
from model_training.datasets.reading.ground_truth import GroundTruth
from model_training.datasets.reading.people import person_number
from model_training.datasets.reading.spreadsheets import read_rows, text, whole_number
from model_training.errors import TrainingError

MissingApex = Literal["drop", "middle"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One annotated clip: frame numbers as annotated, None where the cell holds no number."""

    where: str
    subject: str
    name: str
    folder: Path
    onset: int | None
    apex: int | None
    offset: int | None
    emotion: str
    action_units: str = ""
    # Part of the sample's id beyond subject and name, where one file holds several clips.
    key: str = ""


def add_clip(
    conversion: Conversion, clip: Clip, scheme: EmotionScheme, *, missing_apex: MissingApex, truth: GroundTruth | None
) -> None:
    """Check one clip against its frames and add it, or drop it with the reason. The one place where a clip becomes a
    row."""
    label = scheme.label(clip.emotion)
    if truth is not None:
        listed = truth.label(conversion.dataset, clip.subject, clip.name)
        if listed is None:
            return conversion.drop(clip.where, f"not in the ground-truth file: {clip.subject} {clip.name}")
        label = listed
    if label is None:
        return conversion.drop(clip.where, f"emotion outside the classes: {clip.emotion!r}")
    frames = numbered_frames(clip.folder)
    if not frames:
        return conversion.drop(clip.where, f"no frames: {clip.folder.name} is missing or empty")
    if clip.onset is None or clip.onset not in frames:
        return conversion.drop(clip.where, f"onset frame missing: {clip.onset} of {clip.subject} {clip.name}")
    apex = clip.apex
    if apex is None and missing_apex == "middle" and clip.offset is not None:
        between = [number for number in frames if clip.onset <= number <= clip.offset]
        apex = between[len(between) // 2]
    if apex is None:
        return conversion.drop(clip.where, f"no apex annotated: {clip.subject} {clip.name}")
    if apex <= clip.onset or (clip.offset is not None and apex > clip.offset):
        return conversion.drop(
            clip.where,
            f"apex outside the clip: {apex} is not between onset {clip.onset} and offset {clip.offset} of "
            f"{clip.subject} {clip.name}",
        )
    if apex not in frames:
        return conversion.drop(clip.where, f"apex frame missing: {apex} of {clip.subject} {clip.name}")
    sample = f"{clip.subject}/{clip.name}" + (f"/{clip.key}" if clip.key else "")
    conversion.add(
        sample=sample,
        person=clip.subject,
        path=frames[apex],
        onset_path=frames[clip.onset],
        label=label,
        clip=clip.name,
        emotion=clip.emotion,
        action_units=clip.action_units,
        onset_frame=clip.onset,
        apex_frame=apex,
    )
    return None


@dataclass(frozen=True, kw_only=True)
class ClipColumns:
    """What an annotation file calls its columns; the one of the action units may be missing."""

    onset: str
    apex: str
    offset: str
    emotion: str
    action_units: str
    subject: str = "Subject"
    name: str = "Filename"


def annotated_clips(
    conversion: Conversion,
    annotations: Path,
    columns: ClipColumns,
    *,
    sheet: str | None = None,
    subjects: str,
    top: Path,
    inside: str = "",
) -> Iterator[Clip]:
    """The clips of an annotation file, row by row; a row without a subject is dropped.

    subjects: how a subject's number is written, e.g. `sub{:02d}`. The frames of a clip are in
    top/SUBJECT/NAME/`inside`.
    """
    needed = (columns.subject, columns.name, columns.onset, columns.apex, columns.offset, columns.emotion)
    for line, row in read_rows(annotations, columns=needed, sheet=sheet):
        conversion.read += 1
        cell, where = row[columns.subject], f"{annotations.name} row {line}"
        number = person_number(cell) if cell is not None else None
        if number is None:
            conversion.drop(where, f"no subject: {cell!r}")
            continue
        subject, name = subjects.format(number), text(row[columns.name])
        yield Clip(
            where=where,
            subject=subject,
            name=name,
            folder=numbered_folders(top).get(number, top / subject) / name / inside,
            onset=whole_number(row[columns.onset]),
            apex=whole_number(row[columns.apex]),
            offset=whole_number(row[columns.offset]),
            emotion=text(row[columns.emotion]).lower(),
            action_units=text(row.get(columns.action_units)),
        )


def convert_casme2(
    conversion: Conversion,
    *,
    root: Path,
    annotations: Path,
    scheme: EmotionScheme,
    frames: Literal["raw", "cropped"] = "raw",
    missing_apex: MissingApex = "drop",
    truth: GroundTruth | None = None,
) -> None:
    """`CASME2-coding-20140508.xlsx` and `CASME2_RAW_selected/sub01/EP02_01f/img46.jpg` or
    `Cropped/sub01/EP02_01f/reg_img46.jpg`.

    ApexFrame may be `/`: such clips are dropped unless missing_apex is `middle`.
    """
    top = require_folder(
        _inside(root, {"raw": "CASME2_RAW_selected", "cropped": "Cropped"}[frames]), f"CASME II {frames} frames"
    )
    columns = ClipColumns(
        onset="OnsetFrame",
        apex="ApexFrame",
        offset="OffsetFrame",
        emotion="Estimated Emotion",
        action_units="Action Units",
    )
    for clip in annotated_clips(conversion, annotations, columns, subjects="sub{:02d}", top=top):
        add_clip(conversion, clip, scheme, missing_apex=missing_apex, truth=truth)


def convert_smic(
    conversion: Conversion, *, root: Path, scheme: EmotionScheme, truth: GroundTruth | None = None
) -> None:
    """`SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/image*.jpg`. No apex is annotated: the middle frame stands for
    it.

    The label is read from the folder and from the code in the clip's name (ne, po, sur); where they disagree the clip
    is dropped.
    """
    top = require_folder(_inside(root, "SMIC_all_cropped/HS", "HS"), "SMIC-HS subjects")
    codes = {"ne": "negative", "po": "positive", "sur": "surprise"}
    words = {"negative": "disgust", "positive": "happiness", "surprise": "surprise"}
    for subject_number, subject_folder in numbered_folders(top).items():
        subject = f"s{subject_number:02d}"
        for emotion_folder in sorted(item for item in (subject_folder / "micro").glob("*") if item.is_dir()):
            for clip_folder in sorted(item for item in emotion_folder.iterdir() if item.is_dir()):
                conversion.read += 1
                where = clip_folder.relative_to(top).as_posix()
                code = clip_folder.name.split("_")[1] if clip_folder.name.count("_") >= 2 else ""
                if codes.get(code) != emotion_folder.name.lower():
                    conversion.drop(where, f"folder and file code disagree: {emotion_folder.name} and {code!r}")
                    continue
                numbers = list(numbered_frames(clip_folder))
                clip = Clip(
                    where=where,
                    subject=subject,
                    name=clip_folder.name,
                    folder=clip_folder,
                    onset=numbers[0] if numbers else None,
                    apex=None,
                    offset=numbers[-1] if numbers else None,
                    emotion=words[emotion_folder.name.lower()],
                )
                add_clip(conversion, clip, scheme, missing_apex="middle", truth=truth)
    conversion.notes.append("SMIC-HS annotates no apex: the middle frame of each clip stands for it")


def convert_samm(
    conversion: Conversion,
    *,
    root: Path,
    annotations: Path,
    scheme: EmotionScheme,
    missing_apex: MissingApex = "drop",
    truth: GroundTruth | None = None,
) -> None:
    """`SAMM_Micro_FACS_Codes_v2.xlsx` (13 lines before the header) and `SAMM/006/006_1_2/006_05562.jpg` (4 or 5
    digits).

    A few apex and offset cells are wrong in the official file: those clips are dropped and named, not repaired.
    """
    top = require_folder(_inside(root, "SAMM"), "SAMM subjects")
    columns = ClipColumns(
        onset="Onset Frame",
        apex="Apex Frame",
        offset="Offset Frame",
        emotion="Estimated Emotion",
        action_units="Action Units",
    )
    for clip in annotated_clips(conversion, annotations, columns, subjects="{:03d}", top=top):
        add_clip(conversion, clip, scheme, missing_apex=missing_apex, truth=truth)


def convert_casme3(
    conversion: Conversion, *, root: Path, annotations: Path, scheme: EmotionScheme, missing_apex: MissingApex = "drop"
) -> None:
    """`cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`, sheet `label`, and `part_A/spNO.1/a/color/{index}.jpg`.

    Numbers are stored as text. A clip is (subject, file, onset): one file holds several; a second row of the same key
    is dropped.
    """
    top = require_folder(_inside(root, "part_A"), "CAS(ME)^3 part A")
    columns = ClipColumns(onset="Onset", apex="Apex", offset="Offset", emotion="emotion", action_units="AU")
    seen: set[tuple[str, str, int | None]] = set()
    for clip in annotated_clips(
        conversion, annotations, columns, sheet="label", subjects="spNO.{}", top=top, inside="color"
    ):
        if (clip.subject, clip.name, clip.onset) in seen:
            conversion.drop(clip.where, f"appears twice: {clip.subject} {clip.name} onset {clip.onset}")
            continue
        seen.add((clip.subject, clip.name, clip.onset))
        keyed = replace(clip, key=str(clip.onset))
        add_clip(conversion, keyed, scheme, missing_apex=missing_apex, truth=None)


def _inside(root: Path, *candidates: str) -> Path:
    """`root` may be the folder that holds the official one, or that one itself."""
    for candidate in candidates:
        if (root / candidate).is_dir():
            return root / candidate
        if root.as_posix().endswith(candidate):
            return root
    if not root.is_dir():
        raise TrainingError(f"{root}: no such folder")
    raise TrainingError(f"{root}: holds no {candidates[0]}; give the folder that the data set was unpacked to")
