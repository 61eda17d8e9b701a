"""People found by OpenCV's own detector: histograms of oriented gradients and a linear classifier.

It needs no model file and no accelerator, knows upright people of at least some 100 pixels, and
nothing else. It is slow: about a tenth of a second for a picture of 768 x 576 pixels.

Source: Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, 2005.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.detecting import Backend, Box, Detection
from aislewatch_plugins.vision.pictures import opencv

if TYPE_CHECKING:
    from aislewatch_plugins.vision.pictures import Picture

PERSON: Final = "person"
_WIDTH_MOST: Final = 800
"""Wider pictures are made smaller: they only make it slower."""

_STRIDE: Final = (8, 8)
_SCALE: Final = 1.05
_MARGIN: Final = 0.13
"""Share of the classifier's window that is left around a person, to each side."""


class Hog:
    """See the module.

    Raises:
        DeviceMisconfigured: OpenCV is not installed, or is one without this detector.
    """

    def __init__(self) -> None:
        self._cv2 = cv2 = opencv()
        if not hasattr(cv2, "HOGDescriptor"):
            message = "this OpenCV finds no people: install opencv-python-headless below 5"
            raise DeviceMisconfigured(message)
        weights: Any = cv2.HOGDescriptor.getDefaultPeopleDetector()
        self._hog: Any = cv2.HOGDescriptor()
        self._hog.setSVMDetector(weights)
        digest = hashlib.sha256(weights.tobytes()).hexdigest()
        why = "the store file asks for it"
        self._backend = Backend("hog", "CPU", "OpenCV's people detector", digest, why, False)

    @property
    def labels(self) -> Sequence[str]:
        """People only."""
        return (PERSON,)

    @property
    def backend(self) -> Backend:
        """OpenCV on the CPU."""
        return self._backend

    def detect(self, frame: Picture) -> list[Detection]:
        """Find people; the score is the classifier's distance, squeezed between 0 and 1."""
        height, width = frame.shape[:2]
        shrink = min(1.0, _WIDTH_MOST / width)
        if shrink < 1:
            size = (round(width * shrink), round(height * shrink))
            frame = self._cv2.resize(frame, size, interpolation=self._cv2.INTER_AREA)
            height, width = frame.shape[:2]
        boxes, distances = self._hog.detectMultiScale(
            self._cv2.cvtColor(frame, self._cv2.COLOR_RGB2GRAY), winStride=_STRIDE, scale=_SCALE
        )
        found = [
            Detection(PERSON, _squeezed(float(distance)), _box(box, width, height))
            for box, distance in zip(boxes, distances, strict=True)
        ]
        return sorted(found, key=lambda one: (-one.score, one.box))

    def close(self) -> None:
        """Nothing is held."""


def _box(box: Sequence[int], width: int, height: int) -> Box:
    x, y, wide, high = (float(edge) for edge in box)
    left, right = x + _MARGIN * wide, x + (1 - _MARGIN) * wide
    top, bottom = y + _MARGIN / 2 * high, y + (1 - _MARGIN / 2) * high
    return Box(
        max(0.0, left / width),
        max(0.0, top / height),
        min(1.0, right / width),
        min(1.0, bottom / height),
    )


def _squeezed(distance: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, distance))))
