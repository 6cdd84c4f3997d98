"""A cache producer without faces: the array is the file's first bytes. Lives in a module because worker processes
import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_training.data.files import read_file
from model_training.data.producer import RowRefused
from model_training.runtime.arrays import Arrays


@dataclass(frozen=True)
class BytesProducer:
    """A file that starts with `bad` is refused, one that starts with `die` ends its process."""

    version: str = "1"
    kind: str = "palsy"

    def fingerprint(self) -> str:
        return self.version * 64

    def spec_dict(self) -> Mapping[str, Any]:
        return {"version": self.version}

    def arrays(self) -> Mapping[str, tuple[tuple[int, ...], str]]:
        return {"images": ((4,), "uint8")}

    def files(self, row: Mapping[str, Any]) -> list[str]:
        return [row["path"]]

    def open(self) -> Callable[[Mapping[str, Any], Path], Arrays]:
        def make(row: Mapping[str, Any], folder: Path) -> Arrays:
            data = read_file(folder / row["path"])
            if data.startswith(b"die"):
                os._exit(3)
            if data.startswith(b"bad"):
                raise RowRefused("no-face", "no face in it")
            return {"images": np.frombuffer(data[:4], np.uint8)}

        return make
