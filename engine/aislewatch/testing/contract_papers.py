"""The contract's checks of what a plugin says of itself: its settings, its README, its types.

They read and do not run the device. Types are checked by mypy where it is installed; where it is
not, the check says so and is not passed.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from aislewatch.events.sensor import SensorPlugin
from aislewatch.runtime.discovery import GROUP, installed_registry
from aislewatch.testing.contract_checks import Tier
from aislewatch.testing.contract_manifest import folder_of
from aislewatch.testing.contract_stand import ContractBroken

_MYPY_S: Final = 300


def described(sensor: type[SensorPlugin]) -> None:
    """Hold the sensor to a title, and to kinds of event that there are.

    Raises:
        ContractBroken: it does not say what it should.
    """
    says = sensor.descriptor
    if not says.title:
        message = "descriptor.title is empty: say in a few words what device it is for"
        raise ContractBroken(message)
    unknown = sorted(set(says.emits) - set(installed_registry().kinds))
    if unknown:
        message = f"descriptor.emits names {', '.join(unknown)}, which is no kind of event"
        raise ContractBroken(message)


def settings(sensor: type[SensorPlugin]) -> None:
    """Hold each setting to a description: its own, or a line under ``Attributes:``.

    Raises:
        ContractBroken: one has none.
    """
    bare = [
        name
        for name, field in sensor.Config.model_fields.items()
        if not field.description and not _in_docstring(sensor.Config, name)
    ]
    if bare:
        message = (
            f"nothing says what {', '.join(bare)} means: give {sensor.Config.__name__} a line for "
            "each under `Attributes:`"
        )
        raise ContractBroken(message)


def readme(sensor: type[SensorPlugin]) -> None:
    """Hold the plugin to a README that names each setting that must be given.

    Raises:
        ContractBroken: there is none, or it does not.
    """
    text = _readme(sensor)
    if not text:
        message = "there is no README.md beside its module, and none in its package's metadata"
        raise ContractBroken(message)
    needed = [n for n, field in sensor.Config.model_fields.items() if field.is_required()]
    missing = [name for name in needed if not re.search(rf"\b{re.escape(name)}\b", text)]
    if missing:
        message = f"its README does not name the settings that must be given: {', '.join(missing)}"
        raise ContractBroken(message)


def types(sensor: type[SensorPlugin]) -> None:
    """Hold the plugin's package to types that mypy takes in its strict mode.

    Raises:
        ContractBroken: it has no py.typed, mypy finds something, or there is no mypy.
    """
    package = sensor.__module__.partition(".")[0]
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    if not any((Path(place) / "py.typed").is_file() for place in places):
        message = f"the package {package} has no file py.typed, so nobody sees its types"
        raise ContractBroken(message)
    if importlib.util.find_spec("mypy") is None:
        message = "types were not checked: pip install mypy"
        raise ContractBroken(message)
    module = sensor.__module__.rpartition(".")[0] or package
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", module],
        capture_output=True,
        text=True,
        timeout=_MYPY_S,
        check=False,
    )
    if done.returncode:
        first = (done.stdout or done.stderr).strip().splitlines()
        message = f"mypy --strict: {first[0] if first else 'failed'} ({first[-1] if first else ''})"
        raise ContractBroken(message)


PAPERS: Final[dict[str, tuple[Tier, Callable[[type[SensorPlugin]], None]]]] = {
    "it-says-what-it-is": ("bronze", described),
    "every-setting-is-described": ("silver", settings),
    "a-readme-names-what-must-be-set": ("silver", readme),
    "its-types-are-strict": ("gold", types),
}
"""By name, the lowest tier that asks it, and the check."""


def _in_docstring(config: type[BaseModel], name: str) -> bool:
    return any(
        re.search(rf"^\s*(\w+, )*{re.escape(name)}(, \w+)*: \S", one.__doc__ or "", re.MULTILINE)
        for one in config.__mro__
    )


def _readme(sensor: type[SensorPlugin]) -> str:
    beside = folder_of(sensor) / "README.md"
    if beside.is_file():
        return beside.read_text(encoding="utf-8")
    for point in entry_points(group=GROUP):
        if point.module == sensor.__module__ and point.dist is not None:
            text = point.dist.metadata.json.get("description")
            if isinstance(text, str):
                return text
    return ""
