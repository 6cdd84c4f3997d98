"""The hash chain: what was changed, taken out or put in shows; pruning and older databases keep it whole."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from service.audit import chain, commands
from service.audit.migration import _config
from service.audit.prepare import prepare_database
from service.audit.store import AuditStore
from tests.service.audit.test_store import entry

NOW = datetime.now(tz=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/audit.sqlite"
    prepare_database(url)
    return url


@pytest.fixture
def store(url: str):
    store = AuditStore(url)
    for number in range(6):
        store.write(entry(number, recorded_at=NOW - timedelta(days=60 - 10 * number)))
    yield store
    store.close()


def change(store: AuditStore, statement: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(statement))


def test_untouched_records_hold(store: AuditStore) -> None:
    found = chain.verify(store.engine)
    assert (found.records, found.pruned, found.until) == (6, 0, NOW - timedelta(days=10))
    noted = found.head
    store.write(entry(7))
    later = chain.verify(store.engine, holds=noted)
    assert (later.records, later.head == noted) == (7, False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE analysis SET label = 'I' WHERE id = 3",
        "UPDATE analysis SET key_id = NULL WHERE id = 1",
        """UPDATE analysis SET probabilities = '{"III": 0.76, "II": 0.24}' WHERE id = 6""",
        "UPDATE analysis SET recorded_at = '2026-01-01 12:00:00.000001' WHERE id = 2",
        "DELETE FROM analysis WHERE id = 4",
        "DELETE FROM analysis WHERE id = 1",
        "UPDATE analysis SET id = 99 WHERE id = 4",
        "INSERT INTO analysis (recorded_at, request_id, task, model_name, model_version, model_sha256, image_sha256)"
        " SELECT recorded_at, 'forged', task, model_name, model_version, model_sha256, image_sha256 FROM analysis"
        " WHERE id = 6",
    ],
)
def test_a_change_breaks_the_chain(store: AuditStore, url: str, statement: str) -> None:
    change(store, statement)
    with pytest.raises(commands.DatabaseRefused, match="does not fit to the one before it"):
        commands.verify(url)


def test_an_end_that_was_cut_off_shows_against_a_noted_hash(store: AuditStore, url: str) -> None:
    noted = chain.verify(store.engine).head
    change(store, "DELETE FROM analysis WHERE id > 4")
    assert chain.verify(store.engine).records == 4
    with pytest.raises(commands.DatabaseRefused, match="no record has the hash"):
        commands.verify(url, holds=noted)


def test_pruning_keeps_the_rest_whole(store: AuditStore, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands.prune(url, older_than="35d")
    assert "3 records" in capsys.readouterr().err
    found = chain.verify(store.engine)
    assert (found.records, found.pruned, found.since) == (3, 3, NOW - timedelta(days=30))
    commands.prune(url, older_than="35d")
    commands.prune(url, older_than="1d")
    assert (chain.verify(store.engine).records, chain.verify(store.engine).pruned) == (0, 6)
    store.write(entry(9, recorded_at=NOW))
    assert chain.verify(store.engine).records == 1
    change(store, "DELETE FROM pruned")
    with pytest.raises(chain.ChainBroken):
        chain.verify(store.engine)


def test_workers_that_write_together_make_one_chain(url: str) -> None:
    def write(first: int) -> None:
        store = AuditStore(url)
        for number in range(first, first + 25):
            store.write(entry(number))
        store.close()

    threads = [threading.Thread(target=write, args=(100 * writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = AuditStore(url)
    assert chain.verify(store.engine).records == 100
    store.close()


def test_records_from_before_the_chain_become_its_beginning(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    engine, config = create_engine(url), _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO analysis (recorded_at, request_id, task, model_name, model_version, model_sha256,"
                " image_sha256, label, probabilities) VALUES ('2026-01-01 12:00:00.000000', 'old', 'palsy', 'm', '1',"
                """ 'h', '["a"]', 'II', '{"II": 0.1}')"""
            )
        )
    engine.dispose()
    prepare_database(url)
    store = AuditStore(url)
    store.write(entry(1))
    assert chain.verify(store.engine).records == 2
    store.close()
