"""Messages cut out of the bytes of a connection, also out of damaged ones.

LLRP has no mark at which a message begins, so that one wrong byte would deafen a reader of lengths
for good. Here only a message that is whole and makes sense to its last byte counts. Where none
begins, the first place at which one does is looked for, and all before it is refused: the first
whole message after any nonsense is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from aislewatch_plugins.llrp.codec import HEADER_BYTES, Message, decode, read_header
from aislewatch_plugins.llrp.fields import LlrpError

MESSAGE_BYTES_MAX: Final = 1 << 20
"""No reader tells more at once; what claims more is damaged."""

LOST_BYTES_MAX: Final = 1 << 16
"""How much is kept, while none is found, in which a message may still begin."""

_HEAD: Final = re.compile(rb"[\x04-\x0b]")
"""A first byte: nothing reserved, version 1.0.1 or 1.1, and the type's upper bits."""


class Nonsense(NamedTuple):
    """Bytes that are no message.

    Attributes:
        data: the bytes.
        reason: why, in a sentence.
    """

    data: bytes
    reason: str


class Splitter:
    """Takes a connection's bytes as they come and gives its messages, and what is none."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        # Why no message begins at the buffer's first byte; empty where one may.
        self._reason = ""
        # Where the search for the next one goes on: all before has been looked at.
        self._looked = 1

    def feed(self, data: bytes) -> Iterator[Message | Nonsense]:
        """Take the next bytes; give what they complete, in order."""
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            if not self._reason:
                message = self._at(0)
                if isinstance(message, Message):
                    del self._buffer[: len(message.raw)]
                    yield message
                    continue
                if message is None and not self._holds_two():
                    return  # Its rest is under way.
                self._reason = message or "a message claims bytes in which whole messages stand"
                self._looked = 1
            at = self._next_whole()
            if at is not None:
                yield self._refused(at)
                self._reason = ""
                continue
            if len(self._buffer) > LOST_BYTES_MAX:  # In large pieces, for each is told of.
                yield self._refused(len(self._buffer) - LOST_BYTES_MAX // 2)
            return

    def end(self) -> Nonsense | None:
        """Give what is left when the connection ends: half a message, or nonsense."""
        if not self._buffer:
            return None
        self._reason = self._reason or "the connection ended in the middle of a message"
        return self._refused(len(self._buffer))

    def _at(self, at: int) -> Message | str | None:
        """Give the message that begins at a byte, why none does, or None: more must come first."""
        header = read_header(self._buffer, at)
        if header is None or header.length > MESSAGE_BYTES_MAX:
            return "no LLRP message begins here"
        if len(self._buffer) < at + header.length:
            return None
        try:
            return decode(bytes(self._buffer[at : at + header.length]))
        except LlrpError as error:
            return f"message type {header.type}, byte {error.at}: {error.reason}"

    def _next_whole(self) -> int | None:
        """Give where the first whole message behind the first byte begins; None without one."""
        begun = None
        for at in self._heads(self._looked):
            found = self._at(at)
            if isinstance(found, Message):
                return at
            if found is None and begun is None:
                begun = at
        unseen = max(self._looked, len(self._buffer) - HEADER_BYTES + 1)
        self._looked = unseen if begun is None else begun
        return None

    def _holds_two(self) -> bool:
        """Say whether two whole messages follow each other where one has only begun.

        Then it has not: a length was damaged, and would be waited for while others pass by.
        """
        ends = set[int]()
        for at in self._heads(1):
            message = self._at(at)
            if isinstance(message, Message):
                if at in ends:
                    return True
                ends.add(at + len(message.raw))
        return False

    def _heads(self, start: int) -> Iterator[int]:
        """Give the places, from one on, whose first byte could be a message's."""
        text = bytes(self._buffer[start:])
        for match in _HEAD.finditer(text, 0, max(0, len(text) - HEADER_BYTES + 1)):
            yield start + match.start()

    def _refused(self, size: int) -> Nonsense:
        nonsense = Nonsense(bytes(self._buffer[:size]), self._reason)
        del self._buffer[:size]
        self._looked = max(1, self._looked - size)
        return nonsense
