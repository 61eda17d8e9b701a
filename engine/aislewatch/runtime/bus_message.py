"""What goes onto the bus: a payload, its subject, and the id under which it is stored once.

A dead letter is such a message too, its reason inside, so that it is batched, spooled and archived
like any event: what a device sent while NATS was away is not lost for being no event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from aislewatch.errors import EventRefused
from aislewatch.events.subjects import DEAD_LETTERS, dead_letter_subject, escape

EVENT_STREAM = "EV"
DEAD_LETTER_STREAM = "DLQ"

# The server takes 1 MiB with headers by default; the rest is room for those.
PAYLOAD_BYTES_MAX = 1_000_000
# The server's own limit on an atomic batch (error 10199 above it).
BATCH_COUNT_MAX = 1000
# Well below the connection's buffer, so that writing a batch never waits.
BATCH_BYTES_MAX = 8 * 1024 * 1024
# Of what a device sent; base64 takes a third more, and the reason has to fit beside it.
_DEAD_PAYLOAD_BYTES_MAX = 600_000
_REASON_CHARACTERS_MAX = 2000
_NO_SUBJECT = frozenset(" \t\r\n*>")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish.

    Attributes:
        subject: as `aislewatch.events.subjects` makes it.
        msg_id: under which the bus stores it once; see `message_id`.
        payload: at most `PAYLOAD_BYTES_MAX` bytes.

    Raises:
        EventRefused: the payload is too large, or the id cannot stand in a header.
    """

    subject: str
    msg_id: str
    payload: bytes

    def __post_init__(self) -> None:
        if len(self.payload) > PAYLOAD_BYTES_MAX:
            size = f"{len(self.payload):,} bytes"
            reason = f"an event of {size}: the bus takes {PAYLOAD_BYTES_MAX:,} at most"
            raise EventRefused(reason)
        if not self.msg_id.isascii() or not self.msg_id.isprintable() or " " in self.msg_id:
            reason = f"the id {self.msg_id!r} is not printable ASCII without spaces"
            raise EventRefused(reason)
        assert self.msg_id
        assert self.subject
        assert not set(self.subject) & _NO_SUBJECT, f"{self.subject!r} was not made by `subjects`"

    @property
    def stream(self) -> str:
        """The stream that takes it."""
        dead = self.subject.startswith(f"{DEAD_LETTERS}.")
        return DEAD_LETTER_STREAM if dead else EVENT_STREAM

    @property
    def size(self) -> int:
        """About how many bytes it takes on the way and on the disk."""
        return len(self.payload) + len(self.subject) + len(self.msg_id)


class DeadLetter(msgspec.Struct, frozen=True):
    """What a device sent that is no event.

    Attributes:
        store: whose device it was.
        device: who sent it.
        reason: one sentence: why it is no event.
        place: what refused it, a JSON path or a mapping file's line; empty where it is the whole.
        payload: the bytes as they came, without secrets, cut to the first 600,000.
        size: how many bytes came.
    """

    store: str
    device: str
    reason: str
    place: str
    payload: bytes
    size: int


def dead_letter_message(
    store: str,
    device: str,
    reason: str,
    payload: bytes,
    *,
    place: str = "",
    msg_id: str,
    size: int | None = None,
) -> Message:
    """Make a dead letter to publish.

    Args:
        store: whose device it was.
        device: who sent it.
        reason: one sentence.
        payload: the bytes as they came, without secrets.
        place: as in `EventRefused`.
        msg_id: of this occurrence: the same bytes refused twice are two dead letters, the same
            one offered again after a crash is one.
        size: how many bytes came, where what was secret in them was taken out.
    """
    letter = DeadLetter(
        store,
        device,
        reason[:_REASON_CHARACTERS_MAX],
        place[:_REASON_CHARACTERS_MAX],
        payload[:_DEAD_PAYLOAD_BYTES_MAX],
        len(payload) if size is None else size,
    )
    return Message(dead_letter_subject(store, device), msg_id, msgspec.json.encode(letter))


def read_dead_letter(payload: bytes) -> DeadLetter:
    """Read what `dead_letter_message` made.

    Raises:
        EventRefused: it is none.
    """
    try:
        return msgspec.json.decode(payload, type=DeadLetter)
    except msgspec.MsgspecError as error:
        raise EventRefused(str(error)) from error


def message_id(event_id: str, payload: bytes) -> str:
    """Give the id under which the bus stores an event once.

    The bus drops a second message of the same id *without looking at it*. The same event id with
    other content is a device fault of which both must be kept, so the content is in the id.

    >>> message_id("gate-1/7/42", b"{}")
    'gate-1%2F7%2F42#44136fa355b3678a'
    """
    return f"{escape(event_id)}#{hashlib.sha256(payload).hexdigest()[:16]}"


def distinct(messages: Iterable[Message]) -> list[Message]:
    """Leave out messages whose id came before; same id, same content (see `message_id`)."""
    first: dict[tuple[str, str], Message] = {}
    for message in messages:
        first.setdefault((message.stream, message.msg_id), message)
    return list(first.values())


def batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Cut messages, in order, into batches that one stream takes in one piece."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        full = len(batch) == BATCH_COUNT_MAX or size + message.size > BATCH_BYTES_MAX
        if batch and (full or message.stream != batch[0].stream):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch
