"""Run the shared preprocessing once over a sample table: in parallel, resumable, never half-written.

The table is cut into parts of 64 rows. Worker processes write each part to its own file, whose name is a hash of the
preprocessing fingerprint and the part's rows (with size and time of their files): after an interruption, or when rows
were added, parts that are there are not done again. Once all parts are there they are joined; cache.json comes last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from face.whole_file import whole_file, write_text
from model_training.data.cache import (
    CACHE_FORMAT,
    DESCRIPTION,
    NOT_FOUND,
    SAMPLES,
    ArrayDescription,
    CacheDescription,
    read_description,
)
from model_training.data.producer import Layout, MakeRow, Producer, RowRefused
from model_training.data.sample_table import SampleTable, write_table
from model_training.errors import Interrupted, TrainingError
from model_training.runtime.arrays import Arrays
from model_training.runtime.interruption import children_ignore_ctrl_c
from model_training.runtime.one_thread import one_blas_thread
from model_training.runtime.shard import Shard
from model_training.runtime.worker_pool import spawned_workers

PART_ROWS = 64


@dataclass(frozen=True)
class CacheReport:
    """rows: of the table; found: of them in the cache; not_found: how many others, by code; computed: rows that were
    not there from an earlier call, in `seconds`; joined: whether the cache can be opened, unlike a shard's parts."""

    rows: int
    found: int
    not_found: Mapping[str, int]
    seconds: float
    computed: int
    joined: bool = True

    @property
    def images_per_second(self) -> float:
        return self.computed / self.seconds if self.seconds > 0 else 0.0


def build_cache(
    table: SampleTable,
    out: Path,
    *,
    producer: Producer,
    jobs: int = 2,
    shard: Shard | None = None,
    progress: Callable[[int], object] | None = None,
) -> CacheReport:
    """Fill the folder `out`. progress is called with the number of rows just finished. jobs: worker processes; 0 makes
    the rows in this one. shard: make only its parts, which a call without a shard joins.

    Raises TrainingError for a folder that belongs to another preprocessing or lacks room, Interrupted on Ctrl-C
    (finished parts are kept).
    """
    progress = progress or _ignore
    if jobs < 0:
        raise TrainingError(f"--jobs must not be negative, got {jobs}")
    description = read_description(out)
    if description is not None and (description.kind, description.fingerprint) != (
        producer.kind,
        producer.fingerprint(),
    ):
        raise TrainingError(
            f"{out}: holds a {description.kind} cache of another preprocessing (fingerprint "
            f"{description.fingerprint[:12]}, "
            f"now {producer.fingerprint()[:12]}). Choose a new folder; nothing was changed."
        )
    rows = [{str(name): value for name, value in row.items()} for row in table.frame.to_dict("records")]
    keys = [
        _part_key(rows[start : start + PART_ROWS], table.folder, producer) for start in range(0, len(rows), PART_ROWS)
    ]
    table_key = hashlib.sha256("".join(keys).encode() + table.frame.to_json().encode()).hexdigest()
    if description is not None and description.table_key == table_key:
        return CacheReport(len(rows), description.found, description.not_found, 0.0, 0)
    _check_room(out, len(rows), producer)
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    mine = range(len(keys)) if shard is None else shard.of(range(len(keys)))
    todo = [index for index in mine if not (parts / f"{keys[index]}.npz").is_file()]
    waiting = set(todo)
    progress(sum(len(rows[i * PART_ROWS : (i + 1) * PART_ROWS]) for i in range(len(keys)) if i not in waiting))
    _run_parts(todo, rows, keys, table.folder, parts, producer, jobs, progress)
    computed = sum(len(rows[i * PART_ROWS : (i + 1) * PART_ROWS]) for i in todo)
    if shard is not None:
        return CacheReport(len(rows), 0, {}, time.monotonic() - started, computed, joined=False)
    report_counts, found = _join(table.frame, keys, parts, out, producer, table_key)
    shutil.rmtree(parts)
    return CacheReport(len(rows), found, report_counts, time.monotonic() - started, computed)


def _ignore(_rows: int) -> None:
    """Nobody watches."""


def _part_key(rows: list[dict[str, Any]], folder: Path, producer: Producer) -> str:
    digest = hashlib.sha256(f"{CACHE_FORMAT}{producer.kind}{producer.fingerprint()}".encode())
    for row in rows:
        digest.update(repr(row["sample_id"]).encode())
        for name in producer.files(row):
            try:
                status = (folder / name).stat()
                digest.update(f"{name}|{status.st_size}|{status.st_mtime_ns}\n".encode())
            except OSError:
                digest.update(f"{name}|missing\n".encode())
    return digest.hexdigest()[:32]


def _check_room(out: Path, rows: int, producer: Producer) -> None:
    out.mkdir(parents=True, exist_ok=True)
    each = sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in producer.arrays().values())
    needed = 2 * each * rows  # the parts and, while they are joined, the joined arrays
    free = shutil.disk_usage(out).free
    if free < needed:
        raise TrainingError(
            f"{out}: {rows} samples need up to {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free. Free space or "
            "choose another folder."
        )


