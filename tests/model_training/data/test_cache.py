"""The cache: every row once, resumable, keyed by the preprocessing, never half-written."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from model_training.data import cache_build
from model_training.data.cache import open_cache
from model_training.data.cache_build import build_cache
from model_training.errors import Interrupted, TrainingError, UserError
from model_training.runtime.shard import Shard
from tests.model_training.data.producers import BytesProducer
from tests.model_training.data.tables import table

ROWS = 150  # three parts


def numbered(bad: tuple[int, ...] = (), gone: tuple[int, ...] = ()) -> dict[str, bytes]:
    return {f"{n:04d}": b"" if n in gone else b"bad!" if n in bad else f"{n:04d}".encode() for n in range(ROWS)}


def test_rows_arrive_in_order_and_refused_ones_are_listed(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", numbered(bad=(3, 70), gone=(149,)))
    seen: list[int] = []
    report = build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=2, progress=seen.append)
    assert (report.rows, report.found, report.not_found) == (150, 147, {"no-face": 2, "missing-file": 1})
    assert sum(seen) == 150
    made = open_cache(tmp_path / "out", kind="palsy", fingerprint="1" * 64)
    names = [bytes(values).decode() for values in made.arrays["images"]]
    assert names == list(made.frame["sample_id"]) == [f"{n:04d}" for n in range(150) if n not in (3, 70, 149)]
    listed = pd.read_csv(tmp_path / "out/not_found.csv", dtype={"sample_id": str})
    assert list(listed["row"]) == [4, 71, 150]
    assert list(listed["sample_id"]) == ["0003", "0070", "0149"]
    assert not (tmp_path / "out/parts").exists()
    again = build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    assert (again.computed, again.found) == (0, 147)


def test_an_interrupted_cache_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", numbered())

    def stop_after_the_first_part(finished: int) -> None:
        if finished:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"kept in .*the same command goes on"):
        build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1, progress=stop_after_the_first_part)
    kept = len(list((tmp_path / "out/parts").glob("*.npz")))
    assert 1 <= kept <= 3
    with pytest.raises(TrainingError, match="is not finished: run the same `htnet data cache` command again"):
        open_cache(tmp_path / "out", kind="palsy")
    report = build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    assert report.computed == {1: 86, 2: 22, 3: 0}[kept]
    assert report.found == 150
    assert not [item for item in (tmp_path / "out").iterdir() if item.name.startswith(".")]


def test_shards_into_one_folder_are_one_cache(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", numbered(bad=(3,)))
    build_cache(rows, tmp_path / "whole", producer=BytesProducer(), jobs=1)
    for number in (3, 1, 2):
        report = build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1, shard=Shard(number, 3))
        assert not report.joined
    joined = build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    assert (joined.computed, joined.found) == (0, 149)
    for name in ("images.npy", "samples.parquet", "cache.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_a_shard_is_a_number_of_a_count(text: str) -> None:
    with pytest.raises(UserError, match=f"--shard '{text}': write it as NUMBER/COUNT"):
        Shard.read(text)


def test_another_preprocessing_or_kind_is_refused(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", {"a": b"aaaa", "b": b"bbbb"})
    build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    with pytest.raises(TrainingError, match=r"another preprocessing .fingerprint 111111111111, now 222222222222"):
        build_cache(rows, tmp_path / "out", producer=BytesProducer(version="2"), jobs=1)
    with pytest.raises(TrainingError, match=r"another preprocessing .fingerprint 111111111111, wanted 2222"):
        open_cache(tmp_path / "out", kind="palsy", fingerprint="2" * 64)
    with pytest.raises(TrainingError, match="kind 'palsy', this needs 'microexpression'"):
        open_cache(tmp_path / "out", kind="microexpression")
    whole = (tmp_path / "out/images.npy").read_bytes()
    for damage in (whole[:-1], whole[:20], b""):
        (tmp_path / "out/images.npy").write_bytes(damage)
        with pytest.raises(TrainingError, match=r"images\.npy: missing, cut short or damaged\. Copy the cache again"):
            open_cache(tmp_path / "out", kind="palsy")
    (tmp_path / "out/images.npy").write_bytes(whole)
    (tmp_path / "out/samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(TrainingError, match=r"samples\.parquet: missing or damaged"):
        open_cache(tmp_path / "out", kind="palsy")
    (tmp_path / "out/cache.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"cache\.json: cannot be read"):
        open_cache(tmp_path / "out", kind="palsy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": None}, r"cache\.json: missing key 'kind'"),
        ({"rows": "two"}, r"cache\.json: 'rows' must be int, got 'two'"),
        ({"table": "here"}, r"cache\.json: unknown key 'table'"),
        ({"arrays": {"images": {"shape": [2]}}}, r"cache\.json: missing key 'arrays\.images\.dtype'"),
    ],
)
def test_a_damaged_description_is_refused_by_its_key(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    build_cache(
        table(tmp_path / "in", {"a": b"aaaa", "b": b"bbbb"}), tmp_path / "out", producer=BytesProducer(), jobs=1
    )
    path = tmp_path / "out/cache.json"
    changed = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}), encoding="utf-8")
    with pytest.raises(TrainingError, match=rf"(?s){message}.*run `htnet data cache` again"):
        open_cache(tmp_path / "out", kind="palsy")


def test_a_changed_file_is_done_again(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", {"a": b"aaaa", "b": b"bbbb"})
    build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    (tmp_path / "in/b").write_bytes(b"ccccc")
    assert build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1).computed == 2
    assert bytes(open_cache(tmp_path / "out", kind="palsy").arrays["images"][1]) == b"cccc"


def test_a_dying_worker_names_the_rows(tmp_path: Path) -> None:
    rows = table(tmp_path / "in", {**numbered(), "0100": b"die!"})
    with pytest.raises(TrainingError, match=r"near rows (1|65|129) to .*Finished parts are kept"):
        build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)


def test_no_usable_row_and_no_room_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(tmp_path / "in", {"a": b"bad", "b": b"bad"})
    with pytest.raises(TrainingError, match="no sample could be made from any of the 2 rows"):
        build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10))
    with pytest.raises(TrainingError, match=r"need up to .* GB, 0.00 GB are free"):
        build_cache(rows, tmp_path / "other", producer=BytesProducer(), jobs=1)


def test_a_disk_that_fills_up_while_joining_leaves_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(tmp_path / "in", {"a": b"aaaa", "b": b"bbbb"})

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_build, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1)
    with pytest.raises(TrainingError, match="is not finished"):
        open_cache(tmp_path / "out", kind="palsy")
    monkeypatch.undo()
    assert build_cache(rows, tmp_path / "out", producer=BytesProducer(), jobs=1).computed == 0  # the part was kept
