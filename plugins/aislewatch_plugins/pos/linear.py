"""Regular expressions that take time linear in the text, whatever the person who wrote them.

RE2 knows no look-around and no back-references, and in exchange no line and no pattern can make it
slow. This is the one place that knows which library it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

import re2  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

LONGEST_PATTERN = 1_000
_MEMORY_BYTES = 1 << 20


class Pattern(Protocol):
    """A pattern that was compiled."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The names of its groups."""
        ...

    def search(self, text: str) -> Match | None:
        """Look for it anywhere in a text."""
        ...


class Match(Protocol):
    """Where a pattern was found."""

    def groupdict(self) -> dict[str, str | None]:
        """What its groups hold."""
        ...


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern.

    Raises:
        ValueError: it is none, or longer than any should be; the text is a sentence.

    >>> found = compile_pattern("^(?P<units>[0-9]+) x").search("3 x Tea")
    >>> found.groupdict() if found else None
    {'units': '3'}
    """
    if len(text) > LONGEST_PATTERN:
        message = f"a pattern of {len(text)} characters; the most is {LONGEST_PATTERN}"
        raise ValueError(message)
    library = cast("Any", re2)
    options = library.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        return cast("Pattern", library.compile(text, options=options))
    except library.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        hint = "; look-around and back-references are not known here" if "(?" in text else ""
        message = f"no pattern: {reason or 'it cannot be read'}{hint}"
        raise ValueError(message) from None
