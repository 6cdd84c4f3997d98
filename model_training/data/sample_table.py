"""The sample table: one row an image, the only thing that simulator, converters, cache and training share.

A Parquet file (or CSV, chosen by the suffix) beside the images; `path`, `asymmetry_map` and `seen_map` are relative
to the table's folder. Labels count from 1: House-Brackmann 1..6, or 1..3 for normal/mild/severe. Sides are the
patient's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from face.vocabulary import REGIONS, SIDES
from face.whole_file import whole_file
from model_training.errors import TrainingError

REQUIRED_COLUMNS = ("sample_id", "person_id", "path", "label", "side", "pose", "split", "dataset")
# One count of a 16-bit asymmetry map in inter-ocular distances, where no column `asymmetry_map_unit` says otherwise.
ASYMMETRY_MAP_UNIT = 1e-5
TABLE_SIDES = (*SIDES, "")  # empty: the table does not say
SPLITS = ("train", "validation", "test", "")
SEVERITY_COLUMNS = tuple(f"severity_{region}" for region in REGIONS)
TEXT_COLUMNS = (
    "sample_id",
    "person_id",
    "path",
    "side",
    "pose",
    "split",
    "dataset",
    "onset_path",
    "asymmetry_map",
    "seen_map",
    "skin_tone",
)


@dataclass(frozen=True)
class SampleTable:
    """A validated table. `frame` has REQUIRED_COLUMNS and any further ones; `folder` is what the paths are relative
    to."""

    frame: pd.DataFrame
    folder: Path

    def __len__(self) -> int:
        return len(self.frame)

    def path(self, relative: str) -> Path:
        return self.folder / relative


def _read_frame(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        # Ids and empty cells stay text: "007" is not 7 and an empty side is not NaN.
        text = dict.fromkeys(TEXT_COLUMNS, str)
        return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={}, encoding="utf-8-sig")
    raise TrainingError(f"{path}: a sample table is a .parquet or .csv file")


def find_table(path: Path) -> Path:
    """The table itself, where a folder is given. Raises TrainingError where there is none."""
    if path.is_dir():
        found = [candidate for name in ("samples.parquet", "samples.csv") if (candidate := path / name).is_file()]
        if not found:
            raise TrainingError(
                f"{path}: holds neither samples.parquet nor samples.csv. Write the table with `htnet data prepare` or "
                "`htnet simulate`."
            )
        return found[0]
    if not path.is_file():
        raise TrainingError(f"{path}: no such sample table. Write one with `htnet data prepare` or `htnet simulate`.")
    return path


def read_table(path: Path, *, num_classes: int = 10) -> SampleTable:
    """Read and validate. Raises TrainingError naming the file, the row (counted from 1, without the header) and the
    value.

    num_classes: the highest label allowed; how many classes a model has is checked when it trains.
    """
    path = find_table(path)
    try:
        frame = _read_frame(path)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read as a table ({error})") from error
    return SampleTable(frame=validate(frame, source=str(path), num_classes=num_classes), folder=path.parent)


def label_names(frame: pd.DataFrame) -> tuple[str, ...]:
    """Names of labels 1, 2, ... as the table gives them (`label_name`), as numbers where it does not."""
    names = dict(zip(frame["label"], frame["label_name"], strict=True)) if "label_name" in frame.columns else {}
    return tuple(str(names.get(label, label)) for label in range(1, int(frame["label"].max()) + 1))


def validate(frame: pd.DataFrame, *, source: str, num_classes: int) -> pd.DataFrame:
    """The frame with text columns as text and labels as int; every rule broken is an error that names row and value."""
    missing = [column for column in REQUIRED_COLUMNS if column not in frame.columns]
    if missing:
        raise TrainingError(f"{source}: missing column(s) {', '.join(missing)}; it needs {', '.join(REQUIRED_COLUMNS)}")
    if frame.empty:
        raise TrainingError(f"{source}: the table has no rows")
    frame = frame.reset_index(drop=True).copy()
    for column in TEXT_COLUMNS:
        if column in frame.columns:
            frame[column] = frame[column].fillna("").astype(str)
    for column in ("sample_id", "person_id", "path"):
        _refuse(
            frame[column] == "",
            frame,
            column,
            source,
            "must not be empty (splits are by person, a person id is required)",
        )
    _refuse(frame["sample_id"].duplicated(), frame, "sample_id", source, "appears twice; ids are unique")
    _refuse(~frame["side"].isin(TABLE_SIDES), frame, "side", source, "is not one of left, right, none or empty")
    _refuse(~frame["split"].isin(SPLITS), frame, "split", source, "is not one of train, validation, test or empty")
    labels = pd.to_numeric(frame["label"], errors="coerce")
    _refuse(
        labels.isna() | (labels % 1 != 0) | (labels < 1) | (labels > num_classes),
        frame, "label", source, f"is not a whole number from 1 to {num_classes}",
    )  # fmt: skip
    frame["label"] = labels.astype("int64")
    check_persons_in_one_split(frame, source=source)
    return frame


def _refuse(bad: pd.Series, frame: pd.DataFrame, column: str, source: str, why: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        value = frame[column].tolist()[row]  # a number of Python's, which reads better than one of numpy's
        more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        raise TrainingError(f"{source}, row {row + 1}: {column} {value!r} {why}{more}")


def check_persons_in_one_split(frame: pd.DataFrame, *, source: str) -> None:
    """A person on two sides of a split would be tested on their own face: always an error."""
    splits = frame[frame["split"] != ""].groupby("person_id")["split"].agg(lambda values: sorted(set(values)))
    for person, sides in splits.items():
        if len(sides) > 1:
            raise TrainingError(
                f"{source}: person {person!r} is in {' and '.join(sides)}; a person belongs to exactly one split"
            )


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write atomically: readers see the old table or the new one, never half of one."""
    with whole_file(path) as temporary:
        if path.suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        elif path.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            raise TrainingError(f"{path}: a sample table is written as .parquet or .csv")
