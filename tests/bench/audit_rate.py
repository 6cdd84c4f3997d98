"""How many audit records a database takes in a second, from several processes as pods would, and their size.

    python -m tests.bench.audit_rate --url sqlite:////tmp/audit.sqlite [--records 2000] [--writers 4]

The records are linked, one after the other, whatever writes them. An empty database, please: its size is divided.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from sqlalchemy import text

from service.audit.entry import AuditEntry, hash_image
from service.audit.prepare import prepare_database
from service.audit.store import AuditStore

SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_total_relation_size('analysis')",
}


def write_some(url: str, writer: int, count: int) -> None:
    store = AuditStore(url)
    for number in range(count):
        store.write(
            AuditEntry(
                request_id=f"{writer:04d}-{number:08d}-0123-4567-89ab",
                key_id="radiology",
                task="palsy",
                model_name="htnet-palsy",
                model_version="0.13.0",
                model_sha256=hash_image(b"model"),
                image_sha256=(hash_image(f"{writer} {number}".encode()),),
                label="III",
                probabilities=dict.fromkeys(("I", "II", "III", "IV", "V", "VI"), 1 / 6),
            )
        )
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--writers", type=int, default=4)
    given = parser.parse_args()
    prepare_database(given.url)
    each = given.records // given.writers
    with ProcessPoolExecutor(given.writers, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_some, [given.url] * given.writers, range(given.writers), [1] * given.writers))
        started = time.perf_counter()
        list(pool.map(write_some, [given.url] * given.writers, range(10, 10 + given.writers), [each] * given.writers))
        seconds = time.perf_counter() - started
    store = AuditStore(given.url)
    with store.engine.connect() as connection:
        size = connection.execute(text(SIZES[store.engine.dialect.name])).scalar_one()
    store.close()
    written = each * given.writers
    print(f"{written} records: {written / seconds:.0f} a second, {size / written:.0f} bytes each")


if __name__ == "__main__":
    main()
