"""A real MQTT broker on loopback for as long as it is needed: mosquitto, or else amqtt."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_LOOK_S = 0.02
_STARTS_S = 20.0
_STOPS_S = 5.0


def brokers() -> list[str]:
    """Name the brokers that are installed here, best first."""
    found = ["mosquitto"] if shutil.which("mosquitto") else []
    return [*found, *(["amqtt"] if importlib.util.find_spec("amqtt") else [])]


class Broker:
    """One broker; within ``async with`` it listens on 127.0.0.1.

    Args:
        kind: one of `brokers`.
        extra: lines for mosquitto's configuration, in place of letting everybody in.
    """

    def __init__(self, kind: str, extra: Sequence[str] = ()) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._kind = kind
        self._extra = list(extra) or ["allow_anonymous true"]
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it listens, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, at the same port each time, and wait until it listens."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="broker-")
        command = self._command(Path(self._folder.name))
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
        async with asyncio.timeout(_STARTS_S):
            while not await self._listens():
                if self._process.returncode is not None:
                    message = f"{self._kind} ended with {self._process.returncode}"
                    raise RuntimeError(message)
                await asyncio.sleep(_LOOK_S)

    async def stop(self) -> None:
        """Kill it, as a power cut does; nobody is told."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            async with asyncio.timeout(_STOPS_S):
                await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _command(self, folder: Path) -> list[str]:
        if self._kind == "mosquitto":
            # Started by root it would become a user who may not read the folder's files.
            lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence false"]
            path = folder / "mosquitto.conf"
            path.write_text("\n".join([*lines, *self._extra, ""]))
            return [shutil.which("mosquitto") or "mosquitto", "-c", str(path)]
        config = {
            "listeners": {"default": {"type": "tcp", "bind": self.address}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
        path = folder / "amqtt.yaml"  # Of which JSON is a part.
        path.write_text(json.dumps(config))
        return [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(path)]

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True
