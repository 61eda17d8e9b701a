r"""Any scale that sends lines, described in the store file instead of by code.

A pattern names the parts of a line::

    protocol:
      lines: '(?P<state>[A-Z]{1,2}) *(?P<weight>-?[0-9]+[.,][0-9]+) *(?P<unit>kg|g)'
      stable: [S]
      overload: [OL]
      ask: "P\r\n"

Patterns are matched by RE2, whose time is bounded by the length of the line, whatever is written.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.events.conversion import unit_symbol
from aislewatch.events.units import Dimension
from aislewatch_plugins.scale.decoder import Decoder
from aislewatch_plugins.scale.framing import Framer
from aislewatch_plugins.scale.reading import OVERLOAD, UNDERLOAD, Said, weighed

_GROUPS = frozenset({"weight", "unit", "state"})


def mass_unit(text: str) -> str:
    """Give the symbol of a unit of mass under any of its known spellings.

    Raises:
        ValueError: it is none; a sentence.
    """
    return unit_symbol(text, Dimension.MASS)


def _pattern(text: str) -> str:
    compiled(text)
    return text


class LinesConfig(BaseModel):
    """A protocol of lines.

    Attributes:
        lines: what a line is as a whole; the group ``weight`` holds the figure, with a point or a
            comma, and where the line has them, ``unit`` and ``state`` the words for those.
        unit: of the figure, where the pattern has no ``unit``.
        stable: words of ``state`` that mean that the scale has settled.
        unstable: or those that mean that it has not; with neither, the driver judges by itself.
        overload, underload: words of ``state`` that mean that the scale is out of its range; the
            line need not hold a weight then, so make the group optional.
        ask: what is sent to get a line; nothing where the scale sends them by itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)]
    unit: Annotated[str, AfterValidator(mass_unit)] | None = None
    stable: frozenset[str] = frozenset()
    unstable: frozenset[str] = frozenset()
    overload: frozenset[str] = frozenset()
    underload: frozenset[str] = frozenset()
    ask: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _pattern_names_parts(self) -> Self:
        groups: Mapping[str, int] = compiled(self.lines).groupindex
        unknown = sorted(set(groups) - _GROUPS)
        if unknown or "weight" not in groups:
            what = f"a group {unknown[0]!r}" if unknown else "no group 'weight'"
            message = f"the pattern has {what}; its groups are (?P<weight>), <unit> and <state>"
            raise ValueError(message)
        if "unit" not in groups and self.unit is None:
            message = "say 'unit:', or name the unit in the pattern: (?P<unit>kg|g)"
            raise ValueError(message)
        if self.stable and self.unstable:
            message = "say the words for 'stable' or those for 'unstable', not both"
            raise ValueError(message)
        words = self.stable | self.unstable | self.overload | self.underload
        if "state" not in groups and words:
            message = "there are words for states, and the pattern has no group 'state'"
            raise ValueError(message)
        if not self.ask.isascii():
            message = "'ask' holds characters that are not ASCII"
            raise ValueError(message)
        return self


def compiled(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        ValueError: it is none, or RE2 is not installed; a sentence.
    """
    try:
        # Untyped; and only scales that are described by a pattern need it.
        re2: Any = importlib.import_module("re2")
    except ImportError:
        message = "scales described by a pattern need google-re2: install aislewatch[live]"
        raise ValueError(message) from None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        message = f"the pattern cannot be read: {text}"
        raise ValueError(message) from None


class Lines(Decoder):
    """A scale that is described by a pattern."""

    def __init__(self, config: LinesConfig) -> None:
        super().__init__(Framer(0x0A))
        self.request = config.ask.encode("ascii")
        self._config = config
        self._pattern = compiled(config.lines)

    def read(self, raw: bytes) -> Said | None:
        """Read one line."""
        line = raw.decode("latin-1").strip()
        if not line:
            return None
        found = self._pattern.fullmatch(line)
        if found is None:
            message = "the line is not what the pattern says"
            raise ValueError(message)
        parts: dict[str, str | None] = found.groupdict()
        config, state = self._config, parts.get("state")
        if state in config.overload:
            return OVERLOAD
        if state in config.underload:
            return UNDERLOAD
        figure, unit = parts["weight"], parts.get("unit") or config.unit
        if not figure or unit is None:
            message = "the line has no weight, or no unit"
            raise ValueError(message)
        stable = (state in config.stable) if config.stable else None
        if config.unstable:
            stable = state not in config.unstable
        return weighed(figure.replace(",", ".").replace(" ", ""), unit, stable)
