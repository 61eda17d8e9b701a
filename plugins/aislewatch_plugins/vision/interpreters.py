"""The interpreters that compute TFLite models, and the delegates that take models off them.

Both packages have one interface, which is Google's. Their errors are told apart here, once: a
missing package or a damaged model wants a person, an accelerator that is away may come back.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.vision.modelfile import Model

Package = Literal["litert", "tflite-runtime"]

_MODULES: Final[dict[Package, str]] = {
    "litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
_EXTRAS: Final[dict[Package, str]] = {
    "litert": "aislewatch[vision]",
    "tflite-runtime": "aislewatch[tflite], on Python 3.11",
}
_ADVICE: Final = re.compile(r" ?(See instructions: \S+|Node number \d+ \(\S+\) failed to \w+\.?)")
_ENTRY: Final = "tflite_plugin_create_delegate"


class Interpreter(Protocol):
    """What of the packages' interpreters is used."""

    def allocate_tensors(self) -> None:
        """Make room for the tensors; delegates look at the model here at the latest."""
        ...

    def get_input_details(self) -> list[dict[str, Any]]:
        """Say shape, type and quantisation of the inputs."""
        ...

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of the outputs."""
        ...

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy an input in."""
        ...

    def invoke(self) -> None:
        """Compute."""
        ...

    def get_tensor(self, tensor_index: int) -> Any:
        """Copy an output out."""
        ...


@dataclass(frozen=True, slots=True)
class Delegate:
    """A library that takes over what its device can compute.

    Attributes:
        library: a path, or a name that the system's loader finds.
        options: in the library's own words.
    """

    library: str
    options: Mapping[str, str]


def installed() -> list[Package]:
    """Say which packages can be imported, the newer one first."""
    return [package for package in _MODULES if _found(package)]


def interpreter(
    package: Package, model: Model, *, threads: int, delegate: Delegate | None = None
) -> Interpreter:
    """Load a model, ready to compute.

    Args:
        package: whose interpreter.
        model: to compute.
        threads: on the CPU.
        delegate: to compute it with.

    Raises:
        DeviceNotReady: the delegate's device is not there, or does not take the model.
        DeviceMisconfigured: the package is not installed or does not run, the library is missing
            or no delegate, or the model is damaged.
    """
    module = _module(package)
    helpers = [] if delegate is None else [_delegate(module, delegate)]
    try:
        made: Interpreter = module.Interpreter(
            model_content=model.content,
            num_threads=threads,
            experimental_delegates=helpers or None,
        )
        made.allocate_tensors()
    except (RuntimeError, ValueError, SystemError, MemoryError) as error:
        if delegate is not None and isinstance(error, RuntimeError):
            message = f"the Edge TPU does not take the model {model.name}: {plain(error)}"
            raise DeviceNotReady(message) from None
        message = f"{package} cannot load the model {model.name}: {plain(error)}"
        raise DeviceMisconfigured(message) from None
    return made


def _found(package: Package) -> bool:
    try:
        return importlib.util.find_spec(_MODULES[package]) is not None
    except ModuleNotFoundError:
        return False


def _module(package: Package) -> Any:
    try:
        return importlib.import_module(_MODULES[package])
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        why = "is not installed" if missing else f"does not load ({plain(error)})"
        message = f"{package} {why}: install {_EXTRAS[package]}"
        raise DeviceMisconfigured(message) from None


def _delegate(module: Any, delegate: Delegate) -> Any:
    """Load a delegate; first bare, for the packages leave a broken object behind what fails."""
    library = delegate.library
    try:
        getattr(ctypes.CDLL(library), _ENTRY)
    except OSError as error:
        message = f"the Edge TPU's library {library} cannot be loaded: {plain(error)}"
        raise DeviceMisconfigured(message) from None
    except AttributeError:
        message = f"{library} is no TFLite delegate: it has no {_ENTRY}"
        raise DeviceMisconfigured(message) from None
    try:
        return module.load_delegate(library, dict(delegate.options))
    except ValueError as error:
        said = plain(error).removeprefix(f"Failed to load delegate from {library}").strip()
        message = f"no Edge TPU answers {library}" + (f": {said}" if said else "")
        raise DeviceNotReady(message) from None


def plain(error: Exception) -> str:
    """Give an error's text as one line, for a sentence, without the advice to programmers in it."""
    said = _ADVICE.sub("", " ".join(str(error).split()))
    return said.rstrip(". ") or type(error).__name__


def shapes(details: Sequence[Mapping[str, Any]]) -> str:
    """Say the shapes and types of tensors in one line, for a person.

    >>> import numpy
    >>> shapes([{"shape": numpy.array([1, 10, 4]), "dtype": numpy.float32}])
    '1x10x4 float32'
    """
    return ", ".join(
        "x".join(str(int(side)) for side in one["shape"]) + f" {one['dtype'].__name__}"
        for one in details
    )
