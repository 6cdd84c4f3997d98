"""What every converter shares: collecting rows, dropping with a reason, and finishing as table, report and splits.

A converter never guesses. What it cannot read from the data set's own files it drops, with the row and the reason, or
asks the user for.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from face.whole_file import write_text
from model_training.data.sample_table import SampleTable, validate, write_table
from model_training.datasets.reading.people import how_many, same_person_spellings, what_so_few_can_say
from model_training.datasets.reading.splits import SplitShares, assign_splits
from model_training.errors import TrainingError


@dataclass
class Conversion:
    """Rows of one data set on their way to a table. dataset: prefix of every sample and person id, so that data sets
    can be merged."""

    dataset: str
    labels: tuple[str, ...]
    out: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0
    places: list[str] = field(default_factory=list)

    def drop(self, where: str, reason: str) -> None:
        """A row that cannot be used. where: spreadsheet row or file, as the user finds it again."""
        self.dropped.append({"where": where, "reason": reason})

    def add(
        self,
        *,
        sample: str,
        person: str,
        path: Path,
        label: int,
        side: str = "",
        pose: str = "",
        split: str = "",
        onset_path: Path | None = None,
        where: str = "",
        **further: Any,
    ) -> None:
        """A usable row. label counts from 1; paths are made relative to the table's folder; where: as in `drop`, the
        sample if empty."""
        row = {
            "sample_id": f"{self.dataset}/{sample}",
            "person_id": f"{self.dataset}/{person}",
            "path": self._relative(path),
            "label": label,
            "side": side,
            "pose": pose,
            "split": split,
            "dataset": self.dataset,
        }
        if onset_path is not None:
            row["onset_path"] = self._relative(onset_path)
        self.rows.append({**row, **further})
        self.places.append(where or sample)

    def _relative(self, path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), self.out.resolve())).as_posix()

    def _take_repeated_rows_once(self) -> None:
        """Raises TrainingError for rows of one sample that contradict each other."""
        first: dict[str, int] = {}
        repeated = []
        for number, row in enumerate(self.rows):
            kept = first.setdefault(row["sample_id"], number)
            if kept == number:
                continue
            other = self.rows[kept]
            different = [name for name in {**other, **row} if other.get(name) != row.get(name)]
            if different:
                what = ", ".join(f"{name} {other.get(name)!r} and {row.get(name)!r}" for name in different)
                raise TrainingError(
                    f"{self.dataset}: {self.places[kept]} and {self.places[number]} contradict each other about "
                    f"{row['sample_id']!r}: {what}. Correct one, or take it out"
                )
            repeated.append(number)
            self.drop(self.places[number], f"written twice: the same as {self.places[kept]}")
        self.rows = [row for number, row in enumerate(self.rows) if number not in set(repeated)]

    def finish(self, *, shares: SplitShares | None, seed: int) -> ConversionReport:
        """Write samples.parquet, dropped.csv and report.json into `out`. shares None keeps the splits that the rows
        name.

        Raises TrainingError where no row is usable or a person would be on two sides of a split.
        """
        if not self.rows:
            write_table(pd.DataFrame(self.dropped, columns=["where", "reason"]), self.out / "dropped.csv")
            first = f", first: {self.dropped[0]['where']}: {self.dropped[0]['reason']}" if self.dropped else ""
            raise TrainingError(f"{self.dataset}: no usable row ({self.read} read, {len(self.dropped)} dropped{first})")
        self._take_repeated_rows_once()
        frame = pd.DataFrame(self.rows)
        frame, merged = same_person_spellings(frame)
        self.notes += merged
        frame = validate(frame, source=self.dataset, num_classes=len(self.labels))
        frame["label_name"] = [self.labels[label - 1] for label in frame["label"]]
        # Before the split, which may fail: the dropped rows often say why.
        write_table(pd.DataFrame(self.dropped, columns=["where", "reason"]), self.out / "dropped.csv")
        if shares is not None:
            frame = assign_splits(frame, shares=shares, seed=seed)
        self.notes += what_so_few_can_say(frame, labels=self.labels)
        report = ConversionReport.of(self, frame)
        write_table(frame, self.out / "samples.parquet")
        report_text = json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        write_text(report_text, self.out / "report.json")
        return report


@dataclass(frozen=True)
class ConversionReport:
    """What was read, used and dropped, and what each split holds."""

    dataset: str
    labels: tuple[str, ...]
    rows_read: int
    rows_used: int
    dropped: Mapping[str, int]
    splits: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, conversion: Conversion, frame: pd.DataFrame) -> ConversionReport:
        reasons = Counter(_kind_of_reason(item["reason"]) for item in conversion.dropped)
        return cls(
            conversion.dataset,
            conversion.labels,
            conversion.read,
            len(frame),
            dict(reasons.most_common()),
            describe_splits(frame, conversion.labels),
            tuple(conversion.notes),
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "labels": list(self.labels),
            "rows_read": self.rows_read,
            "rows_used": self.rows_used,
            "dropped": dict(self.dropped),
            "splits": {k: dict(v) for k, v in self.splits.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        lines = [
            f"{self.dataset}: {self.rows_read} rows read, {self.rows_used} used, {sum(self.dropped.values())} dropped"
        ]
        lines += [f"  dropped {count}: {reason}" for reason, count in self.dropped.items()]
        lines += [f"  {line}" for line in split_lines(self.splits)]
        return lines + [f"  note: {note}" for note in self.notes]


def _kind_of_reason(reason: str) -> str:
    """The reason without its particulars (text before the colon), to count alike ones together."""
    return reason.split(":", 1)[0]


def split_lines(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What `describe_splits` says, a line each."""
    lines = []
    for name, part in splits.items():
        classes = ", ".join(f"{label} {count}" for label, count in part["classes"].items())
        lines.append(f"{name or 'no split'}: {part['rows']} rows of {how_many(part['people'])} ({classes})")
    return lines


def describe_splits(frame: pd.DataFrame, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Rows, people and classes of each split."""
    described = {}
    for name, part in frame.groupby("split", sort=False):
        counts = part["label"].value_counts()
        classes = {label: int(counts.get(index, 0)) for index, label in enumerate(labels, start=1)}
        described[str(name)] = {"rows": len(part), "people": int(part["person_id"].nunique()), "classes": classes}
    return described


def merge_tables(tables: list[SampleTable], out: Path) -> pd.DataFrame:
    """Several tables as one, paths made relative to the new table's folder."""
    parts = []
    for table in tables:
        frame = table.frame.copy()
        for column in ("path", "onset_path", "asymmetry_map"):
            if column in frame.columns:
                paths = [
                    Path(os.path.relpath((table.folder / p).resolve(), out.resolve())).as_posix() if p else ""
                    for p in frame[column]
                ]
                frame[column] = paths
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)
