"""Finding the class of a sensor plugin: by entry point, the bundled ones like anyone's."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.sensor import SensorPlugin

GROUP = "aislewatch.sensors"


def sensor_names() -> list[str]:
    """Give the names of all installed sensor plugins, in alphabetical order."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find_sensor(name: str) -> type[SensorPlugin]:
    """Give the class of a sensor plugin.

    Args:
        name: of its entry point; or ``module:Class``, for a plugin that is being written and is not
            installed.

    Raises:
        DeviceMisconfigured: there is none of that name, two packages bring it, it cannot be
            imported, or what is there is no sensor.
    """
    found: object
    if ":" in name:
        found = _import(name, name)
    else:
        points = {point.value for point in entry_points(group=GROUP, name=name)}
        if len(points) != 1:
            names = ", ".join(sensor_names()) or "none"
            many = f"{len(points)} packages bring a sensor plugin {name!r}: uninstall all but one"
            none = f"there is no sensor plugin {name!r}; installed: {names}"
            raise DeviceMisconfigured(many if points else none)
        found = _import(name, points.pop())
    if not (isinstance(found, type) and issubclass(found, SensorPlugin)):
        message = f"sensor plugin {name!r} is no subclass of aislewatch.events.sensor.SensorPlugin"
        raise DeviceMisconfigured(message)
    return found


def _import(name: str, place: str) -> object:
    module, _, attribute = place.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # Whatever a foreign module does when it is imported.
        message = f"sensor plugin {name!r} cannot be imported: {error!r}"
        raise DeviceMisconfigured(message) from error
