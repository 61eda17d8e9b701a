"""Bytes to rows: lines, JSON documents and CSV files, each row with the bytes it came as.

Nothing here raises on what it is given: what is no row becomes a row with an error, so that it can
be refused and counted like any other. Figures are read as :class:`decimal.Decimal`, exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from aislewatch.events.paths import compile_path, is_array, is_object
from aislewatch_plugins.feed.mapping import MappingFile

MAX_LINE = 1 << 20
"""Bytes of the longest line; a stock count of 20,000 products has 400 kB."""

_KEPT = 65_536
"""Bytes of something unreadable that go into its refusal."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(slots=True)
class RawRow:
    """One row before it is understood.

    Attributes:
        value: the row; meaningless with an error.
        raw: the bytes it came as.
        number: its position among the rows of its file or connection, from 1.
        file: name of the file it stands in; empty on a wire.
        stream: name of the stream that it belongs to; a file's is its name without the ending.
        error: why it is no row; empty if it is one.
        line: on a wire, its position in its connection, where the first may be a banner.
        at: the line of its file that it begins on; 0 where lines mean nothing.
    """

    value: Any
    raw: bytes
    number: int
    file: str = ""
    stream: str = ""
    error: str = ""
    line: int = 0
    at: int = 0

    @property
    def source(self) -> str:
        """Where it stands in its file, for people."""
        return f"{self.file}:{self.at}" if self.at else f"{self.number} of {self.file}"


def row_of_line(
    line: bytes, number: int, file: str = "", stream: str = "", *, at: int = 0
) -> RawRow:
    """Read one line of JSON; where it is not said which line of its file, its number."""
    value, error = decode_json(line)
    return RawRow(value, line, number, file, stream, error, at=at or number)


def decode_json(raw: bytes) -> tuple[Any, str]:
    """Decode JSON with exact figures; give the value and, if it is none, why."""
    try:
        return _decoder.decode(raw), ""
    except UnicodeDecodeError:
        return None, "not JSON: not UTF-8"
    except (msgspec.DecodeError, ValueError) as error:
        return None, f"not JSON: {error}"
    except RecursionError:
        return None, "not JSON: nested too deeply"


def rows_of_document(data: bytes, mapping: MappingFile, file: str, stream: str) -> Iterator[RawRow]:
    """Read a whole file, or the body of a request, in the mapping's format."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if mapping.format == "csv":
        yield from _rows_of_csv(data, mapping.delimiter, file, stream)
    elif mapping.format == "json":
        yield from _rows_of_json(data, mapping.rows, file, stream)
    else:
        number = 0
        for at, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                number += 1
                if len(line) > MAX_LINE:
                    error = too_long(len(line))
                    yield RawRow(None, line[:_KEPT], number, file, stream, error, at=at)
                else:
                    yield row_of_line(line.rstrip(b"\r"), number, file, stream, at=at)


def rows_of_body(body: bytes, mapping: MappingFile) -> Iterator[RawRow]:
    """Read the body of a request: one JSON document, lines of JSON, or CSV if that is the format.

    A document is one row, an array of rows, or has the array where the mapping's ``rows`` says.
    """
    if mapping.format == "csv":
        yield from rows_of_document(body, mapping, "", "")
        return
    value, error = decode_json(body)
    if error and len(body.split(b"\n", 1)) > 1:
        lines = [line for line in body.split(b"\n") if line.strip()]
        for number, line in enumerate(lines, 1):
            yield row_of_line(line.rstrip(b"\r"), number)
        return
    if error:
        yield RawRow(None, body[:_KEPT], 1, error=error)
        return
    if is_object(value) and mapping.rows is not None:
        array = compile_path(mapping.rows)(value, {})
        value = array if is_array(array) else value
    if is_array(value):
        yield from rows_of_array(value)
    else:
        yield RawRow(value, body, 1)


def rows_of_array(values: Iterable[Any], file: str = "", stream: str = "") -> Iterator[RawRow]:
    """Give each element of a JSON array as a row; its bytes are its own canonical JSON."""
    for number, value in enumerate(values, 1):
        yield RawRow(value, _encode(value), number, file, stream)


def too_long(size: int, limit: int = MAX_LINE) -> str:
    """Say that a line is too long."""
    return f"a line of {size} bytes; at most {limit} are taken"


class LineSplitter:
    """Cuts a stream of bytes into lines, in bounded memory."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._rest = b""
        self._dropped = 0

    def feed(self, data: bytes) -> list[tuple[bytes, str]]:
        """Take bytes; give the lines that they end, each with an error if it was too long.

        Of a line that is too long the beginning is kept, for its refusal.
        """
        lines: list[tuple[bytes, str]] = []
        *ended, rest = (self._rest + data).split(b"\n")
        for at, line in enumerate(ended):
            whole = len(line) + (self._dropped if at == 0 else 0)
            if whole > self._limit:
                lines.append((line[:_KEPT], too_long(whole, self._limit)))
            elif line.strip():
                lines.append((line.rstrip(b"\r"), ""))
            self._dropped = 0
        if len(rest) + self._dropped > self._limit:
            self._dropped += len(rest) - min(len(rest), _KEPT)
            rest = rest[:_KEPT]
        self._rest = rest
        return lines

    def end(self) -> list[tuple[bytes, str]]:
        """Give the line that the end of the stream cut off, if any."""
        return self.feed(b"\n") if self._rest else []


def _rows_of_json(data: bytes, path: str | None, file: str, stream: str) -> Iterator[RawRow]:
    document, error = decode_json(data)
    if error:
        yield RawRow(None, data[:_KEPT], 1, file, stream, error)
        return
    array = compile_path(path)(document, {}) if path is not None else document
    if is_object(array) and path is None:
        array = [array]
    if not is_array(array):
        where = f"at {path!r} " if path is not None else ""
        message = f"the document has no array {where}to take rows from"
        yield RawRow(None, data[:_KEPT], 1, file, stream, message)
        return
    yield from rows_of_array(array, file, stream)


def _rows_of_csv(data: bytes, delimiter: str, file: str, stream: str) -> Iterator[RawRow]:
    # What is not UTF-8 is carried along as surrogates, so that only its own row is refused.
    text = data.decode("utf-8", "surrogateescape")
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        # Not splitlines(): a form feed or a Unicode line separator inside of a cell ends no row.
        for line in io.StringIO(text, newline=""):
            consumed.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    number = 0
    while True:
        error = ""
        cells: list[str] = []
        at = reader.line_num + 1  # A quoted cell may hold line breaks: a row is where it begins.
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            error = f"not CSV: {wrong}"
        raw = "".join(consumed).encode("utf-8", "surrogateescape").rstrip(b"\r\n")
        consumed.clear()
        if not error and not any(cell.strip() for cell in cells):
            continue
        if header is None and not error:
            header = [cell.strip() for cell in cells]
            continue
        number += 1
        error = error or _csv_error(header or [], cells, raw)
        value = dict(zip(header or [], cells, strict=False))
        yield RawRow(value, raw[:_KEPT] if error else raw, number, file, stream, error, at=at)


def _csv_error(header: list[str], cells: list[str], raw: bytes) -> str:
    if len(set(header)) < len(header):
        return "two columns of the header have one name"
    if len(cells) != len(header):
        return f"{len(cells)} cells under a header of {len(header)}"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    return ""


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (ValueError, TypeError, RecursionError):
        return repr(value).encode("utf-8", "replace")[:_KEPT]
