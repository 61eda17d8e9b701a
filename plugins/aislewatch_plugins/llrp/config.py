"""What a store file says of one LLRP reader."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aislewatch.devices.address import Address, dialled
from aislewatch.events.quantities import DurationUs

PORT = 5084
"""Where readers listen for LLRP without TLS."""

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US

Side = Literal["inside", "middle", "outside"]


def reader_address(text: str) -> Address:
    """Take a reader's address apart; the port is 5084 where it is not said.

    >>> str(reader_address("gate.shop"))
    'gate.shop:5084'
    """
    return dialled(text, PORT, "a reader's address")


def _address(text: str) -> str:
    reader_address(text)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AntennaPart(_Part):
    """One antenna.

    Attributes:
        side: of the gate that it looks at; absent for an antenna that is no part of a gate.
        zone: where its tags are; absent where the device's own zone says it.
        power_dbm: what it sends with, rounded down to what the reader can do; absent for the
            reader's own setting.
    """

    side: Side | None = None
    zone: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    power_dbm: float | None = Field(default=None, ge=0, le=40)


class GatePart(_Part):
    """How reads become crossings; see :mod:`aislewatch_plugins.llrp.gate`.

    Attributes:
        floor_dbm: what is heard more weakly is no evidence of a passage.
        min_reads: what is heard more seldom in a passage did not pass.
        gap: a passage is over when its tag has been silent for so long.
        edges: so much of a passage's beginning and of its end says which way the tag went.
        min_confidence: below it a crossing has no direction.
        stray_after: a tag that has been near for so long is a stray.
        stray_gone: a tag that has been silent for so long is near no more.
        stray_margin_db: a stray passes only if the side to which it goes hears it by so much
            stronger than ever before.
    """

    floor_dbm: float = Field(default=-70, ge=-120, le=0)
    min_reads: int = Field(default=4, ge=1, le=1000)
    gap: DurationUs = Field(default=2 * _SECOND_US, gt=0)
    edges: DurationUs = Field(default=2 * _SECOND_US, gt=0, le=10 * _SECOND_US)
    min_confidence: float = Field(default=0.6, ge=0, le=1)
    stray_after: DurationUs = Field(default=5 * _MINUTE_US, gt=0)
    stray_gone: DurationUs = Field(default=_MINUTE_US, gt=0)
    stray_margin_db: float = Field(default=6, ge=0, le=60)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.gap < self.stray_gone <= self.stray_after:
            message = (
                "gap must be shorter than stray_gone, and stray_gone no longer than stray_after"
            )
            raise ValueError(message)
        return self


class LlrpConfig(_Part):
    """The configuration of a reader.

    Attributes:
        address: ``host`` or ``host:port``; the port is 5084 where it is not said.
        antennas: by port number; only these are used.
        gate: how reads become crossings.
        session: of Gen2, in which tags are asked. In 0 they answer again at once, which a gate
            needs; in 2 and 3 a tag keeps silent for long after its first answer.
        population: how many tags there may be at a time; helps the reader to ask well.
        keepalive: how often the reader shows that it is alive; after two and a half such times
            without a word the connection counts as broken.
        repeat: a tag that stays at an antenna is told again after so long, or when it is heard
            stronger than before; the gate itself counts every read.
        clock_tolerance: a reader's clock that is further off is put right.
        reset: set the reader back to its factory's LLRP settings first, so that nothing of another
            program's is left.
    """

    address: Annotated[str, AfterValidator(_address)]
    antennas: Annotated[
        dict[Annotated[int, Field(ge=1, le=65_535)], AntennaPart], Field(min_length=1)
    ]
    gate: GatePart = GatePart()
    session: int = Field(default=0, ge=0, le=3)
    population: int = Field(default=32, ge=1, le=65_535)
    keepalive: DurationUs = Field(default=5 * _SECOND_US, ge=1_000, le=60 * _MINUTE_US)
    repeat: DurationUs = _SECOND_US
    clock_tolerance: DurationUs = Field(default=2 * _SECOND_US, gt=0)
    reset: bool = True

    @property
    def silence_s(self) -> float:
        """Seconds without a word after which the connection counts as broken."""
        return 2.5 * self.keepalive / _SECOND_US
