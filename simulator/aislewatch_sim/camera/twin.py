"""A camera's twin: publishes what a scene makes it say, with faults, and leaves a last will."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any, Self

import aiomqtt

from aislewatch_sim.camera.words import Words
from aislewatch_sim.faults import Faults, perform


class Publisher:
    """One camera's connection to a broker; within ``async with`` it stands.

    Args:
        host: of the broker.
        port: of the broker.
        faults: what happens to each message on its way out.
        will: what the broker says when the camera is lost without a word.
        user: at the broker.
        password: the user's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        faults: Faults,
        *,
        will: Words | None = None,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        last = None if will is None else aiomqtt.Will(will.topic, will.payload, 1, will.retain)
        self._faults = faults
        self._open = False

        def connection() -> aiomqtt.Client:
            return aiomqtt.Client(host, port, username=user, password=password, will=last)

        self._new: Callable[[], aiomqtt.Client] = connection
        self._client = connection()

    async def say(self, *said: Words) -> None:
        """Publish messages one after the other; a lost line is made anew for the next."""
        for words in said:
            if not self._open:
                await self._connect()
            await perform(self._faults.sent(words.payload), _Topic(self, words))

    async def publish(self, words: Words) -> None:
        """Publish a message as it is, and wait until the broker has it."""
        if self._open:
            await self._client.publish(words.topic, words.payload, qos=1, retain=words.retain)

    async def vanish(self) -> None:
        """Be gone without a word, as by a pulled plug; the broker publishes the last will."""
        if self._open:
            self._open = False
            # There is no public way to leave without a word.
            client: Any = self._client
            line: socket.socket | None = client._client.socket()
            if line is not None:
                line.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.__aexit__(None, None, None)

    async def _connect(self) -> None:
        self._client = self._new()
        await self._client.__aenter__()
        self._open = True

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.__aexit__(None, None, None)


class _Topic:
    """Where the pieces of one message go: each is a message of its own, for MQTT has no others."""

    def __init__(self, publisher: Publisher, words: Words) -> None:
        self._publisher = publisher
        self._words = words

    async def write(self, data: bytes) -> None:
        await self._publisher.publish(self._words._replace(payload=data))

    async def hang_up(self) -> None:
        await self._publisher.vanish()
