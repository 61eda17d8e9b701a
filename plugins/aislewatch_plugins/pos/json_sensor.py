"""The sensor for tills that post our own signed JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from aislewatch.devices.address import endpoint
from aislewatch.devices.http import HttpListener, Reply, Request
from aislewatch.devices.secret import SecretPart
from aislewatch.events.sensor import Descriptor
from aislewatch_plugins.pos.bodies import Unreadable, unsigned
from aislewatch_plugins.pos.cards import mask
from aislewatch_plugins.pos.config import HttpAddress, PosConfig, Positive
from aislewatch_plugins.pos.json_feed import MOST_BYTES, read_body, read_events
from aislewatch_plugins.pos.sensor import KINDS, Desk, PosSensor
from aislewatch_plugins.pos.source import Source
from aislewatch_plugins.pos.told import Flaw, Found

_REMEMBERED = 10_000
"""Requests of which it is remembered that they came, and how they were answered."""


class JsonConfig(PosConfig):
    """The configuration of tills that post our own JSON.

    Attributes:
        http: ``host:port/path`` to listen on; without a host, this machine only.
        secrets: what requests are signed with; two while one is exchanged for the other.
        window: how far a request's time of sending may lie from our clock.
    """

    http: HttpAddress
    secrets: Annotated[list[SecretPart], Field(min_length=1, max_length=8)]
    window: Positive = 300_000_000


class PosJson(PosSensor):
    """Tills that post our own signed JSON; many may post to one address."""

    Config: ClassVar[type[BaseModel]] = JsonConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="pos-json", title="Tills that post signed JSON", emits=KINDS
    )

    def __init__(self, config: JsonConfig) -> None:
        super().__init__(config)
        self._config = config
        self._answered: dict[bytes, Reply] = {}

    def _prepare(self, desk: Desk) -> Source:
        config = self._config
        secrets = [part.read(desk.context.folder) for part in config.secrets]

        async def answer(request: Request) -> Reply:
            return await self._answer(desk, secrets, request)

        return HttpListener(endpoint(config.http), answer, most_bytes=MOST_BYTES)

    def _where(self) -> str:
        return f"http {self._config.http}"

    def _secrets(self) -> Sequence[str]:
        return [part.place for part in self._config.secrets]

    async def _answer(self, desk: Desk, secrets: Sequence[bytes], request: Request) -> Reply:
        desk.counts.frames += 1
        turned_away = await unsigned(desk, request, secrets, self._config.window)
        if turned_away is not None:
            return turned_away
        digest = hashlib.sha256(request.body).digest()
        if digest in self._answered:
            desk.counts.repeats += 1
            return self._answered[digest]
        try:
            rows = read_body(request.body)
        except Unreadable as error:
            await desk.take([Flaw(request.body, str(error), "body")])
            return Reply(400, {"error": str(error)})
        found = list(read_events(rows, desk.context.registry))
        accepted, refused = await desk.take(found)
        reply = Reply(202, {"accepted": accepted, "refused": refused, "why": _why(found)})
        self._answered[digest] = reply
        if len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return reply


def _why(found: list[Found]) -> list[dict[str, str]]:
    """Tell the sender what of its request could not be read; it wrote it, so it may know."""
    flaws = [one for one in found if isinstance(one, Flaw)]
    return [{"place": flaw.place, "reason": mask(flaw.reason)} for flaw in flaws[:100]]
