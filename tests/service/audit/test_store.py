"""Audit records: durable, complete, and a clear failure when the database is full, gone or of another version."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from service.audit.csv_export import COLUMNS, csv_lines
from service.audit.entry import AuditEntry, hash_image
from service.audit.model import Base
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable, checked_url

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(number: int, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "request_id": f"request-{number}", "key_id": "ward", "task": "palsy", "model_name": "tiny",
        "model_version": "0.2.0", "model_sha256": "0" * 64, "image_sha256": (hash_image(b"photo"),), "label": "III",
        "probabilities": {"III": 0.75, "II": 0.25}, "recorded_at": NOON + timedelta(minutes=number),
    }  # fmt: skip
    return AuditEntry(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/new/audit.sqlite"
    prepare_database(url)
    return url


@pytest.fixture
def store(url: str):
    store = AuditStore(url)
    yield store
    store.close()


def test_record_is_read_back_by_another_connection(url: str, store: AuditStore) -> None:
    store.write(entry(1))
    other = AuditStore(url)
    (record,) = other.read(AuditQuery(), limit=10)
    assert record.probabilities == {"III": 0.75, "II": 0.25}
    assert record.image_sha256 == [hash_image(b"photo")]
    assert record.recorded_at == NOON + timedelta(minutes=1)
    other.close()


def test_migrations_make_the_models_schema(store: AuditStore) -> None:
    inspector = inspect(store.engine)
    for table in Base.metadata.tables.values():
        found = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert found == {column.name: column.nullable for column in table.columns}
        assert {index["name"] for index in inspector.get_indexes(table.name)} == {index.name for index in table.indexes}


def test_filters_and_pages(store: AuditStore) -> None:
    for number in range(5):
        store.write(entry(number))
    store.write(entry(5, label=None, probabilities=None, refusal="no-face", key_id=None))
    assert [r.request_id for r in store.read(AuditQuery(), limit=2)] == ["request-5", "request-4"]
    assert [r.request_id for r in store.read(AuditQuery(before_id=2), limit=9)] == ["request-0"]
    assert [r.refusal for r in store.read(AuditQuery(refused=True), limit=9)] == ["no-face"]
    since = AuditQuery(since=NOON + timedelta(minutes=3), until=NOON + timedelta(minutes=5))
    assert len(store.read(since, limit=9)) == 2
    assert len(list(store.read_all(AuditQuery(key_id="ward")))) == 5


def test_csv(store: AuditStore) -> None:
    store.write(entry(1))
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(store.read_all(AuditQuery()))))))
    assert tuple(rows[0]) == COLUMNS
    assert json.loads(rows[0]["probabilities"]) == {"III": 0.75, "II": 0.25}


def test_full_database_fails_clearly_and_recovers(store: AuditStore) -> None:
    store.write(entry(0))
    limit = 3

    @event.listens_for(store.engine, "checkout")
    def shrink(connection, _record, _proxy) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")

    def fill() -> None:
        for number in range(1, 200):
            store.write(entry(number))

    with pytest.raises(AuditUnavailable, match="database or disk is full"):
        fill()
    limit = 10_000
    store.write(entry(999))
    assert store.read(AuditQuery(), limit=1)[0].request_id == "request-999"


def test_deleted_database_is_noticed(tmp_path: Path, store: AuditStore) -> None:
    store.write(entry(0))
    for path in (tmp_path / "new").iterdir():
        path.unlink()
    with pytest.raises(AuditUnavailable, match="gone"):
        store.write(entry(1))


def test_restored_database_is_used_again(url: str, tmp_path: Path, store: AuditStore) -> None:
    for path in (tmp_path / "new").iterdir():
        path.unlink()
    prepare_database(url)
    store.write(entry(7))
    fresh = AuditStore(url)
    assert [record.request_id for record in fresh.read(AuditQuery(), limit=9)] == ["request-7"]
    fresh.close()


def test_missing_database_and_other_schema_stop_the_start(tmp_path: Path, url: str, store: AuditStore) -> None:
    with pytest.raises(AuditUnavailable, match="migrate"):
        AuditStore(f"sqlite:///{tmp_path}/absent.sqlite")
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AuditUnavailable, match="revision 9999"):
        AuditStore(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://", "sqlite://data/audit.sqlite", "mysql://x/y", "audit.sqlite", "postgresql:/ann:secret@host/audit",
        "postgres://ann:se/cret@host/audit", "postgresql://ann:secret@host:port/audit",
    ],
)  # fmt: skip
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"audit URL must be sqlite:///FILE .* or postgresql://user") as refused:
        checked_url(url)
    assert "cret" not in str(refused.value)


def test_postgresql_gets_its_driver() -> None:
    assert checked_url("postgresql://u:p@h/n").drivername == "postgresql+psycopg"


def test_an_entry_is_an_answer_or_a_refusal() -> None:
    with pytest.raises(ValueError, match="either"):
        entry(1, refusal="no-face")


def audit_command(*arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.audit", *arguments]
    return subprocess.run(command, env=os.environ | {"HTNET_AUDIT_URL": url}, capture_output=True, text=True)


def test_the_command_exports_and_says_what_is_wrong_in_a_line(url: str, store: AuditStore, tmp_path: Path) -> None:
    store.write(entry(1))
    (row,) = csv.DictReader(io.StringIO(audit_command("export", url=url).stdout))
    assert row["request_id"] == "request-1"
    lost = audit_command("export", url=f"sqlite:///{tmp_path}/nowhere.sqlite")
    assert (lost.returncode, lost.stderr.count("\n")) == (1, 1)
    assert "there is no audit database" in lost.stderr
    off = audit_command("migrate", url="")
    assert (off.returncode, off.stderr.count("\n")) == (1, 1)
    assert "switches the audit off" in off.stderr
