"""``aislewatch rules capture``: an incident's evidence as an inline test of a rule."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from itertools import count as counting
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from aislewatch.authoring.capture import Captured, capture
from aislewatch.authoring.capture_days import events_around
from aislewatch.authoring.capture_file import as_yaml, with_test
from aislewatch.authoring.loading import read_rule
from aislewatch.authoring.running import run_case
from aislewatch.authoring.why_stream import Told as DaysTold
from aislewatch.cli import options
from aislewatch.cli.cases import Case, Told, read_cases
from aislewatch.cli.incidents import find_case, said_of
from aislewatch.cli.places import Places
from aislewatch.cli.rule_sources import RulesPath, Sources, read_shop, read_sources
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import Registry
from aislewatch.ledger import Ledger
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import heard_in, with_signals

NAME = "captured incident"
"""What a test is called where nobody says better."""


def capture_incident(
    incident: options.IncidentId = "",
    as_test: Annotated[
        bool, typer.Option("--as-test", help="As an inline test: what it can be captured as.")
    ] = False,
    ledger: options.LedgerFile = options.LEDGER,
    rule: Annotated[
        str, typer.Option("--rule", metavar="ID", help="Whose signals, where there are several.")
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="RULE.yml", help="Put the test into this file, behind its others."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the test is called.")] = NAME,
    whole: Annotated[
        bool, typer.Option("--whole", help="Every event of the evidence, however many.")
    ] = False,
    rules: RulesPath = None,
    store: options.StoreFile = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="ARCHIVE",
            help="The events of those days: for rules that compare with peers or look into lists "
            "that change, of which the ledger does not keep all that bore on them.",
        ),
    ] = None,
    json: options.Json = False,
) -> int:
    """Write an incident's evidence as an inline test, under pseudonyms and without its date.

    The test is run before it is written: it fires as often as the evidence did.
    """
    if not as_test:
        message = "say what to capture the incident as: --as-test"
        raise UsageError(message)
    screen = Screen(json=json)
    setup = read_shop(store)
    with Ledger.read(ledger) as reader:
        case = find_case(list(read_cases(reader)), incident, ledger)
        zone = Places.of(reader, said_of(setup))(case.store).zone
    sources = read_sources(setup, zone, rules, into)
    if into is not None and not rule:
        rule = read_rule(into.read_bytes(), str(into), sources.setup).id
    signals = _signals(case, rule)
    held = _rule_of(sources, signals[0].rule)
    if into is not None and held.file != os.path.normpath(into):
        message = f"{into} is the rule of another id, not of {held.id!r}"
        raise UsageError(message)
    made = _captured(screen, held, signals, sources, events, name=name, zone=zone, whole=whole)
    if into is not None:
        _put(made, into, sources)
    told = {"rule": held.id, "incident": case.id, "yaml": as_yaml(made)}
    screen.give({**asdict(made), **told, "into": str(into) if into is not None else None})
    if into is None:
        # As it is, and nothing else: to be redirected into a file, or copied.
        screen.show(Text(as_yaml(made).rstrip("\n")))
    else:
        screen.show(f"{into} has a test more: {made.name!r}, {_fired(made)}")
    _say(screen, made, signals)
    return 0


def _captured(
    screen: Screen,
    rule: Rule,
    signals: list[Told],
    sources: Sources,
    events: Path | None,
    *,
    name: str,
    zone: str,
    whole: bool,
) -> Captured:
    """Make the test: of the signals' evidence, and of what else of those days bore on them."""
    evidence, anchors = evidence_of(signals, sources.registry), [one.anchor for one in signals]
    around: list[Event] = []
    if events is not None:
        told = DaysTold(sources.setup, events)
        with screen.progress("reading") as step:
            around = events_around(
                rule, evidence, anchors, told, sources.model, lambda read: step(read, note=rule.id)
            )
    return capture(
        rule,
        evidence,
        anchors,
        sources.registry,
        name=_free_name(name, rule),
        zone=zone,
        whole=whole,
        lists=sources.model.lists,
        around=around,
    )


def evidence_of(signals: Iterable[Told], registry: Registry) -> list[Event]:
    """Give the events that signals rest on, each once."""
    held = list(signals)
    # Signals of rules that are not at hand are what their record makes of them.
    heard = heard_in(content for told in held for content in told.evidence)
    codec = Codec(with_signals(registry, heard))
    found: dict[bytes, Event] = {}
    for told in held:
        for content in told.evidence:
            raw = msgspec.json.encode(content, order="deterministic")
            found.setdefault(raw, codec.decode(raw))
    return list(found.values())


def _signals(case: Case, rule: str) -> list[Told]:
    signals = sorted(case.signals.values(), key=lambda told: (told.decided_us, told.signal))
    if not signals:
        message = f"{case.id} has no signals any more: what came later explained them"
        raise UsageError(message)
    known = list(dict.fromkeys(told.rule for told in signals))
    if not rule and len(known) > 1:
        message = f"{case.id} has signals of {', '.join(known)}: say whose with --rule"
        raise UsageError(message)
    wanted = rule or known[0]
    if wanted not in known:
        hint = did_you_mean(wanted, known, label="it has those of")
        message = f"{case.id} has no signal of {wanted!r}; {hint}".rstrip("; ")
        raise UsageError(message)
    return [told for told in signals if told.rule == wanted]


def _rule_of(sources: Sources, name: str) -> Rule:
    found = sources.rules.get(name)
    if found is None:
        where = "among the rules given" if sources.rules else "yet: say where with --store, "
        where += "" if sources.rules else "--rules or --into"
        message = f"the rule {name!r} is needed to run the test, and is not known {where}"
        raise UsageError(message)
    return found


def _free_name(name: str, rule: Rule) -> str:
    taken = {case.name for case in rule.tests}
    if name not in taken:
        return name
    return next(f"{name} {n}" for n in counting(2) if f"{name} {n}" not in taken)


def _put(made: Captured, into: Path, sources: Sources) -> None:
    """Write the file with its new test, once that was read back and has passed."""
    text = into.read_bytes().decode("utf-8")
    new = with_test(text, made, str(into)).encode()
    before = read_rule(text.encode(), str(into), sources.setup)
    after = read_rule(new, str(into), sources.setup)
    added = after.tests[len(before.tests) :]
    problems = [
        problem
        for case in added
        for problem in run_case(after, case, sources.registry, sources.model.lists).problems
    ]
    if len(added) != 1 or problems or after.meaning != before.meaning:
        message = f"{into} was left as it is: the test does not come out in it"
        raise UsageError("; ".join([message, *problems]))
    with NamedTemporaryFile(dir=into.absolute().parent, prefix=f".{into.name}.", delete=False) as f:
        f.write(new)
    made_at = Path(f.name)
    made_at.chmod(into.stat().st_mode)
    made_at.replace(into)


def _fired(made: Captured) -> str:
    return f"fires {count(made.fires, 'time')}, first at {made.at}: {made.because}"


def _say(screen: Screen, made: Captured, signals: list[Told]) -> None:
    screen.say(f"run: {_fired(made)}")
    if made.fires > len(signals):
        more = count(made.fires - len(signals), "signal")
        screen.say(f"the evidence makes {more} besides, of what belongs to other incidents")
    words = [f"{count(made.renamed, 'value')} under a pseudonym"]
    if made.left_out:
        words.append(f"left out, as the rule does not look at them: {', '.join(made.left_out)}")
    if made.passed_over:
        words.append(
            f"{count(made.passed_over, 'event')} that made no difference: --whole keeps all"
        )
    screen.say("; ".join(words))
