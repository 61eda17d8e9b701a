"""Finding what plugins bring, by entry point: sensors, and kinds of event of their own.

The bundled sensors are found like anyone's. A package that brings kinds names each class in its
group ``aislewatch.kinds``, as in ``shoe-scan = "shoe_mat.kinds:ShoeScan"``; from then on rules,
codec, inline tests and editors know it like a built-in one.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points

from aislewatch.errors import DeviceMisconfigured, UsageError
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorPlugin

GROUP = "aislewatch.sensors"
KINDS = "aislewatch.kinds"


@cache
def installed_registry() -> Registry:
    """Give the kinds of event of this installation: the built-in ones and those of plugins.

    Raises:
        UsageError: one cannot be imported or is no kind of event, or two share a type.
    """
    kinds: list[type[Event]] = []
    for name, place in sorted({(point.name, point.value) for point in entry_points(group=KINDS)}):
        try:
            found = _attribute(place)
        except Exception as error:  # Whatever a foreign module does when it is imported.
            message = f"the kind of event {name!r} ({place}) cannot be imported: {error!r}"
            raise UsageError(message) from error
        if not (isinstance(found, type) and issubclass(found, Event)):
            message = f"{place}, named as the kind of event {name!r}, is no subclass of Event"
            raise UsageError(message)
        kinds.append(found)
    return Registry(kinds)


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
    try:
        return _attribute(place)
    except Exception as error:  # Whatever a foreign module does when it is imported.
        message = f"sensor plugin {name!r} cannot be imported: {error!r}"
        raise DeviceMisconfigured(message) from error


def _attribute(place: str) -> object:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
