"""Tills run by hand from a terminal: each plays a shift in the words of one kind of till."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from aislewatch_sim import byhand
from aislewatch_sim.ports import Link
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.folder import Dropper
from aislewatch_sim.pos.posting import Poster
from aislewatch_sim.pos.printer import Tap
from aislewatch_sim.pos.till import OPENS, Till, shift

_FINDINGS = 1
Sent = TypeVar("Sent")


class Command(Protocol):
    """Plays a till until it is over or stopped; gives the exit code."""

    def __call__(self, arguments: Sequence[str], *, prog: str) -> int:
        """Play; ``prog`` is what stands before the arguments, for the usage line."""
        ...


def printer(arguments: Sequence[str], *, prog: str) -> int:
    """A receipt printer's line: ESC/POS of a till that is played again and again."""
    parser = _parser(prog, printer.__doc__)
    byhand.add_options(parser)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two receipts")
    parser.add_argument("--patterns", type=Path, help="write the patterns file for it there first")
    given = parser.parse_args(arguments)
    if given.patterns is not None:
        given.patterns.write_text(receipt_words.PATTERNS, encoding="utf-8")
    faults = byhand.faults_of(given, Random(given.seed))
    tap = Tap(faults, pause_s=given.pause)
    frames = receipt_words.receipts(_shift(given))
    playing: set[asyncio.Task[None]] = set()

    async def forever() -> None:
        while True:
            await tap.print(frames)

    async def serve(link: Link) -> None:
        if not playing:
            playing.add(asyncio.ensure_future(forever()))
        await tap.serve(link)

    try:
        port = byhand.port_of(given, serve)
    except ValueError as error:
        parser.error(str(error))
    return byhand.run(port, faults, {}, kind="pos-printer", as_json=given.json)


def json_till(arguments: Sequence[str], *, prog: str) -> int:
    """A till that posts its shift as signed JSON."""
    parser = _parser(prog, json_till.__doc__)
    _add_posting(parser, "shared secret")
    given = parser.parse_args(arguments)
    secret, poster = _secret(parser, given.secret), _poster(parser, given)

    async def send(row: dict[str, Any]) -> int:
        data = json_words.body([row])
        signed = json_words.headers(secret, int(datetime.now(UTC).timestamp()), data)  # noqa: TID251 - a till signs with the time it has
        return (await poster.post(signed, data)).status

    rows = json_words.events(_shift(given))
    return _play(rows, send, given.pause)


def square(arguments: Sequence[str], *, prog: str) -> int:
    """A cloud that posts its notifications as Square does."""
    parser = _parser(prog, square.__doc__)
    _add_posting(parser, "signature key")
    parser.add_argument("--signed-url", help="address that is signed, where it is another")
    given = parser.parse_args(arguments)
    key, poster = _secret(parser, given.secret), _poster(parser, given)
    url = given.signed_url or given.url

    async def send(notification: dict[str, Any]) -> int:
        data = square_words.body(notification)
        return (await poster.post(square_words.headers(key, url, data), data)).status

    told = square_words.notifications(_shift(given))
    return _play(told, send, given.pause)


def poslog(arguments: Sequence[str], *, prog: str) -> int:
    """A till that drops POSLog files into a folder, one for each transaction."""
    parser = _parser(prog, poslog.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where to")
    parser.add_argument("--version", choices=("2.2", "6"), default="6", help="of POSLog")
    parser.add_argument("--aside", action="store_true", help="write aside and rename")
    _add_common(parser)
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    dropper = Dropper(given.folder, byhand.faults_of(given, Random(given.seed)), aside=given.aside)

    async def send(numbered: tuple[int, str]) -> int:
        index, one = numbered
        await dropper.drop(f"{index:05}.xml", poslog_words.document([one], given.version))
        return 200

    logs = poslog_words.transactions(_shift(given), given.version)
    return _play(list(enumerate(logs)), send, given.pause)


def _parser(prog: str, about: str | None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=prog, description=about)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two of them")
    byhand.add_faults(parser)


def _add_posting(parser: argparse.ArgumentParser, secret: str) -> None:
    parser.add_argument("--url", required=True, help="where to, as http://127.0.0.1:8090/till")
    parser.add_argument("--secret", type=Path, required=True, help=f"file with the {secret}")
    _add_common(parser)


def _secret(parser: argparse.ArgumentParser, path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        parser.error(f"{path} cannot be read: {error.strerror or error}")


def _poster(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Poster:
    url: str = given.url
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        parser.error(f"{url!r} is no address; write http://host:port/path")
    faults = byhand.faults_of(given, Random(given.seed))
    return Poster(parts.hostname, parts.port or 80, parts.path or "/", faults, patience_s=5.0)


def _shift(given: argparse.Namespace) -> Till:
    """Play a shift that has just ended, so that whoever listens takes it for what happens."""
    lasts = shift(Random(given.seed)).now - OPENS
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - a till has a clock
    return shift(Random(given.seed), opens=now - lasts)


def _play(things: Sequence[Sent], send: Callable[[Sent], Awaitable[int]], pause_s: float) -> int:
    """Send one after the other, and say what came of it.

    Args:
        things: to send.
        send: sends one; gives the status of HTTP, or 0 where none came.
        pause_s: between two of them.
    """

    async def play() -> list[int]:
        statuses: list[int] = []
        for thing in things:
            statuses.append(await send(thing))
            await asyncio.sleep(pause_s)
        return statuses

    try:
        statuses = asyncio.run(play())
    except KeyboardInterrupt:
        return byhand.FINE
    others = [status for status in statuses if not 200 <= status < 300]
    rest = "".join(
        f", {others.count(status)} {f'answered {status}' if status else 'not answered'}"
        for status in sorted(set(others))
    )
    sys.stdout.write(f"{len(statuses)} sent, {len(statuses) - len(others)} taken{rest}\n")
    return _FINDINGS if others else byhand.FINE
