"""The streams behind the bus, and the proof that they keep what they acknowledge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aislewatch.errors import BusError
from aislewatch.events.subjects import DEAD_LETTERS, EVENTS
from aislewatch.runtime.bus_message import DEAD_LETTER_STREAM, EVENT_STREAM
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.nats_link import BusAway, Link, json_object

_NANOSECONDS = 1_000_000_000
_NAME_IN_USE = 10058
_NO_ROOM = 10047


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much is kept, and for how long.

    A full stream takes no more (``discard: new``): losing the newest is said to the publisher,
    losing the oldest would be said to nobody.

    Attributes:
        max_bytes: of the event stream; 4 GiB is 7 days at 20 events a second and 350 bytes each.
        dead_letter_max_bytes: of the dead letters.
        max_age_s: 0 keeps for ever.
        duplicate_window_s: how long a message's id is remembered. Only an optimisation; behind it
            stand `Publisher.unstored` and the ledger's unique key.
    """

    max_bytes: int = 4 * 1024**3
    dead_letter_max_bytes: int = 256 * 1024**2
    max_age_s: int = 30 * 24 * 3600
    duplicate_window_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Durability:
    """What is known about what the server does before it acknowledges.

    Attributes:
        proved: the server says that it syncs every write.
        sentence: the finding for a person; a warning where not proved.
    """

    proved: bool
    sentence: str


async def ensure_streams(link: Link, limits: StreamLimits) -> None:
    """Create the streams, or bring those that exist to these limits.

    Raises:
        BusError: the server will not have a stream as durability needs it; says why.
    """
    for name, prefix, max_bytes in (
        (EVENT_STREAM, EVENTS, limits.max_bytes),
        (DEAD_LETTER_STREAM, DEAD_LETTERS, limits.dead_letter_max_bytes),
    ):
        config: dict[str, object] = {
            "name": name,
            "subjects": [f"{prefix}.>"],
            "retention": "limits",
            "storage": "file",
            "num_replicas": 1,
            "discard": "new",
            "max_bytes": max_bytes,
            "max_age": limits.max_age_s * _NANOSECONDS,
            "duplicate_window": int(limits.duplicate_window_s * _NANOSECONDS),
            "deny_delete": True,
            "deny_purge": True,
            "allow_atomic": True,
            "allow_direct": True,
        }
        answer = await link.api(f"STREAM.CREATE.{name}", config)
        if answer.get("error", {}).get("err_code") == _NAME_IN_USE:
            answer = await link.api(f"STREAM.UPDATE.{name}", config)
        if answer.get("error", {}).get("err_code") == _NO_ROOM:
            message = (
                f"too little room at NATS for stream {name}, which may grow to "
                f"{max_bytes / 1024**3:.1f} GiB: make room on its disk, or raise its max_file_store"
            )
            raise BusError(message)
        if "error" in answer:
            message = f"stream {name} cannot be set up: {answer['error'].get('description')}"
            raise BusError(message)
        _insist(name, answer["config"], config)


def _insist(name: str, has: dict[str, Any], wanted: dict[str, object]) -> None:
    """Believe what the server says it made, not what it was asked for: old ones skip fields."""
    wrong = {key for key, value in wanted.items() if has.get(key) != value}
    if wrong:
        text = ", ".join(f"{key} is {has.get(key)!r}, not {wanted[key]!r}" for key in sorted(wrong))
        message = f"stream {name} is not as durability needs it (server too old?): {text}"
        raise BusError(message)


async def verify_durable(url: str, system: Credentials | None) -> Durability:
    """Ask a server whether it syncs every write before it acknowledges.

    Args:
        url: the server's.
        system: a user of its system account; None where the operator gave none.

    Raises:
        BusError: it does not, or it refuses the credentials.
    """
    if system is None:
        sentence = (
            f"cannot tell whether {url} syncs before it acknowledges (by default it does not, for "
            "two minutes): set 'sync_interval: always' there, and give a system account's user"
        )
        return Durability(proved=False, sentence=sentence)
    link = Link(url, name="aislewatch durability check", credentials=system)
    link.start()
    try:
        await link.ready(10.0)
        answer = await link.request("$SYS.REQ.SERVER.PING.VARZ")
    except BusAway as error:
        message = f"the system account of {url} does not answer: {error}"
        raise BusError(message) from error
    finally:
        await link.close()
    jetstream = json_object(answer.payload).get("data", {}).get("jetstream", {})
    config = jetstream.get("config")
    if not config:
        message = f"the server at {url} runs without JetStream"
        raise BusError(message)
    if config.get("sync_always") is not True:
        seconds = config.get("sync_interval", 0) / _NANOSECONDS
        message = (
            f"the server at {url} acknowledges up to {seconds:,.0f} s before it syncs, and a power "
            "cut takes all of that: set 'sync_interval: always' in its jetstream block"
        )
        raise BusError(message)
    return Durability(proved=True, sentence=f"{url} syncs every write before it acknowledges")
