"""The protocol of the Toledo 8217, which most scanner-scales of supermarkets speak.

One capital letter asks; the answer is ``STX 01.234 CR``, with an ``N`` behind a net weight, or
``STX ? s CR`` with a status where there is no weight: a scale that moves tells none.
Two decimals are pounds and three are kilograms. Characters have 7 bits and even parity.

Source: Mettler-Toledo Diva service manual, section 6.1.4 (commands, status byte); at least 200 ms
between commands.
"""

from __future__ import annotations

import re
from typing import ClassVar

from aislewatch_plugins.scale.decoder import Decoder, LineSettings
from aislewatch_plugins.scale.framing import Framer, without_parity
from aislewatch_plugins.scale.reading import (
    MOVING,
    OVERLOAD,
    UNDERLOAD,
    Aside,
    Said,
    Trouble,
    weighed,
)

_STX, _CR = 0x02, 0x0D
_WEIGHT = re.compile(rb" {0,3}(\d{1,4}\.(\d{2,3}))N?")
_STATUS = re.compile(rb"\?([@-\x7f])", re.DOTALL)
_MOVING, _OVER, _UNDER, _NO_ZERO = 0x01, 0x02, 0x04, 0x08


class Toledo8217(Decoder):
    """Toledo 8217.

    Args:
        unit: of all figures; by their decimals where not said.
    """

    line: ClassVar[LineSettings] = LineSettings(bits=7, parity="even")
    request = b"W"
    pause_us: ClassVar[int] = 200_000

    def __init__(self, unit: str | None = None) -> None:
        super().__init__(Framer(_CR, _STX, mask=0x7F))
        self._unit = unit

    def read(self, raw: bytes) -> Said | None:
        """Read one answer, from STX to CR."""
        plain = without_parity(raw)
        if plain is None:
            message = "a character has the wrong parity"
            raise ValueError(message)
        body = plain[1:-1]
        found = _WEIGHT.fullmatch(body)
        if found is not None:
            unit = self._unit or ("lb" if len(found[2]) == 2 else "kg")
            # It tells a weight only once it has settled.
            return weighed(found[1].decode(), unit, stable=True)
        status = _STATUS.fullmatch(body)
        if status is not None:
            return _trouble(status[1][0])
        if body in {b"E", b"F"}:  # Echo was switched on or off.
            return Aside(body.decode())
        message = "this is no answer of an 8217"
        raise ValueError(message)


def _trouble(status: int) -> Said:
    if status & _OVER:
        return OVERLOAD
    if status & _UNDER:
        return UNDERLOAD
    if status & _MOVING:
        return MOVING
    if status & _NO_ZERO:
        return Trouble("fault", "the scale is too far from its zero")
    return Aside(f"status {status:#04x}")
