"""MT-SICS, the command set of Mettler-Toledo's scales; Ohaus's speak it after ``PSI``.

Lines of ASCII that end in CR LF. An answer is ``ID status weight unit``, the weight right-aligned
in ten places: ``S S     100.00 g``. Asked with ``SI``, which answers at once, in motion or not:
``S`` would keep silent until the scale has settled, for as long as somebody leans on it.

Source: METTLER TOLEDO, MT-SICS reference manual 11780711, commands S, SI, SIR and @.
"""

from __future__ import annotations

import re

from aislewatch_plugins.scale.decoder import Decoder
from aislewatch_plugins.scale.framing import Framer
from aislewatch_plugins.scale.reading import (
    NO_UNIT,
    OVERLOAD,
    UNDERLOAD,
    Aside,
    Said,
    Trouble,
    weighed,
)

_WEIGHT = re.compile(r"S ([SD]) {1,12}(-?\d{1,9}(?:\.\d{1,7})?)(?: {1,3}([A-Za-z]{1,5}))?")
_TROUBLES: dict[str, Trouble] = {
    "S I": Trouble("busy", "the scale is busy, or did not settle in time"),
    "S +": OVERLOAD,
    "S -": UNDERLOAD,
    "ES": Trouble("rejected", "the scale does not know the command"),
    "ET": Trouble("rejected", "the command reached the scale damaged"),
    "EL": Trouble("rejected", "the scale cannot do what it was told"),
}
_ASIDE = re.compile(r'(?:@|[A-Z]{1,4}\d{0,2}) [A-Z+-](?: ["!-~ ]{0,100})?')
"""Any other answer: an ID, a status, and parameters."""


class MtSics(Decoder):
    """MT-SICS.

    Args:
        unit: of figures that come without one; refused where not said.
    """

    request = b"SI\r\n"
    begin = b"SIR\r\n"
    end = b"SI\r\n"

    def __init__(self, unit: str | None = None) -> None:
        super().__init__(Framer(0x0A))
        self._unit = unit

    def read(self, raw: bytes) -> Said | None:
        """Read one line."""
        line = raw.rstrip(b"\r\n").decode("ascii", errors="replace")
        if not line:
            return None
        found = _WEIGHT.fullmatch(line)
        if found is not None:
            unit = found[3] or self._unit
            if unit is None:
                raise ValueError(NO_UNIT)
            return weighed(found[2], unit, found[1] == "S")
        if line in _TROUBLES:
            return _TROUBLES[line]
        if line[:2] != "S " and _ASIDE.fullmatch(line):
            return Aside(line)
        message = "this is no answer of MT-SICS"
        raise ValueError(message)
