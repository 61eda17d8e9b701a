"""The protocols by the names that store files have for them."""

from __future__ import annotations

from typing import Literal

from aislewatch_plugins.scale.decoder import Decoder, LineSettings
from aislewatch_plugins.scale.generic import Lines, LinesConfig
from aislewatch_plugins.scale.mt_sics import MtSics
from aislewatch_plugins.scale.nci import Nci
from aislewatch_plugins.scale.stream import Stream
from aislewatch_plugins.scale.toledo_8217 import Toledo8217

ProtocolName = Literal["mt-sics", "toledo-8217", "nci", "stream"]

_BY_NAME: dict[str, type[MtSics | Toledo8217 | Nci | Stream]] = {
    "mt-sics": MtSics,
    "toledo-8217": Toledo8217,
    "nci": Nci,
    "stream": Stream,
}


def decoder_of(protocol: ProtocolName | LinesConfig, unit: str | None) -> Decoder:
    """Make the decoder of one opening of a line.

    Args:
        protocol: its name, or how its lines look.
        unit: of figures that come without one.
    """
    if isinstance(protocol, LinesConfig):
        return Lines(protocol)
    return _BY_NAME[protocol](unit)


def line_of(protocol: ProtocolName | LinesConfig) -> LineSettings:
    """Give the factory setting of the line of the scales that speak a protocol."""
    return Lines.line if isinstance(protocol, LinesConfig) else _BY_NAME[protocol].line
