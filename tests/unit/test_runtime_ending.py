"""Tasks are ended in bounded time, whatever they do about it."""

import asyncio
from contextlib import suppress

import pytest

from aislewatch.runtime import ending
from aislewatch.runtime.ending import end, for_at_most


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "PROMISED_S", 0.01)
    monkeypatch.setattr(ending, "GIVEN_S", 0.02)


async def stubborn(swallows: int) -> None:
    """Go on through so many cancellations."""
    for _ in range(swallows):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def begun(task: "asyncio.Task[None]") -> "asyncio.Task[None]":
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("swallows", [0, 1])
async def test_a_task_that_swallows_a_cancellation_is_cancelled_once_more(swallows: int) -> None:
    task = await begun(asyncio.create_task(stubborn(swallows)))
    await end(task)
    assert task.done()


async def test_a_task_that_does_not_let_itself_be_cancelled_is_waited_for_no_longer() -> None:
    task = await begun(asyncio.create_task(stubborn(2)))
    await end(task)
    assert not task.done()
    await end(task)
    assert task.done()


async def test_what_breaks_while_it_ends_breaks_nobody_else() -> None:
    async def breaks() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError

    task = await begun(asyncio.create_task(breaks()))
    await end(task)
    await for_at_most(10.0, breaks_at_once())
    assert isinstance(task.exception(), RuntimeError)


async def breaks_at_once() -> None:
    raise RuntimeError


async def test_what_takes_too_long_is_cancelled_and_not_waited_for() -> None:
    cancelled = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await for_at_most(0.0, slow())
    await cancelled.wait()


async def test_who_waits_can_be_cancelled_though_what_they_wait_for_swallows_it() -> None:
    waiting = await begun(asyncio.create_task(for_at_most(60.0, stubborn(1))))
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    await end(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))
