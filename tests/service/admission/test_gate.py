"""Places: first come first served, a bounded queue, nothing lost by cancelling."""

import asyncio

import pytest

from service.admission.gate import Gate, GateFull, GateLimits, WaitedTooLong


def gate(*, running: int = 1, queue: int = 2, wait_s: float = 5.0) -> Gate:
    return Gate(GateLimits(running_max=running, queue_max=queue, queue_wait_s=wait_s, uploads_max=4))


async def test_full_queue_is_refused_at_once() -> None:
    places = gate(queue=1)
    await places.enter()
    waiting = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    assert places.is_full
    with pytest.raises(GateFull):
        await places.enter()
    places.leave()
    await waiting
    assert (places.running, places.queued) == (1, 0)


async def test_waiting_has_an_end() -> None:
    places = gate(wait_s=0.02)
    await places.enter()
    with pytest.raises(WaitedTooLong):
        await places.enter()
    assert (places.running, places.queued) == (1, 0)


async def test_first_come_first_served() -> None:
    places, order = gate(), []

    async def take(name: str) -> None:
        await places.enter()
        order.append(name)

    await places.enter()
    tasks = [asyncio.create_task(take(name)) for name in "ab"]
    await asyncio.sleep(0)
    places.leave()
    await asyncio.sleep(0.01)
    assert order == ["a"]
    places.leave()
    await asyncio.gather(*tasks)
    assert order == ["a", "b"]


async def test_cancelled_waiter_frees_its_place() -> None:
    places = gate(queue=1)
    await places.enter()
    waiting = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert places.queued == 0
    places.leave()
    assert places.running == 0


async def test_place_given_in_the_same_turn_as_the_cancellation_is_passed_on() -> None:
    places = gate(queue=2)
    await places.enter()
    first = asyncio.create_task(places.enter())
    second = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    places.leave()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await asyncio.wait_for(second, 1)
    places.leave()
    assert places.running == 0


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="running_max=0"):
        GateLimits(running_max=0, queue_max=1, queue_wait_s=1.0, uploads_max=1)


async def test_a_session_takes_the_places_of_its_pictures_and_nobody_overtakes_it() -> None:
    places, order = gate(running=2, queue=9), []

    async def take(name: str, pictures: int) -> None:
        await places.enter(pictures)
        order.append(name)

    await places.enter()
    tasks = [asyncio.create_task(take("session", 8)), asyncio.create_task(take("one", 1))]
    await asyncio.sleep(0.01)
    # One place is free, but the session needs both, and the single picture came after it.
    assert order == []
    assert places.queued == 9
    places.leave()
    await asyncio.sleep(0.01)
    assert (order, places.running) == (["session"], 2)
    places.leave(8)
    await asyncio.gather(*tasks)
    assert (order, places.running, places.queued) == (["session", "one"], 1, 0)


async def test_a_session_may_wait_alone_however_large_and_fills_the_queue() -> None:
    places = gate(running=1, queue=2)
    await places.enter()
    waiting = asyncio.create_task(places.enter(8))
    await asyncio.sleep(0)
    assert places.is_full
    with pytest.raises(GateFull):
        await places.enter()
    places.leave()
    await waiting
    assert places.running == 1


async def test_when_a_session_gives_up_those_behind_it_are_let_in() -> None:
    places = gate(running=2, queue=9, wait_s=0.03)
    await places.enter()
    session = asyncio.create_task(places.enter(8))
    await asyncio.sleep(0.02)
    behind = asyncio.create_task(places.enter())
    with pytest.raises(WaitedTooLong):
        await session
    await behind
    assert (places.running, places.queued) == (2, 0)
