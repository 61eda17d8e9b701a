"""What a test says of its rule's parameters: ``{params.times - 1}`` is filled in when it is read.

A test whose figures follow the parameters stays true when a site or a new rule sets them. In braces
stands a value over parameters, or a clock and how long before or after it: ``{10:00:00 +
params.within}``. Figures come out in the units that event lines are written in.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from aislewatch.events.units import Dimension
from aislewatch.rules.desk import Desk
from aislewatch.rules.scope import Scope
from aislewatch.rules.template import show
from aislewatch.rules.tree import Constant

Path = tuple[str | int, ...]

_BRACES = re.compile(r"\{([^{}\n]*)\}")
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,6})?)\s*(?:\+\s*|(?=-))(\S.*)")
_LAST_US = 100 * 3_600_000_000
"""Event lines have two digits for hours."""


class CaseValues:
    """Fills in values, recording on the desk what is wrong with them.

    Args:
        desk: of the rule's file.
        scope: whose parameters count.
    """

    def __init__(self, desk: Desk, scope: Scope) -> None:
        self._desk = desk
        self._scope = Scope(
            params=scope.params,
            broken=frozenset(name for name in scope.broken if name.startswith("params.")),
        )

    def filled(self, path: Path, text: str) -> str:
        """Give a text of a test with its values filled in.

        Args:
            path: where it stands.
            text: as written.
        """
        return _BRACES.sub(lambda found: self._value(path, found), text)

    def _value(self, path: Path, found: re.Match[str]) -> str:
        clock = _CLOCK.fullmatch(found[1])
        if clock is not None:
            return self._moment(path, found, clock)
        constant = self._constant(path, found[1], found.start(1))
        if constant is None:
            return found[0]
        shown = show(constant.value, constant.type)
        return f'"{shown}"' if re.search(r"\s", shown) else shown

    def _moment(self, path: Path, found: re.Match[str], clock: re.Match[str]) -> str:
        # A minus goes with what is behind it: 10:00:00 - 1m - 1s is 09:58:59.
        offset = found.start(1) + clock.start(4)
        constant = self._constant(path, clock[4], offset)
        if constant is None:
            return found[0]
        span = constant.value
        if constant.type.dimension is not Dimension.DURATION or not isinstance(span, Fraction):
            length = len(clock[4])
            self._desk.wrong(path, "this is no duration", offset=offset, length=length)
            return found[0]
        minutes = int(clock[1]) * 60 + int(clock[2])
        at_us = minutes * 60_000_000 + int(Decimal(clock[3]) * 1_000_000) + round(span)
        if not 0 <= at_us < _LAST_US:
            message = "this is before the day begins or after 99 hours of it"
            self._desk.wrong(path, message, offset=found.start(), length=len(found[0]))
            return found[0]
        return clock_of(at_us)

    def _constant(self, path: Path, text: str, offset: int) -> Constant | None:
        known = len(self._desk.mistakes)
        expr = self._desk.expr(path, text, self._scope, None, base=offset, whole=False)
        if expr is not None and isinstance(expr.term, Constant):
            return expr.term
        if expr is not None and len(self._desk.mistakes) == known:
            self._desk.wrong(path, "this is not a value", offset=offset, length=len(text))
        return None


def clock_of(at_us: int) -> str:
    """Give a time of day as event lines have it, microseconds since midnight.

    >>> clock_of(36_000_000_000), clock_of(1)
    ('10:00:00', '00:00:00.000001')
    """
    seconds, rest = divmod(at_us, 1_000_000)
    shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{shown}.{rest:06}".rstrip("0") if rest else shown
