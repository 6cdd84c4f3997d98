"""Memory that is reserved before it is used, from several threads."""

import threading
import time
from pathlib import Path

import psutil
import pytest

from service.admission import byte_budget
from service.admission.byte_budget import ByteBudget, Leftovers, NeverFits, NoRoomNow, give_memory_back
from service.observability import memory


def test_never_more_than_the_whole_is_given_out() -> None:
    budget, most, lock = ByteBudget(100, wait_s=30), 0, threading.Lock()

    def use(size: int) -> None:
        nonlocal most
        for _ in range(20):
            with budget.reserve(size):
                with lock:
                    most = max(most, budget.taken_bytes)
                time.sleep(0.0005)

    threads = [threading.Thread(target=use, args=(size,)) for size in (10, 35, 60, 100, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= most <= 100
    assert budget.taken_bytes == 0


def test_what_never_fits_is_refused_at_once_and_what_waits_too_long_later() -> None:
    with pytest.raises(NeverFits, match=r"2\.5 MB of memory; 1\.0 MB"), ByteBudget(10**6, wait_s=5).reserve(2_500_000):
        pass
    budget = ByteBudget(100, wait_s=0.05)
    with budget.reserve(60):
        started = time.monotonic()
        with pytest.raises(NoRoomNow), budget.reserve(41):
            pass
        assert 0.04 < time.monotonic() - started < 2
        assert budget.take(40)
        assert not budget.take(1)
        budget.give(40)
    assert budget.taken_bytes == 0


def test_a_large_one_is_not_overtaken_for_ever() -> None:
    budget = ByteBudget(100, wait_s=10)
    order: list[str] = []
    held = budget.reserve(50)
    held.__enter__()

    def large() -> None:
        with budget.reserve(90):
            order.append("large")

    waiting = threading.Thread(target=large)
    waiting.start()
    while not budget._waiting:
        time.sleep(0.001)
    assert not budget.take(10)
    held.__exit__(None, None, None)
    waiting.join()
    assert budget.take(10)
    assert order == ["large"]


def test_an_error_while_it_is_used_ends_the_reservation() -> None:
    budget = ByteBudget(100, wait_s=1)
    with pytest.raises(ZeroDivisionError), budget.reserve(100):
        raise ZeroDivisionError
    assert budget.taken_bytes == 0


def test_freed_memory_goes_back_to_the_system() -> None:
    """Pieces too small for pages of their own, freed in the thread that took them, as a decoder does."""
    process, budget = psutil.Process(), ByteBudget(10**9, wait_s=1)
    give_memory_back()
    before = process.memory_info().rss
    most = 0

    def decode() -> None:
        nonlocal most
        with budget.reserve(200_000_000):
            pieces = [bytearray(100_000) for _ in range(2000)]
            for piece in pieces:
                piece[::4096] = b"x" * len(piece[::4096])
            most = process.memory_info().rss
            keep = pieces[-1]
            del pieces, piece
        kept.append(keep)

    kept: list[bytearray] = []
    thread = threading.Thread(target=decode)
    thread.start()
    thread.join()
    assert most - before > 150_000_000
    Leftovers(budget).give_back_if_idle()
    assert process.memory_info().rss - before < 30_000_000


@pytest.mark.parametrize(
    ("text", "expected"), [("536870912\n", 536870912), ("max\n", None), ("9223372036854771712\n", None)]
)
def test_the_limit_is_the_containers_or_the_machines(
    text: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(memory, "_LIMIT_FILES", (tmp_path / "absent", tmp_path / "memory.max"))
    assert memory.memory_limit_bytes() == (expected or psutil.virtual_memory().total)


def test_memory_goes_back_once_after_much_was_used_and_only_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies count as well as what was decoded, and many small ones as well as a large one."""
    given: list[None] = []
    monkeypatch.setattr(byte_budget, "give_memory_back", lambda: given.append(None))
    decoding, bodies = ByteBudget(10**9, wait_s=1), ByteBudget(10**9, wait_s=1)
    leftovers = Leftovers(decoding, bodies)
    with decoding.reserve(1_000_000):
        pass
    leftovers.give_back_if_idle()
    assert given == []
    for _ in range(10):
        assert bodies.take(4_000_000)
        bodies.give(4_000_000)
    assert bodies.take(1)
    leftovers.give_back_if_idle()
    assert given == []
    bodies.give(1)
    leftovers.give_back_if_idle()
    leftovers.give_back_if_idle()
    assert len(given) == 1
