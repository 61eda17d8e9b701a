"""A 125 kHz badge reader's twin, and the twin run by hand.

It says a badge's number for as long as the badge is held before it, and nothing else, ever.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from random import Random
from typing import Literal

from aislewatch_sim import byhand
from aislewatch_sim.byhand import Order
from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.ports import Link

Style = Literal["14", "16"]

_AGAIN_S = 0.1
"""How soon a badge that is still there is said again."""


def frame(code: str, style: Style = "14") -> bytes:
    r"""Give what a reader sends for a badge.

    Args:
        code: ten hexadecimal digits.
        style: 14 bytes as RDM6300 readers, or 16 as ID-12 readers with CR LF before the end.

    >>> frame("62E3086CED")
    b'\x0262E3086CED08\x03'
    """
    check = 0
    for byte in bytes.fromhex(code):
        check ^= byte
    end = "\x03" if style == "14" else "\r\n\x03"
    return f"\x02{code.upper()}{check:02X}{end}".encode()


class BadgeReader:
    """See the module; give :meth:`serve` to a port.

    Args:
        faults: what happens to each frame on its way out.
        style: of the frames.
    """

    def __init__(self, faults: Faults, style: Style = "14") -> None:
        self._faults = faults
        self._style: Style = style
        self._links: list[Link] = []
        self._news = asyncio.Condition()

    async def serve(self, link: Link) -> None:
        """Talk to whoever is at the line, who has nothing to say."""
        self._links.append(link)
        async with self._news:
            self._news.notify_all()
        try:
            while await link.read():
                pass
        finally:
            self._links.remove(link)

    async def connected(self) -> None:
        """Wait until somebody is at the line; a terminal's line always has somebody."""
        async with self._news:
            await self._news.wait_for(lambda: bool(self._links))

    async def hold(self, code: str, times: int = 1, *, again_s: float = 0.0) -> None:
        """Have a badge held before it while it is said so many times."""
        for time in range(times):
            if time:
                await asyncio.sleep(again_s)
            acts = self._faults.sent(frame(code, self._style))
            for link in list(self._links):
                await perform(acts, link)

    async def send(self, data: bytes) -> None:
        """Send any bytes, whatever they are."""
        for link in list(self._links):
            await link.write(data)


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A reader of 125 kHz badges, on a serial line or a device server."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    byhand.add_options(parser)
    parser.add_argument("--style", choices=("14", "16"), default="14", help="bytes of a frame")
    given = parser.parse_args(arguments)
    dice = Random(given.seed)
    faults = byhand.faults_of(given, dice)
    reader = BadgeReader(faults, given.style)
    try:
        port = byhand.port_of(given, reader.serve)
    except ValueError as error:
        parser.error(str(error))
    holding: set[asyncio.Task[None]] = set()

    def hold(words: Sequence[str]) -> str:
        code = words[0].upper() if words else f"{dice.getrandbits(40):010X}"
        seconds = words[1] if len(words) > 1 else "1"
        if len(code) != 10 or set(code) - set("0123456789ABCDEF"):
            message = f"{code!r} is no badge; write ten hexadecimal digits, as in 62E3086CED"
            raise ValueError(message)
        if not seconds.isdecimal():
            message = f"{seconds!r} is no number of seconds"
            raise ValueError(message)
        times = max(1, round(int(seconds) / _AGAIN_S))
        task = asyncio.ensure_future(reader.hold(code, times, again_s=_AGAIN_S))
        holding.add(task)
        task.add_done_callback(holding.discard)
        return f"badge {code} ({int(code[2:], 16):010}) is held for {seconds} s"

    orders = {"hold": Order("hold [CODE] [SECONDS]: hold a badge before it", hold)}
    return byhand.run(port, faults, orders, kind="badge", as_json=given.json)
