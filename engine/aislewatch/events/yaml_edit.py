"""Scalars of a YAML file written otherwise, with every other byte as it was.

Comments and layout are an author's; a tool that changes one figure leaves them alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from aislewatch.errors import FileMistakes
from aislewatch.events.located import LocatedYaml, Path

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._%/+-]*[A-Za-z0-9._%/+-])?")
"""Texts that YAML takes for themselves wherever they stand, in brackets too."""

_EMPTY = frozenset({"null", "Null", "NULL"})


def scalar(value: str) -> str:
    """Give a text as a YAML scalar that is read as itself, without quotes where it needs none.

    >>> scalar("EUR 5"), scalar("a: b"), scalar("")
    ('EUR 5', '"a: b"', '""')
    """
    if _PLAIN.fullmatch(value) and value not in _EMPTY:
        return value
    return json.dumps(value, ensure_ascii=False)


def replaced(text: str, file: str, values: Mapping[Path, str]) -> str:
    """Give the text of a file with other scalars in some places.

    Args:
        text: the file.
        file: its path, for messages.
        values: the new texts, by the path of the scalar, which is there.

    Raises:
        FileMistakes: it is not YAML.
    """
    # Offsets are of the text without the mark that some editors put in front of it.
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    document = LocatedYaml.parse(body, file)
    edits = [(*document.span(path), scalar(value)) for path, value in values.items()]
    for start, end, new in sorted(edits, reverse=True):
        body = body[:start] + new + body[end:]
    return mark + body


def with_key(text: str, file: str, key: str, value: str, *, behind: str) -> str:
    """Give the text of a file in which a key of the top level says something else.

    Args:
        text: the file: a mapping, each key on a line of its own.
        file: its path, for messages.
        key: the key; a line is added for it where there is none.
        value: what it says, a scalar.
        behind: the key that such a line stands behind; it is there.

    Raises:
        FileMistakes: it is not YAML, or there is no room for a line behind that key.
    """
    document = LocatedYaml.parse(text, file)
    if key in document.data:
        return replaced(text, file, {(key,): value})
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    newline = "\r\n" if "\r\n" in body else "\n"
    _, end = document.span((behind,))
    at = body.find("\n", end) + 1
    before, after = (body[:at], body[at:]) if at else (body + newline, "")
    made = f"{before}{key}: {scalar(value)}{newline}{after}"
    try:
        kept = LocatedYaml.parse(made, file).data == {**document.data, key: value}
    except FileMistakes:
        kept = False
    if not kept:
        message = f"there is no room for a line '{key}: {value}' behind this"
        hint = f"write '{key}: ...' by hand first"
        raise FileMistakes([document.mistake((behind,), message, hint=hint)])
    return mark + made
