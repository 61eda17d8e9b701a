"""Looking at one device from the bench: is it there, and what does it tell?

No bus, no Ray and no store: a plugin is made, asked and let go of, in times that are bounded
whatever the plugin does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from pydantic import ValidationError

from aislewatch.errors import DeviceError, DeviceNotReady, FileMistakes, Mistake
from aislewatch.events.kinds import Event
from aislewatch.events.model_mistakes import explain
from aislewatch.events.sensor import Clock, DeviceInfo, Health, SensorContext, SensorPlugin
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.hosting import described
from aislewatch.runtime.redacting import all_settings, redacted, secrets_of

CLOSE_S: Final = 2.0
"""How long a plugin may take to let go of its device."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found.

    Attributes:
        info: what the plugin says of its device, without secrets.
        trouble: what the plugin did that it must not, in a sentence; empty where nothing.
    """

    info: DeviceInfo
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Listened:
    """What listening to a device gave, beside its events.

    Attributes:
        health: at the end.
        diagnostics: at the end, without secrets.
        trouble: why it ended early; empty where it did not.
    """

    health: Health
    diagnostics: Mapping[str, object]
    trouble: str = ""


class Hearing:
    """What listens: hands on what comes.

    Args:
        on_event: called with each event.
        on_refused: called with what is none, and why.
    """

    def __init__(
        self, on_event: Callable[[Event], None], on_refused: Callable[[bytes, str], None]
    ) -> None:
        self._on_event = on_event
        self._on_refused = on_refused

    async def events(self, batch: Sequence[Event]) -> None:
        """Take events."""
        for event in batch:
            self._on_event(event)

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        """Take what is no event."""
        del device
        self._on_refused(raw, f"{reason} (at {place})")


def made(sensor: type[SensorPlugin], config: Mapping[str, Any], file: str) -> SensorPlugin:
    """Make a plugin from its settings.

    Args:
        sensor: the class.
        config: its settings as they were written.
        file: where they were written, for messages.

    Raises:
        FileMistakes: the settings are wrong; all that is wrong with them.
    """
    kind: Any = sensor
    try:
        settings = kind.Config.model_validate(dict(config))
    except ValidationError as error:
        raise FileMistakes(
            [
                Mistake(
                    file,
                    0,
                    0,
                    ": ".join(filter(None, (".".join(map(str, found.path)), found.message))),
                    hint=found.hint,
                )
                for found in explain(error, sensor.Config, config)
            ]
        ) from None
    plugin: SensorPlugin = kind(settings)
    return plugin


async def probe(plugin: SensorPlugin, config: Mapping[str, Any], *, within_s: float) -> Probed:
    """Ask a plugin whether its device is there.

    Args:
        plugin: not opened.
        config: its settings; their secrets are not shown.
        within_s: how long it may take; the device then counts as absent.
    """
    async with _letting_go(plugin) as troubles:
        try:
            async with asyncio.timeout(within_s):
                info = await plugin.probe()
        except TimeoutError:
            info = DeviceInfo(reachable=False, detail=f"it did not answer within {within_s:g} s")
        except DeviceError as error:
            info = DeviceInfo(reachable=False, detail=str(error))
        except Exception as error:  # A plugin's own fault, told as one.
            troubles.append(f"its probe broke: {described(error)}")
            info = DeviceInfo(reachable=False, detail="unknown")
    detail, facts = redacted(info.detail, config), redacted(dict(info.facts), config)
    return Probed(DeviceInfo(info.reachable, detail, facts), "; ".join(troubles))


async def listen(
    plugin: SensorPlugin,
    context: SensorContext,
    hearing: Hearing,
    config: Mapping[str, Any],
    *,
    for_s: float,
) -> Listened:
    """Open a device and hand on what it tells, for a while.

    Args:
        plugin: not opened.
        context: of the opening.
        hearing: takes what it tells.
        config: the plugin's settings; their secrets are not shown.
        for_s: how long; also how long opening may take.
    """
    async with _letting_go(plugin) as troubles:
        run: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(for_s):
                await plugin.open(context)
            run = asyncio.create_task(plugin.run(hearing), name="listening")
            await asyncio.wait({run}, timeout=for_s)
        except TimeoutError:
            troubles.append(f"it did not open within {for_s:g} s")
        except DeviceError as error:
            troubles.append(str(error))
        except Exception as error:  # A plugin's own fault, told as one.
            troubles.append(f"opening it broke: {described(error)}")
        health, diagnostics = plugin.health(), plugin.diagnostics()
        if run is not None:
            troubles.extend(await _end(run))
    config = all_settings(plugin.Config, config)
    secrets = await asyncio.to_thread(secrets_of, config, context.folder)
    trouble = redacted("; ".join(troubles), config, secrets)
    return Listened(health, redacted(diagnostics, config, secrets), trouble)


def bench_context(
    *, clock: Clock, random: Random, folder: str, simulated: bool = False
) -> SensorContext:
    """Give what a plugin is opened with where there is no store.

    Args:
        clock: the time.
        random: the plugin's dice.
        folder: absolute path that relative paths of the settings start from.
        simulated: a simulator stands behind it.
    """
    return SensorContext(
        store="bench",
        device="bench-1",
        boot="bench",
        clock=clock,
        random=random,
        registry=installed_registry(),
        folder=folder,
        simulated=simulated,
    )


async def _end(run: asyncio.Task[None]) -> list[str]:
    """End a run; gives what there was to complain of."""
    if not run.done():
        run.cancel()
        await asyncio.wait({run}, timeout=CLOSE_S)
        if not run.done():
            return [f"its run did not end within {CLOSE_S:g} s of being cancelled"]
    if run.cancelled():
        return []
    error = run.exception()
    if error is None:
        return []
    return [str(error) if isinstance(error, DeviceNotReady) else f"it broke: {described(error)}"]


@asynccontextmanager
async def _letting_go(plugin: SensorPlugin) -> AsyncGenerator[list[str]]:
    """Close a plugin at the end, in the time that it has; what it does wrong is a trouble."""
    troubles: list[str] = []
    try:
        yield troubles
    finally:
        try:
            async with asyncio.timeout(CLOSE_S):
                await plugin.close()
        except TimeoutError:
            troubles.append(f"it did not close within {CLOSE_S:g} s")
        except Exception as error:  # A plugin's own fault, told as one.
            troubles.append(f"closing it broke: {described(error)}")
