"""A thread that does one blocking job after another, and is given up when one does not end.

A driver that hangs cannot be woken: whoever waits for it is told in time, and the thread, a daemon,
keeps nothing from ending. What hangs in it is let go of with its process.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aislewatch.errors import DeviceNotReady

_CLOSE_S: Final = 1.0

Result = TypeVar("Result")


class Worker:
    """See the module; made and used within one event loop.

    Args:
        what: works here, for messages.
        within_s: how long a job may take.
    """

    def __init__(self, what: str, within_s: float) -> None:
        self._what = what
        self._within_s = within_s
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._hangs = False
        self._thread = threading.Thread(target=self._work, name=what, daemon=True)
        self._thread.start()

    async def run(self, job: Callable[..., Result], *arguments: Any) -> Result:
        """Do a job.

        Raises:
            DeviceNotReady: it takes too long; no other is done after it.
            Exception: what the job raises.
        """
        done: asyncio.Future[Result] = self._loop.create_future()
        self._jobs.put((done, job, arguments))
        finished, _ = await asyncio.wait({done}, timeout=self._within_s)
        if not finished:
            self._hangs = True
            done.cancel()
            message = f"{self._what} has not answered for {self._within_s:g} s"
            raise DeviceNotReady(message)
        return done.result()

    async def close(self) -> None:
        """End the thread, behind the job that it is at; one that hangs is not waited for."""
        self._jobs.put(None)
        if not self._hangs:
            await asyncio.to_thread(self._thread.join, _CLOSE_S)

    def _work(self) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended before its thread.
            while (order := self._jobs.get()) is not None:
                done, job, arguments = order
                try:
                    result = job(*arguments)
                except Exception as error:  # Raised again where the job was ordered.
                    self._loop.call_soon_threadsafe(_fail, done, error)
                else:
                    self._loop.call_soon_threadsafe(_settle, done, result)


def _settle(done: asyncio.Future[Any], result: object) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
