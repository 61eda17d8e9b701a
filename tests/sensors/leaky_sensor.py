"""A sensor that says more of itself than it may, and whose device has a clock of its own."""

import asyncio
import base64
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from aislewatch.events.kinds import RfidRead
from aislewatch.events.sensor import (
    ClockSkew,
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    SensorContext,
    SensorPlugin,
)


class LeakyConfig(BaseModel):
    """Secrets in every form that settings have for them.

    ``ahead_us`` is how far its clock is ahead of ours, of which 2 s are allowed; ``told``: it tells
    that itself.
    """

    model_config = ConfigDict(extra="forbid")

    password: str = "a password in the settings"
    key_file: str = "leaky.key"
    secrets: list[dict[str, str]] = []
    ahead_us: int = 0
    told: bool = False


class Leaky(SensorPlugin):
    """See the module."""

    Config = LeakyConfig
    descriptor = Descriptor(name="leaky", title="For tests")

    def __init__(self, config: LeakyConfig) -> None:
        self._config = config
        self._frames = 0
        self._leaks: list[bytes] = []

    async def probe(self) -> DeviceInfo:
        """Say yes."""
        return DeviceInfo(reachable=True, detail="it is here")

    async def open(self, context: SensorContext) -> None:
        """Read all its secrets."""
        folder, config = Path(context.folder), self._config
        self._context = context
        self._leaks = [config.password.encode(), (folder / config.key_file).read_bytes()]
        for place in config.secrets:
            self._leaks.append(
                os.environ[place["env"]].encode()
                if "env" in place
                else (folder / place["file"]).read_bytes()
            )

    async def run(self, emit: Emit) -> None:
        """Tell one event, and wait."""
        context = self._context
        self._frames = 1
        await emit.events(
            [
                RfidRead(
                    id=f"{context.device}/{context.boot}/1",
                    store=context.store,
                    device=context.device,
                    time=context.clock.now_us(),
                    seq=1,
                    epc="E1",
                )
            ]
        )
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Do nothing."""

    def health(self) -> Health:
        """Say how far the clock is off."""
        clock = ClockSkew(self._config.ahead_us, 2_000_000, told=self._config.told)
        return Health(True, self._frames, 0, "it leaks", clock)

    def diagnostics(self) -> dict[str, object]:
        """Say everything, in every form in which bytes are shown."""
        found: dict[str, Any] = {"harmless": 17, "settings": self._config}
        for number, leak in enumerate(self._leaks):
            text = leak.decode("utf-8", errors="replace").strip()
            found[f"of {number}"] = {
                "text": f"it is {text}!",
                "bytes": leak,
                "lines": text.splitlines(),
                "hex": leak.strip().hex(),
                "base64": base64.b64encode(leak.strip()).decode(),
                text: "as a name",
            }
        return found
