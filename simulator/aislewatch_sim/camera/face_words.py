"""What a service publishes that makes embeddings of the faces before a camera.

A twin's faces are nobody's: figures drawn from a number. The same number is the same face, seen a
little differently each time.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from aislewatch_sim.camera.words import Words

MODEL: Final = "twin-128"
_FIGURES: Final = 128
_BLUR: Final = 0.2


def face(number: int) -> list[float]:
    """Give the embedding of a face as it is."""
    dice = Random(number)
    return [round(dice.gauss(0, 1), 6) for _ in range(_FIGURES)]


def glimpse(number: int, dice: Random) -> list[float]:
    """Give the embedding of a face as a camera sees it this time."""
    return [round(figure + dice.gauss(0, _BLUR), 6) for figure in face(number)]


def frame(
    topic: str,
    now_s: float,
    faces: Sequence[tuple[str, Sequence[float]]],
    *,
    quality: float | None = 0.9,
    zone: str | None = None,
    packed: bool = False,
) -> Words:
    """Give what is published of one picture.

    Args:
        topic: where.
        now_s: seconds since 1970.
        faces: name of the track, and embedding.
        quality: of all of them; None where the service does not say.
        zone: likewise.
        packed: embeddings as base64 of 32-bit floats, and not as lists.
    """
    at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds")
    said: list[dict[str, Any]] = []
    for track, embedding in faces:
        bits = struct.pack(f"<{len(embedding)}f", *embedding)
        one: dict[str, Any] = {
            "track": track,
            "model": MODEL,
            "embedding": base64.b64encode(bits).decode() if packed else list(embedding),
        }
        one |= {} if quality is None else {"quality": quality}
        one |= {} if zone is None else {"zone": zone}
        said.append(one)
    return Words(topic, json.dumps({"at": at, "faces": said}).encode())
