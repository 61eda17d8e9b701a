"""Facts to events: names, places and states put to them, card numbers left out.

Everything that leaves the plugin passes here. An event is made of what a decoder found, scrubbed; a
refusal is masked. Nothing here does I/O, and the same facts give the same events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from aislewatch.devices.telling import REFUSED_ROW, Refusal, Told
from aislewatch.errors import EventRefused
from aislewatch.events.conversion import epc_hex
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.pos.card_names import CARD_TOKEN, is_token, named
from aislewatch_plugins.pos.cards import holds_card, is_goods_code, mask, mask_bytes
from aislewatch_plugins.pos.config import PosConfig, TillPart
from aislewatch_plugins.pos.told import Counts, Fact, Flaw, Found

KEPT_BYTES = 65_536
"""Bytes of something unreadable that go into the dead letter."""

_GOODS = frozenset({"gtin", "sku", "epc"})
_GREATEST = 10**12 - 1
"""No till's figure is greater; twelve digits are too few for a card number."""

_EARLIEST_US = 1_262_304_000_000_000
"""2010: a clock that says less was never set."""


class Teller:
    """Tells what one feed's tills found.

    Args:
        context: of the opening.
        config: of the feed.
        counts: kept up.
        card_keys: what pseudonyms of cards are made with, the newest first; without any, no card is
            named.
    """

    def __init__(
        self,
        context: SensorContext,
        config: PosConfig,
        counts: Counts,
        card_keys: Sequence[bytes] = (),
    ) -> None:
        self._context = context
        self._config = config
        self._counts = counts
        self._card_keys = card_keys
        self._opened_us = context.clock.now_us()
        self._blurred_us: dict[str, int | None] = {}
        self._online: set[str] = set()
        self._states = 0

    @property
    def devices(self) -> list[str]:
        """The devices that have spoken."""
        return sorted(self._blurred_us)

    def tell(self, found: Iterable[Found]) -> list[Told]:
        """Make events and refusals of what was found, in order."""
        latest_us = self._context.clock.now_us() + self._config.future_tolerance
        told = [one for each in found for one in self._told(each, latest_us)]
        refusals = sum(isinstance(one, Refusal) for one in told)
        self._counts.refusals += refusals
        self._counts.events += len(told) - refusals
        return told

    def lost(self) -> list[Told]:
        """Tell that every till that was heard is offline: their line broke.

        Of the feed's own device its host tells that, and that it is online again.
        """
        now_us = self._context.clock.now_us()
        gone = [device for device in self.devices if device != self._context.device]
        self._blurred_us.clear()
        self._online.clear()
        told: list[Told] = [self._state(device, now_us, "offline") for device in gone]
        self._counts.events += len(told)
        return told

    def _told(self, found: Found, latest_us: int) -> Iterator[Told]:
        if isinstance(found, Flaw):
            yield from self._refused(found, latest_us)
            return
        try:
            event = self._event(found, latest_us)
        except EventRefused as refused:
            raw = msgspec.json.encode({"type": found.type, "key": found.key, **_said(found.fields)})
            flaw = Flaw(raw, refused.reason, found.key, found.till, found.time_us)
            yield from self._refused(flaw, latest_us)
            return
        device = event.device
        blurred_us = self._blurred_us.get(device)
        if device not in self._online and device != self._context.device:
            # What it tells may be old; it is heard again only from the opening on.
            online_us = max(event.time, self._opened_us, blurred_us or 0)
            yield self._state(device, online_us, "online")
        elif blurred_us is not None:
            yield self._state(device, max(event.time, blurred_us), "online")
        self._online.add(device)
        self._blurred_us[device] = None
        yield event

    def _refused(self, flaw: Flaw, latest_us: int) -> Iterator[Told]:
        device = self._context.device
        blinds = flaw.blinds
        if flaw.till:
            try:
                device = self._till(flaw.till).device or device
            except EventRefused:
                blinds = False  # A till that is none of ours; what it tells is missing nowhere.
        time_us = flaw.time_us
        if time_us is None or not _EARLIEST_US <= time_us <= latest_us:
            time_us = self._context.clock.now_us() if device in self._blurred_us else None
        elif device not in self._blurred_us and device == self._context.device:
            time_us = None  # Its host has not said yet that it is online.
        if blinds and time_us is not None:
            yield self._state(device, time_us, "degraded", REFUSED_ROW)
            self._blurred_us[device] = max(time_us, self._blurred_us.get(device) or 0)
        raw = mask_bytes(flaw.raw[: KEPT_BYTES + 256])[:KEPT_BYTES]
        yield Refusal(raw, mask(flaw.reason), mask(flaw.place), device)

    def _event(self, fact: Fact, latest_us: int) -> Event:
        spec = self._context.registry.kinds[fact.type]
        till = self._till(fact.till)
        if not _EARLIEST_US <= fact.time_us <= latest_us:
            message = "its time lies before 2010, or ahead of the clock: look at the till's clock"
            raise EventRefused(message)
        values = dict(self._scrubbed(fact.fields))
        values |= {
            "id": f"{till.device}/{_clean(fact.key)}",
            "store": self._context.store,
            "device": till.device,
            "time": fact.time_us,
            "seq": fact.seq,
            "simulated": self._context.simulated,
            "timed_by": fact.timed_by,
        }
        if till.lane is not None:
            values.setdefault("lane", till.lane)
        try:
            return msgspec.convert(values, spec.struct, strict=True)
        except msgspec.ValidationError as error:
            reason, _, at = str(error).rpartition(" - at `$.")
            message = f"{at.rstrip('`')}: {reason}" if reason else str(error)
            raise EventRefused(message) from None

    def _till(self, name: str) -> TillPart:
        tills = self._config.tills
        part = tills.get(name) if name else None
        if part is None and tills and name:
            message = f"there is no till {name!r} in the store file; known are {', '.join(tills)}"
            raise EventRefused(message)
        if holds_card(name):
            message = "the till's name holds what looks like a card number"
            raise EventRefused(message)
        part = part or TillPart()
        return TillPart(device=part.device or self._context.device, lane=part.lane or name or None)

    def _scrubbed(self, fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in fields.items():
            if value is None or value == "":
                continue
            if name == CARD_TOKEN:
                yield from self._card(value)
                continue
            if isinstance(value, str) and holds_card(value):
                if name not in _GOODS or not is_goods_code(value):
                    self._counts.cards += 1
                    continue
            elif name == "epc":
                yield name, _epc(value)
                continue
            elif isinstance(value, int) and value > _GREATEST:
                message = f"{name} is greater than any till's figure"
                raise EventRefused(message)
            yield name, value

    def _card(self, token: Any) -> Iterator[tuple[str, str]]:
        """Name a card by its pseudonyms; the till's own token for it goes no further."""
        if self._card_keys and isinstance(token, str) and is_token(token):
            yield from named(token, self._card_keys)
        elif isinstance(token, int) or (isinstance(token, str) and holds_card(token)):
            self._counts.cards += 1
        else:
            self._counts.tokens += 1

    def _state(
        self, device: str, time_us: int, state: str, reason: str | None = None
    ) -> DeviceState:
        self._states += 1
        values = {
            "id": f"{device}/state/{self._context.boot}/{self._states}",
            "store": self._context.store,
            "device": device,
            "time": time_us,
            "seq": self._states,  # Orders those of one instant.
            "simulated": self._context.simulated,
            "state": state,
            "reason": reason,
        }
        return msgspec.convert(values, DeviceState)


def _clean(key: str) -> str:
    """Give an id that holds no card number: masked, and told from others by a short fingerprint.

    So short that it fits a million of the numbers that the mask leaves possible.
    """
    if not holds_card(key):
        return key
    return f"{mask(key)}~{hashlib.sha256(key.encode()).hexdigest()[:4]}"


def _epc(value: Any) -> str:
    try:
        return epc_hex(value)
    except ValueError as error:
        message = f"epc: {error}"
        raise EventRefused(message) from None


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in fields.items() if value is not None and name != CARD_TOKEN
    }
