"""The audit in a real PostgreSQL: migrations, records, reading, and what happens while the database is away.

Needs the server's programs (Debian: postgresql); no running server, no container.
"""

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import inspect

from service.audit import chain, commands
from service.audit.entry import AuditEntry
from service.audit.model import Base
from service.audit.prepare import prepare_database
from service.audit.store import AuditQuery, AuditStore, AuditUnavailable
from service.security.api_keys import new_key
from tests.ops.live_service import GRADE, ROOT, free_port, live_service, metric_sum

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps off the PATH."""
    folders = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    found = shutil.which("initdb", path=os.pathsep.join([os.environ["PATH"], *folders]))
    return Path(found).resolve().parent if found else None


PROGRAMS = find_programs()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL's server programs are not installed")


@dataclass(frozen=True)
class Database:
    """A server of its own in a folder of its own, on loopback."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        # PostgreSQL does not run as root; in a container a test often does.
        user = "nobody" if os.geteuid() == 0 else None
        log = self.folder.parent / f"{program}.log"
        with log.open("ab") as file:
            done = subprocess.run(
                [PROGRAMS / program, "-D", self.folder, *arguments], user=user, stdout=file, stderr=file, cwd="/"
            )
        assert done.returncode == 0, log.read_text()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self.run("pg_ctl", "start", "-w", "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-m", "immediate")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    # Not below pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="htnet-postgresql-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        database = Database(Path(folder) / "data", free_port())
        database.run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        database.start()
        try:
            yield database
        finally:
            database.stop()


@pytest.fixture
def store(database: Database) -> Iterator[AuditStore]:
    with psycopg.connect(database.url) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    prepare_database(database.url)
    store = AuditStore(database.url)
    yield store
    store.close()


def entry(number: int, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "request_id": f"request-{number}", "key_id": "ward", "task": "palsy", "model_name": "tiny",
        "model_version": "0.2.0", "model_sha256": "0" * 64, "image_sha256": ("1" * 64,), "label": "III",
        "probabilities": {"III": 0.75, "II": 0.25}, "recorded_at": NOON + timedelta(minutes=number),
    }  # fmt: skip
    return AuditEntry(**(values | changes))  # type: ignore[arg-type]


def test_migrations_make_the_models_schema(store: AuditStore) -> None:
    inspector = inspect(store.engine)
    for table in Base.metadata.tables.values():
        found = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert found == {column.name: column.nullable for column in table.columns}
        assert {index["name"] for index in inspector.get_indexes(table.name)} == {index.name for index in table.indexes}


def test_records_come_back_as_they_were(store: AuditStore) -> None:
    for number in range(5):
        store.write(entry(number))
    store.write(entry(5, label=None, probabilities=None, refusal="no-face"))
    newest, *older = store.read(AuditQuery(), limit=10)
    assert (newest.refusal, newest.label, newest.probabilities) == ("no-face", None, None)
    assert older[0].recorded_at == NOON + timedelta(minutes=4)
    assert older[0].recorded_at.tzinfo is not None
    assert (older[0].probabilities, older[0].image_sha256) == ({"III": 0.75, "II": 0.25}, ["1" * 64])
    between = AuditQuery(since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=3), refused=False)
    assert [record.request_id for record in store.read(between, limit=10)] == ["request-2", "request-1"]
    assert len(list(store.read_all(AuditQuery(refused=True)))) == 1


def test_pods_that_start_together_migrate_once(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    command = [sys.executable, "-m", "service.audit", "migrate"]
    environment = os.environ | {"HTNET_AUDIT_URL": database.url}
    pods = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(3)]
    assert [pod.wait(60) for pod in pods] == [0, 0, 0]
    AuditStore(database.url).close()


def test_a_locked_table_is_given_up(database: Database, store: AuditStore) -> None:
    with psycopg.connect(database.url) as other:
        other.execute("LOCK TABLE analysis IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(AuditUnavailable):
            store.write(entry(1))
        assert time.monotonic() - started < 10
    store.write(entry(1))


def test_the_service_writes_refuses_without_and_recovers(
    database: Database, tmp_path: Path, tiny_models: Path, astronaut_jpeg: bytes
) -> None:
    secret, line = new_key("it", "admin")
    (tmp_path / "keys").write_text(line + "\n")
    settings = {"audit_url": database.url, "api_keys_file": tmp_path / "keys"}
    with (
        live_service(tmp_path, tiny_models, **settings) as live,
        httpx.Client(base_url=live.url, headers={"x-api-key": secret}, timeout=20) as client,
    ):
        answer = client.post(GRADE, files={"image": astronaut_jpeg})
        assert answer.status_code == 200, answer.text
        (record,) = client.get("/v1/audit", params={"limit": 1}).json()["records"]
        assert (record["request_id"], record["key_id"]) == (answer.json()["request_id"], "it")
        (newest, *_) = csv.DictReader(io.StringIO(client.get("/v1/audit", params={"format": "csv"}).text))
        assert newest["request_id"] == record["request_id"]
        command = [sys.executable, "-m", "service.audit", "export", "--url", database.url]
        exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert record["request_id"] in exported

        database.stop()
        try:
            started = time.monotonic()
            withheld = client.post(GRADE, files={"image": astronaut_jpeg})
            assert (withheld.status_code, withheld.json()["code"]) == (503, "audit-unavailable")
            assert time.monotonic() - started < 10
            assert client.get("/v1/audit").json()["code"] == "audit-unavailable"
            assert client.get("/livez").status_code == 200
            assert metric_sum(client.get("/metrics").text, "htnet_audit_failures_total") == 1
        finally:
            database.start()
        assert client.post(GRADE, files={"image": astronaut_jpeg}).status_code == 200
        assert len(client.get("/v1/audit").json()["records"]) >= 2


def test_the_chain_holds_and_is_pruned(database: Database, store: AuditStore) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 20):
            store.write(entry(number))

    threads = [threading.Thread(target=write, args=(20 * writer,)) for writer in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.verify(store.engine).records == 60
    commands.prune(database.url, older_than="1d")
    assert (chain.verify(store.engine).records, chain.verify(store.engine).pruned) == (0, 60)
    store.write(entry(1))
    with psycopg.connect(database.url) as connection:
        connection.execute("UPDATE analysis SET label = 'I'")
    with pytest.raises(chain.ChainBroken):
        chain.verify(store.engine)
