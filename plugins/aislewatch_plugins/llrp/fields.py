"""The fields of one message or parameter to bytes and back, compiled once from their definitions.

Runs of fields that always have the same size become one ``struct``; bit fields are cut out of the
whole bytes that they make together.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aislewatch_plugins.llrp.schema import SIZES, Field

_CODES: Final = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "s8": "b",
    "s16": "h",
    "raw12": "12s",
}
_UNSIGNED: Final = {8: "B", 16: "H", 32: "I"}
_COUNTED: Final = {"text": "B", "bytes": "B", "words": "H", "longs": "I"}
_COUNT: Final = struct.Struct(">H")


class LlrpError(Exception):
    """Bytes that are no LLRP.

    Attributes:
        at: the first byte that makes no sense, from the message's first on.
        reason: why, in few words.
    """

    def __init__(self, at: int, reason: str) -> None:
        self.at = at
        self.reason = reason
        super().__init__(f"{reason} (at byte {at})")


class Bits(NamedTuple):
    """A string of bits.

    Attributes:
        length: how many.
        data: the bits, the first one highest; the last byte filled up with zeros.
    """

    length: int
    data: bytes


Value = int | str | bytes | Bits | tuple[int, ...]


class _BitField(NamedTuple):
    name: str
    shift: int
    mask: int


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A run of fields of fixed size; ``slots`` says what each number that is read holds."""

    code: struct.Struct
    slots: tuple[str | tuple[_BitField, ...], ...]

    def decode(self, data: bytes, at: int, end: int, found: dict[str, Value]) -> int:
        if end - at < self.code.size:
            raise LlrpError(at, f"{self.code.size} bytes of fields are cut short")
        values: tuple[int | bytes, ...] = self.code.unpack_from(data, at)
        for slot, value in zip(self.slots, values, strict=True):
            if isinstance(slot, str):
                found[slot] = value
            else:
                assert isinstance(value, int)
                for bits in slot:
                    found[bits.name] = value >> bits.shift & bits.mask
        return at + self.code.size

    def encode(self, fields: Mapping[str, Value]) -> bytes:
        values: list[Value] = []
        for slot in self.slots:
            if isinstance(slot, str):
                values.append(fields[slot])
                continue
            packed = 0
            for bits in slot:
                value = fields[bits.name]
                assert isinstance(value, int)
                assert value == value & bits.mask, f"{bits.name}={value}"
                packed |= value << bits.shift
            values.append(packed)
        return self.code.pack(*values)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A count of bytes or numbers, and as many of them."""

    name: str
    kind: str

    def decode(self, data: bytes, at: int, end: int, found: dict[str, Value]) -> int:
        if end - at < _COUNT.size:
            raise LlrpError(at, f"the count of {self.name} is cut short")
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        code = struct.Struct(f">{count}{_COUNTED[self.kind]}")
        if end - at < code.size:
            raise LlrpError(at, f"{self.name} claims {code.size} bytes of {end - at}")
        if self.kind == "text":
            # A reader's words are for people; a wrong byte in them is no reason to lose the rest.
            found[self.name] = bytes(data[at : at + count]).decode(errors="replace")
        elif self.kind == "bytes":
            found[self.name] = bytes(data[at : at + count])
        else:
            found[self.name] = code.unpack_from(data, at)
        return at + code.size

    def encode(self, fields: Mapping[str, Value]) -> bytes:
        value = fields[self.name]
        if isinstance(value, str):
            value = value.encode()
        assert isinstance(value, (bytes, tuple))
        return _COUNT.pack(len(value)) + struct.pack(f">{len(value)}{_COUNTED[self.kind]}", *value)


@dataclass(frozen=True, slots=True)
class _BitString:
    """A count of bits, and as many bytes as hold them."""

    name: str

    def decode(self, data: bytes, at: int, end: int, found: dict[str, Value]) -> int:
        if end - at < _COUNT.size:
            raise LlrpError(at, f"the count of {self.name} is cut short")
        count: int = _COUNT.unpack_from(data, at)[0]
        at += _COUNT.size
        size = -(-count // 8)
        if end - at < size:
            raise LlrpError(at, f"{self.name} claims {size} bytes of {end - at}")
        found[self.name] = Bits(count, bytes(data[at : at + size]))
        return at + size

    def encode(self, fields: Mapping[str, Value]) -> bytes:
        value = fields[self.name]
        assert isinstance(value, Bits)
        assert len(value.data) == -(-value.length // 8)
        return _COUNT.pack(value.length) + value.data


@dataclass(frozen=True, slots=True)
class _Rest:
    """All bytes that are left."""

    name: str

    def decode(self, data: bytes, at: int, end: int, found: dict[str, Value]) -> int:
        found[self.name] = bytes(data[at:end])
        return end

    def encode(self, fields: Mapping[str, Value]) -> bytes:
        value = fields[self.name]
        assert isinstance(value, bytes)
        return value


_Step = _Fixed | _Counted | _BitString | _Rest


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """Reads and writes the fields of one definition."""

    steps: tuple[_Step, ...]

    def decode(self, data: bytes, at: int, end: int) -> tuple[dict[str, Value], int]:
        """Read the fields, and give them and where they end.

        Raises:
            LlrpError: they lead beyond ``end``.
        """
        found: dict[str, Value] = {}
        for step in self.steps:
            at = step.decode(data, at, end, found)
        return found, at

    def encode(self, fields: Mapping[str, Value]) -> bytes:
        """Write the fields."""
        return b"".join(step.encode(fields) for step in self.steps)


def field_codec(fields: Sequence[Field]) -> FieldCodec:
    """Compile the fields of one definition."""
    run = _Run()
    for one in fields:
        run.add(one)
    run.close()
    return FieldCodec(tuple(run.steps))


@dataclass
class _Run:
    """Gathers fields of fixed size until one comes that has none."""

    steps: list[_Step] = field(default_factory=list[_Step])
    codes: str = ""
    slots: list[str | tuple[_BitField, ...]] = field(
        default_factory=list[str | tuple[_BitField, ...]]
    )
    bits: list[Field] = field(default_factory=list[Field])

    def add(self, one: Field) -> None:
        if one.bits:
            self.bits.append(one)
            width = sum(bit.bits for bit in self.bits)
            if width in _UNSIGNED:
                self._pack(width)
        elif one.kind in SIZES:
            self.codes += _CODES[one.kind]
            self.slots.append(one.name)
        else:
            self.close()
            if one.kind in _COUNTED:
                self.steps.append(_Counted(one.name, one.kind))
            else:
                self.steps.append(_Rest(one.name) if one.kind == "rest" else _BitString(one.name))

    def close(self) -> None:
        assert not self.bits, "bit fields do not make whole bytes"
        if self.codes:
            self.steps.append(_Fixed(struct.Struct(">" + self.codes), tuple(self.slots)))
            self.codes, self.slots = "", []

    def _pack(self, width: int) -> None:
        """Make one number of the bit fields so far; of reserved ones nothing is read."""
        left, packed = width, list[_BitField]()
        for bit in self.bits:
            left -= bit.bits
            if bit.name != "-":
                packed.append(_BitField(bit.name, left, (1 << bit.bits) - 1))
        self.codes += _UNSIGNED[width]
        self.slots.append(tuple(packed))
        self.bits = []
