"""The NCI protocol (SCP-01) of Weigh-Tronix and of many American scales for tills.

``W CR`` asks. The answer is ``LF 01.234LB CR LF S00 CR ETX``: six places of weight, its unit, and
then two or more status characters, with or without an ``S`` before them. A scale that moves, or is
out of its range, sends its status alone; ``LF ? CR ETX`` means that it did not understand.

Source: Mettler-Toledo Diva service manual, pages 34 to 37 (messages and status bytes). The status
characters are told as ``0`` (0x30) with bits set in their lower halves.
"""

from __future__ import annotations

import re
from typing import ClassVar

from aislewatch_plugins.scale.decoder import Decoder, LineSettings
from aislewatch_plugins.scale.framing import Framer, without_parity
from aislewatch_plugins.scale.reading import MOVING, OVERLOAD, UNDERLOAD, Said, Trouble, weighed

_LF, _ETX = 0x0A, 0x03
_MESSAGE = re.compile(
    rb"\n(?:(\d{1,5}(?:\.\d{1,4})?)(LB|KG|OZ|G|lb|kg|oz|g) *\r\n)?"
    # Bit 6 of a status character says that another follows; the first two are always there.
    rb"S?([0-?][p-\x7f]{0,3}[0-?])\r\x03"
)
_UNKNOWN = b"\n?\r\x03"
# Of the first status character, then of the second.
_MOVING, _MEMORY = 0x01, 0x0C
_UNDER, _OVER, _CALIBRATION = 0x01, 0x02, 0x0C


class Nci(Decoder):
    """NCI.

    Args:
        unit: is not needed, for every weight has one.
    """

    line: ClassVar[LineSettings] = LineSettings(bits=7, parity="even")
    request = b"W\r"

    def __init__(self, unit: str | None = None) -> None:
        del unit
        super().__init__(Framer(_ETX, _LF, mask=0x7F, again=False))

    def read(self, raw: bytes) -> Said | None:
        """Read one message, from the first LF to ETX."""
        plain = without_parity(raw)
        if plain is None:
            message = "a character has the wrong parity"
            raise ValueError(message)
        if plain == _UNKNOWN:
            return Trouble("rejected", "the scale does not know the command")
        found = _MESSAGE.fullmatch(plain)
        if found is None:
            message = "this is no message of NCI"
            raise ValueError(message)
        figure, unit, status = found.groups()
        trouble = _trouble(status[0], status[1])
        if trouble is not None:
            return trouble
        if figure is None:
            return Trouble("busy", "the scale sent its status without a weight")
        return weighed(figure.decode().strip(), unit.decode().lower(), stable=True)


def _trouble(first: int, second: int) -> Trouble | None:
    if first & _MEMORY or second & _CALIBRATION:
        return Trouble("fault", "the scale reports damaged memory or calibration")
    if second & _OVER:
        return OVERLOAD
    if second & _UNDER:
        return UNDERLOAD
    if first & _MOVING:
        return MOVING
    return None
