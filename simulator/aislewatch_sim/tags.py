"""Radio tags: what is written on them (GS1 EPC Tag Data Standard 2.1)."""

from __future__ import annotations

_HEADER = 0x30
_FILTER = 1  # An article for sale.
_PARTITION = 5  # Seven digits of company, six of article; 24 and 20 bits.


def sgtin96(gtin: str, serial: int) -> str:
    """Give what a tag on one unit of an article holds, as 24 hexadecimal digits.

    Args:
        gtin: fourteen digits; the company's are the second to the eighth.
        serial: below 2**38.

    >>> sgtin96("80614141123458", 6789)
    '3034257BF7194E4000001A85'
    """
    company, article = int(gtin[1:8]), int(gtin[0] + gtin[8:13])
    bits = _HEADER
    for value, width in ((_FILTER, 3), (_PARTITION, 3), (company, 24), (article, 20), (serial, 38)):
        assert 0 <= value < 1 << width
        bits = bits << width | value
    return f"{bits:024X}"
