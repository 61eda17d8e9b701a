"""Back ends: which interpreter computes a model, on which device, and why on that one.

Nothing falls back unsaid. A back end that was asked for by name is taken or refused; only ``auto``
may take another, and then says that it had to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from aislewatch.errors import DeviceError, DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.vision.detecting import Backend, Detection, Detector, DetectorConfig
from aislewatch_plugins.vision.interpreters import (
    Delegate,
    Interpreter,
    Package,
    installed,
    interpreter,
    plain,
    shapes,
)
from aislewatch_plugins.vision.modelfile import Model, read_compiled, read_model
from aislewatch_plugins.vision.outputs import decoder, real, without_doubles

_CPU: Final = "CPU"
_TPU: Final = "Edge TPU"
_INPUTS: Final = (np.uint8, np.int8)


def load(config: DetectorConfig, folder: Path) -> Detector:
    """Load the model that a configuration names; as ``open_detector``."""
    model = read_model(config, folder)
    if config.backend == "edgetpu":
        return _on_tpu(config, _compiled(model, config, folder), "the configuration asks for it")
    if config.backend == "auto":
        return _on_whatever_is_there(config, model, folder)
    return _on_cpu(config, config.backend, model, "the configuration asks for it")


def _on_whatever_is_there(config: DetectorConfig, model: Model, folder: Path) -> Detector:
    try:
        compiled = _compiled(model, config, folder)
        return _on_tpu(config, compiled, "an Edge TPU is there")
    except DeviceError as error:
        if model.compiled:
            raise
        why = f"no Edge TPU could be taken: {error}"
    package = config.interpreter or _any_package()
    return _on_cpu(config, package, model, why, degraded=True)


def _compiled(model: Model, config: DetectorConfig, folder: Path) -> Model:
    compiled = model if model.compiled else read_compiled(config, folder)
    if compiled is None:
        message = (
            f"the model {model.name} was not compiled for an Edge TPU, which would leave all of it "
            f"to the CPU: compile it with edgetpu_compiler and put the result beside it"
        )
        raise DeviceMisconfigured(message)
    return compiled


def _on_tpu(config: DetectorConfig, model: Model, why: str) -> Detector:
    package = config.interpreter or _any_package()
    delegate = Delegate(config.delegate, config.delegate_options)
    loaded = interpreter(package, model, threads=config.threads, delegate=delegate)
    backend = Backend(
        name="edgetpu",
        device=f"{_TPU} by {Path(config.delegate).name} in {package}",
        model=model.name,
        model_sha256=model.sha256,
        why=why,
        degraded=False,
    )
    return TfliteDetector(loaded, backend, model.labels, config)


def _on_cpu(
    config: DetectorConfig, package: Package, model: Model, why: str, *, degraded: bool = False
) -> Detector:
    if model.compiled:
        message = (
            f"the model {model.name} was compiled for an Edge TPU and runs on nothing else: for "
            f"the CPU, name the file that it was compiled from"
        )
        raise DeviceMisconfigured(message)
    loaded = interpreter(package, model, threads=config.threads)
    backend = Backend(
        name=package,
        device=_CPU,
        model=model.name,
        model_sha256=model.sha256,
        why=why,
        degraded=degraded,
    )
    return TfliteDetector(loaded, backend, model.labels, config)


def _any_package() -> Package:
    packages = installed()
    if not packages:
        message = "no interpreter for TFLite models is installed: install aislewatch[vision]"
        raise DeviceMisconfigured(message)
    return packages[0]


class TfliteDetector:
    """A detector by one loaded model.

    Args:
        loaded: the model, ready to compute; is owned.
        backend: what it runs on.
        labels: by the model's numbers.
        config: of the detector.

    Raises:
        DeviceMisconfigured: the model's input or outputs are none that are understood.
    """

    def __init__(
        self,
        loaded: Interpreter,
        backend: Backend,
        labels: Sequence[str],
        config: DetectorConfig,
    ) -> None:
        self._interpreter: Interpreter | None = loaded
        self._backend = backend
        self._labels = tuple(label for label in labels if label)
        self._config = config
        inputs = loaded.get_input_details()
        self._outputs = loaded.get_output_details()
        self._input = _picture_input(inputs, backend.model)
        try:
            self._decode = decoder(self._outputs, labels)
        except ValueError as error:
            message = f"the model {backend.model} is no use: {error} ({shapes(self._outputs)})"
            raise DeviceMisconfigured(message) from None

    @property
    def labels(self) -> Sequence[str]:
        """All labels that a detection can have, in the model's order."""
        return self._labels

    @property
    def backend(self) -> Backend:
        """What it runs on."""
        return self._backend

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        """Find things in a picture; see `Detector.detect`."""
        loaded = self._interpreter
        assert loaded is not None, "the detector is closed"
        try:
            loaded.set_tensor(self._input["index"], self._fitted(frame))
            loaded.invoke()
            outputs = [real(loaded.get_tensor(one["index"]), one) for one in self._outputs]
        except (RuntimeError, ValueError) as error:
            message = f"the {self._backend.device} failed: {plain(error)}"
            raise DeviceNotReady(message) from None
        found = self._decode(outputs, self._config.min_score)
        return without_doubles(found, self._config.max_overlap)

    def close(self) -> None:
        """Let go of the device and the model."""
        self._interpreter = None

    def _fitted(self, frame: NDArray[np.uint8]) -> NDArray[Any]:
        """Squeeze a picture to the model's input; each pixel is the mean of what lies under it."""
        assert frame.dtype == np.uint8
        assert frame.ndim == 3
        assert frame.shape[2] == 3
        height, width = (int(side) for side in self._input["shape"][1:3])
        smaller = frame.shape[0] >= height and frame.shape[1] >= width
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        fitted: NDArray[Any] = np.asarray(cv2.resize(frame, (width, height), interpolation=how))
        if self._input["dtype"] is np.int8:  # Integers of either sign mean the same bytes to it.
            fitted = (fitted ^ np.uint8(0x80)).view(np.int8)
        return fitted[None]


def _picture_input(inputs: Sequence[dict[str, Any]], model: str) -> dict[str, Any]:
    shape = [int(side) for side in inputs[0]["shape"]] if len(inputs) == 1 else []
    fits = len(shape) == 4 and shape[0] == 1 and shape[3] == 3 and min(shape) > 0
    if not fits or inputs[0]["dtype"] not in _INPUTS:
        message = (
            f"the model {model} does not take one colour picture of 8-bit integers, but "
            f"{shapes(inputs)}: quantise it to 8 bits"
        )
        raise DeviceMisconfigured(message)
    return dict(inputs[0])
