"""Asking Square for an order that a notification only names: bounded, and again if need be.

Right after a payment an order may be without its lines, or not be found yet; then it is asked for
again, a few times, each time later. The token is sent to the configured address and nowhere else:
no redirection is followed.
"""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from aislewatch.events.paths import is_object

if TYPE_CHECKING:
    from aiohttp import ClientSession

MOST_BYTES = 1 << 20
TRIES = 4
FIRST_PAUSE_S = 0.5
_ANSWER_S = 2.0
"""All tries together are shorter than Square waits for our own answer."""

_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,192}")


class NoOrder(Exception):
    """The order could not be had; the text is a sentence."""


class SquareApi:
    """Fetches orders.

    Args:
        address: of the interface, without a path.
        token: bearer token that may read orders.
        dice: for the jitter of the pauses.
        pause_s: before the second try; each further one is twice as long.
    """

    def __init__(
        self, address: str, token: bytes, dice: Random, *, pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._dice = dice
        self._pause_s = pause_s
        self._session: ClientSession | None = None

    async def order(self, number: str) -> dict[str, Any]:
        """Fetch an order with its lines.

        Raises:
            NoOrder: it is not to be had.
        """
        if not _ORDER_ID.fullmatch(number):
            message = "the notification's order has no id that one can ask for"
            raise NoOrder(message)
        why = "it has no lines"
        for attempt in range(TRIES):
            if attempt:
                pause_s = self._pause_s * 2 ** (attempt - 1)
                await asyncio.sleep(pause_s * self._dice.uniform(0.8, 1.2))
            order, why = await self._asked(number)
            if order is not None:
                return order
        message = f"order {number} cannot be had from {self._address}: {why}"
        raise NoOrder(message)

    async def close(self) -> None:
        """Let go of the connections; may be called again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(self, number: str) -> tuple[dict[str, Any] | None, str]:
        from aiohttp import ClientError, ClientSession, ClientTimeout  # noqa: PLC0415 - see http

        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=_ANSWER_S))
        headers = {"Authorization": f"Bearer {self._token.decode('latin-1')}"}
        url = f"{self._address}/v2/orders/{quote(number, safe='')}"
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    return None, f"it answered {answer.status}"
                body = await answer.content.read(MOST_BYTES + 1)
                while len(body) <= MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                    body += more
        except (ClientError, TimeoutError, OSError) as error:
            return None, type(error).__name__
        if len(body) > MOST_BYTES:
            return None, f"its answer is longer than {MOST_BYTES} bytes"
        try:
            document = msgspec.json.decode(body)
        except (ValueError, RecursionError):
            return None, "its answer is no JSON"
        order = document.get("order") if is_object(document) else None
        if not is_object(order) or not order.get("line_items"):
            return None, "the order has no lines yet"
        return order, ""
