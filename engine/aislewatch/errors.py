"""Every error that Aislewatch raises on purpose, split by whose fault it is and what mends it.

::

    AislewatchError
    ├── MistakeError            a person wrote something wrong; says where and how to mend it
    │   ├── FileMistakes        one or more located mistakes in a rule, store or mapping file
    │   └── UsageError          a command was given something it cannot use
    ├── EventRefused            a device sent something that is no event; goes to the dead letter
    ├── DeviceError             a device or its link does not do as its protocol says
    │   ├── DeviceNotReady      try again: absent, asleep, refused the connection
    │   └── DeviceMisconfigured do not try again until a person has changed the configuration
    ├── BusError                NATS is away, refused, or is not set up as durability needs
    └── LedgerError             the ledger cannot take or give records
        ├── LedgerDamaged       what is stored is not what was written; says which record
        ├── LedgerTooNew        written by a later version of Aislewatch
        ├── LedgerFull          no room on the disk; nothing was half-written
        └── LedgerConflict      somebody else appended since; read again and retry

A broken invariant is an ``AssertionError``, never one of these: nobody outside can mend it.
"""

from __future__ import annotations

from dataclasses import dataclass


class AislewatchError(Exception):
    """Anything that Aislewatch raises on purpose; its text is a sentence for the person at hand."""


class MistakeError(AislewatchError):
    """A person wrote something wrong and can mend it."""


class UsageError(MistakeError):
    """A command was given something that it cannot use."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One located mistake in a file that a person wrote.

    Attributes:
        file: path as the person named it.
        line: 1-based line, 0 where the mistake concerns the file as a whole.
        column: 1-based column in characters, 0 where unknown.
        message: one clear sentence, without the place.
        length: how many characters the caret underlines; at least 1.
        source: the text of that line, for the caret; empty where unknown.
        hint: how to mend it; empty where nothing better than the message is known.
        severity: ``error`` stops the file from being used, ``warning`` does not.
    """

    file: str
    line: int
    column: int
    message: str
    length: int = 1
    source: str = ""
    hint: str = ""
    severity: str = "error"

    def render(self) -> str:
        """Give the mistake as a person reads it: place, sentence, source line, caret, hint."""
        at = f":{self.column}" if self.column else ""
        place = f"{self.file}:{self.line}{at}" if self.line else self.file
        lines = [f"{place}: {self.severity}: {self.message}"]
        if self.source and self.column:
            lines.append(f"    {self.source}")
            room = max(1, len(self.source) - self.column + 1)
            lines.append("    " + " " * (self.column - 1) + "^" * max(1, min(self.length, room)))
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)


class FileMistakes(MistakeError):
    """All mistakes of one or more files, found in one reading.

    Attributes:
        mistakes: in order of file, line and column; never empty.
    """

    def __init__(self, mistakes: list[Mistake]) -> None:
        assert mistakes
        self.mistakes = sorted(mistakes, key=lambda m: (m.file, m.line, m.column, m.message))
        super().__init__("\n".join(m.render() for m in self.mistakes))


class EventRefused(AislewatchError):
    """A device sent something that is no event.

    Attributes:
        reason: one sentence; the dead letter carries it.
        place: what refused it, a JSON path or a mapping file's line; empty where it is the whole.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        self.reason = reason
        self.place = place
        super().__init__(f"{reason} (at {place})" if place else reason)


class DeviceError(AislewatchError):
    """A device or its link does not do as its protocol says."""


class DeviceNotReady(DeviceError):
    """The device is absent, asleep or refuses the connection; trying again may help."""


class DeviceMisconfigured(DeviceError):
    """Trying again cannot help until a person has changed the configuration."""


class BusError(AislewatchError):
    """NATS is away, refuses us, or is not set up as durability needs."""


class LedgerError(AislewatchError):
    """The ledger cannot take or give records."""


class LedgerDamaged(LedgerError):
    """What is stored is not what was written.

    Attributes:
        store: whose chain.
        position: the first record that does not verify.
    """

    def __init__(self, message: str, *, store: str, position: int) -> None:
        self.store = store
        self.position = position
        super().__init__(message)


class LedgerTooNew(LedgerError):
    """The ledger was written by a later version of Aislewatch than this one."""


class LedgerFull(LedgerError):
    """The disk has no room; the transaction was rolled back whole."""


class LedgerConflict(LedgerError):
    """Somebody else appended to the chain since it was read."""