def _run_parts(
    todo: list[int], rows: list[dict[str, Any]], keys: list[str], folder: Path, parts: Path,
    producer: Producer, jobs: int, progress: Callable[[int], object],
) -> None:  # fmt: skip
    if not todo:
        return
    chunks = {index: rows[index * PART_ROWS : (index + 1) * PART_ROWS] for index in todo}
    futures: dict[Future[int], int] = {}
    try:
        if jobs == 0:
            with one_blas_thread():
                _start_worker(producer, str(folder), str(parts))
                for index in todo:
                    progress(_make_part(chunks[index], keys[index]))
            return
        with spawned_workers(
            min(jobs, len(todo)), initializer=_start_worker, initargs=(producer, str(folder), str(parts))
        ) as pool:
            with children_ignore_ctrl_c():
                for index in todo:
                    futures[pool.submit(_make_part, chunks[index], keys[index])] = index
            for future in as_completed(futures):
                try:
                    progress(future.result())
                except BrokenProcessPool as error:
                    first = futures[future] * PART_ROWS + 1
                    raise TrainingError(
                        f"a worker process ended without an answer, near rows {first} to {first + PART_ROWS - 1} of "
                        "the table (out of memory, or an image that crashes the decoder). Finished parts are kept; "
                        "run again with --jobs 1 to see whether it happens at the same rows."
                    ) from error
    except KeyboardInterrupt:
        done = sum((parts / f"{keys[index]}.npz").is_file() for index in todo)
        raise Interrupted(
            f"Stopped. {done} of {len(todo)} parts of this run are finished and kept in {parts}; the same command "
            "goes on from there."
        ) from None


@dataclass(frozen=True)
class _Worker:
    """What a worker process keeps from its start on."""

    make: MakeRow
    folder: Path
    parts: Path
    layout: Layout


_worker: _Worker


def _start_worker(producer: Producer, folder: str, parts: str) -> None:
    import cv2

    global _worker
    one_blas_thread()
    cv2.setNumThreads(1)
    _worker = _Worker(make=producer.open(), folder=Path(folder), parts=Path(parts), layout=producer.arrays())


def _make_part(rows: list[dict[str, Any]], key: str) -> int:
    made: list[Arrays] = []
    index: list[int] = []
    refused: list[tuple[int, str, str]] = []
    for number, row in enumerate(rows):
        try:
            made.append(_worker.make(row, _worker.folder))
            index.append(number)
        except RowRefused as error:
            refused.append((number, error.code, str(error)))
    stacked = {
        name: np.stack([arrays[name] for arrays in made]).astype(dtype, copy=False)
        if made
        else np.zeros((0, *shape), dtype)
        for name, (shape, dtype) in _worker.layout.items()
    }
    with whole_file(_worker.parts / f"{key}.npz") as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            __index__=np.asarray(index, np.int64),
            __refused__=np.asarray(json.dumps(refused)),
            **stacked,
        )
    return len(rows)


def _join(
    frame: pd.DataFrame, keys: list[str], parts: Path, out: Path, producer: Producer, table_key: str
) -> tuple[dict[str, int], int]:
    kept: list[int] = []
    refused: list[dict[str, Any]] = []
    for number, key in enumerate(keys):
        with np.load(parts / f"{key}.npz", allow_pickle=False) as part:
            kept.extend(int(i) + number * PART_ROWS for i in part["__index__"])
            for row, code, reason in json.loads(str(part["__refused__"])):
                position = row + number * PART_ROWS
                sample = frame.iloc[position]
                refused.append(
                    {
                        "row": position + 1,
                        "sample_id": sample["sample_id"],
                        "path": sample["path"],
                        "code": code,
                        "reason": reason,
                    }
                )
    counts = pd.Series([item["code"] for item in refused], dtype=str).value_counts().to_dict()
    write_table(pd.DataFrame(refused, columns=["row", "sample_id", "path", "code", "reason"]), out / NOT_FOUND)
    if not kept:
        raise TrainingError(
            f"{out}: no sample could be made from any of the {len(frame)} rows ({counts}); reasons per row are in "
            f"{out / NOT_FOUND}"
        )
    (out / DESCRIPTION).unlink(missing_ok=True)
    layout: dict[str, ArrayDescription] = {}
    for name, (shape, dtype) in producer.arrays().items():
        with whole_file(out / f"{name}.npy") as temporary:
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.dtype(dtype), shape=(len(kept), *shape))
            start = 0
            for key in keys:
                with np.load(parts / f"{key}.npz", allow_pickle=False) as part:
                    values = part[name]
                array[start : start + len(values)] = values
                start += len(values)
            array.flush()
            del array
        layout[name] = ArrayDescription(shape=[len(kept), *shape], dtype=str(np.dtype(dtype)))
    write_table(frame.iloc[kept].reset_index(drop=True), out / SAMPLES)
    description = CacheDescription(
        format=CACHE_FORMAT,
        kind=producer.kind,
        fingerprint=producer.fingerprint(),
        spec=producer.spec_dict(),
        table_key=table_key,
        rows=len(frame),
        found=len(kept),
        not_found={str(code): int(count) for code, count in counts.items()},
        arrays=layout,
    )
    write_text(json.dumps(description.to_dict(), indent=2), out / DESCRIPTION)
    return description.not_found, len(kept)
