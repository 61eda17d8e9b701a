"""Looking for devices: each kind of plugin looks in its own way, for a bounded time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from aislewatch.errors import DeviceError
from aislewatch.events.sensor import Candidate, Search, SensorPlugin
from aislewatch.runtime.hosting import described

CANDIDATES_MAX: Final = 1_000
"""Of one kind; a network of more has a fault, or is none of ours."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


@dataclass(frozen=True, slots=True)
class Found:
    """A device that was found.

    Attributes:
        plugin: by which name a store file asks for it.
        candidate: what was found; its name is unique among all that were.
    """

    plugin: str
    candidate: Candidate

    @property
    def feed(self) -> Mapping[str, Any]:
        """What stands under its name in a store file's ``feeds``."""
        return {"plugin": self.plugin, "config": dict(self.candidate.config)}


def searches(sensor: type[SensorPlugin]) -> bool:
    """Tell whether a kind of plugin can look for devices."""
    return "discover" in {name for kind in sensor.__mro__[:-1] for name in _own(kind)}


async def discover(
    kinds: Mapping[str, type[SensorPlugin]],
    search: Search,
    *,
    within_s: float,
    on_found: Callable[[Found], None],
) -> dict[str, str]:
    """Look for devices of some kinds at once.

    Args:
        kinds: by name, what is looked for.
        search: where.
        within_s: how long; what was found by then stands.
        on_found: told of each.

    Returns:
        By kind, what was the matter, in a sentence; kinds with which nothing was are not in it.
    """
    names: set[str] = set()

    def tell(kind: str, candidate: Candidate) -> None:
        name = _unique(candidate.device, kind, names)
        on_found(Found(kind, replace(candidate, device=name)))

    troubles: dict[str, str] = {}

    async def look(kind: str, sensor: type[SensorPlugin]) -> None:
        try:
            async with asyncio.timeout(within_s):
                await _look(sensor, search, lambda candidate: tell(kind, candidate))
        except TimeoutError:
            return  # The time is up; what was found by then is told.
        except DeviceError as error:
            troubles[kind] = str(error)
        except Exception as error:  # A plugin's own fault, told as one.
            troubles[kind] = f"its search broke: {described(error)}"

    await asyncio.gather(*(look(kind, sensor) for kind, sensor in kinds.items()))
    return troubles


async def _look(
    sensor: type[SensorPlugin], search: Search, tell: Callable[[Candidate], None]
) -> None:
    count = 0
    async with _closed(sensor.discover(search)) as candidates:
        async for candidate in candidates:
            try:
                sensor.Config.model_validate(dict(candidate.config))
            except ValidationError as error:
                message = f"it found {candidate.device!r} with settings that it refuses: {error}"
                raise ValueError(message) from None
            tell(candidate)
            count += 1
            if count == CANDIDATES_MAX:
                return


@asynccontextmanager
async def _closed(
    candidates: AsyncIterator[Candidate],
) -> AsyncGenerator[AsyncIterator[Candidate]]:
    """Let a search go of its lines now, and not when Python comes to it."""
    try:
        yield candidates
    finally:
        close = getattr(candidates, "aclose", None)  # A generator's; other iterators have none.
        if close is not None:
            await close()


def _unique(wanted: str, kind: str, names: set[str]) -> str:
    base = wanted if _NAME.fullmatch(wanted) else kind
    name, number = base, 1
    while name in names:
        number += 1
        name = f"{base}-{number}"
    names.add(name)
    return name


def _own(kind: type) -> set[str]:
    return set() if kind is SensorPlugin else set(vars(kind))
