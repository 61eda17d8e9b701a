"""Faces as embeddings, from a camera or a service beside it, in our own words.

No standard says how embeddings are published, so the service that makes them publishes this::

    {"at": "2026-03-02T08:00:00.250Z", "faces": [
      {"track": "17", "model": "arcface-r100", "quality": 0.83, "zone": "door",
       "embedding": [0.0131, -0.0482, ...]}]}

``embedding`` is a list of figures, or base64 of 32-bit floats, little-endian. ``track`` is the
service's own name of a person in view; ``zone`` and ``quality`` may be missing, and a face of
unknown quality is not compared. Whoever has a face is told to be there, too. A frame without faces
says that the service is alive.
"""

from __future__ import annotations

import base64
import binascii
from array import array
from collections.abc import Iterator, Sequence
from sys import byteorder
from typing import Annotated, Final

from msgspec import Meta, Struct

from aislewatch_plugins.camera.config import FacesConfig
from aislewatch_plugins.camera.payloads import read_json, time_of, time_of_text
from aislewatch_plugins.camera.seen import Face, Person, Seen

_FIGURE_BYTES: Final = 4
_FIGURES_MOST: Final = 8_192

_Name = Annotated[str, Meta(min_length=1, max_length=120)]
_Figures = Annotated[list[float], Meta(min_length=1, max_length=_FIGURES_MOST)]
_Packed = Annotated[str, Meta(min_length=1, max_length=_FIGURES_MOST * _FIGURE_BYTES * 2)]


class _Face(Struct):
    track: _Name
    model: _Name
    embedding: _Figures | _Packed
    quality: Annotated[float, Meta(ge=0, le=1)] | None = None
    zone: _Name | None = None


class _Frame(Struct):
    at: str | float
    faces: Annotated[list[_Face], Meta(max_length=200)]


class Faces:
    """Reads what one service publishes of one camera.

    Args:
        config: of the camera.
    """

    def __init__(self, config: FacesConfig) -> None:
        self._config = config

    @property
    def topics(self) -> Sequence[str]:
        """The one topic."""
        return [self._config.topic]

    def read(self, topic: str, payload: bytes) -> Iterator[Seen]:
        """Read one message.

        Raises:
            ValueError: it is none; a sentence, which holds nothing of an embedding.
        """
        if topic != self._config.topic:
            return
        frame = read_json(payload, _Frame)
        time_us = time_of_text(frame.at) if isinstance(frame.at, str) else time_of(frame.at)
        zones = self._config.zones
        for face in frame.faces:
            zone = zones.get(face.zone or "") if zones else None
            yield Person(time_us, face.track, (zone,) if zone is not None else ())
            yield Face(
                time_us=time_us,
                track=face.track,
                model=face.model,
                embedding=_figures(face.embedding),
                quality=face.quality,
                zone=zone,
            )


def _figures(written: list[float] | str) -> Sequence[float]:
    if not isinstance(written, str):
        return written
    try:
        packed = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if not packed or len(packed) % _FIGURE_BYTES:
        message = "an embedding in a text is base64 of 32-bit floats"
        raise ValueError(message)
    figures = array("f", packed)
    if byteorder == "big":
        figures.byteswap()
    return figures
