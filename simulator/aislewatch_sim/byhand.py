"""A twin run by hand from a terminal: where it listens, its faults, and a prompt to poke at it.

Every twin's ``main`` adds :func:`add_options` to its parser, makes its dice and faults of what was
given, and hands itself to :func:`run`. While it runs, each line of standard input is an order:
``fault cut 3``, ``unplug``, ``help``, and what the twin itself knows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Port, PtyPort, Serve, TcpPort

FINE, COULD_NOT_RUN = 0, 2


class Order(NamedTuple):
    """Something that a person can have a twin do while it runs.

    Attributes:
        about: its words, and what it does.
        act: takes the words behind the order's name; says what was done. Raises ``ValueError``
            with a sentence where the words make no sense.
    """

    about: str
    act: Callable[[Sequence[str]], str]


def add_options(parser: argparse.ArgumentParser, *, pty: bool = True) -> None:
    """Add the options that every twin has: where it listens, its dice and its faults.

    Args:
        parser: of the twin.
        pty: the device can stand on a serial line.
    """
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--tcp",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        help="listen there; port 0 takes one that is free (default: %(default)s)",
    )
    if pty:
        place.add_argument(
            "--pty", metavar="LINK", type=Path, help="a pseudo-terminal under this link instead"
        )
    add_faults(parser)
    parser.add_argument("--json", action="store_true", help="say where it listens as JSON")


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add the dice and the faults alone, for a twin that listens nowhere."""
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default: %(default)s)")
    parser.add_argument(
        "--fault",
        metavar="NAME=CHANCE",
        action="append",
        type=_chance,
        default=[],
        help="how probable a fault is for a frame, as in cut=0.1; may be given again. "
        + "; ".join(f"{fault}: {fault.meaning}" for fault in Fault),
    )


def faults_of(given: argparse.Namespace, dice: Random) -> Faults:
    """Make the faults that were asked for."""
    return Faults(dice, dict(given.fault))


def port_of(given: argparse.Namespace, serve: Serve) -> Port:
    """Make the place where the twin listens.

    Raises:
        ValueError: the address is none.
    """
    link: Path | None = getattr(given, "pty", None)
    if link is not None:
        return PtyPort(serve, link)
    return TcpPort(serve, *address(given.tcp))


def address(text: str) -> tuple[str, int]:
    """Read ``host:port``.

    >>> address("127.0.0.1:4001")
    ('127.0.0.1', 4001)

    Raises:
        ValueError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        message = f"{text!r} is not an address; write host:port, as in 127.0.0.1:4001"
        raise ValueError(message)
    return host, int(port)


def run(
    port: Port,
    faults: Faults,
    orders: Mapping[str, Order],
    *,
    kind: str,
    as_json: bool = False,
) -> int:
    """Serve until interrupted, told to quit, or terminated; gives the exit code.

    Args:
        port: where the twin listens.
        faults: the twin's.
        orders: what the twin itself can be told to do.
        kind: of device, for what is said.
        as_json: say where it listens as one line of JSON on standard output.
    """
    try:
        return asyncio.run(_run(port, faults, orders, kind, as_json=as_json))
    except OSError as error:
        sys.stderr.write(f"{kind}: cannot listen on {port.address}: {error.strerror or error}\n")
        return COULD_NOT_RUN


async def _run(
    port: Port, faults: Faults, orders: Mapping[str, Order], kind: str, *, as_json: bool
) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for stop in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has none; Ctrl-C still raises.
            loop.add_signal_handler(stop, ended.set)
    async with port:
        if as_json:
            sys.stdout.write(json.dumps({"kind": kind, "address": port.address}) + "\n")
        else:
            sys.stdout.write(f"{kind} at {port.address}; 'help' lists what it can be told\n")
        sys.stdout.flush()
        prompt = _Prompt(port, faults, orders, ended)
        with prompt.listening():
            await ended.wait()
            await prompt.settled()
    return FINE


class _Prompt:
    """Reads orders from standard input, and does them."""

    def __init__(
        self, port: Port, faults: Faults, orders: Mapping[str, Order], ended: asyncio.Event
    ) -> None:
        self._port = port
        self._ended = ended
        self._faults = faults
        self._rest = b""
        self._drops: set[asyncio.Task[None]] = set()
        names = "|".join(Fault)
        self._orders: dict[str, Order] = {
            "fault": Order(f"fault {names} [FRAMES]: have it hit the coming frames", self._fault),
            "unplug": Order("unplug: drop every line", self._unplug),
            "quit": Order("quit: end", self._quit),
            "help": Order("help: this list", self._help),
            **orders,
        }

    @contextlib.contextmanager
    def listening(self) -> Generator[None]:
        """Take orders for as long as this lasts; without a standard input, none come."""
        loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()
        try:
            loop.add_reader(stdin, self._readable)
        except PermissionError:  # A file, which can always be read.
            while self._readable():
                pass
        except NotImplementedError:  # Windows' loop does not wait for standard input.
            pass
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(stdin)

    async def settled(self) -> None:
        """Wait until every line that was to be dropped is."""
        await asyncio.gather(*self._drops)

    def _readable(self) -> bool:
        stdin = sys.stdin.fileno()
        data = os.read(stdin, 4096)
        if not data:
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().remove_reader(stdin)
        *lines, self._rest = (self._rest + (data or b"\n")).split(b"\n")
        for line in lines:
            words = line.decode(errors="replace").split()
            if words:
                sys.stdout.write(self._do(words) + "\n")
                sys.stdout.flush()
        return bool(data)

    def _do(self, words: Sequence[str]) -> str:
        order = self._orders.get(words[0])
        if order is None:
            return f"{words[0]!r} is none of: {', '.join(self._orders)}"
        try:
            return order.act(words[1:])
        except ValueError as error:
            return str(error)

    def _fault(self, words: Sequence[str]) -> str:
        name = words[0] if words else ""
        frames = words[1] if len(words) > 1 else "1"
        if name not in set(Fault):
            message = f"{name!r} is none of: {', '.join(Fault)}"
            raise ValueError(message)
        if not frames.isdecimal():
            message = f"{frames!r} is no number of frames"
            raise ValueError(message)
        self._faults.strike(Fault(name), int(frames))
        return f"{name} hits the next {frames}" if int(frames) > 1 else f"{name} hits the next"

    def _unplug(self, words: Sequence[str]) -> str:
        del words
        task = asyncio.ensure_future(self._port.drop())
        self._drops.add(task)
        task.add_done_callback(self._drops.discard)
        return "unplugged"

    def _quit(self, words: Sequence[str]) -> str:
        del words
        self._ended.set()
        return "ends"

    def _help(self, words: Sequence[str]) -> str:
        del words
        return "\n".join(order.about for order in self._orders.values())


def _chance(text: str) -> tuple[Fault, float]:
    name, _, chance = text.partition("=")
    try:
        found = Fault(name), float(chance or "1")
    except ValueError:
        message = f"{text!r} is no fault; write NAME=CHANCE with one of {', '.join(Fault)}"
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= found[1] <= 1:
        message = f"{chance} is no chance; it lies between 0 and 1"
        raise argparse.ArgumentTypeError(message)
    return found
