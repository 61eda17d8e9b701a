"""Personal data on its way through a device's process: faces compared, people's names exchanged.

What is opened for it is open for as long as the device's life lasts, and goes by the machine's
clock even where the device is a recording: how long somebody may be remembered is no matter of
replays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING, NamedTuple, Protocol

from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.likeness import Comparer
from aislewatch.events.sensor import Emit
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.names_emit import Namer, NamingEmit
from aislewatch.runtime.names_terms import NamesTerms
from aislewatch.runtime.watchlist_terms import Terms

if TYPE_CHECKING:
    from aislewatch.runtime.watchlist_guard import Guard


class Spec(Protocol):
    """The part of a device's spec that is needed; see `DeviceSpec` for the meanings."""

    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def watchlist(self) -> Terms | None: ...  # noqa: D102
    @property
    def names(self) -> NamesTerms | None: ...  # noqa: D102


class Private(NamedTuple):
    """What a device's life works with.

    Attributes:
        emit: what its plugin emits to.
        watchlist: compares faces; None where the shop has not opted in, or it tells none.
    """

    emit: Emit
    watchlist: Comparer | None


@asynccontextmanager
async def private(spec: Spec, emit: Emit, *, faces: bool) -> AsyncGenerator[Private]:
    """Open what a device's life needs for personal data.

    Args:
        spec: of the device.
        emit: where its events go.
        faces: its plugin may ask the watchlist.

    Raises:
        DeviceMisconfigured: a file for personal data cannot be used.
    """
    async with AsyncExitStack() as stack:
        watchlist: Comparer | None = None
        if spec.watchlist is not None and faces:
            guard = await asyncio.to_thread(_guard, spec.watchlist, spec.device)
            watchlist = stack.enter_context(closing(guard))
        if spec.names is not None:
            clock = SystemClock()
            namer = await asyncio.to_thread(Namer, spec.names, clock, spec.device)
            emit = NamingEmit(emit, stack.enter_context(closing(namer)))
        yield Private(emit, watchlist)


def _guard(terms: Terms, device: str) -> Guard:
    try:
        from aislewatch.runtime.watchlist_guard import Guard  # noqa: PLC0415 - needs numpy
    except ImportError:
        message = "to compare faces numpy is needed: install aislewatch[faces]"
        raise DeviceMisconfigured(message) from None
    return Guard(terms, SystemClock(), device)
