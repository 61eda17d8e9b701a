"""A plugin's manifest, ``quality.yml`` beside its module: what tier it claims, and what it cannot.

::

    shoe-mat:
      tier: gold
      exempt:
        unplugged-it-says-so: the mat is wired to the till's own board

One entry for each sensor of the folder, by its name. `aislewatch plugin check` holds a plugin to
its claim. An exemption needs a reason; it counts as passed, and is shown wherever the tier is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, RootModel

from aislewatch.errors import FileMistakes
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Misread
from aislewatch.events.sensor import SensorPlugin
from aislewatch.testing.contract_checks import Tier

FILE: Final = "quality.yml"
"""Name of the manifest."""

REASON_LETTERS_MIN: Final = 10
"""A reason that is shorter is none."""


def _reason(text: str) -> str:
    if len(text.strip()) < REASON_LETTERS_MIN:
        message = f"{text!r} is no reason; say in a few words why the device cannot do it"
        raise Misread(message)
    return text


class Claim(BaseModel):
    """What the manifest says of one sensor.

    Attributes:
        tier: that it claims; None where it claims none.
        exempt: by name of a check, why it cannot be asked of this sensor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tier: Tier | None = None
    exempt: dict[str, Annotated[str, AfterValidator(_reason)]] = {}


class _Manifest(RootModel[dict[str, Claim]]):
    """The whole file."""


def claim_of(sensor: type[SensorPlugin], checks: Sequence[str] | None = None) -> Claim:
    """Give what a sensor's manifest says of it; an empty claim where it has none.

    Args:
        sensor: the plugin's class.
        checks: names of all checks that there are; None where that does not matter.

    Raises:
        FileMistakes: the file holds mistakes, or exempts from what is no check.
    """
    file = folder_of(sensor) / FILE
    if not file.is_file():
        return Claim()
    document = LocatedYaml.parse(file.read_text(encoding="utf-8"), str(file))
    name = sensor.descriptor.name
    claim = document.validate(_Manifest).root.get(name, Claim())
    if checks is not None:
        unknown = [check for check in claim.exempt if check not in checks]
        if unknown:
            raise FileMistakes(
                [
                    document.mistake(
                        [name, "exempt", check],
                        f"there is no check {check!r}",
                        hint="`aislewatch plugin check` lists them",
                        on_key=True,
                    )
                    for check in unknown
                ]
            )
    return claim


def folder_of(sensor: type[SensorPlugin]) -> Path:
    """Give the folder of the module that a sensor is in."""
    file = sys.modules[sensor.__module__].__file__
    assert file is not None, "a module that was imported from a file"
    return Path(file).parent
