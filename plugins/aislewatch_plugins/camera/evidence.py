"""Pictures taken when a till tells something: a payment, a refund, a drawer without a sale.

What the tills tell is heard from the store's log, also what they told while the camera's feed was
down: its pictures are asked for afterwards. A picture that cannot be had does not blind the camera,
which goes on to tell what it sees; it is told as degraded until the next one is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from aislewatch.errors import DeviceError, DeviceMisconfigured
from aislewatch.events.kinds import Event
from aislewatch_plugins.camera.config import SnapshotsConfig
from aislewatch_plugins.camera.snapshot import Picture

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from aislewatch.events.sensor import Hear

_AT_ONCE: Final = 4
"""Pictures that are waited for at a time; further tills wait in the log."""

_LATE: Final = "its feed was down for too long: what tills told meanwhile has no picture"
_ANSWER_S: Final = 20.0
_REMEMBERED: Final = 1_000
_SECOND: Final = 1_000_000

OnPicture = Callable[[Event, Picture], Awaitable[None]]
OnMissing = Callable[[str], Awaitable[None]]


class Evidence:
    """Takes the pictures of one camera.

    Args:
        config: when, and where to ask.
        serial: of the camera.
        take: asks for the picture of a moment and keeps it.
        on_picture: told what a picture was taken of, and the picture.
        on_missing: told why one could not be had.
        now_us: tells the time.

    Attributes:
        taken: how many there were.
        missing: how many could not be had.
        late: how many of those because the camera's feed had been down for too long.
        waiting: how many are waited for.
    """

    def __init__(
        self,
        config: SnapshotsConfig,
        serial: str,
        take: Callable[[str, int], Awaitable[Picture]],
        on_picture: OnPicture,
        on_missing: OnMissing,
        now_us: Callable[[], int],
    ) -> None:
        self.taken = self.missing = self.late = self.waiting = 0
        self._config = config
        self._serial = serial
        self._take = take
        self._on_picture = on_picture
        self._on_missing = on_missing
        self._now_us = now_us
        self._asked: dict[tuple[str, int], None] = {}

    async def run(self, hear: Hear) -> None:
        """Take pictures until cancelled; says then how many were still waited for."""
        try:
            await self._run(hear)
        except asyncio.CancelledError:
            if self.waiting:
                self.missing += self.waiting
                reason = f"its feed ended while pictures were waited for: {self.waiting}"
                await self._on_missing(reason)
            raise

    async def _run(self, hear: Hear) -> None:
        room = asyncio.Semaphore(_AT_ONCE)
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            heard = hear(*self._config.on)
            if isinstance(heard, AsyncGenerator):  # Ended while it waits for us, it hangs up.
                stack.push_async_callback(heard.aclose)
            async for event in heard:
                if not self._wanted(event):
                    continue
                if self._now_us() - event.time > self._config.late:
                    self.missing += 1
                    self.late += 1
                    await self._on_missing(_LATE)
                    continue
                await room.acquire()
                self.waiting += 1
                task = group.create_task(self._picture(event))
                task.add_done_callback(lambda _: room.release())

    def _wanted(self, event: Event) -> bool:
        """Say whether an event is worth a picture; of one moment at one till there is one."""
        lane = getattr(event, "lane", None)
        if lane not in self._config.lanes:
            return False
        moment = (lane, event.time // _SECOND)
        if moment in self._asked:
            return False
        self._asked[moment] = None
        if len(self._asked) > _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return True

    async def _picture(self, event: Event) -> None:
        try:
            picture = await self._take(self._serial, event.time + self._config.offset)
        except DeviceError as error:
            self.missing += 1
            self.waiting -= 1
            await self._on_missing(str(error))
            return
        self.taken += 1
        self.waiting -= 1
        await self._on_picture(event, picture)


def session() -> ClientSession:
    """Give what pictures are asked for with; must be closed.

    Raises:
        DeviceMisconfigured: aiohttp is not installed.
    """
    try:
        from aiohttp import ClientSession, ClientTimeout  # noqa: PLC0415 - only pictures need it
    except ImportError:
        message = "to ask for pictures aiohttp is needed: install aislewatch[live]"
        raise DeviceMisconfigured(message) from None
    return ClientSession(timeout=ClientTimeout(total=_ANSWER_S))
