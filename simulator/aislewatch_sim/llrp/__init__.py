"""A gate's RFID reader that is none: its twin, the tags around it, and the twin run by hand."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

from aislewatch_sim import byhand
from aislewatch_sim.byhand import Order
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Lies, Tag, Walk, Way, heard
from aislewatch_sim.llrp.wire import IMPINJ
from aislewatch_sim.tags import sgtin96

_GTIN = "05012345000015"
_LIES_S = 600.0
_WAYS: dict[str, Way] = {"out": "out", "in": "in", "turn": "turn"}


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A UHF RFID reader at a door, over LLRP."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    byhand.add_options(parser, pty=False)
    parser.add_argument("--impinj", action="store_true", help="say that Impinj made it")
    parser.add_argument("--uptime", action="store_true", help="have no clock, only an uptime")
    parser.add_argument(
        "--behind", type=float, default=0.0, metavar="S", help="seconds that its clock is late"
    )
    given = parser.parse_args(arguments)
    dice = Random(given.seed)
    faults = byhand.faults_of(given, dice)
    reader = Reader(faults, _now_us, maker=IMPINJ if given.impinj else 0, utc=not given.uptime)
    reader.behind_us = round(given.behind * 1_000_000)
    try:
        port = byhand.port_of(given, reader.serve)
    except ValueError as error:
        parser.error(str(error))
    return byhand.run(port, faults, _Hand(reader, dice).orders, kind="llrp", as_json=given.json)


class _Hand:
    """What a person can have happen in front of the gate."""

    def __init__(self, reader: Reader, dice: Random) -> None:
        self._reader = reader
        self._dice = dice
        self._serial = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def orders(self) -> dict[str, Order]:
        return {
            "walk": Order("walk [out|in|turn] [EPC]: somebody carries a tag by", self._walk),
            "lay": Order("lay [METRES] [EPC]: a tag lies there, outside is positive", self._lay),
            "antenna": Order("antenna NUMBER on|off: say that it was plugged", self._antenna),
            "trouble": Order("trouble [WORDS]: report a fault of its own", self._trouble),
            "overflow": Order("overflow: say that reads were lost", self._overflow),
            "stop": Order("stop: read no more", self._stop),
            "silence": Order("silence on|off: say nothing any more", self._silence),
        }

    def _walk(self, words: Sequence[str]) -> str:
        way = words[0] if words else "out"
        if way not in _WAYS:
            message = f"{way!r} is none of: {', '.join(_WAYS)}"
            raise ValueError(message)
        epc = self._epc(words[1:])
        self._play(Walk(epc, way=_WAYS[way]))
        return f"{epc} is carried {'up to the gate and back' if way == 'turn' else way}"

    def _lay(self, words: Sequence[str]) -> str:
        try:
            at_m = float(words[0]) if words else -1.0
        except ValueError:
            message = f"{words[0]!r} is no place; write metres, as in: lay -1"
            raise ValueError(message) from None
        epc = self._epc(words[1:])
        self._play(Lies(epc, at_m, 0.0, _LIES_S))
        return f"{epc} lies at {at_m:g} m for {_LIES_S / 60:g} minutes"

    def _antenna(self, words: Sequence[str]) -> str:
        if len(words) != 2 or not words[0].isdecimal() or words[1] not in {"on", "off"}:
            message = "say which and how, as in: antenna 2 off"
            raise ValueError(message)
        self._do(self._reader.say_antenna(int(words[0]), connected=words[1] == "on"))
        return f"antenna {words[0]} is {words[1]}"

    def _trouble(self, words: Sequence[str]) -> str:
        self._do(self._reader.say_fault(" ".join(words) or "the twin was told to have one"))
        return "reported"

    def _overflow(self, words: Sequence[str]) -> str:
        del words
        self._do(self._reader.say_overflow())
        return "reported"

    def _stop(self, words: Sequence[str]) -> str:
        del words
        self._do(self._reader.stop_reading())
        return "reads no more"

    def _silence(self, words: Sequence[str]) -> str:
        if list(words) not in (["on"], ["off"]):
            message = "say how, as in: silence on"
            raise ValueError(message)
        self._reader.silent = words[0] == "on"
        return "is silent" if self._reader.silent else "speaks"

    def _epc(self, words: Sequence[str]) -> str:
        if not words:
            self._serial += 1
            return sgtin96(_GTIN, self._serial)
        try:
            bytes.fromhex(words[0])
        except ValueError:
            message = f"{words[0]!r} is no code; write an even number of hexadecimal digits"
            raise ValueError(message) from None
        return words[0].upper()

    def _play(self, tag: Tag) -> None:
        self._do(self._played(tag))

    async def _played(self, tag: Tag) -> None:
        loop, began_us = asyncio.get_running_loop(), _now_us()
        began_s = loop.time()
        for one in heard([tag], self._dice):
            await asyncio.sleep(max(0.0, began_s + one.at_s - loop.time()))
            await self._reader.hear([one], began_us)

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _now_us() -> int:
    return time.time_ns() // 1000  # noqa: TID251 - run by hand, its clock is the wall's
