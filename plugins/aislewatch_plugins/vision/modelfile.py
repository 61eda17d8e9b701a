"""A detector's model as it lies on disk: its bytes, its hash, its labels, and what it was made for.

What is hashed is what is computed: the bytes are read once. A model that was compiled for an Edge
TPU has one operation that only that device knows, so that it is told from others by its bytes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.detecting import BUNDLED, DetectorConfig

BYTES_MOST: Final = 256 << 20
"""A detector that is larger is none for a shop's computer."""

_SUFFIX: Final = ".tflite"
_COMPILED: Final = "_edgetpu"
_MARK: Final = b"edgetpu-custom-op"
_IDENTIFIER: Final = b"TFL3"
_NUMBERED: Final = re.compile(r"(\d{1,6})[\s:]+(\S.*)")


@dataclass(frozen=True, slots=True)
class Model:
    """A model's file, read.

    Attributes:
        name: of the file.
        content: its bytes.
        sha256: of them.
        labels: by the number that the model gives for them; empty text where a number has none.
        compiled: only an Edge TPU can compute it.
    """

    name: str
    content: bytes
    sha256: str
    labels: tuple[str, ...]
    compiled: bool


def read_model(config: DetectorConfig, folder: Path) -> Model:
    """Read the model that a configuration names.

    Raises:
        DeviceMisconfigured: a file is missing or no model, or has another hash.
    """
    if config.model == BUNDLED:
        here = files("aislewatch_plugins.vision") / "models"
        wanted = (here / "scenes.sha256").read_text("ascii").split()[0]
        return _read(here / f"scenes{_SUFFIX}", here / "scenes.labels.txt", config.sha256 or wanted)
    path = folder / config.model
    if path.suffix != _SUFFIX:
        message = f"the model {path} is no {_SUFFIX} file"
        raise DeviceMisconfigured(message)
    return _read(path, _labels_of(config, path, folder), config.sha256)


def read_compiled(config: DetectorConfig, folder: Path) -> Model | None:
    """Read the same model as it was compiled for an Edge TPU: ``X_edgetpu.tflite`` beside ``X``.

    Returns:
        None where there is none.

    Raises:
        DeviceMisconfigured: there is one, and it is not usable.
    """
    path = folder / config.model
    pair = path.with_name(f"{path.stem}{_COMPILED}{_SUFFIX}")
    if config.model == BUNDLED or not pair.is_file():
        return None
    model = _read(pair, _labels_of(config, path, folder), config.edgetpu_sha256)
    if not model.compiled:
        message = f"{pair} is named as if it was compiled for an Edge TPU, and was not"
        raise DeviceMisconfigured(message)
    return model


def _labels_of(config: DetectorConfig, path: Path, folder: Path) -> Path:
    if config.labels is not None:
        return folder / config.labels
    return path.with_name(f"{path.stem.removesuffix(_COMPILED)}.labels.txt")


def _read(path: Traversable, labels: Traversable, sha256: str | None) -> Model:
    content = _bytes(path, "model")
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        message = f"the model {path} is not the one that was meant: its SHA-256 is {found}"
        raise DeviceMisconfigured(message)
    if content[4:8] != _IDENTIFIER:
        message = f"the model {path} is no TFLite model, or was cut off"
        raise DeviceMisconfigured(message)
    return Model(path.name, content, found, _labels(labels), _MARK in content)


def _bytes(path: Traversable, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MOST + 1)
    except OSError as error:
        message = f"the {what} {path} cannot be read: {error.strerror or error}"
        raise DeviceMisconfigured(message) from None
    if len(content) > BYTES_MOST:
        message = f"the {what} {path} is larger than {BYTES_MOST >> 20} MiB"
        raise DeviceMisconfigured(message)
    return content


def _labels(path: Traversable) -> tuple[str, ...]:
    try:
        lines = _bytes(path, "list of labels").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        message = f"the list of labels {path} is no UTF-8 text"
        raise DeviceMisconfigured(message) from None
    labels = parse_labels(lines)
    if not any(labels):
        message = f"the list of labels {path} is empty"
        raise DeviceMisconfigured(message)
    return labels


def parse_labels(lines: list[str]) -> tuple[str, ...]:
    """Give labels by number, from a label a line, or from lines that begin with their number.

    >>> parse_labels(["person", "hand"])
    ('person', 'hand')
    >>> parse_labels(["0  person", "2: hand"])
    ('person', '', 'hand')
    """
    lines = [line.strip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    numbered = [_NUMBERED.fullmatch(line) for line in lines if line]
    found = {int(match[1]): match[2] for match in numbered if match is not None}
    if len(found) == len(numbered) > 0:
        return tuple(found.get(number, "") for number in range(max(found) + 1))
    return tuple("" if line == "???" else line for line in lines)
