"""The sensor for Square's webhooks, and for whatever signs and tells as Square does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from aislewatch.devices.address import endpoint
from aislewatch.devices.http import HttpListener, Reply, Request
from aislewatch.devices.secret import SecretPart
from aislewatch.events.conversion import instant_us
from aislewatch.events.sensor import Descriptor
from aislewatch_plugins.pos.bodies import turned_away
from aislewatch_plugins.pos.config import (
    Currency,
    HttpAddress,
    PosConfig,
    Positive,
)
from aislewatch_plugins.pos.sensor import KINDS, Desk, PosSensor
from aislewatch_plugins.pos.signing import SQUARE, NotSigned, check_square
from aislewatch_plugins.pos.source import Source
from aislewatch_plugins.pos.square import (
    order_to_fetch,
    read_facts,
    read_notification,
)
from aislewatch_plugins.pos.square_api import NoOrder, SquareApi
from aislewatch_plugins.pos.told import Flaw

MOST_BYTES = 1 << 20
_REMEMBERED = 100_000
"""Notifications of which it is remembered that they came."""


class SquareConfig(PosConfig):
    """The configuration of a webhook.

    Attributes:
        http: ``host:port/path`` to listen on, behind whatever ends TLS.
        url: the address that the subscription names, to the letter: it is part of the signature.
        keys: signature keys of the subscription; two while one is exchanged for the other.
        currency: of the amounts.
        window: how old a notification may be; Square sends one again for a day.
        api: address to ask for orders at; without it, orders that are only named are passed over.
        token: bearer token for it.
    """

    http: HttpAddress
    url: Annotated[str, Field(pattern="^https?://", max_length=2_000)]
    keys: Annotated[list[SecretPart], Field(min_length=1, max_length=8)]
    currency: Currency
    window: Positive = 93_600_000_000
    api: Annotated[str, Field(pattern=r"^https?://[^/?#]+/?$")] | None = None
    token: SecretPart | None = None

    @model_validator(mode="after")
    def _api_with_token(self) -> Self:
        if (self.api is None) != (self.token is None):
            message = "api and token go together"
            raise ValueError(message)
        return self


class PosSquare(PosSensor):
    """A cloud till that tells by webhook."""

    Config: ClassVar[type[BaseModel]] = SquareConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="pos-square", title="Square's webhooks", emits=KINDS
    )

    def __init__(self, config: SquareConfig) -> None:
        super().__init__(config)
        self._config = config
        self._seen: dict[str, None] = {}
        self._api: SquareApi | None = None

    async def close(self) -> None:
        """Stop listening and asking."""
        await super().close()
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    def _prepare(self, desk: Desk) -> Source:
        config, folder = self._config, desk.context.folder
        keys = [part.read(folder) for part in config.keys]
        if config.api is not None and config.token is not None:
            self._api = SquareApi(config.api, config.token.read(folder), desk.context.random)

        async def answer(request: Request) -> Reply:
            return await self._answer(desk, keys, request)

        return HttpListener(endpoint(config.http), answer, most_bytes=MOST_BYTES)

    def _where(self) -> str:
        return f"http {self._config.http}"

    def _secrets(self) -> Sequence[str]:
        parts = [*self._config.keys, *([self._config.token] if self._config.token else [])]
        return [part.place for part in parts]

    async def _answer(self, desk: Desk, keys: Sequence[bytes], request: Request) -> Reply:
        body = request.body
        try:
            check_square(keys, self._config.url, request.headers.get(SQUARE, ""), body)
        except NotSigned as error:
            return await turned_away(desk, request, str(error))
        desk.counts.frames += 1
        try:
            notification = read_notification(body)
            age_us = desk.context.clock.now_us() - instant_us(notification["created_at"], zone=None)
        except ValueError as error:
            await desk.take([Flaw(body, str(error), "notification")])
            return Reply(400, {"error": str(error)})
        if not -self._config.future_tolerance <= age_us <= self._config.window:
            reason = "the notification's time is too far from ours: an old one, sent again"
            return await turned_away(desk, request, reason)
        number = notification["event_id"]
        if number in self._seen:
            desk.counts.repeats += 1
            return Reply(200, {"repeated": True})
        wanted = order_to_fetch(notification) if self._api is not None else None
        if wanted is not None:
            assert self._api is not None
            try:
                order = await self._api.order(wanted)
            except NoOrder as error:
                # Square sends it again; until then what it would have told is unknown.
                await desk.take([Flaw(body, str(error), "order")])
                return Reply(503, {"error": "the order cannot be had; send it again later"})
            notification = {**notification, "data": {"object": {"order": order}}}
        accepted, refused = await desk.take(read_facts(notification, self._config.currency))
        self._seen[number] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return Reply(200, {"accepted": accepted, "refused": refused})
