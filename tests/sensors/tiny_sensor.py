"""The smallest sensor, and what can go wrong with one; found by the hosts' tests on the path."""

import asyncio
import os
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import RfidRead
from aislewatch.events.sensor import (
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    SensorContext,
    SensorPlugin,
)

SECOND = 1_000_000


class TinyConfig(BaseModel):
    """``count`` tag reads, a second of event time apart from ``start_us`` on, and then ``then``."""

    model_config = ConfigDict(extra="forbid")

    count: int = 10
    batch: int = 1
    start_us: int = 1_700_000_000 * SECOND
    pause_s: float = 0.0
    then: Literal["end", "wait", "break", "not-ready", "misconfigured", "block", "exit"] = "end"
    open_fails: bool = False
    refuse: str = ""
    halfway: str = ""  # a file: half of the events wait until it is there


class Tiny(SensorPlugin):
    """See the module."""

    Config = TinyConfig
    descriptor = Descriptor(name="tiny", title="For tests")

    def __init__(self, config: TinyConfig) -> None:
        self._config = config
        self._context: SensorContext | None = None
        self._frames = 0

    async def probe(self) -> DeviceInfo:
        """Say yes."""
        return DeviceInfo(reachable=True, detail="it is here")

    async def open(self, context: SensorContext) -> None:
        """Fail if told to."""
        if self._config.open_fails:
            message = "nobody answers"
            raise DeviceNotReady(message)
        self._context = context

    async def run(self, emit: Emit) -> None:
        """Emit, then do what was configured."""
        config, context = self._config, self._context
        assert context is not None
        if config.refuse:
            await emit.refused(
                config.refuse.encode(), "not JSON", place="line 1", device=context.device
            )
        for first in range(0, config.count, config.batch):
            numbers = range(first, min(first + config.batch, config.count))
            await emit.events([self._event(context, number) for number in numbers])
            self._frames += len(numbers)
            await asyncio.sleep(config.pause_s)
            while config.halfway and self._frames >= config.count // 2:
                if await asyncio.to_thread(Path(config.halfway).exists):
                    break
                await asyncio.sleep(0.01)
        match config.then:
            case "wait":
                await asyncio.Event().wait()
            case "break":
                raise ZeroDivisionError
            case "not-ready":
                message = "the link broke"
                raise DeviceNotReady(message)
            case "misconfigured":
                message = "there is no port 70000"
                raise DeviceMisconfigured(message)
            case "block":
                time.sleep(3600)  # What a careless plugin does.
            case "exit":
                os._exit(1)
            case "end":
                pass

    async def close(self) -> None:
        """Nothing to let go of."""

    def health(self) -> Health:
        """Count frames."""
        return Health(connected=self._context is not None, frames=self._frames, refused=0)

    def _event(self, context: SensorContext, number: int) -> RfidRead:
        return RfidRead(
            id=f"{context.device}/{number}",
            store=context.store,
            device=context.device,
            time=self._config.start_us + number * SECOND,
            seq=number,
            epc=f"{number:024X}",
        )
