"""Rows to events: the pure heart of the feed plugin.

A row is taken in two steps. :meth:`Mapper.place` finds its case and its time, in the order of the
file, because a time may be told as a wait since the row before. :meth:`Mapper.tell` gives what the
row tells, in the order in which things happened, because a device's health is told when it
changes. Between the two a recording may be sorted.

Nothing is lost: every row is counted as exactly one of told (it gave an event or a state),
heartbeat (its device is alive, nothing else), banner or refused, and each thing refused names the
line of the mapping that refused it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aislewatch.errors import EventRefused
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.paths import is_object, plain
from aislewatch_plugins.feed.building import build, digest, items, name, reading
from aislewatch_plugins.feed.cards import mask_cards
from aislewatch_plugins.feed.plan import Plan, PlannedCase
from aislewatch_plugins.feed.rows import RawRow
from aislewatch_plugins.feed.told import Counts, Placed, Refusal, Told

ABSURD_US = 4_102_444_800_000_000
"""The year 2100; a recording's clock cannot be compared with ours, but it is not from there."""

_SEES = frozenset({"online", "degraded"})


@dataclass(slots=True)
class _Health:
    state: str
    reason: str | None
    link: str


class Mapper:
    """Turns the rows of one feed into events.

    Args:
        plan: the mapping.
        feed: id of the feed.
        store: whose events they are where rows do not say.
        session: tells one opening from the next, in the ids of rows that stand in no file.
        simulated: a simulator stands behind the feed.
    """

    def __init__(
        self, plan: Plan, *, feed: str, store: str, session: str, simulated: bool = False
    ) -> None:
        self._plan = plan
        self._feed = feed
        self._store = store
        self._session = session
        self._simulated = simulated
        self._waited: dict[str, int] = {}
        self._health: dict[tuple[str, str], _Health] = {}
        self._lost = 0
        self.counts = Counts()

    @property
    def devices(self) -> dict[str, str]:
        """The devices that have spoken, and the state that each is in."""
        return {f"{store}/{device}": h.state for (store, device), h in sorted(self._health.items())}

    def place(self, raw: RawRow) -> Placed:
        """Find a row's case and time. Call in the order of the file; never raises."""
        names: dict[str, Any] = {
            **self._plan.params,
            "file": raw.file,
            "stream": raw.stream,
            "row": raw.number,
        }
        placed = Placed(raw.value, raw, names)
        try:
            if raw.error:
                raise EventRefused(raw.error)
            self._place(placed)
        except EventRefused as refused:
            placed.refused = refused
        except RecursionError:
            placed.refused = EventRefused("the row is nested too deeply")
        frames = self._plan.frames
        if placed.refused is not None and frames is not None and placed.row is raw.value:
            # Only what would be refused is passed over: a wire without a banner loses no row.
            placed.banner = 0 < raw.line <= frames.banner_lines
        return placed

    def tell(self, placed: Placed, *, latest_us: int = ABSURD_US, link: str = "") -> list[Told]:
        """Give what a row tells. Call in the order in which things happened; never raises.

        Args:
            placed: from :meth:`place`.
            latest_us: what claims to be from after this has a wrong clock, and is refused.
            link: the connection that the row came over, for :meth:`lost`.

        Returns:
            A change of the device's state first, then the row's events; refusals among them.
        """
        counts = self.counts
        counts.rows += 1
        if placed.banner:
            counts.banners += 1
            return []
        try:
            told = self._tell(placed, latest_us, link)
        except EventRefused as refused:
            told = self._refused(placed, refused)
        except RecursionError:
            deep = EventRefused("the row is nested too deeply")
            told = self._refused(placed, deep)
        refusals = sum(isinstance(one, Refusal) for one in told)
        counts.refusals += refusals
        counts.events += len(told) - refusals
        if len(told) > refusals:
            counts.told += 1
        elif refusals:
            counts.refused += 1
        else:
            counts.heartbeats += 1
        return told

    def lost(self, link: str, now_us: int) -> list[Event]:
        """Tell that a connection is gone: the devices that were heard over it are offline."""
        gone = sorted(key for key, health in self._health.items() if health.link == link)
        events: list[Event] = []
        for store, device in gone:
            health = self._health.pop((store, device))
            if health.state in _SEES:
                self._lost += 1
                events.append(
                    DeviceState(
                        id=f"{self._feed}/{self._session}/offline/{self._lost}",
                        store=store,
                        device=device,
                        time=now_us,
                        simulated=self._simulated,
                        state="offline",
                        reason="link-lost",
                    )
                )
        self.counts.events += len(events)
        return events

    def _place(self, placed: Placed) -> None:
        plan, names = self._plan, placed.names
        self._unwrap(placed)
        if plan.wait is not None:
            placed.time_us = self._wait(placed)
        row = placed.row
        if not is_object(row):
            message = "the row is no JSON object"
            raise EventRefused(message)
        case = self._case(row, names)
        placed.case = case
        names["case"] = case.name
        if case.time is not None:
            placed.time_us = reading(case.time, row, names, case.time_place)
        if placed.time_us is None:
            message = "the row does not say when it happened"
            raise EventRefused(message, case.time_place)

    def _unwrap(self, placed: Placed) -> None:
        frames = self._plan.frames
        if frames is None:
            return
        frame, names = placed.row, placed.names
        row = frames.row(frame, names)
        if not is_object(row):
            return  # A file of the same rows has no frames.
        stream = frames.stream(frame, names) if frames.stream is not None else None
        number = frames.number(frame, names) if frames.number is not None else None
        placed.row = row
        if isinstance(stream, str):
            names["stream"] = stream
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**62:
            names["row"] = number

    def _case(self, row: Any, names: Mapping[str, Any]) -> PlannedCase:
        plan = self._plan
        for case in plan.cases:
            if case.when is None or case.when(row, names):
                return case
        if plan.alive is not None and plan.heartbeat is not None and plan.heartbeat(row, names):
            return plan.alive
        message = f"no case of the mapping fits a row with {_outline(row)}"
        raise EventRefused(message, f"{plan.name} cases")

    def _wait(self, placed: Placed) -> int:
        wait = self._plan.wait
        assert wait is not None
        key = placed.raw.file or placed.names["stream"]
        before = self._waited.get(key, wait.start_us)
        try:
            waited = wait.read(placed.row, placed.names)
        except ValueError as error:
            raise EventRefused(str(error), f"{self._plan.name} time") from None
        if waited is None:
            message = "the row does not say how long it waits for the row before"
            raise EventRefused(message, f"{self._plan.name} time")
        self._waited[key] = before + waited
        return before + waited

    def _tell(self, placed: Placed, latest_us: int, link: str) -> list[Told]:
        plan, case, row, names = self._plan, placed.case, placed.row, placed.names
        if placed.refused is not None:
            raise placed.refused
        assert case is not None
        assert placed.time_us is not None
        placed.device = device = name(
            case.device, row, names, self._feed, "device", case.device_place
        )
        store = name(plan.store, row, names, self._store, "store", f"{plan.name} store")
        if placed.time_us > latest_us:
            message = "the time is ahead of the clock: the device's clock or time zone is wrong"
            raise EventRefused(message, case.time_place)
        if plan.names_digest:
            names["digest"] = digest(row)
        home = placed.raw.file or self._session
        default = f"{self._feed}/{home}/{names['row']}"
        row_id = name(case.id, row, names, default, "id", f"{plan.name} id")
        envelope: dict[str, Any] = {
            "id": row_id,
            "store": store,
            "device": device,
            "time": placed.time_us,
            # An id made of content says "the same row, the same event", however it was counted.
            "seq": 0 if plan.names_digest else names["row"],
            "simulated": self._simulated,
        }
        alive = any(
            heartbeat is not None and heartbeat(row, names)
            for heartbeat in (plan.heartbeat, case.heartbeat)
        )
        told = [] if alive else list(self._events(placed, case, envelope))
        seen = not told or any(isinstance(one, Event) for one in told)
        return [*self._state(placed, case, envelope, seen, link), *told]

    def _events(
        self, placed: Placed, case: PlannedCase, envelope: Mapping[str, Any]
    ) -> Iterator[Told]:
        row, names = placed.row, placed.names
        several = len(case.events) > 1
        index = 0
        for planned in case.events:
            try:
                found = list(items(planned, row, names))
            except EventRefused as refused:
                yield self._refusal(placed, refused, envelope["device"])
                continue
            for item in found:
                index += 1
                values = dict(envelope)
                if several or item is not names:
                    values["id"] = f"{envelope['id']}.{index}"
                if planned.when is not None and not planned.when(row, item):
                    continue
                try:
                    yield build(planned.struct, planned.fields, row, item, values, planned.place)
                except EventRefused as refused:
                    yield self._refusal(placed, refused, envelope["device"])

    def _state(
        self,
        placed: Placed,
        case: PlannedCase,
        envelope: Mapping[str, Any],
        seen: bool,
        link: str,
    ) -> Iterator[Told]:
        """Tell the device's state where it changed; a fault is told each time."""
        row, names = placed.row, placed.names
        key = (envelope["store"], envelope["device"])
        before = self._health.get(key)
        said = case.state.read(row, names) if case.state is not None else None
        if said is not None and case.state is not None:
            found = case.state.words.get(plain(said))
            if found is None:
                known = ", ".join(case.state.words)
                message = f"{plain(said)[:60]!r} is no state that the mapping knows: {known}"
                refused = EventRefused(message, case.state.place)
                yield self._refusal(placed, refused, envelope["device"])
                return
            state, reason = found
        elif before is not None:
            state, reason = before.state, before.reason
        elif seen:
            state, reason = "online", None
        else:
            return
        changed = before is None or (before.state, before.reason) != (state, reason)
        self._health[key] = _Health(state, reason, link)
        if not changed and (state != "degraded" or said is None):
            return
        values = {**envelope, "id": f"{envelope['id']}/state", "state": state}
        if reason is not None:
            values["reason"] = reason
        try:
            place = case.state.place if case.state is not None else case.place
            yield build(DeviceState, case.state_fields, row, names, values, place)
        except EventRefused as refused:
            yield self._refusal(placed, refused, envelope["device"])

    def _refused(self, placed: Placed, refused: EventRefused) -> list[Told]:
        return [self._refusal(placed, refused, placed.device or self._feed)]

    def _refusal(self, placed: Placed, refused: EventRefused, device: str) -> Refusal:
        raw = placed.raw
        source = f"{raw.file or placed.names['stream'] or self._feed}:{raw.number}"
        place = f"{refused.place}, row {source}" if refused.place else f"row {source}"
        return Refusal(mask_cards(raw.raw), refused.reason, place, device)


def _outline(row: Mapping[str, Any]) -> str:
    """Give a row's keys: enough to see what it is, nothing of whom it is about."""
    return ", ".join(sorted(map(str, row))[:12])[:200] or "no keys"
