"""Detectors: what they are asked, what they answer, and how one is opened from its configuration.

A detector finds things in one picture and remembers nothing of the one before. It blocks while it
looks, so that a sensor calls it in a thread; it is not to be called from two threads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aislewatch.errors import DeviceMisconfigured

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

BUNDLED: Final = "bundled"
"""The name of the small model that comes with the package and knows drawn scenes only."""

_Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Box(NamedTuple):
    """Where something is in the picture, in shares of its width and height.

    Attributes:
        x_min: left edge; 0 is the picture's left.
        y_min: upper edge; 0 is the picture's top.
        x_max: right edge, never left of ``x_min``; 1 is the picture's right.
        y_max: lower edge, never above ``y_min``; 1 is the picture's bottom.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Something that a detector found in one picture.

    Attributes:
        label: which of the detector's labels.
        score: how sure it is, 0 to 1; of use to compare, and no probability.
        box: where.
    """

    label: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class Backend:
    """What a detector runs on, and why on that.

    Attributes:
        name: ``litert``, ``tflite-runtime`` or ``edgetpu``.
        device: ``CPU`` or ``Edge TPU``, with what of it is known.
        model: the file's name.
        model_sha256: of the file's bytes, 64 hexadecimal digits.
        why: one sentence that says why this back end and no other.
        degraded: it was to be an Edge TPU if there is one, and is a CPU.
    """

    name: str
    device: str
    model: str
    model_sha256: str
    why: str
    degraded: bool


class Detector(Protocol):
    """Finds things in pictures."""

    @property
    def labels(self) -> Sequence[str]:
        """All labels that a detection can have, in the model's order."""
        ...

    @property
    def backend(self) -> Backend:
        """What it runs on."""
        ...

    def detect(self, frame: NDArray[uint8]) -> list[Detection]:
        """Find things in a picture of any size; blocks for as long as the model computes.

        Args:
            frame: height x width x 3 bytes, red, green, blue.

        Returns:
            What scores at least ``min_score``, surest first; one detection for each thing.

        Raises:
            DeviceNotReady: the device that computes failed.
        """
        ...

    def close(self) -> None:
        """Let go of the device and of the model's memory; may be called twice."""
        ...


class DetectorConfig(BaseModel):
    """What a store file says of a detector. Paths start from the store file's folder.

    Attributes:
        model: a ``.tflite`` file, or ``bundled``.
        sha256: what the model's file must hash to; not checked where not said.
        edgetpu_sha256: the same of the file that was compiled from it for an Edge TPU, which is
            ``MODEL_edgetpu.tflite`` beside it.
        labels: a text file, one label a line; ``MODEL.labels.txt`` beside the model where not said.
        backend: ``litert`` and ``tflite-runtime`` compute on the CPU, ``edgetpu`` on a Coral
            accelerator and nowhere else. ``auto`` takes an Edge TPU that is there, else the CPU,
            and says in its health that it had to.
        interpreter: what computes for ``auto`` and loads an accelerator's library: the newer one
            that is installed where not said. A library that was built against the older one may
            crash in the newer.
        delegate: the library that drives the accelerator, a path or a name that the system finds.
        delegate_options: handed to that library, such as ``device: usb``.
        threads: that compute on the CPU.
        min_score: detections below it are left out.
        max_overlap: of two boxes of one label that share more of their union, the surer is kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: _Text = BUNDLED
    sha256: _Sha256 | None = None
    edgetpu_sha256: _Sha256 | None = None
    labels: _Text | None = None
    backend: Literal["auto", "litert", "tflite-runtime", "edgetpu"] = "auto"
    interpreter: Literal["litert", "tflite-runtime"] | None = None
    delegate: _Text = "libedgetpu.so.1"
    delegate_options: dict[_Text, str] = Field(default_factory=dict)
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    min_score: _Share = 0.5
    max_overlap: _Share = 0.5

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.model == BUNDLED and self.labels is not None:
            message = "the bundled model brings its labels: leave 'labels' out, or name a model"
            raise ValueError(message)
        if self.interpreter is not None and self.backend not in {"auto", "edgetpu"}:
            message = f"'backend: {self.backend}' is an interpreter: leave 'interpreter' out"
            raise ValueError(message)
        return self


def open_detector(config: DetectorConfig, folder: Path) -> Detector:
    """Load a model onto what the configuration asks for.

    Args:
        config: of the detector.
        folder: that relative paths start from.

    Raises:
        DeviceNotReady: the accelerator is not there or does not answer.
        DeviceMisconfigured: a file is missing, damaged or another one than was said, the model is
            none that is understood, or the interpreter is not installed.
    """
    try:
        # Here, because what it needs is an extra, and a store file is checked without it.
        from aislewatch_plugins.vision.backends import load  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = f"a detector needs {error.name}: install aislewatch[vision]"
        raise DeviceMisconfigured(message) from None
    return load(config, folder)
