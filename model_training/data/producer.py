"""What turns a row of the sample table into the arrays of the cache, and how it says that a row gives none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from model_training.runtime.arrays import Arrays

# Name -> (shape of one sample, dtype) of what a row becomes.
Layout = Mapping[str, tuple[tuple[int, ...], str]]
# (row, folder of the table) -> the arrays of that row.
MakeRow = Callable[[Mapping[str, Any], Path], Arrays]


class RowRefused(Exception):
    """This row gives no sample. code: the contract's error code, or `missing-file`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Producer(Protocol):
    """Turns one row of the table into arrays; picklable, because every worker process opens its own."""

    @property
    def kind(self) -> str:
        """Of the cache."""

    def fingerprint(self) -> str:
        """SHA-256 of the preprocessing: caches with another one do not mix."""

    def spec_dict(self) -> Mapping[str, Any]:
        """The preprocessing as JSON, kept in the cache and in checkpoints that were trained on it."""

    def arrays(self) -> Layout:
        """What a row becomes."""

    def open(self) -> MakeRow:
        """The function that makes it; it raises RowRefused for a row without a sample."""

    def files(self, row: Mapping[str, Any]) -> list[str]:
        """Every file that the row's arrays depend on, relative to the table's folder."""
