"""The sensor plugins of this installation as facts: whose they are, and what they still need.

A plugin's package may need more than is installed with it, under an extra: ``aiohttp`` under
``aislewatch[live]``, say. What is missing is found out by importing the plugin, and told as the one
command that mends it.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points

from aislewatch.errors import DeviceMisconfigured, UsageError
from aislewatch.events.sensor import SensorPlugin
from aislewatch.runtime.discovery import GROUP, find_sensor

_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9._-]+")

_BROUGHT_BY = {
    "cv2": "opencv-python-headless",
    "nats": "nats-py",
    "re2": "google-re2",
    "serial": "pyserial",
    "yaml": "pyyaml",
}
"""Packages by the module that they bring, where the names differ."""


@dataclass(frozen=True, slots=True)
class InstalledSensor:
    """One sensor plugin that a package brings.

    Attributes:
        name: of its entry point.
        package: that brings it.
        version: of the package.
        place: ``module:Class``.
        sensor: the class; None where it cannot be imported or two packages bring it.
        trouble: why not, in a sentence; empty where there is none.
    """

    name: str
    package: str
    version: str
    place: str
    sensor: type[SensorPlugin] | None
    trouble: str


def installed_sensors() -> list[InstalledSensor]:
    """Give all sensor plugins that are installed, by name and package; none is left out."""
    points = {(p.name, p.dist.name if p.dist else ""): p for p in entry_points(group=GROUP)}
    return [_looked_at(point) for _, point in sorted(points.items())]


def sensors_named(name: str) -> list[InstalledSensor]:
    """Give the sensors that a name means: one entry point's, or all that a package brings.

    Raises:
        UsageError: it means none.
    """
    every = installed_sensors()
    meant = [one for one in every if one.name == name]
    meant = meant or [one for one in every if _plain(one.package) == _plain(name)]
    if not meant:
        names = ", ".join(one.name for one in every) or "none"
        message = f"there is no sensor plugin or package of plugins {name!r}; installed: {names}"
        raise UsageError(message)
    return meant


def what_is_missing(error: ModuleNotFoundError, package: str) -> str:
    """Say what to install so that a package's module can be imported.

    Args:
        error: what the import raised.
        package: that the module is of.
    """
    module = (error.name or "").partition(".")[0]
    wanted = _plain(_BROUGHT_BY.get(module, module))
    optional = _optional(package)
    extras = [extra for name, extra in optional if _plain(name) == wanted]
    # The smallest that has it: others may take it along for their own ends.
    extras.sort(key=lambda extra: sum(other == extra for _, other in optional))
    mend = f"pip install '{package}[{extras[0]}]'" if extras else f"its module {module!r} is away"
    return f"needs {wanted}, which is not installed: {mend}"


def _looked_at(point: EntryPoint) -> InstalledSensor:
    package, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
    sensor: type[SensorPlugin] | None = None
    trouble = ""
    try:
        sensor = find_sensor(point.name)
    except DeviceMisconfigured as error:
        cause = error.__cause__
        trouble = str(error)
        if isinstance(cause, ModuleNotFoundError):
            trouble = what_is_missing(cause, package)
    return InstalledSensor(point.name, package, version, point.value, sensor, trouble)


@cache
def _optional(package: str) -> Sequence[tuple[str, str]]:
    """Give what a package takes under its extras: pairs of a package and an extra."""
    return list(_pairs(package))


def _pairs(package: str) -> Iterator[tuple[str, str]]:
    try:
        needs = Distribution.from_name(package).requires or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return
    for need in needs:
        extra, name = _EXTRA.search(need), _NAME.match(need)
        if extra is not None and name is not None:
            yield name.group(), extra.group(1)


def _plain(name: str) -> str:
    """Give a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
