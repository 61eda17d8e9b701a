"""A live run as lines that scroll by: devices coming and going, incidents with their reasons."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import msgspec
from rich.text import Text

from aislewatch.cli.cases import Case, CaseBook, Moment
from aislewatch.cli.dead_letters import letter_json, why
from aislewatch.cli.record_words import record_json
from aislewatch.cli.reload import reload_lines
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import LEVEL_STYLES, Local, chance, count, span
from aislewatch.ledger import StoredRecord
from aislewatch.runtime.live_letters import Refused
from aislewatch.runtime.live_reload import Reloaded
from aislewatch.runtime.live_status import DeviceLine, Snapshot

_STATE_STYLES: Final = {"online": "green", "degraded": "yellow", "offline": "red", "failed": "red"}

_STATUS_EVERY_US: Final = 60_000_000

_REFUSED_FEW: Final = 5
"""Refused rows that are shown in a minute."""


class LiveLines:
    """Turns records and snapshots of a run into lines; with ``--json``, into lines of JSON.

    Args:
        screen: where they go.
        local: how times and amounts are shown.
        wall: the store's clock is the machine's; then devices' lines have times, and once a minute
            it is said how the run is.
    """

    def __init__(self, screen: Screen, local: Local, *, wall: bool) -> None:
        self._screen = screen
        self._local = local
        self._books: dict[str, CaseBook] = {}
        self._late: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._refused_few = 0
        self._refused_more = 0
        self._refused_since_us = 0
        self._notes: set[str] = set()
        self._wall = wall
        self._status_us = 0
        self._time_us = 0

    def record(self, record: StoredRecord) -> None:
        """Take a record that is new in the ledger."""
        self._screen.give({"record": record_json(record)})
        self._time_us = max(self._time_us, record.time)
        book = self._books.setdefault(record.store, CaseBook())
        if record.type.startswith(("incident.", "signal.")):
            self._case_record(book, record)
            return
        payload: dict[str, Any] = msgspec.json.decode(record.payload)
        if record.type == "device.state":
            self._device_state(record, payload["event"])
        elif record.type == "event.late":
            self._late_event(record, payload)
        elif record.type in {"event.refused", "device.fault"}:
            what = f"{payload['event']['type']}: {payload['reason']}"
            self._line(record.time, "fault", payload["event"]["device"], what, "red")
        elif record.type == "judgement.undecided":
            what = f"{payload['because']}; so nobody is pointed at"
            self._line(record.time, "undecided", payload["rule"], what)
        elif record.type == "list.changed":
            self._list_line(record.time, payload["event"])
        elif record.type == "store.configured":
            rules = [rule["status"] for rule in payload["rules"].values()]
            live, shadow = rules.count("live"), rules.count("shadow")
            counts = f"{count(live, 'rule')} {'counts' if live == 1 else 'count'}"
            what = f"{counts}, {shadow} {'is' if shadow == 1 else 'are'} only tried out"
            self._line(record.time, "rules", record.store, what)

    def snapshot(self, snapshot: Snapshot) -> None:
        """Take how the run is; says what has changed."""
        if self._wall:
            self._time_us = max(self._time_us, snapshot.time_us)
        if snapshot.time_us >= self._refused_since_us + _STATUS_EVERY_US:
            self.end()
            self._refused_few, self._refused_since_us = 0, snapshot.time_us
        for note in snapshot.notes:
            if note not in self._notes:
                self._notes.add(note)
                self._screen.say(f"note: {note}")
        for device in (*snapshot.devices, snapshot.engine):
            name = device.device if device.plugin else "engine"
            if self._states.get(name) != device.state:
                self._states[name] = device.state
                self._screen.give({"process": _process_json(name, device)})
                self._process_line(name, device, snapshot.time_us if self._wall else 0)
        if self._wall and snapshot.time_us >= self._status_us + _STATUS_EVERY_US:
            if self._status_us:
                self._status(snapshot)
            self._status_us = snapshot.time_us

    def refused(self, refused: Refused) -> None:
        """Take what made no sense: the first few of a minute are shown, the others counted."""
        shown = refused.letters[: _REFUSED_FEW - self._refused_few]
        for letter in shown:
            self._screen.give({"refused": letter_json(letter)})
            self._line(self._time_us, "refused", letter.device, why(letter), "yellow")
        self._refused_few += len(shown)
        self._refused_more += refused.count - len(shown)

    def reloaded(self, reloaded: Reloaded) -> None:
        """Take what became of a reload."""
        self._screen.give({"reloaded": reloaded})
        if reloaded.taken:
            for line in reload_lines(reloaded):
                self._line(self._time_us, "reload", "", line)
            return
        why = reloaded.refused or f"{count(len(reloaded.mistakes), 'mistake')} in the files"
        self._line(self._time_us, "reload", "", f"{why}; the rules stay as they were", "red")
        for mistake in reloaded.mistakes:
            self._screen.show(Text(mistake.render()))

    def end(self) -> None:
        """Say what was only counted so far; call it at the end of the run, too."""
        if self._refused_more:
            self._screen.give({"refused_more": self._refused_more})
            what = f"{count(self._refused_more, 'row')} more made no sense; see dead-letters"
            self._line(self._time_us, "refused", "", what, "yellow")
        self._refused_more = 0

    # Incidents -----------------------------------------------------------------------------------

    def _case_record(self, book: CaseBook, record: StoredRecord) -> None:
        case = book.take(record)
        if case is None:
            self._shadow(book, record)
            return
        if record.type in {"incident.escalated", "incident.settled"}:
            return  # The line before says the level; that nothing more comes is no news.
        moment = case.life[-1]
        if record.type == "incident.cleared":
            self._cleared(case, record.time)
        elif record.type == "incident.merged":
            self._line(record.time, "incident", case.id, f"is part of {case.into} now")
        elif record.type == "incident.opened":
            self._incident(book, case, moment, case.type)
        else:
            self._incident(book, case, moment, f"now {count(len(case.signals), 'signal')}")

    def _incident(self, book: CaseBook, case: Case, moment: Moment, what: str) -> None:
        told = book.told(moment.signal)
        why = told.because if told is not None else ""
        if moment.what == "withdrawn":
            why = f"taken back: {why}"
        line = self._begin(moment.time_us, "incident", case.id)
        line.append(f"{what}, ")
        line.append(
            f"{case.level} ({chance(case.probability_ppm)})", LEVEL_STYLES.get(case.level, "")
        )
        line.append(f": {why}")
        self._screen.show(line)

    def _cleared(self, case: Case, time_us: int) -> None:
        gone = next(m for m in reversed(case.life) if m.what == "withdrawn")
        why = self._late.get(gone.other, "its evidence no longer holds")
        self._line(time_us, "cleared", case.id, f"{why}; nothing is left to look at", "green")

    def _shadow(self, book: CaseBook, record: StoredRecord) -> None:
        told = book.told(record.stream.removeprefix("signal/"))
        if told is not None and told.status == "shadow" and record.type == "signal.raised":
            self._line(record.time, "tried out", told.rule, told.because, "dim")

    # Devices -------------------------------------------------------------------------------------

    def _process_line(self, name: str, line: DeviceLine, time_us: int) -> None:
        if line.state == "starting":
            return
        told = (part for part in (line.reason, line.detail) if part and part != line.state)
        why = ": ".join(told)
        if line.pid and line.state == "online":
            why = f"{line.plugin}, process {line.pid}" if line.plugin else f"process {line.pid}"
        self._state_line(time_us, "feed" if line.plugin else "", name, line.state, why)

    def _device_state(self, record: StoredRecord, event: dict[str, Any]) -> None:
        name = event["device"]
        if name in self._states:
            return  # A feed: its own line has said so already.
        self._state_line(record.time, "device", name, event["state"], event.get("reason", ""))

    def _list_line(self, time_us: int, event: dict[str, Any]) -> None:
        what = f"{event['member']} {'put on' if event['change'] == 'add' else 'taken off'}"
        if "until_us" in event:
            what += f" until {self._local.day(event['until_us'])}"
        why = f": {event['reason']}" if "reason" in event else ""
        self._line(time_us, "list", event["list_name"], f"{what}, by {event.get('by', '?')}{why}")

    def _late_event(self, record: StoredRecord, payload: dict[str, Any]) -> None:
        event = payload["event"]
        if event["type"] == "device.state" and event["device"] in self._states:
            return  # A feed's own state, whose time is that of its latest row.
        at = self._local.clock(event["time"])
        what = f"{event['type']} of {at} came {span(payload['late_us'])} late"
        self._late[event["id"]] = f"{what} from {event['device']}"
        self._line(record.time + payload["late_us"], "late", event["device"], what, "yellow")

    def _status(self, snapshot: Snapshot) -> None:
        online = sum(device.state in {"online", "degraded"} for device in snapshot.devices)
        rate = sum(device.events_per_s for device in snapshot.devices)
        behind = sum(store.behind for store in snapshot.stores)
        incidents = sum(store.incidents for store in snapshot.stores)
        what = (
            f"{online} of {count(len(snapshot.devices), 'feed')} online, {rate:,.0f} events/s, "
            f"{behind:,} behind, {count(incidents, 'incident')}"
        )
        self._line(snapshot.time_us, "status", "", what, "dim")

    def _state_line(self, time_us: int, kind: str, name: str, state: str, why: str) -> None:
        line = self._begin(time_us, kind, name)
        line.append(state, _STATE_STYLES.get(state, ""))
        if why:
            line.append(f": {why}", "dim")
        self._screen.show(line)

    def _line(self, time_us: int, kind: str, name: str, what: str, style: str = "") -> None:
        line = self._begin(time_us, kind, name)
        line.append(what, style)
        self._screen.show(line)

    def _begin(self, time_us: int, kind: str, name: str) -> Text:
        at = self._local.clock(time_us) if time_us else ""
        return Text.assemble((f"{at:8}  {kind:9}  ", "dim"), (f"{name:14}  ", "bold"))


def _process_json(name: str, line: DeviceLine) -> dict[str, Any]:
    clock = None if line.clock is None else {**asdict(line.clock), "wrong": line.clock.wrong}
    return {
        "name": name,
        "state": line.state,
        "reason": line.reason,
        "detail": line.detail,
        "clock": clock,
    }
