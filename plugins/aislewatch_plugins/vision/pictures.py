"""Pictures made of bytes, which may be anything; and what is needed of a picture besides itself.

JPEG has no checksum, and decoders fill in what is missing: so a picture's parts are gone through
before it is decoded, and one that is cut short or runs into another is refused.
"""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any, Final

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.faults import THUMB_HEIGHT, THUMB_WIDTH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    """Height x width x 3 bytes: red, green, blue."""

PICTURE_BYTES_MOST: Final = 1 << 24
_PIXELS_MOST: Final = 1 << 26
"""More than any camera has; a small file can claim to be a picture that fills the memory."""

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM and the restarts."""

_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame's header, which says how large the picture is."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SAMPLED: Final = 4
"""Every so many pixels are compared with those before; a live picture differs in them, too."""


def opencv() -> Any:
    """Give OpenCV.

    Raises:
        DeviceMisconfigured: it is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError:
        message = "pictures need OpenCV: install aislewatch[vision]"
        raise DeviceMisconfigured(message) from None


def decoded(data: bytes) -> Picture:
    """Decode a JPEG or PNG picture.

    Raises:
        ValueError: it is none, is damaged, or is larger than any camera's; a sentence.
    """
    if len(data) > PICTURE_BYTES_MOST:
        message = f"a picture of {len(data)} bytes is larger than any camera's"
        raise ValueError(message)
    width, height = _png_size(data) if data.startswith(_PNG) else jpeg_size(data)
    if not 0 < width * height <= _PIXELS_MOST:
        message = f"a picture of {width} x {height} pixels is none of a camera"
        raise ValueError(message)
    cv2, numpy = opencv(), importlib.import_module("numpy")
    picture = cv2.imdecode(numpy.frombuffer(data, dtype=numpy.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        message = "the picture cannot be decoded"
        raise ValueError(message)
    return rgb(picture)


def rgb(picture: Any) -> Picture:
    """Give a picture of OpenCV, which is blue, green, red, as red, green, blue."""
    turned: Picture = opencv().cvtColor(picture, opencv().COLOR_BGR2RGB)
    return turned


def thumb(picture: Picture) -> Picture:
    """Give a small grey picture, `THUMB_HEIGHT` x `THUMB_WIDTH`, each pixel a mean."""
    cv2 = opencv()
    size = (THUMB_WIDTH, THUMB_HEIGHT)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    grey: Picture = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return grey


def digest(picture: Picture) -> bytes:
    """Give what tells a picture from others: a digest of its size and of every fourth pixel."""
    size = str(picture.shape).encode()
    return hashlib.blake2b(
        size + picture[::_SAMPLED, ::_SAMPLED].tobytes(), digest_size=16
    ).digest()


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Go through a JPEG picture's parts; give its width and height.

    Raises:
        ValueError: it is none, is cut short, or something follows it; a sentence.
    """
    if data[:2] != bytes([0xFF, _SOI]):
        message = "it does not begin as a JPEG picture does"
        raise ValueError(message)
    size, place = (0, 0), 2
    while True:
        marker, place = _marker(data, place)
        if marker == _EOI:
            break
        if marker in _BARE:
            continue
        length = int.from_bytes(data[place : place + 2])
        if length < 2 or place + length > len(data):
            message = f"the picture is cut short: a part at byte {place} goes beyond its end"
            raise ValueError(message)
        if marker in _FRAMES:
            height, width = data[place + 3 : place + 5], data[place + 5 : place + 7]
            size = int.from_bytes(width), int.from_bytes(height)
        place += length
        if marker == _SOS:
            place = _behind_scan(data, place)
    if data[place:].strip(b"\0\r\n"):  # Some cameras pad.
        message = f"{len(data) - place} bytes stand behind the picture's end"
        raise ValueError(message)
    return size


def _marker(data: bytes, place: int) -> tuple[int, int]:
    while place + 1 < len(data) and data[place] == 0xFF and data[place + 1] == 0xFF:
        place += 1  # Fill bytes.
    if place + 1 >= len(data):
        message = "the picture is cut short: its end is missing"
        raise ValueError(message)
    marker = data[place + 1]
    if data[place] != 0xFF or marker in {0, _SOI}:
        message = f"the picture is damaged at byte {place}"
        raise ValueError(message)
    return marker, place + 2


def _behind_scan(data: bytes, place: int) -> int:
    """Give the place of the marker behind a scan's coded data."""
    while True:
        place = data.find(0xFF, place)
        if place < 0 or place + 1 >= len(data):
            message = "the picture is cut short: its end is missing"
            raise ValueError(message)
        follows = data[place + 1]
        if follows != 0 and follows not in _BARE and follows != 0xFF:
            return place
        place += 1 if follows == 0xFF else 2


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 33 or data[12:16] != b"IHDR":
        message = "it begins as a PNG picture does, and is none"
        raise ValueError(message)
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
