"""The cache that training reads: every sample's tensors, ready, in plain .npy files.

    DIR/cache.json        what made it: kind, preprocessing spec and its fingerprint, counts; written last, so that its
                          presence means complete
    DIR/samples.parquet   the rows whose face was found, in the order of the arrays
    DIR/not_found.csv     the rows that gave no sample, with code and reason
    DIR/NAME.npy          one array a tensor, first axis = row of samples.parquet

A palsy cache holds images uint8 (N,1,224,224), landmarks float32 (N,478,3), roi_masks uint8 (N,5,32,32;
255 = inside), asymmetry_map and seen_map float16 (N,32,32; NaN where the table knows no true map). A micro-expression
cache holds flow uint8 (N,3,28,28).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from model_training.configuration import Configuration, build
from model_training.errors import TrainingError

CACHE_FORMAT = 1
DESCRIPTION = "cache.json"
SAMPLES = "samples.parquet"
NOT_FOUND = "not_found.csv"


class ArrayDescription(Configuration):
    """Of NAME.npy, the axis of the samples first."""

    shape: list[int]
    dtype: str


class CacheDescription(Configuration):
    """cache.json. rows: of the table; found: of them in the cache; not_found: how many others, by code; table_key:
    SHA-256 of the table and its files; arrays: by name."""

    format: int
    kind: str
    fingerprint: str
    spec: Mapping[str, Any]
    table_key: str
    rows: int
    found: int
    not_found: dict[str, int]
    arrays: dict[str, ArrayDescription]


@dataclass(frozen=True)
class Cache:
    """An opened cache. arrays are memory maps; frame is the sample table of the found rows."""

    folder: Path
    kind: str
    fingerprint: str
    spec: Mapping[str, Any]
    frame: pd.DataFrame
    arrays: Mapping[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.frame)


def read_description(folder: Path) -> CacheDescription | None:
    """cache.json, or None where there is none. Raises TrainingError when it is not what `htnet data cache` writes."""
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: cannot be read ({error}). Delete the folder and run `htnet data cache` again."
        ) from error
    if not isinstance(read, dict) or read.get("format") != CACHE_FORMAT:
        raise TrainingError(
            f"{path}: not a cache of format {CACHE_FORMAT}. Delete the folder and run `htnet data cache` again."
        )
    try:
        return build(CacheDescription, read, source=str(path))
    except TrainingError as error:
        raise TrainingError(f"{error}\nDelete the folder and run `htnet data cache` again.") from error


def open_cache(folder: Path, *, kind: str, fingerprint: str | None = None) -> Cache:
    """Open a complete cache. fingerprint: what the caller's preprocessing is; a cache made by another one is refused.

    Raises TrainingError for a missing, unfinished or foreign cache.
    """
    description = read_description(folder)
    if description is None:
        started = (folder / "parts").is_dir()
        what = (
            "is not finished: run the same `htnet data cache` command again, it goes on where it stopped"
            if started
            else "is no cache: make one with `htnet data cache`"
        )
        raise TrainingError(f"{folder}: {what}")
    if description.kind != kind:
        raise TrainingError(f"{folder}: a cache of kind {description.kind!r}, this needs {kind!r}")
    if fingerprint is not None and description.fingerprint != fingerprint:
        raise TrainingError(
            f"{folder}: made by another preprocessing (fingerprint {description.fingerprint[:12]}, wanted "
            f"{fingerprint[:12]}). "
            "Run `htnet data cache` again into a new folder, or use the checkpoint that belongs to this cache."
        )
    try:
        frame = pd.read_parquet(folder / SAMPLES)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{folder / SAMPLES}: missing or damaged ({error}). Copy the cache again, or delete {folder} and run "
            "`htnet data cache` again."
        ) from error
    arrays = {}
    for name, declared in description.arrays.items():
        path = folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:  # numpy's own words are about pickles and memory maps
            raise TrainingError(
                f"{path}: missing, cut short or damaged. Copy the cache again, or delete {folder} and run "
                "`htnet data cache` again."
            ) from error
        if list(array.shape) != declared.shape or str(array.dtype) != declared.dtype or len(array) != len(frame):
            raise TrainingError(
                f"{path}: {array.dtype}{array.shape} where cache.json says {declared.dtype}{declared.shape}. Copy the "
                f"cache again, or delete {folder} and run `htnet data cache` again."
            )
        arrays[name] = array
    return Cache(folder, kind, description.fingerprint, description.spec, frame, arrays)
