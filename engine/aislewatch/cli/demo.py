"""``aislewatch demo``: the whole system at work in front of a simulated shop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Annotated, Any, Protocol, Self

import typer

from aislewatch.cli import options
from aislewatch.cli.case_table import case_counts, case_table
from aislewatch.cli.cases import Case, cases_json, read_cases
from aislewatch.cli.demo_check import (
    Planted,
    Score,
    compare,
    show_command,
    show_score,
    worth_a_look,
)
from aislewatch.cli.demo_replay import replayed_heads
from aislewatch.cli.ledger import found_json, show_verification
from aislewatch.cli.library import write_library
from aislewatch.cli.live_lines import LiveLines
from aislewatch.cli.run import Host, HostOption
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger, Verification, verify
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Summary
from aislewatch.runtime.run_folder import write_archive
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

SIMULATORS = "aislewatch.simulators"
"""The group of entry points that simulators are found by."""

SNAPSHOT_S = 0.25
"""How often what is new is shown: nobody should wait for a line while a day goes by in seconds."""


class Simulation(Protocol):
    """A simulated shop; within ``async with`` its devices listen."""

    lasts_s: float
    refused: int

    @property
    def planted(self) -> Sequence[Planted]:
        """The ground truth."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def write_shop(self, folder: Path) -> Path:
        """Write the shop's files, with its devices' addresses; gives the store file."""
        ...

    async def play(self) -> None:
        """Play the day once somebody listens to every device."""
        ...


def command(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="A new folder for everything; a temporary if not said."
        ),
    ] = None,
    host: HostOption = Host.RAY,
    pace: Annotated[
        float,
        typer.Option("--pace", min=1, max=120, help="Seconds of the day that pass in a second."),
    ] = 60,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another day.")] = 1,
    json: options.Json = False,
) -> int:
    """Watch a simulated shop for a minute; needs no devices.

    Everything but the devices is the real thing: NATS, plugins in processes of their own, the
    engine, the rules and the ledger, which is left behind to be looked at.
    """
    screen = Screen(json=json)
    home = _home(folder)
    simulation = _simulation(seed=seed, pace=pace)
    return asyncio.run(_demo(screen, home, simulation, host))


async def _demo(screen: Screen, home: Path, simulation: Simulation, host: Host) -> int:
    ledger = home / "demo.db"
    async with simulation:
        store = simulation.write_shop(home / "shop")
        write_library(store.parent / "rules")
        setup = read_setup(store)
        local = Local(setup.timezone, setup.model.currency)
        _introduce(screen, setup, simulation, home, host)
        lines = LiveLines(screen, local, wall=False)
        playing = asyncio.create_task(simulation.play())
        try:
            summary = await run(
                [LiveStore(setup)],
                Options(
                    ledger=ledger,
                    folder=home / "run",
                    host=host.value,
                    simulated=True,
                    snapshot_s=SNAPSHOT_S,
                ),
                on_snapshot=lines.snapshot,
                on_record=lines.record,
                on_refused=lines.refused,
            )
            lines.end()
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    if not summary.completed:
        screen.say("stopped before the end of the day")
        for failure in summary.failures:
            screen.say(f"failed: {failure}")
        return 2
    await write_archive(home / "run", home / "archive")
    return _conclude(screen, home, setup, simulation, summary)


def _introduce(
    screen: Screen, setup: Setup, simulation: Simulation, home: Path, host: Host
) -> None:
    processes = (
        "one Ray process for each feed and one for the engine"
        if host is Host.RAY
        else "all in this process"
    )
    screen.show(
        f"{setup.name}: a simulated kiosk, till and gate on sockets. NATS carries what they tell,",
        f"{processes}; a few seconds to start, then about",
        f"{simulation.lasts_s:.0f} s for a morning. Everything is kept in {home}.",
        "",
    )


def _conclude(
    screen: Screen, home: Path, setup: Setup, simulation: Simulation, summary: Summary
) -> int:
    ledger, store = home / "demo.db", setup.file
    local = Local(setup.timezone, setup.model.currency)
    with Ledger.read(ledger) as reader:
        chains = [verify(reader, name) for name in reader.stores()]
        cases = list(read_cases(reader))
    again = replayed_heads(setup, home / "archive", home / "replay.db")
    equal = again == {chain.store: chain.head.hash for chain in chains}
    score = compare(simulation.planted, cases)
    refused = sum(device.refused for device in summary.last.devices)
    screen.give({"demo": _json(home, chains, cases, score, refused, equal)})
    named = f"--ledger {ledger} --store {store}"
    screen.show("")
    show_command(screen, f"ledger verify --ledger {ledger}")
    show_verification(screen, chains)
    screen.show("")
    show_command(screen, f"replay {store} --events {home / 'archive'}")
    heads = ", ".join(head.hex() for head in again.values())
    screen.show(f"{'the same head again' if equal else 'ANOTHER HEAD'}: {heads}", "")
    show_command(screen, f"incidents list --all {named}")
    screen.show(*case_table(cases, lambda _: local, width=screen.width), case_counts(cases), "")
    show_score(screen, score)
    screen.show(
        f"{score.verdict}; {refused} of {simulation.refused} damaged rows refused and kept.",
        "",
        "Go on with:",
    )
    show_command(screen, f"incidents show {worth_a_look(cases)} {named}")
    show_command(screen, f"ledger tail --ledger {ledger}")
    show_command(screen, f"rules check {store.parent / 'rules'} --store {store}")
    sound = equal and all(chain.sound for chain in chains)
    return 0 if sound and score.right and refused == simulation.refused else 1


def _json(
    home: Path,
    chains: list[Verification],
    cases: list[Case],
    score: Score,
    refused: int,
    equal: bool,
) -> dict[str, Any]:
    return {
        "folder": str(home),
        "chains": found_json(chains),
        "incidents": list(cases_json(cases)),
        "planted": len(score.found) + len(score.missed),
        "found": {planted.what: case.id for planted, case in score.found},
        "missed": [planted.what for planted in score.missed],
        "false": [case.id for case in score.false],
        "refused": refused,
        "replay_equal": equal,
    }


def _home(folder: Path | None) -> Path:
    if folder is None:
        return Path(mkdtemp(prefix="aislewatch-demo-"))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} holds something already: name a folder that is not there"
        raise UsageError(message)
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _simulation(*, seed: int, pace: float) -> Simulation:
    found = entry_points(group=SIMULATORS, name="demo")
    if not found:
        message = f"the simulator is not installed: no entry point 'demo' in {SIMULATORS}"
        raise UsageError(message)
    make: Any = next(iter(found)).load()
    made: Simulation = make(seed=seed, pace=pace)
    return made
