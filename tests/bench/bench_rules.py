"""How detection scales with rules, beside engines of others: one run, one stream, one core.

Run with ``just bench rules``; takes a few minutes. Every answer is checked against brute force, and
the check is printed. Compare ratios, which are medians of runs side by side; events per second are
of this machine. Exits with 1 where the engine's answer is wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

import contest
import mornings
import question
import stream
from question import Alarm, Variant, Verdict
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from stream import Stream

LATENESS_US = 600_000_000
MORNINGS = 12
SCALED = tuple(peer for peer in contest.PEERS if peer is not contest.ORDERED_LOOP)
OURS = (contest.ENGINE, contest.LOOP)
ZONED = (contest.ENGINE, contest.WITH_LIBRARY, *SCALED[1:])


@dataclass(frozen=True)
class Case:
    """One stream and the rules that judge it.

    Attributes:
        table: where it is shown.
        name: of the stream, or of how many rules.
        variants: the rules.
        taken: the stream.
        truth: by brute force.
        peers: who takes part.
    """

    table: str
    name: str
    variants: Sequence[Variant]
    taken: Stream
    truth: set[Alarm]
    peers: Sequence[contest.Peer] = SCALED


@dataclass
class Row:
    """What one peer did in one case.

    Attributes:
        table: where it is shown.
        case: its name.
        peer: who.
        rules: how many.
        events: of the stream.
        alarms: that are right.
        seconds: of each run.
        of_loop: time beside the loop's of the same round.
        of_one: time for an event beside that with one rule, of the same round.
        ready_s: processor time until the rules were defined.
        grown_mib: of memory, over the stream.
        verdict: of the answer; None without one.
        failure: why there is none.
    """

    table: str
    case: str
    peer: str
    rules: int
    events: int
    alarms: int
    seconds: list[float] = field(default_factory=list[float])
    of_loop: list[float] = field(default_factory=list[float])
    of_one: list[float] = field(default_factory=list[float])
    ready_s: float = 0.0
    grown_mib: float = 0.0
    verdict: Verdict | None = None
    failure: str = ""

    @property
    def us_per_event(self) -> float:
        """Median processor time for an event, microseconds."""
        return median(self.seconds) / self.events * 1e6

    def figures(self) -> dict[str, object]:
        """Give what a script would read."""
        told: dict[str, object] = dataclasses.asdict(self)
        told |= {"verdict": self.verdict and self.verdict._asdict()}
        if self.seconds:
            told["events_per_s"] = round(1e6 / self.us_per_event)
        return told


def cases(size: int) -> list[Case]:
    """Make all streams and rules; those with one rule before those with more.

    Args:
        size: events of a stream; an eighth of it where every event concerns every rule.
    """
    return [*_streams(size), *_zones(size), *_overlaps(size // 8)]


def _streams(size: int) -> Iterable[Case]:
    steps = stream.shoplifting(size, Random(1))
    again = stream.dirty(steps[: size // 2], Random(2))
    one = question.of_zones(1)
    truth = question.brute_force(steps, one)
    yield Case("streams", "clean", one, stream.in_order(steps), truth, contest.PEERS)
    dirty = question.brute_force(again, one)
    yield Case("streams", "dirty", one, stream.in_order(again), dirty, contest.PEERS)
    late = stream.shuffled(steps, Random(3), LATENESS_US)
    yield Case("streams", "shuffled", one, late, truth, contest.PEERS)


def _zones(size: int) -> Iterable[Case]:
    plain = stream.shoplifting(size, Random(1))
    for number in (1, 10, 100, 1000):
        steps, rules = stream.zoned(plain, number), question.of_zones(number)
        truth = question.brute_force(steps, rules)
        yield Case("zones", str(number), rules, stream.in_order(steps), truth, ZONED)


def _overlaps(size: int) -> Iterable[Case]:
    steps = stream.shoplifting(size, Random(1))
    taken = stream.in_order(steps)
    for number in (1, 10, 100):
        rules = question.overlapping(number, own_shelf=False)
        yield Case("overlap", str(number), rules, taken, question.brute_force(steps, rules))
    rules = question.overlapping(100, own_shelf=True)
    truth = question.brute_force(steps, rules)
    yield Case("overlap", "100 unlike", rules, taken, truth, OURS)


def run(all_cases: Sequence[Case], rounds: int, console: Console) -> list[Row]:
    """Let everybody take every stream; the engine and the loop in each round, others as shown.

    Args:
        all_cases: within a table, the one with one rule first.
        rounds: of the engine and the loop, and of everybody where one rule is asked for.
        console: where progress is shown.
    """
    rows = {
        (case.table, case.name, peer.name): Row(
            case.table,
            case.name,
            peer.name,
            len(case.variants),
            len(case.taken.raws),
            len(case.truth),
        )
        for case in all_cases
        for peer in case.peers
    }
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        shown = progress.add_task("Judging", total=rounds * len(rows))
        for number in range(rounds):
            one_us: dict[tuple[str, str], float] = {}
            for case in all_cases:
                loop_us = 0.0
                # The loop first: others are compared with it.
                for peer in sorted(case.peers, key=lambda one: one is not contest.LOOP):
                    row = rows[case.table, case.name, peer.name]
                    progress.update(shown, advance=1, description=f"{row.case}, {row.peer}")
                    often = peer in OURS or len(case.variants) == 1
                    if row.failure or (number and not often):
                        continue
                    taken_us = _take(row, peer, case)
                    assert taken_us or peer is not contest.LOOP, f"the loop: {row.failure}"
                    if taken_us is None:
                        continue
                    if peer is contest.LOOP:
                        loop_us = taken_us
                    row.of_loop.append(taken_us / loop_us)
                    if len(case.variants) == 1:
                        one_us[case.table, peer.name] = taken_us
                    elif (case.table, peer.name) in one_us:
                        row.of_one.append(taken_us / one_us[case.table, peer.name])
    return list(rows.values())


def _take(row: Row, peer: contest.Peer, case: Case) -> float | None:
    """Let a peer take a stream once; gives microseconds an event, None without an answer."""
    found = contest.measure(peer, case.variants, case.taken)
    if isinstance(found, contest.Failure):
        row.failure = found.why
        return None
    row.seconds.append(found.seconds)
    row.ready_s, row.grown_mib = found.ready_s, found.grown_mib
    verdict = question.judge(found.alarms, case.truth)
    # The worst of all rounds is what is told.
    row.verdict = max(row.verdict or verdict, verdict)
    return found.seconds / row.events * 1e6


def streams_table(rows: Sequence[Row]) -> Table:
    """Show one rule on each stream."""
    table = Table("stream", "who", title="One rule, from raw bytes")
    for head in ("events/s", "time / loop's", "MiB more"):
        table.add_column(head, justify="right")
    table.add_column("beside brute force")
    for number, row in enumerate(rows):
        same = number and rows[number - 1].case == row.case
        name = "" if same else f"{row.case}\n{row.events:,} events\n{row.alarms:,} alarms"
        last = number + 1 == len(rows) or rows[number + 1].case != row.case
        if row.failure:
            table.add_row(name, row.peer, "", "", "", row.failure, end_section=last)
            continue
        figures = (f"{1e6 / row.us_per_event:,.0f}", f"{median(row.of_loop):.2f}")
        more = f"{row.grown_mib:,.0f}"
        table.add_row(name, row.peer, *figures, more, str(row.verdict), end_section=last)
    return table


def rules_table(title: str, rows: Sequence[Row]) -> Table:
    """Show the time for an event, and beside one rule's, for each number of rules."""
    names = list(dict.fromkeys(row.case for row in rows))
    table = Table("who", title=title)
    for name in names:
        found = next(row.alarms for row in rows if row.case == name)
        head = "1 rule" if name == "1" else f"{name} rules"
        table.add_column(f"{head}\n{found:,} alarms", justify="right")
    for peer in dict.fromkeys(row.peer for row in rows):
        table.add_row(peer, *(_cell(row) for row in rows if row.peer == peer), end_section=True)
    return table


