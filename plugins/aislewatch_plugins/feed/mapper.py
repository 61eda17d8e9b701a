"""Rows to events: the pure heart of the feed plugin.

A row is taken in two steps. :meth:`Mapper.place` finds its case and its time, in the order of the
file, because a time may be told as a wait since the row before. :meth:`Mapper.tell` gives what the
row tells, in the order in which things happened, because a device's health is told when it
changes. Between the two a recording may be sorted.

Nothing is lost: every row is counted as exactly one of told (it gave an event or a state),
heartbeat (its device is alive, nothing else), banner or refused, and each thing refused names the
line of the mapping that refused it. What could not be read was seen all the same, so the device of
a refused row is told to have been degraded at that instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aislewatch.devices.telling import REFUSED_ROW, Refusal, Told
from aislewatch.errors import EventRefused
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.paths import plain
from aislewatch_plugins.feed.building import build, digest, items, name
from aislewatch_plugins.feed.placing import Placer
from aislewatch_plugins.feed.plan import Plan, PlannedCase, PlannedState
from aislewatch_plugins.feed.refusing import refusal
from aislewatch_plugins.feed.repeats import Repeats, Resends
from aislewatch_plugins.feed.rows import RawRow
from aislewatch_plugins.feed.standing import SEES, Standings, State, severity
from aislewatch_plugins.feed.told import Counts, Placed

ABSURD_US = 4_102_444_800_000_000
"""The year 2100; a recording's clock cannot be compared with ours, but it is not from there."""


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
        self._placer = Placer(plan)
        self._standings = Standings()
        self._repeats = Repeats()
        self._resends = Resends()
        self._lost = 0
        self.counts = Counts()

    @property
    def devices(self) -> dict[str, str]:
        """The devices that have spoken, and the state that each is in."""
        states = self._standings.states
        return {f"{store}/{device}": state for (store, device), state in states.items()}

    def place(self, raw: RawRow) -> Placed:
        """Find a row's case and time. Call in the order of the file; never raises."""
        return self._placer.place(raw)

    def tell(self, placed: Placed, *, latest_us: int = ABSURD_US, link: str = "") -> list[Told]:
        """Give what a row tells. Call in the order in which things happened; never raises.

        Args:
            placed: from :meth:`place`.
            latest_us: what claims to be from after this has a wrong clock, and is refused.
            link: the connection that the row came over, for :meth:`lost`.

        Returns:
            A change of the device's state first, then the row's events; refusals among them.
            Nothing for a row that was sent again under an id of its own.
        """
        counts = self.counts
        counts.rows += 1
        if placed.banner:
            counts.banners += 1
            return []
        told: list[Told] | None
        try:
            told = self._tell(placed, latest_us, link)
        except EventRefused as refused:
            told = self._refused(placed, refused, latest_us, link)
        except RecursionError:
            deep = EventRefused("the row is nested too deeply")
            told = self._refused(placed, deep, latest_us, link)
        if told is None:
            counts.repeats += 1
            return []
        refusals = sum(isinstance(one, Refusal) for one in told)
        counts.refusals += refusals
        counts.events += len(told) - refusals
        # That something could not be read is no more than its refusal says.
        if any(isinstance(one, Event) and not _says_refused(one) for one in told):
            counts.told += 1
        elif refusals:
            counts.refused += 1
        else:
            counts.heartbeats += 1
        return told

    def begin(self, link: str) -> None:
        """Take what comes over a connection from now on as sent from the start again."""
        self._repeats.forget(link)

    def lost(self, link: str, now_us: int) -> list[Event]:
        """Tell that a connection is gone: the devices that were heard over it are offline."""
        self._repeats.forget(link)
        events: list[Event] = []
        for store, device in self._standings.lost(link):
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

    def _tell(self, placed: Placed, latest_us: int, link: str) -> list[Told] | None:
        """Give what a row tells; None where it was sent again."""
        plan, case, row, names = self._plan, placed.case, placed.row, placed.names
        if placed.refused is not None:
            raise placed.refused
        assert case is not None
        assert placed.time_us is not None
        self._name(placed, case)
        if placed.time_us > latest_us:
            message = "the time is ahead of the clock: the device's clock or time zone is wrong"
            raise EventRefused(message, case.time_place)
        self._count(placed, link)
        row_id = name(case.id, row, names, self._row_id(placed), "id", f"{plan.name} id")
        named = case.id is not None and not plan.names_digest
        if named and self._resends.again(row_id, digest(row)):
            return None
        envelope = self._envelope(placed, row_id)
        alive = any(
            heartbeat is not None and heartbeat(row, names)
            for heartbeat in (plan.heartbeat, case.heartbeat)
        )
        told = [] if alive else list(self._events(placed, case, envelope))
        return [*self._states(placed, case, envelope, told, link), *told]

    def _name(self, placed: Placed, case: PlannedCase) -> None:
        """Find whose row it is; a name that is refused is not kept."""
        row, names, plan = placed.row, placed.names, self._plan
        device = name(case.device, row, names, self._feed, "device", case.device_place)
        placed.store = name(plan.store, row, names, self._store, "store", f"{plan.name} store")
        placed.device = device

    def _count(self, placed: Placed, link: str) -> None:
        """Make the row's digest, which says also how many equal rows came before it."""
        names = placed.names
        if self._plan.names_digest and "digest" not in names:
            names["digest"] = self._repeats.name(link, names["stream"], digest(placed.row))

    def _row_id(self, placed: Placed) -> str:
        return f"{self._feed}/{placed.raw.file or self._session}/{placed.names['row']}"

    def _envelope(self, placed: Placed, row_id: str) -> dict[str, Any]:
        return {
            "id": row_id,
            "store": placed.store,
            "device": placed.device,
            "time": placed.time_us,
            "seq": 0 if self._comes_again(placed) else placed.names["row"],
            "simulated": self._simulated,
        }

    def _comes_again(self, placed: Placed) -> bool:
        """Say whether the row may come again under its id and be counted otherwise.

        An id that the row has of itself, or that is made of its content, says "the same row, the
        same event". What we have counted since this opening would make another event of it.
        """
        case = placed.case
        assert case is not None
        return self._plan.names_digest or (placed.counted and case.id is not None)

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
                yield self._refusal(placed, refused)
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
                    yield self._refusal(placed, refused)

    def _states(
        self,
        placed: Placed,
        case: PlannedCase,
        envelope: Mapping[str, Any],
        told: list[Told],
        link: str,
    ) -> Iterator[Told]:
        """Tell the states that a row changes, and that something of it could not be read."""
        said: State | None = None
        refused = any(isinstance(one, Refusal) for one in told)
        sees = True
        if case.state is not None:
            try:
                said = self._said(placed, case.state)
                if said is not None and case.state.device is not None:
                    sees = said[0] in SEES
                    yield from self._of_another(placed, case.state, envelope, said, link)
                    said = None
            except EventRefused as wrong:
                refused = True
                yield self._refusal(placed, wrong)
        key = (placed.store, placed.device)
        if not sees and not refused:
            return  # A row from where nothing is seen does not bring its own device online.
        blurs = False
        if refused:
            state, blurs = self._standings.refused(key, link, said)
        else:
            state = self._standings.heard(key, link, said)
        if state is not None:
            yield self._state(placed, envelope, state)
        if blurs:
            yield from self._blur(placed, envelope)

    def _said(self, placed: Placed, planned: PlannedState) -> State | None:
        said = planned.read(placed.row, placed.names)
        if said is None:
            return None
        found = planned.words.get(plain(said))
        if found is None:
            known = ", ".join(planned.words)
            message = f"{plain(said)[:60]!r} is no state that the mapping knows: {known}"
            raise EventRefused(message, planned.place)
        return found

    def _of_another(
        self,
        placed: Placed,
        planned: PlannedState,
        envelope: Mapping[str, Any],
        said: State,
        link: str,
    ) -> Iterator[Told]:
        """Tell the state of whom the row's word is about, in an order that no arrival changes."""
        assert placed.time_us is not None
        device = name(planned.device, placed.row, placed.names, "", "device", planned.device_place)
        if self._standings.told_of((placed.store, device), link, said, placed.time_us):
            own = f"{placed.store}/{device}/{placed.time_us}"
            about = {**envelope, "id": own, "device": device, "seq": severity(said[0])}
            yield self._state(placed, about, said)

    def _state(self, placed: Placed, envelope: Mapping[str, Any], state: State) -> Told:
        case = placed.case
        assert case is not None
        # The state is in the id: a row that comes again when its device was told to be otherwise
        # tells another state, and must not do so under the same id.
        words = "/".join(word for word in state if word is not None)
        values = {**envelope, "id": f"{envelope['id']}/{words}", "state": state[0]}
        if state[1] is not None:
            values["reason"] = state[1]
        place = case.state.place if case.state is not None else case.place
        try:
            return build(DeviceState, case.state_fields, placed.row, placed.names, values, place)
        except EventRefused as refused:
            return self._refusal(placed, refused)

    def _blur(self, placed: Placed, envelope: Mapping[str, Any]) -> list[Told]:
        """Tell that something of a row could not be read; nothing if that cannot be told either."""
        case = placed.case
        assert case is not None
        values = {**envelope, "id": f"{envelope['id']}/refused"}
        values |= {"state": "degraded", "reason": REFUSED_ROW}
        # What is wrong with the lane is refused already; the device is blurred all the same.
        for fields in (case.state_fields, ()):
            with suppress(EventRefused):
                return [build(DeviceState, fields, placed.row, placed.names, dict(values), "")]
        return []

    def _refused(
        self, placed: Placed, refused: EventRefused, latest_us: int, link: str
    ) -> list[Told]:
        told: list[Told] = []
        with suppress(EventRefused, RecursionError):
            told = self._blurred(placed, latest_us, link)
        # The device of the refusal is known by now, if it can be.
        return [*told, self._refusal(placed, refused)]

    def _blurred(self, placed: Placed, latest_us: int, link: str) -> list[Told]:
        """Tell that a device was not understood, where the device and the time are known.

        A row that fits no case may be anybody's: its device must have spoken before.
        """
        case, time_us = placed.case, placed.time_us
        if case is None:
            return []
        self._name(placed, case)
        key = (placed.store, placed.device)
        if case is self._plan.other and key not in self._standings:
            placed.device = ""
            return []
        if time_us is None or not 0 <= time_us <= latest_us:
            return []
        self._count(placed, link)
        row_id = self._row_id(placed)
        with suppress(EventRefused):
            row_id = name(case.id, placed.row, placed.names, row_id, "id", "")
        envelope = self._envelope(placed, row_id)
        told = self._blur(placed, envelope)
        if told:
            _, blurs = self._standings.refused(key, link, None)
            return told if blurs else []
        return []

    def _refusal(self, placed: Placed, refused: EventRefused) -> Refusal:
        return refusal(placed, refused, self._feed)


def _says_refused(event: Event) -> bool:
    return isinstance(event, DeviceState) and event.reason == REFUSED_ROW
