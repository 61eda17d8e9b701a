"""Requests over HTTP with the faults of a bad line: what tills and clouds post.

The request is written byte for byte here, because a client that is worth using cannot be made to
send half of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.ports import TcpLink


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back.

    Attributes:
        status: of HTTP; 0 where nothing came.
        body: of the first answer.
    """

    status: int
    body: bytes = b""


class Poster:
    """Posts to one address.

    Args:
        host: where to.
        port: where to.
        path: where to.
        faults: what happens to each request on its way.
        patience_s: how long an answer is waited for; a request of which half is missing has none.
    """

    def __init__(
        self, host: str, port: int, path: str, faults: Faults, *, patience_s: float = 10.0
    ) -> None:
        self._host = host
        self._port = port
        self._path = path
        self._faults = faults
        self._patience_s = patience_s

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answered:
        """Post a body; never raises for what the line or the other side does."""
        lines = [f"POST {self._path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close"]
        frame = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            return Answered(0)
        line = TcpLink(reader, writer)
        try:
            await perform(self._faults.sent(frame), line)
            async with asyncio.timeout(self._patience_s):
                return _read(await reader.read())
        except (OSError, TimeoutError):
            return Answered(0)
        finally:
            await line.hang_up()


def _read(answer: bytes) -> Answered:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return Answered(status, body)