def _cell(row: Row) -> str:
    if row.failure:
        return row.failure
    lines = [f"{row.us_per_event:,.2f} us"]
    if row.of_one:
        lines[0] += f", {median(row.of_one):,.2f} x"
    return "\n".join([*lines, str(row.verdict), f"ready {row.ready_s:.2f} s"])


def library_line(found: mornings.Mornings) -> str:
    """Tell of the library's mornings in a sentence."""
    return (
        f"The library, {found.rules} rules, on {MORNINGS} simulated mornings: {found.events:,} "
        f"events at {found.events / found.seconds:,.0f} events/s; {found.found} of "
        f"{found.planted} planted found, {found.false} false"
    )


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="bench rules", description="Detection beside its peers.")
    parser.add_argument("--json", action="store_true", help="Print all figures as one JSON object.")
    parser.add_argument("--events", type=int, default=40_000, help="Of a stream.")
    parser.add_argument("--rounds", type=int, default=3, help="Runs that medians are taken of.")
    said = parser.parse_args()
    # Wide enough for the tables where there is no terminal that has a width.
    console = Console(width=None if sys.stdout.isatty() else 120)
    progress = Console(stderr=True)
    rows = run(cases(said.events), said.rounds, progress)
    library = mornings.mornings(MORNINGS)
    if said.json:
        told = {"rows": [row.figures() for row in rows], "library": library._asdict()}
        print(json.dumps(told))
    else:
        console.print(streams_table([row for row in rows if row.table == "streams"]))
        for table, title in _TITLES.items():
            shown = [row for row in rows if row.table == table]
            console.print(rules_table(f"{title}; {shown[0].events:,} events", shown))
        console.print(library_line(library))
    ours = {contest.ENGINE.name, contest.WITH_LIBRARY.name}
    engine = [row for row in rows if row.peer in ours]
    wrong = [row for row in engine if row.verdict is None or not row.verdict.exact]
    return 1 if wrong or not library.right else 0


_TITLES = {
    "zones": "Rules of a zone each: a read concerns one, a sale all",
    "overlap": "Rules that every event concerns",
}

if __name__ == "__main__":
    sys.exit(main())
