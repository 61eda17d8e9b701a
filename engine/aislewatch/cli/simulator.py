"""A simulator in a process of its own: it opens a shop's devices and plays a day before them.

It is one of the kinds of `aislewatch sim`, named by the store file's ``simulator``, and is run as::

    aislewatch sim device KIND --shop FOLDER --folder COPY --seed N --wait --json

It fills in where its devices are reached, writes the shop's files into ``COPY``, and says so with a
line ``{"store": FILE}``; with ``"enrol"`` in it where a face is to be put on the watchlist first.
The day begins at a line of its standard input. It ends with a line ``{"planted": [...]}``, the
ground truth, when all of it can have been judged; the devices stay until standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from aislewatch.cli.sim import TWINS
from aislewatch.errors import UsageError

SHOPS: Final = "aislewatch.shops"
"""The group of entry points that shipped shops are found by; their values are folders."""

_ENDS_S: Final = 15.0

Shape = TypeVar("Shape")


class Enrolment(msgspec.Struct, frozen=True):
    """A face that is to be on the watchlist before the day begins.

    Attributes:
        embedding: file of its figures.
        model: what made them.
        reason: why it is on the list.
        legal_basis: what allows it.
    """

    embedding: str
    model: str
    reason: str
    legal_basis: str


class Planted(msgspec.Struct, frozen=True):
    """Something that really happened in a simulated day; see `aislewatch.cli.demo_check`.

    Attributes:
        seen_by: the devices whose evidence belongs to it.
    """

    what: str
    type: str
    about: dict[str, list[str]]
    seen_by: list[str]
    explained: bool = False


class _Opened(msgspec.Struct):
    store: str
    enrol: Enrolment | None = None


class _Over(msgspec.Struct):
    planted: list[Planted]


def shipped(name: str) -> Path | None:
    """Give the store file of a shop that is shipped under this name, if one is."""
    for point in entry_points(group=SHOPS, name=name):
        return Path(str(point.load())) / "store.yml"
    return None


def shipped_names() -> list[str]:
    """Name the shops that are shipped."""
    return sorted(point.name for point in entry_points(group=SHOPS))


class Simulator:
    """One simulator; within ``async with`` its devices can be reached.

    Args:
        kind: as `aislewatch sim list` names it.
        shop: folder of the shop's files.
        folder: for their copy; new.
        seed: of its dice.

    Attributes:
        store: the store file of the copy.
        enrol: whom to put on the watchlist, if anybody.
    """

    def __init__(self, kind: str, shop: Path, folder: Path, *, seed: int = 1) -> None:
        self.store = folder / "store.yml"
        self.enrol: Enrolment | None = None
        self._kind = kind
        self._shop = shop
        self._folder = folder
        self._seed = seed
        self._log = folder / "simulator.log"
        self._process: Process | None = None

    def begin(self) -> None:
        """Have the day begin."""
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # It has ended, which `planted` says.
            self._process.stdin.write(b"begin\n")

    async def planted(self) -> Sequence[Planted]:
        """Wait until the day is over and all of it can have been judged; gives what happened.

        Raises:
            UsageError: the simulator ended before.
        """
        return (await self._told("planted", _Over)).planted

    async def __aenter__(self) -> Self:
        if not entry_points(group=TWINS, name=self._kind):
            message = f"the simulator {self._kind!r}, which the store file names, is not installed"
            raise UsageError(message)
        self._folder.mkdir(parents=True)
        words = ("sim", "device", self._kind, "--shop", self._shop, "--folder", self._folder)
        with self._log.open("wb") as log:
            # In a session of its own: an interrupt typed at the terminal is not its business, for
            # the devices must not be gone before those who watch them.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "aislewatch", *map(str, words)),
                *("--seed", str(self._seed), "--wait", "--json"),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            opened = await self._told("store", _Opened)
        except BaseException:
            await self._end()
            raise
        self.store, self.enrol = Path(opened.store), opened.enrol
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _told(self, key: str, shape: type[Shape]) -> Shape:
        """Wait for the line that tells something; others before it are passed over."""
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if key in msgspec.json.decode(line, type=dict[str, msgspec.Raw]):
                return msgspec.json.decode(line, type=shape)
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = f": {said[-1]}" if said else ""
        message = f"the simulator {self._kind!r} has ended before its day was over{why}"
        raise UsageError(message)

    async def _end(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_S):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()


def _kill(process: Process) -> None:
    """End it by force, with what it has started: the broker that its cameras publish to."""
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
