"""Requests taken apart: whose they are, and the JSON in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from aislewatch.devices.http import Reply, Request
from aislewatch_plugins.pos.sensor import Desk
from aislewatch_plugins.pos.signing import SIGNATURE, TIMESTAMP, NotSigned, check
from aislewatch_plugins.pos.told import Flaw

_SECOND_US = 1_000_000

KEPT_UNSIGNED = 1024
"""Bytes of a request without a good signature that go into the dead letter."""


class Unreadable(ValueError):
    """A body that is none of those that are sent here; the text is a sentence."""


def decoded(body: bytes) -> Any:
    """Decode a body.

    Raises:
        Unreadable: it is no JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        raise Unreadable(message) from None


async def unsigned(
    desk: Desk, request: Request, secrets: Sequence[bytes], window_us: int
) -> Reply | None:
    """Give the answer to a request that is not signed as ours are; None where it is.

    Args:
        desk: is told of it.
        request: to look at.
        secrets: of which one must fit.
        window_us: how far its time of sending may lie from our clock.
    """
    headers = request.headers
    try:
        check(
            secrets,
            headers.get(TIMESTAMP, ""),
            headers.get(SIGNATURE, ""),
            request.body,
            now_us=desk.context.clock.now_us(),
            window_us=window_us,
        )
    except NotSigned as error:
        return await turned_away(desk, request, str(error))
    desk.sent(int(headers[TIMESTAMP]) * _SECOND_US)
    return None


async def turned_away(desk: Desk, request: Request, reason: str) -> Reply:
    """Answer a request of which nobody knows who sent it.

    It blinds no till, and little of it is kept: anybody can send one, and must fill no disk.
    """
    await desk.take([Flaw(request.body[:KEPT_UNSIGNED], reason, "signature", blinds=False)])
    return Reply(401, {"error": reason})
