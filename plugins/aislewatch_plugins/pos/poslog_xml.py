"""POSLog XML cut into its transactions, safely: no entities, bounded in size, depth and width.

A document type declaration is refused before anything in it is expanded, so there are no entities
to expand and nothing is fetched from anywhere. What is too deep or holds too much ends the reading.
Transactions in front of the place where a document breaks are given; nothing behind it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

MOST_DEPTH: Final = 32
MOST_ELEMENTS: Final = 50_000
"""Elements of one transaction; a receipt of a thousand lines has fewer."""

MOST_TEXT: Final = 16_384
"""Characters of one element's text, or of one attribute."""

_CHUNK = 1 << 16


class Broken(Exception):
    """The document cannot be read any further; the text is a sentence.

    Attributes:
        unfinished: it just ends too early, as a file that is still being written does.
    """

    def __init__(self, message: str, *, unfinished: bool = False) -> None:
        self.unfinished = unfinished
        super().__init__(message)


def local(name: str) -> str:
    """Give a name without its namespace or prefix.

    >>> local("{http://www.nrf-arts.org/IXRetail/namespace/}Sale"), local("acs:NegativeItem")
    ('Sale', 'NegativeItem')
    """
    return name.rpartition("}")[2].rpartition(":")[2]


def transactions(data: bytes) -> Iterator[Element]:
    """Give the transactions of a document, in order; names in them have no namespace any more.

    Args:
        data: the document; a POSLog, one transaction alone, or either in an envelope.

    Raises:
        Broken: it is no XML, forbidden XML, or holds too much; after what came before was given.
    """
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        for start in range(0, len(data), _CHUNK):
            parser.feed(data[start : start + _CHUNK])
            yield from builder.taken()
    except DefusedXmlException:
        yield from builder.taken()
        message = "it declares a document type; no POSLog does, and entities are not expanded"
        raise Broken(message) from None
    except (ParseError, _TooMuch, LookupError, ValueError) as error:
        yield from builder.taken()
        message = str(error) if isinstance(error, _TooMuch) else f"not XML: {error}"
        raise Broken(message) from None
    try:
        parser.close()
    except ParseError as error:
        yield from builder.taken()
        message = f"it ends too early: {error}"
        raise Broken(message, unfinished=True) from None
    yield from builder.taken()
    if not builder.any:
        message = "there is no Transaction in it"
        raise Broken(message)


class _TooMuch(Exception):
    """More of something than any POSLog has."""


class _Builder:
    """Builds the transactions alone: the rest of a document is never kept."""

    def __init__(self) -> None:
        self.any = False
        self._depth = 0
        self._elements = 0
        self._open: list[Element] = []
        self._texts: list[str] = []
        self._length = 0
        self._done: list[Element] = []

    def taken(self) -> list[Element]:
        done, self._done = self._done, []
        return done

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            message = f"elements are nested more than {MOST_DEPTH} deep"
            raise _TooMuch(message)
        name = local(tag)
        if not self._open and name != "Transaction":
            return
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            message = f"a transaction holds more than {MOST_ELEMENTS} elements"
            raise _TooMuch(message)
        if any(len(value) > MOST_TEXT for value in attributes.values()):
            message = f"an attribute is longer than {MOST_TEXT} characters"
            raise _TooMuch(message)
        element = Element(name, {local(key): value for key, value in attributes.items()})
        if self._open:
            self._flush()
            self._open[-1].append(element)
        self._open.append(element)

    def data(self, text: str) -> None:
        if not self._open:
            return
        self._length += len(text)
        if self._length > MOST_TEXT:
            message = f"a text is longer than {MOST_TEXT} characters"
            raise _TooMuch(message)
        self._texts.append(text)

    def end(self, tag: str) -> None:
        del tag
        self._depth -= 1
        if not self._open:
            return
        self._flush()
        element = self._open.pop()
        if not self._open:
            self._done.append(element)
            self.any = True
            self._elements = 0

    def close(self) -> None:
        """Called by the parser at the end of the document."""

    def _flush(self) -> None:
        """Give what was read of text to the element that it belongs to; tails are no data here."""
        text = "".join(self._texts).strip()
        self._texts, self._length = [], 0
        element = self._open[-1]
        if text:
            element.text = (element.text or "") + text
