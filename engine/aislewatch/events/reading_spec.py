"""A reading as a person writes it, and what it must give."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aislewatch.events.conversion import Rounding
from aislewatch.events.registry import FieldSpec
from aislewatch.events.units import Dimension


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lookup(_Written):
    """A value from a row of a catalogue.

    Attributes:
        catalogue: ``in``: name of the catalogue.
        by: path in the row of what is looked up.
        key: column of the catalogue that it is compared with; the last part of ``by`` if not said.
        take: column of the catalogue that is taken.
    """

    catalogue: str = Field(alias="in")
    by: str
    key: str = ""
    take: str


def _from_short(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    return {"template": written} if "{" in written else {"from": written}


class ReadingSpec(_Written):
    """A reading as written; see the module. Made short by :data:`Reading`."""

    source: str | None = Field(default=None, alias="from")
    template: str | None = None
    value: str | None = None
    lookup: Lookup | None = None
    unit: str | None = None
    unit_from: str | None = None
    zone: str | None = None
    format: str | None = None
    scale: Decimal | None = None
    round: Literal["nearest", "down", "up"] | None = None
    form: Literal["gtin"] | None = Field(default=None, alias="as")
    map: dict[str, str | None] | None = None
    otherwise: str | None = None
    default: str | None = None
    required: bool = False


Reading = Annotated[ReadingSpec, BeforeValidator(_from_short)]
"""A reading in a pydantic model: short or in full."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a reading must give.

    Attributes:
        name: for messages.
        dimension: what it measures.
        whole: whole numbers of the base unit; floats otherwise.
        values: the only texts possible; empty where any is.
        rounding: outward for the least and greatest of a range.
        epc: it is a tag's code.
    """

    name: str
    dimension: Dimension = Dimension.TEXT
    whole: bool = True
    values: tuple[str, ...] = ()
    rounding: Rounding = "nearest"
    epc: bool = False

    @classmethod
    def of(cls, spec: FieldSpec) -> Target:
        """Give the target that a field of an event is."""
        least, greatest = spec.path.endswith("_min"), spec.path.endswith("_max")
        return cls(
            name=spec.path,
            dimension=spec.dimension,
            whole=spec.whole,
            values=spec.values,
            rounding="down" if least else "up" if greatest else "nearest",
            epc=spec.attr == "epc",
        )


TEXT = Target("text")

INSTANT = Target("time", Dimension.INSTANT)
