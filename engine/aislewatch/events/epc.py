"""Electronic Product Codes to GTINs (GS1 EPC Tag Data Standard 2.1, SGTIN-96 and SGTIN-198)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from epcpy.epc_schemes.sgtin import SGTIN
from epcpy.utils.common import ConvertException


@dataclass(frozen=True, slots=True)
class ProductTag:
    """What an SGTIN says.

    Attributes:
        gtin: fourteen digits, the last the check digit.
        serial: the unit's serial number, as text.
    """

    gtin: str
    serial: str


SGTIN_HEADERS = frozenset({"30", "36"})
"""First byte of SGTIN-96 and SGTIN-198."""


def decode_epc(epc: str) -> ProductTag | None:
    """Read a tag's code as an SGTIN.

    Args:
        epc: hexadecimal digits, either case.

    Returns:
        The product and serial number; None for a code of another scheme, a private one, or one
        that is cut short. Real shops are full of them; the tag is still a tag.

    >>> decode_epc("3074257BF7194E4000001A85")
    ProductTag(gtin='80614141123458', serial='6789')
    >>> decode_epc("E280116060000000000003146") is None
    True
    """
    if epc[:2] not in SGTIN_HEADERS or len(epc) % 2:
        return None
    return _decode(epc)


# A shop floor of tags is heard thousands of times over, and decoding costs 50 us.
@lru_cache(maxsize=65_536)
def _decode(epc: str) -> ProductTag | None:
    try:
        tag = SGTIN.from_hex(epc)
        gtin = tag.gs1_key()
        serial = tag.epc_uri.rpartition(".")[2]
    except (ConvertException, ValueError, KeyError, IndexError, TypeError):
        return None
    return ProductTag(gtin=gtin, serial=serial)
