"""One connection to a reader: messages out and in, keep-alives answered, silence noticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from aislewatch.devices.tcp import Streams, dial, hang_up
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.llrp.codec import Element, Message, encode
from aislewatch_plugins.llrp.framing import Nonsense, Splitter
from aislewatch_plugins.llrp.requests import ask

ANSWER_S: Final = 10.0
"""How long a reader may take to answer; some reset their radio meanwhile."""

PART_S: Final = 1.0
_CHUNK: Final = 1 << 16
_DEVICE_ERROR: Final = 401

Incoming = Message | Nonsense


class Link:
    """A connection; made by `connect`.

    Args:
        streams: of the connection.
        peer: whom we speak to, for people.

    Attributes:
        silence_s: seconds without a message after which the connection counts as broken; as long
            as an answer may take, until keep-alives were asked for.
        messages: how many have come.
        nonsense: how often bytes came that are no message.
    """

    def __init__(
        self,
        streams: Streams,
        peer: str,
    ) -> None:
        self.silence_s = ANSWER_S
        self.messages = 0
        self.nonsense = 0
        self._reader, self._writer = streams
        self._peer = peer
        self._splitter = Splitter()
        self._waiting: deque[Incoming] = deque()
        self._last_id = 0
        self._heard_s = asyncio.get_running_loop().time()

    @classmethod
    async def connect(cls, host: str, port: int) -> Link:
        """Connect.

        Raises:
            DeviceNotReady: nobody answers.
        """
        return cls(await dial(host, port), f"{host}:{port}")

    async def receive(self, wait_s: float) -> list[Incoming]:
        """Give what comes next; nothing if nothing does for so long.

        Raises:
            DeviceNotReady: the connection broke, or has been silent for too long.
        """
        if self._waiting:
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting
        loop = asyncio.get_running_loop()
        deadline_s = self._heard_s + self.silence_s
        try:
            async with asyncio.timeout_at(min(loop.time() + wait_s, deadline_s)):
                chunk = await self._reader.read(_CHUNK)
        except TimeoutError:
            if loop.time() >= deadline_s:
                message = f"{self._peer} has been silent for {self.silence_s:g} s"
                raise DeviceNotReady(message) from None
            return []
        except OSError as error:
            message = f"{self._peer} broke the connection: {error.strerror or error}"
            raise DeviceNotReady(message) from None
        if not chunk:
            message = f"{self._peer} closed the connection"
            raise DeviceNotReady(message)
        return await self._taken(chunk)

    def rest(self) -> list[Incoming]:
        """Give what came and was not given yet, when the connection is over."""
        left = self._splitter.end()
        rest = [*self._waiting, *([left] if left is not None else [])]
        self._waiting.clear()
        return rest

    async def request(self, message: Message) -> Element:
        """Ask, and wait for the answer; what comes in between is kept for `receive`.

        Raises:
            DeviceNotReady: no answer came, or the reader cannot do it now.
            DeviceMisconfigured: the reader refuses.
        """
        self._last_id += 1
        asked = message._replace(id=self._last_id)
        await self._send(asked)
        kept: list[Incoming] = []
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    came = await self.receive(ANSWER_S)
                    for number, one in enumerate(came):
                        if isinstance(one, Message) and _answers(one, asked):
                            kept += came[number + 1 :]
                            return self._accepted(one, asked)
                        kept.append(one)
        except TimeoutError:
            text = f"{self._peer} does not answer {asked.name} within {ANSWER_S:g} s"
            raise DeviceNotReady(text) from None
        finally:
            self._waiting.extendleft(reversed(kept))

    async def part(self) -> None:
        """Say good-bye if the reader still listens, and hang up; may be called again."""
        if self._writer.is_closing():
            return
        with contextlib.suppress(DeviceNotReady, DeviceMisconfigured, TimeoutError):
            async with asyncio.timeout(PART_S):
                await self.request(ask("CLOSE_CONNECTION"))
        await hang_up(self._writer, within_s=PART_S / 2)

    async def _taken(self, chunk: bytes) -> list[Incoming]:
        taken: list[Incoming] = []
        alive: list[Message] = []
        for one in self._splitter.feed(chunk):
            if isinstance(one, Nonsense):
                self.nonsense += 1
            else:
                self.messages += 1
                self._heard_s = asyncio.get_running_loop().time()
                if one.name == "KEEPALIVE":
                    alive.append(one)
                    continue
            taken.append(one)
        try:
            for one in alive:
                await self._send(ask("KEEPALIVE_ACK")._replace(id=one.id))
        except BaseException:
            self._waiting.extend(taken)  # That nobody listens any more unsays nothing.
            raise
        return taken

    async def _send(self, message: Message) -> None:
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except OSError as error:
            text = f"{self._peer} broke the connection: {error.strerror or error}"
            raise DeviceNotReady(text) from None

    def _accepted(self, answer: Message, asked: Message) -> Element:
        status = answer.content.part("LLRPStatus")
        code = 0 if status is None else status.number("StatusCode")
        if status is None or not code:
            return answer.content
        said = status.text("ErrorDescription") or "it does not say why"
        text = f"{self._peer} refuses {asked.name}: {said} (status {code})"
        raise DeviceNotReady(text) if code == _DEVICE_ERROR else DeviceMisconfigured(text)


def _answers(message: Message, asked: Message) -> bool:
    if message.id != asked.id:
        return False
    return message.name in {f"{asked.name}_RESPONSE", "ERROR_MESSAGE"}
