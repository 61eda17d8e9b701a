"""What a store file says of one scale."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from aislewatch.devices.address import dialled
from aislewatch.events.kinds import ScaleKind
from aislewatch.events.quantities import DurationUs, MassMg
from aislewatch_plugins.scale.decoder import LineSettings, Parity
from aislewatch_plugins.scale.generic import LinesConfig, mass_unit
from aislewatch_plugins.scale.planogram import HeldConfig, PlanogramConfig
from aislewatch_plugins.scale.protocols import ProtocolName, decoder_of, line_of
from aislewatch_plugins.scale.steps import FEWEST

_MILLISECOND = 1_000


def _tcp(text: str) -> str:
    return str(dialled(text.removeprefix("socket://")))


class SerialConfig(BaseModel):
    """How a serial line is set, where the scale is not set as it came from its factory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baud: int | None = Field(default=None, ge=50, le=4_000_000)
    bits: Literal[7, 8] | None = None
    parity: Parity | None = None
    stop_bits: Literal[1, 2] | None = None


class ShelfConfig(BaseModel):
    """What a shelf's scale needs besides.

    Attributes:
        id: the shelf's name in events, and in the planogram.
        holds: what lies on it.
        planogram: or where that is read.
        least: the smallest step; half of what the lightest article weighs where not said.
        window: how long the shelf must be still for its level to count.
        band: how far readings may be apart meanwhile; by ``least`` and the last digit if not said.
        drift: how much of a slow change in a minute is drift and no article.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=200)
    holds: list[HeldConfig] = Field(default_factory=list[HeldConfig])
    planogram: PlanogramConfig | None = None
    least: Annotated[MassMg, Field(gt=0)] | None = None
    window: Annotated[DurationUs, Field(gt=0)] = 800 * _MILLISECOND
    band: Annotated[MassMg, Field(gt=0)] | None = None
    drift: Annotated[MassMg, Field(ge=0)] = 12_000

    @model_validator(mode="after")
    def _one_planogram(self) -> Self:
        if bool(self.holds) == (self.planogram is not None):
            message = "say what lies on the shelf: either 'holds' or 'planogram'"
            raise ValueError(message)
        skus = [held.sku for held in self.holds]
        twice = sorted({sku for sku in skus if skus.count(sku) > 1})
        if twice:
            message = f"{twice[0]!r} stands in 'holds' twice"
            raise ValueError(message)
        return self


def _protocol_form(written: Any) -> str:
    return "name" if isinstance(written, str) else "lines"


class ScaleConfig(BaseModel):
    """The configuration of a scale.

    Attributes:
        protocol: what it speaks: a name, or how its lines look.
        tcp: ``host:port`` of a device server in raw mode, or of a scale with a network socket.
        port: a serial port (``/dev/serial/by-id/...``, ``COM3``), or ``rfc2217://host:port``.
        serial: settings of the line that differ from the protocol's usual ones.
        kind: what it weighs; rules ask for it as ``scale.kind``.
        shelf: what a shelf's scale needs besides; for kind ``shelf`` only.
        unit: of figures that come without one.
        ask: ask for each weight (``yes``), or listen to what the scale sends by itself (``no``).
            By the protocol where not said.
        every: the time from one request to the next.
        answer: how long an answer may take.
        silence: how long the scale may say nothing before the line is opened anew.
        step: the smallest difference that the scale shows, ``d`` on its plate; by the last digit of
            its figures where not said.
        settle: how long readings must agree where the scale does not say that it has settled.
        linger: how long a change by one step must last to be told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: Annotated[
        Annotated[ProtocolName, Tag("name")] | Annotated[LinesConfig, Tag("lines")],
        # Without it, a mistake in the one is also told as one in the other.
        Discriminator(_protocol_form),
    ]
    tcp: Annotated[str, AfterValidator(_tcp)] | None = None
    port: Annotated[str, Field(min_length=1)] | None = None
    serial: SerialConfig | None = None
    kind: ScaleKind
    shelf: ShelfConfig | None = None
    unit: Annotated[str, AfterValidator(mass_unit)] | None = None
    ask: bool | None = None
    every: Annotated[DurationUs, Field(gt=0)] | None = None
    answer: Annotated[DurationUs, Field(gt=0)] = 1_000 * _MILLISECOND
    silence: Annotated[DurationUs, Field(gt=0)] = 5_000 * _MILLISECOND
    step: Annotated[MassMg, Field(gt=0)] | None = None
    settle: DurationUs = 1_000 * _MILLISECOND
    linger: DurationUs = 2_000 * _MILLISECOND

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.tcp is None) == (self.port is None):
            message = "say where the scale is: either 'tcp' or 'port'"
            raise ValueError(message)
        if self.tcp is not None and self.serial is not None:
            message = "'serial' sets a 'port'; what stands behind 'tcp' is set there"
            raise ValueError(message)
        if (self.kind == "shelf") != (self.shelf is not None):
            message = "a scale of kind 'shelf' has a 'shelf', and no other has"
            raise ValueError(message)
        if isinstance(self.protocol, LinesConfig) and self.unit is not None:
            message = "say 'unit' inside 'protocol', beside its 'lines'"
            raise ValueError(message)
        decoder = decoder_of(self.protocol, self.unit)
        if self.ask and not decoder.request:
            message = "this protocol cannot be asked; leave 'ask' out"
            raise ValueError(message)
        if self.ask is False and decoder.request and not decoder.begin:
            message = "this scale speaks only when it is asked; leave 'ask' out"
            raise ValueError(message)
        if self.asks and self.silence <= self.every_us:
            message = "'silence' must be longer than 'every'"
            raise ValueError(message)
        if self.asks and self.shelf is not None and self.shelf.window < FEWEST * self.every_us:
            message = f"a shelf is read {FEWEST} times in 'window': lengthen it, or shorten 'every'"
            raise ValueError(message)
        if self.every is not None and self.every < decoder.pause_us:
            least_ms = decoder.pause_us // _MILLISECOND
            message = f"the protocol wants {least_ms} ms from one request to the next"
            raise ValueError(message)
        return self

    @property
    def asks(self) -> bool:
        """Each weight is asked for."""
        return bool(decoder_of(self.protocol, self.unit).request) if self.ask is None else self.ask

    @property
    def every_us(self) -> int:
        """The time from one request to the next: shelves must be followed closely."""
        if self.every is not None:
            return self.every
        usual = 100 if self.kind == "shelf" else 250
        return max(usual * _MILLISECOND, decoder_of(self.protocol, self.unit).pause_us)

    @property
    def line(self) -> LineSettings:
        """How the serial line is set."""
        usual, said = line_of(self.protocol), self.serial or SerialConfig()
        return LineSettings(
            baud=said.baud or usual.baud,
            bits=said.bits or usual.bits,
            parity=said.parity or usual.parity,
            stop_bits=said.stop_bits or usual.stop_bits,
        )
