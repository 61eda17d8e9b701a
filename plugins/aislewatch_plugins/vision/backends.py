"""Back ends: which interpreter computes a model, on which device, and why on that one."""

from __future__ import annotations

from pathlib import Path

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.detecting import Detector, DetectorConfig


def load(config: DetectorConfig, folder: Path) -> Detector:
    """Load the model that a configuration names; as ``open_detector``."""
    message = f"no back end can load {folder / config.model} yet"
    raise DeviceMisconfigured(message)
