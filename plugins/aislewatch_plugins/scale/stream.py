"""Indicators that tell what they weigh without being asked: CAS, A&D and the many that copy them.

Lines that end in CR LF and begin with ``ST`` (stable), ``US`` (unstable) or ``OL`` (overload)::

    ST,+00456.89  g          A&D, standard
    ST,GS,+  4.876kg         A&D with gross or net, 18 bytes
    ST,GS,il,  4.876 kg      CAS, 22 bytes: i is the indicator's number, l its lamps

Sources: CAS CI-600D manual, section 10 (CAS 22 bytes, AND 18 bytes); CAS NT-200 manual, page 49.
"""

from __future__ import annotations

import re

from aislewatch_plugins.scale.decoder import Decoder
from aislewatch_plugins.scale.framing import Framer
from aislewatch_plugins.scale.reading import NO_UNIT, OVERLOAD, UNDERLOAD, Aside, Said, weighed

_LINE = re.compile(
    rb"(ST|US),"
    rb"(?:(GS|NT|TR|NA),)?"
    rb"(?:[ -\xff][\x00-\xff],)?"  # The number of the indicator, and its lamps.
    rb"([+-]?) *(-?\d{1,9}(?:\.\d{1,7})?) *(kg|g|lb|oz|KG|G|LB|OZ)?",
    re.DOTALL,
)
_COUNT = re.compile(rb"QT,[ -~]{0,24}")
_OVER = re.compile(rb"OL(?:,[\x00-\xff]{0,24})?", re.DOTALL)


class Stream(Decoder):
    """CAS and A&D.

    Args:
        unit: of figures that come without one; refused where not said.
    """

    def __init__(self, unit: str | None = None) -> None:
        super().__init__(Framer(0x0A))
        self._unit = unit

    def read(self, raw: bytes) -> Said | None:
        """Read one line."""
        line = raw.rstrip(b"\r\n")
        if not line.strip():
            return None
        if _OVER.fullmatch(line):
            return UNDERLOAD if line.startswith(b"OL,-") else OVERLOAD
        if _COUNT.fullmatch(line):
            return Aside("a count of pieces")
        found = _LINE.fullmatch(line.rstrip())
        if found is None:
            message = "this is no line of CAS or A&D"
            raise ValueError(message)
        header, mode, sign, figure, unit = found.groups()
        if mode == b"TR":
            return Aside("a tare")
        if sign and figure.startswith(b"-"):
            message = "the weight has two signs"
            raise ValueError(message)
        written = unit.decode().lower() if unit else self._unit
        if written is None:
            raise ValueError(NO_UNIT)
        return weighed((sign + figure).decode(), written, header == b"ST")
