"""LLRP messages to bytes and back, by functions that are generated from the table.

Decoding takes what a reader may send, not only what the standard allows: parameters in any order or
number, parameters that the table does not have (kept with their bytes as ``Unknown``), vendors'
own (kept as ``Custom``). It refuses what has no sense as bytes: lengths that lead outside, fields
cut short, a short parameter whose length nobody knows. Encoding is strict: what we send is ours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from aislewatch_plugins.llrp.fields import FieldCodec, LlrpError, Value, field_codec
from aislewatch_plugins.llrp.schema import (
    CUSTOM,
    MESSAGE_TABLE,
    PARAMETER_TABLE,
    Definition,
)

HEADER_BYTES: Final = 10
VERSION: Final = 1
"""1.0.1, on the wire."""

_DEPTH_MAX: Final = 16
"""The standard nests eight deep, and errors as deep as a request did."""

_HEADER: Final = struct.Struct(">HII")
_TLV: Final = struct.Struct(">HH")
_VENDOR: Final = struct.Struct(">II")
_VENDOR_MESSAGE: Final = struct.Struct(">IB")


class Element(NamedTuple):
    """A parameter, or what is inside a message.

    Attributes:
        name: as in the table; ``Unknown`` has the fields ``Type`` and ``Data``.
        fields: by name.
        parts: the parameters inside, in order.
    """

    name: str
    fields: Mapping[str, Value]
    parts: tuple[Element, ...] = ()

    def number(self, field: str) -> int:
        """Give a field that is a number; 0 where it is none."""
        value = self.fields.get(field, 0)
        return value if isinstance(value, int) else 0

    def text(self, field: str) -> str:
        """Give a field that is text; empty where it is none."""
        value = self.fields.get(field, "")
        return value if isinstance(value, str) else ""

    def part(self, *names: str) -> Element | None:
        """Give the first parameter inside that has one of these names."""
        return next((part for part in self.parts if part.name in names), None)

    def every(self, name: str) -> Iterator[Element]:
        """Give the parameters inside that have this name."""
        return (part for part in self.parts if part.name == name)


class Message(NamedTuple):
    """One message.

    Attributes:
        content: its name, fields and parameters.
        id: pairs an answer with its request.
        version: 1 for LLRP 1.0.1, 2 for 1.1.
        raw: the bytes that it was read from.
    """

    content: Element
    id: int = 0
    version: int = VERSION
    raw: bytes = b""

    @property
    def name(self) -> str:
        """As in the table."""
        return self.content.name


class Header(NamedTuple):
    """The first ten bytes of a message.

    Attributes:
        version: of the protocol.
        type: number of the message.
        length: bytes of the whole message.
        id: pairs an answer with its request.
    """

    version: int
    type: int
    length: int
    id: int


class _Coder(NamedTuple):
    definition: Definition
    fields: FieldCodec

    @property
    def key(self) -> tuple[int | None, int]:
        return self.definition.vendor, self.definition.type


def _by_name(table: Iterable[Definition]) -> dict[str, _Coder]:
    return {row.name: _Coder(row, field_codec(row.fields)) for row in table}


_PARAMETERS: Final = _by_name(PARAMETER_TABLE)
_MESSAGES: Final = _by_name(MESSAGE_TABLE)
_PARAMETER_BY_TYPE: Final = {
    (c.definition.vendor, c.definition.type): c for c in _PARAMETERS.values()
}
_MESSAGE_BY_TYPE: Final = {(c.definition.vendor, c.definition.type): c for c in _MESSAGES.values()}


def read_header(data: bytes | bytearray, start: int = 0) -> Header | None:
    """Read a header; None where there is none that a message of the table could begin with."""
    first, length, id_ = _HEADER.unpack_from(data, start)
    header = Header(first >> 10 & 7, first & 0x3FF, length, id_)
    known = (None, header.type) in _MESSAGE_BY_TYPE and first >> 13 == 0
    return header if known and header.version in {1, 2} and length >= HEADER_BYTES else None


def decode(data: bytes) -> Message:
    """Read one whole message.

    Raises:
        LlrpError: it is none.
    """
    header = read_header(data) if len(data) >= HEADER_BYTES else None
    if header is None or header.length != len(data):
        raise LlrpError(0, "no header of a message of this length")
    at = HEADER_BYTES
    coder = _MESSAGE_BY_TYPE[None, header.type]
    if header.type == CUSTOM and len(data) >= at + _VENDOR_MESSAGE.size:
        known = _MESSAGE_BY_TYPE.get(_VENDOR_MESSAGE.unpack_from(data, at))
        if known is not None:
            coder, at = known, at + _VENDOR_MESSAGE.size
    content = _content(coder, data, at, len(data), _DEPTH_MAX)
    return Message(content, header.id, header.version, data)


def _content(coder: _Coder, data: bytes, at: int, end: int, depth: int) -> Element:
    if not depth:
        raise LlrpError(at, "parameters inside parameters, deeper than any request goes")
    fields, at = coder.fields.decode(data, at, end)
    parts: list[Element] = []
    while at < end:
        part, at = _parameter(data, at, end, depth - 1)
        parts.append(part)
    return Element(coder.definition.name, fields, tuple(parts))


def _parameter(data: bytes, at: int, end: int, depth: int) -> tuple[Element, int]:
    type_ = data[at] & 0x7F
    if data[at] & 0x80:
        coder = _PARAMETER_BY_TYPE.get((None, type_))
        if coder is None:
            raise LlrpError(at, f"short parameter {type_}, whose length nobody knows")
        fields, after = coder.fields.decode(data, at + 1, end)
        return Element(coder.definition.name, fields), after
    if end - at < _TLV.size:
        raise LlrpError(at, "a parameter's head is cut short")
    type_, length = _TLV.unpack_from(data, at)
    type_ &= 0x3FF
    after = at + length
    if length < _TLV.size or after > end:
        raise LlrpError(at, f"parameter {type_} claims {length} bytes of {end - at}")
    at += _TLV.size
    if type_ == CUSTOM and after - at >= _VENDOR.size:
        known = _PARAMETER_BY_TYPE.get(_VENDOR.unpack_from(data, at))
        if known is not None:
            return _content(known, data, at + _VENDOR.size, after, depth), after
    coder = _PARAMETER_BY_TYPE.get((None, type_)) if type_ > 0x7F else None
    if coder is None:
        return Element("Unknown", {"Type": type_, "Data": bytes(data[at:after])}), after
    return _content(coder, data, at, after, depth), after


def encode(message: Message) -> bytes:
    """Write one message; what is missing or does not fit is a mistake of the caller."""
    coder = _MESSAGES[message.name]
    vendor, type_ = coder.key
    head = b""
    if vendor is not None:
        head, type_ = _VENDOR_MESSAGE.pack(vendor, type_), CUSTOM
    body = head + _written(coder, message.content)
    first = message.version << 10 | type_
    return _HEADER.pack(first, HEADER_BYTES + len(body), message.id) + body


def _written(coder: _Coder, element: Element) -> bytes:
    definition = coder.definition
    for part in definition.parts:
        count = sum(inner.name in part.names for inner in element.parts)
        most = len(element.parts) if part.most is None else part.most
        assert part.least <= count <= most, f"{definition.name}: {count} of {part.names}"
    parts = (_written_parameter(definition, inner) for inner in element.parts)
    return coder.fields.encode(element.fields) + b"".join(parts)


def _written_parameter(outer: Definition, element: Element) -> bytes:
    if element.name == "Unknown":
        data = element.fields["Data"]
        assert isinstance(data, bytes)
        return _TLV.pack(element.number("Type"), _TLV.size + len(data)) + data
    coder = _PARAMETERS[element.name]
    vendor, type_ = coder.key
    place = outer.part_of(element.name) or (vendor is not None and outer.part_of("Custom"))
    assert place, f"{element.name} inside {outer.name}"
    body = _written(coder, element)
    if vendor is not None:
        body, type_ = _VENDOR.pack(vendor, type_) + body, CUSTOM
    if type_ < 0x80:
        return bytes([0x80 | type_]) + body
    return _TLV.pack(type_, _TLV.size + len(body)) + body
