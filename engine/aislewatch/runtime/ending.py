"""Ends tasks in bounded time, also those that swallow a cancellation or never end.

`asyncio.wait_for` of Python 3.11 gives its result and drops the cancellation where the two come
together; a loop around it then goes on for ever. So nothing of ours waits by it
(`asyncio.timeout` does not do that), and what others wrote is cancelled a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

PROMISED_S: Final = 2.0
"""How long a plugin promises to take to end its run when cancelled, and again to close."""

GIVEN_S: Final = 5.0
"""How long it is waited for."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for them, but not for one that does not let itself be cancelled."""
    pending = set(tasks)
    for task in pending:
        task.add_done_callback(_looked_at)
    for wait_s in (PROMISED_S, GIVEN_S - PROMISED_S):
        for task in pending:
            task.cancel()
        if pending:
            _, pending = await asyncio.wait(pending, timeout=wait_s)


async def for_at_most(seconds: float, doing: Coroutine[Any, Any, None]) -> None:
    """Let something be done, then cancel it without waiting for its end.

    What goes wrong with it is no matter any more. It has a task of its own, so that it cannot
    swallow a cancellation that is meant for whoever waits.
    """
    task = asyncio.ensure_future(doing)
    task.add_done_callback(_looked_at)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Look at a task's end, so that asyncio does not report it as overlooked."""
    if not task.cancelled():
        task.exception()
