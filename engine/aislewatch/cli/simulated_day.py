"""A day in a simulated shop, in one command: its devices are opened, watched, and judged by.

The day begins when every device is online, and ends by itself. Nothing is waited for in seconds:
devices that do not come online end it, with what they say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from aislewatch.cli.cases import cases_json, read_cases
from aislewatch.cli.demo_check import Score, compare, show_command, show_score, worth_a_look
from aislewatch.cli.ledger import found_json, show_verification
from aislewatch.cli.live_lines import LiveLines
from aislewatch.cli.screen import Screen
from aislewatch.cli.simulator import Enrolment, Planted, Simulator
from aislewatch.cli.watchlist_face import read_embeddings
from aislewatch.cli.witnesses import Witness, evidence_of, witness_table, witnesses_json
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger, Verification, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import DeviceLine, Snapshot, Summary
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

PATIENCE_US: Final = 300_000_000
"""After so long in which no further device came online, the others are given up."""

_SECOND_US: Final = 1_000_000
_WORKS: Final = frozenset({"online", "degraded"})


def new_ledger(named: Path | None) -> Path:
    """Give the ledger of a simulated day: one of its own, for devices will tell the same again.

    Raises:
        UsageError: the one that is named is there already, or files of a day before lie beside it.
    """
    if named is None:
        return Path(mkdtemp(prefix="aislewatch-day-")) / "found.db"
    for taken in (named, _shop_beside(named)):
        if taken.exists():
            message = f"{taken} is there already: a simulated day has a new ledger, name another"
            raise UsageError(message)
    return named.absolute()


async def simulated_day(
    screen: Screen, store: Path, kind: str, options: Options, *, data: Path | None = None
) -> int:
    """Play a day of a shop's simulator and judge it.

    Args:
        screen: where everything goes.
        store: the store file, whose folder the simulator takes its shop from.
        kind: of simulator, as the store file names it.
        options: how to run; its ledger is new.
        data: what ``$data`` stands for in the store file.

    Returns:
        0: every device contributed to an incident, and what was planted was found and nothing else.
        1: not so, or the ledger is damaged. 2: the day could not be played to its end.

    Raises:
        UsageError: a device does not come online, or the simulator ends too early; says why.
        FileMistakes: the store file holds mistakes.
    """
    read_setup(store, data=data)  # What is wrong in it is wrong there, and not in the copy.
    shop = _shop_beside(options.ledger)
    began_us = SystemClock().now_us()
    async with Simulator(kind, store.resolve().parent, shop) as simulator:
        setup = read_setup(simulator.store, data=data)
        if simulator.enrol is not None:
            _enrol(setup, simulator.enrol)
        where = "in a process of its own" if options.host == "ray" else "in this process"
        screen.say(
            f"{setup.name or store}: {count(len(setup.feeds), 'simulated device')}, each watched "
            f"over its own protocol and {where}. That takes half a minute to start on a small "
            f"machine; then the day, as long again. Everything is kept in {options.ledger.parent}."
        )
        day = _Day(screen, simulator, began_us)
        lines = LiveLines(screen, Local(setup.timezone, setup.model.currency), wall=True)

        def look(snapshot: Snapshot) -> None:
            lines.snapshot(snapshot)
            day.look(snapshot)

        playing = asyncio.create_task(day.play())
        try:
            summary = await run(
                [LiveStore(setup, data=data)],
                replace(options, simulated=True),
                on_snapshot=look,
                on_record=lines.record,
                on_refused=lines.refused,
                stop=day.stop,
            )
            lines.end()
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    if playing.cancelled():
        screen.say("stopped before the end of the day")
        return 2
    planted = playing.result()
    for failure in summary.failures:
        screen.say(f"failed: {failure}")
    return _conclude(screen, setup, options.ledger, planted, summary, day.online_us)


class _Day:
    """Begins the simulator's day when every device is online, and ends the run with it.

    Attributes:
        stop: set when the run is to end.
        online_us: by device, how long after the start it was online.
    """

    def __init__(self, screen: Screen, simulator: Simulator, began_us: int) -> None:
        self.stop = asyncio.Event()
        self.online_us: dict[str, int] = {}
        self._screen = screen
        self._simulator = simulator
        self._began_us = began_us
        self._news_us = began_us
        self._known = asyncio.Event()
        self._trouble: UsageError | None = None

    def look(self, snapshot: Snapshot) -> None:
        """See who is online."""
        for line in snapshot.devices:
            if line.state in _WORKS and line.device not in self.online_us:
                self.online_us[line.device] = snapshot.time_us - self._began_us
                self._news_us = snapshot.time_us
        if self._known.is_set():
            return
        parts = (*snapshot.devices, snapshot.engine)
        if failed := [line for line in parts if line.state == "failed"]:
            self._trouble = UsageError(_named("cannot be run", failed))
        elif snapshot.time_us > self._news_us + PATIENCE_US:
            late = [line for line in parts if line.state not in _WORKS]
            self._trouble = UsageError(_named("did not come online", late))
        if self._trouble is not None or all(line.state in _WORKS for line in parts):
            self._known.set()

    async def play(self) -> Sequence[Planted]:
        """Play the day; gives what happened in it."""
        known = asyncio.create_task(self._known.wait())
        ended = asyncio.create_task(self._simulator.planted())
        try:
            await asyncio.wait({known, ended}, return_when=asyncio.FIRST_COMPLETED)
            if self._trouble is not None:
                raise self._trouble
            if not ended.done():
                self._screen.say("every device is online; the day begins")
                self._simulator.begin()
            return await ended
        finally:
            known.cancel()
            ended.cancel()
            self.stop.set()


def _conclude(
    screen: Screen,
    setup: Setup,
    ledger: Path,
    planted: Sequence[Planted],
    summary: Summary,
    online_us: Mapping[str, int],
) -> int:
    with Ledger.read(ledger) as reader:
        chains = [verify(reader, name) for name in reader.stores()]
        cases = list(read_cases(reader))
    score = compare(planted, cases)
    told = evidence_of(cases)
    witnesses = [
        Witness(
            line.device,
            line.plugin,
            _seconds(online_us.get(line.device)),
            line.events,
            told.get(line.device, []),
        )
        for line in summary.last.devices
    ]
    screen.give(
        {
            "day": {
                "ledger": str(ledger),
                "store": str(setup.file),
                "chains": found_json(chains),
                "incidents": list(cases_json(cases)),
                **_score_json(score),
                "devices": witnesses_json(witnesses),
                "failures": summary.failures,
            }
        }
    )
    idle = [one.device for one in witnesses if not one.cases]
    screen.show("")
    show_score(screen, score)
    screen.show(witness_table(witnesses), "")
    show_command(screen, f"ledger verify --ledger {ledger}")
    show_verification(screen, chains)
    screen.show(
        "",
        f"{score.verdict}; {len(witnesses) - len(idle)} of {count(len(witnesses), 'device')} "
        "gave evidence.",
        "",
        "Go on with:",
    )
    named = f"--ledger {ledger} --store {setup.file}"
    if cases:
        show_command(screen, f"incidents show {worth_a_look(cases)} {named}")
    show_command(screen, f"incidents list {named}")
    return _code(chains, score, idle, summary.failures)


def _code(
    chains: Sequence[Verification], score: Score, idle: Sequence[str], failures: Sequence[str]
) -> int:
    sound = bool(chains) and all(chain.sound for chain in chains)
    return 0 if sound and score.right and not idle and not failures else 1


def _score_json(score: Score) -> dict[str, Any]:
    return {
        "planted": len(score.found) + len(score.missed),
        "found": {planted.what: case.id for planted, case in score.found},
        "missed": [planted.what for planted in score.missed],
        "false": [case.id for case in score.false],
    }


def _enrol(setup: Setup, face: Enrolment) -> None:
    """Put the simulator's face on the shop's watchlist, where the shop has opted in."""
    if setup.watchlist is None:
        return
    from aislewatch.runtime.watchlist import Watchlist  # noqa: PLC0415 - needs numpy

    embedding = Path(face.embedding)
    Watchlist(setup.watchlist, SystemClock()).enrol(
        read_embeddings(embedding),
        model=face.model,
        reason=face.reason,
        legal_basis=face.legal_basis,
        by="simulator",
    )
    embedding.unlink()  # As everybody is told to who enrols a face.


def _named(what: str, lines: Sequence[DeviceLine]) -> str:
    said = (f"{line.device}: {line.detail or line.state}" for line in lines)
    return f"{count(len(lines), 'device')} {what}; {'; '.join(said)}"


def _seconds(time_us: int | None) -> float | None:
    return None if time_us is None else round(time_us / _SECOND_US, 1)


def _shop_beside(ledger: Path) -> Path:
    return ledger.with_suffix(".shop")
