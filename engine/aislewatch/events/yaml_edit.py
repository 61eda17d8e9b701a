"""Scalars of a YAML file written otherwise, with every other byte as it was.

Comments and layout are an author's; a tool that changes one figure leaves them alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

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
