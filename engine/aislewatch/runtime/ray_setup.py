"""A local Ray of our own: quiet, on loopback, behind a secret, and proved to be so.

What Ray does by default would not do in a shop: on Linux its servers listen on all interfaces
(whatever address they are told), usage figures are sent home, its session folder can be written by
everybody, its messages fill the terminal, and parts of it outlive a driver that is killed. The one
switch that keeps it on loopback is not documented for Linux and is read when Ray is imported; so it
is set here, before the only import of Ray, and :func:`exposed` looks at every listener afterwards
instead of trusting it.

Nothing here ever calls ``ray stop``, which ends every Ray on the machine, ours or not.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import psutil

from aislewatch.errors import UsageError
from aislewatch.runtime import ray_reaper

ENVIRONMENT: Final[Mapping[str, str]] = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on loopback; see the module
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or each actor without a GPU is warned about
}
"""What must be in the environment before Ray is imported, here and in its processes."""

_LOG: Final = logging.getLogger(__name__)

_OBJECT_STORE_BYTES: Final = 100 * 1024 * 1024
"""The least that Ray takes. Nothing of ours goes through it: events go over NATS."""

# Ray's sockets lie in its folder, and a socket's path has 107 bytes at most (unix(7)); Ray itself
# needs about 70 of them.
_FOLDER_LENGTH_MAX: Final = 32


class LocalRay:
    """Ray for as long as it is entered; use it as ``async with``. One at a time in a process.

    Args:
        token: the secret of this process, drawn by the caller, at least 16 characters. Ray reads
            one once in a process and keeps to it, so the first one given stays; and so does one
            that the operator set as ``RAY_AUTH_TOKEN``.
        workers: how many processes to start in advance; each takes about 46 MiB.
    """

    def __init__(self, *, token: str, workers: int = 1) -> None:
        assert len(token) >= 16
        self._token = token
        self._workers = workers
        self._reaper: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        if "ray" in sys.modules and sys.modules["ray"].is_initialized():
            message = "this process has a Ray already: leave that one first"
            raise UsageError(message)
        # They stay: Ray reads some of them whenever it starts a process.
        os.environ.update(ENVIRONMENT)
        os.environ.setdefault("RAY_AUTH_TOKEN", self._token)
        try:
            folder = _private_folder()
            # In a session of its own: an interrupt typed at the terminal is not its business.
            self._reaper = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", ray_reaper.__file__, str(folder)),
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            # One below: Ray opens the folder that it is given to everybody.
            await asyncio.to_thread(self._start, folder / "r")
            await self.require_loopback()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    async def require_loopback(self) -> None:
        """Look at every listener of this Ray.

        Raises:
            UsageError: one can be reached from outside this machine; names it.
        """
        found = await asyncio.to_thread(lambda: exposed(_own_processes()))
        if found:
            message = (
                "Ray can be reached from outside this machine, which this version was not expected "
                f"to do: {'; '.join(found)}. Run with the inline host instead, and report this"
            )
            raise UsageError(message)

    def _start(self, folder: Path) -> None:
        ray = import_ray()
        logging.getLogger("ray").setLevel(logging.ERROR)
        _keep_off_the_screen()
        # Not in the main thread, so that Ray leaves SIGTERM to us.
        ray.init(
            num_cpus=self._workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _temp_dir=str(folder),
        )

    async def _leave(self) -> None:
        if "ray" in sys.modules:
            await asyncio.to_thread(import_ray().shutdown)
        reaper, self._reaper = self._reaper, None
        if reaper is not None:
            assert reaper.stdin is not None
            reaper.stdin.close()  # That is its sign.
            await reaper.wait()


def import_ray() -> Any:
    """Import Ray, whose own types do not hold under a strict reading.

    Raises:
        UsageError: it is not installed, or was imported before with other settings.
    """
    wrong = [name for name, value in ENVIRONMENT.items() if os.environ.get(name) != value]
    assert not wrong, f"Ray must not be imported without {wrong}"
    try:
        import ray  # noqa: PLC0415  # After the environment is set, see the module.
    except ImportError as error:
        message = "Ray is not installed: install aislewatch[live], or run with the inline host"
        raise UsageError(message) from error
    return ray


def _keep_off_the_screen() -> None:
    """Have logged what Ray's own processes tell a driver, which prints it to standard output.

    There are results, and with ``--json`` nothing but JSON. No setting of Ray's keeps it away.
    """

    def log(told: Mapping[str, Any], **_: Any) -> None:
        for line in told["lines"]:
            _LOG.info("%s: %s", told["pid"], line)

    worker: Any = importlib.import_module("ray._private.worker")
    worker.print_to_stdstream = log


def exposed(processes: Iterable[psutil.Process]) -> list[str]:
    """Give every listener that can be reached from outside this machine, in words."""
    found: list[str] = []
    for process in processes:
        try:
            name = process.name()
            connections = process.net_connections("tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found += [
            f"{name} ({process.pid}) listens on {connection.laddr.ip}:{connection.laddr.port}"
            for connection in connections
            if connection.status == psutil.CONN_LISTEN and not _is_loopback(connection.laddr.ip)
        ]
    return found


def _is_loopback(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    # gRPC opens sockets for both families and then names an IPv4 address the IPv6 way.
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def _own_processes() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def _private_folder() -> Path:
    """Make a folder that only we can enter; Ray's own would be open to everybody."""
    root = Path(tempfile.gettempdir())
    if len(str(root)) > _FOLDER_LENGTH_MAX - len("/aw-12345678/r"):
        root = Path("/tmp")  # mkdtemp makes it private.
    return Path(tempfile.mkdtemp(prefix="aw-", dir=root))
