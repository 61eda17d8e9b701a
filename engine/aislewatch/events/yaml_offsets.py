"""Where each character of a YAML scalar's value stands in the file.

A caret under the wrong character is worse than none, and YAML folds lines, doubles quotes and
knows escapes. A value's characters are traced back through all of that.
"""

from __future__ import annotations

import re

_BREAKS = "\r\n\x85\u2028\u2029"
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_BLANK_RUN = re.compile(f"[ \t{_BREAKS}]+")
_ESCAPED_BREAK = re.compile(f"(?:\r\n|[{_BREAKS}])[ \t]*")
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def value_offsets(value: str, raw: str, style: str) -> list[int]:
    """Give, for each character of ``value`` and for its end, its offset inside ``raw``.

    Args:
        value: what YAML made of the scalar.
        raw: the scalar as it stands in the file, quotes and block header included.
        style: ``|``, ``>``, ``'``, ``"``, or empty for a plain scalar.

    Returns:
        ``len(value) + 1`` offsets, never decreasing.
    """
    if style in {"|", ">"}:
        return _block(value, raw)
    inner = 1 if style else 0
    text, offsets = _flow(raw[inner : len(raw) - inner], style)
    if text != value:  # A trick of YAML that we do not know: better the start than a wrong place.
        return [0] * (len(value) + 1)
    return [offset + inner for offset in offsets]


def _flow(raw: str, style: str) -> tuple[str, list[int]]:
    """Unfold a plain or quoted scalar, keeping for each character where it came from."""
    text: list[str] = []
    offsets: list[int] = []
    at = 0
    while at < len(raw):
        blank = _BLANK_RUN.match(raw, at)
        if blank is not None:
            run = blank[0]
            folded = _fold(run)
            text.extend(folded)
            offsets.extend(min(at + i, blank.end() - 1) for i in range(len(folded)))
            at = blank.end()
            continue
        piece, size = raw[at], 1
        if style == "'" and raw.startswith("''", at):
            size = 2
        elif style == '"' and piece == "\\" and at + 1 < len(raw):
            piece, size = _escape(raw, at)
        text.extend(piece)
        offsets.extend([at] * len(piece))
        at += size
    offsets.append(len(raw))
    return "".join(text), offsets


def _fold(run: str) -> str:
    """Fold a run of blanks as YAML does: one line break is a space, n are n - 1 breaks."""
    breaks = _BREAK.findall(run)
    if not breaks:
        return run
    return " " if len(breaks) == 1 else "\n" * (len(breaks) - 1)


def _escape(raw: str, at: int) -> tuple[str, int]:
    """Read one escape of a double-quoted scalar: its text and how many characters it took."""
    sign = raw[at + 1]
    if sign in _HEX_DIGITS:
        size = 2 + _HEX_DIGITS[sign]
        return chr(int(raw[at + 2 : at + size], 16)), size
    joined = _ESCAPED_BREAK.match(raw, at + 1)
    if joined is not None:
        return "", 1 + len(joined[0])
    named = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f"}
    more = {"r": "\r", "e": "\x1b", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}
    return (named | more).get(sign, sign), 2


def _block(value: str, raw: str) -> list[int]:
    """Line up a block scalar: what is not blank stands in the file in the same order."""
    header = _BREAK.search(raw)
    at = header.end() if header else len(raw)
    offsets: list[int] = []
    blanks = 0
    for character in (*value, ""):
        if character and character in " \t\n" + _BREAKS:
            blanks += 1
            continue
        found = raw.find(character, at) if character else len(raw)
        run = value[len(offsets) : len(offsets) + blanks]
        # Blanks after the last break are the indentation of what follows; those before it follow
        # what stands before them.
        kept = run.rfind("\n") + 1 if character else blanks
        offsets.extend(min(at + i, found) for i in range(kept))
        offsets.extend(max(at, found - (blanks - i)) for i in range(kept, blanks))
        offsets.append(found)
        at, blanks = found + 1, 0
    return offsets
