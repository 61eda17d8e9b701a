"""``aislewatch rules why-not``: why a rule said nothing of somebody at some time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.loading import all_lists, read_rule
from aislewatch.authoring.why_asked import Asked, days_of, is_of_day, read_about, read_time
from aislewatch.authoring.why_not import why_not
from aislewatch.authoring.why_signals import rules_below
from aislewatch.authoring.why_stream import Told
from aislewatch.cli import options
from aislewatch.cli.app import COULD_NOT_RUN, FINE
from aislewatch.cli.backtest_given import read_option
from aislewatch.cli.rule_why_not_page import show_answer
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.quantities import parse_duration_us
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import entities_of, looked_for
from aislewatch.runtime.archive import is_archive
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup


def ask_why_not(
    rule: Annotated[
        str,
        typer.Argument(
            metavar="RULE", help="The rule that said nothing: its file, or its id in the store."
        ),
    ],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="TIME",
            help="When: 10:20, 10:20:05 or '2026-01-12 10:20', by the shop's clock; or ISO 8601.",
        ),
    ],
    about: Annotated[
        list[str] | None,
        typer.Option(
            "--about", metavar="KIND=VALUE", help="About whom, as epc=E1; several must all fit."
        ),
    ] = None,
    within: Annotated[
        str, typer.Option("--within", metavar="DURATION", help="How far from then still counts.")
    ] = "60s",
    store: Annotated[
        Path | None, options.store_option("The store file that the shop runs by.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="DIR|FILE",
            help="An archive; or a recording, or a folder of them. Not said: the recordings that "
            "the store file's feeds name.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="What $data stands for in the store file; an archive is taken for --events.",
        ),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Every event, however many.")] = False,
    json: options.Json = False,
) -> int:
    """Say why a rule raised nothing: each clause, what it saw, and how near it came.

    Plays the events again up to then. Exit code 1 where nothing is known of whom is asked.
    """
    screen = Screen(json=json)
    told = _told(store, events, data)
    asked_of, lists = _rule(rule, told.setup)
    below, more = _below(asked_of, rule, told.setup)
    entities = read_about(about or [], asked_of, told.registry)
    near_us = read_option("--within", within, parse_duration_us)
    with screen.progress("reading") as step:

        def progress(read: int) -> None:
            step(read, note=f"for {asked_of.id}")

        asked = Asked(entities, _moment(at, told), near_us)
        answer = why_not(asked_of, asked, told, {**more, **lists}, progress, below)
    about_rule = {"rule": asked_of.id, "meaning": asked_of.meaning, "about": entities}
    when = {"at_us": asked.at_us, "within_us": asked.within_us}
    screen.give({**about_rule, **when, "answer": answer})
    show_answer(screen, answer, asked_of, asked, told, whole=whole)
    if answer.refused:
        screen.say(f"passed over {count(answer.refused, 'message')} that are no events")
    if not answer.events:
        screen.say("aislewatch: no event was read")
        return COULD_NOT_RUN
    return FINE if answer.judged or answer.passed else 1


def _told(store: Path | None, events: Path | None, data: Path | None) -> Told:
    """Read the store file, and say where the events are."""
    if events is None and data is not None and is_archive(data):
        events, data = data, None
    folder = events if events is not None and events.is_dir() and not is_archive(events) else None
    setup = read_setup(store, data=data, events=folder) if store is not None else None
    if setup is None and events is None:
        message = "say what happened: --events ARCHIVE, or --store STORE.yml with its recordings"
        raise UsageError(message)
    return Told(setup, None if folder is not None else events)


def _rule(name: str, setup: Setup | None) -> tuple[Rule, Mapping[str, frozenset[str]]]:
    """Give a rule by its file, or by its id; and the lists that it names, with nothing on them."""
    known = {rule.id: rule for rule in setup.rules} if setup is not None else {}
    if name in known and not Path(name).exists():
        return known[name], {}
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        hint = did_you_mean(name, known, label="the store has")
        message = f"{name} cannot be read: {error.strerror}"
        message = f"{message}, and is no rule of the store; {hint}" if known else message
        raise UsageError(message.rstrip("; ")) from None
    return read_rule(text, name, setup), all_lists(text, name)


def _below(
    rule: Rule, name: str, setup: Setup | None
) -> tuple[list[Rule], Mapping[str, frozenset[str]]]:
    """Give the rules whose signals a rule looks for: those beside its file, then the store's.

    Returns:
        The rules, theirs in turn among them; and the lists that they name, with nothing on them.
    """
    known = {one.id: one for one in setup.rules} if setup is not None else {}
    lists: dict[str, frozenset[str]] = {}
    texts: dict[str, tuple[bytes, str]] = {}
    if rule.hears and Path(name).is_file():
        for path in sorted(Path(name).parent.glob("*.yml")):
            text = path.read_bytes()
            for one in entities_of([text.decode("utf-8", "replace")]):
                texts.setdefault(one, (text, str(path)))
    asked = [rule]
    while asked:
        for one in sorted(looked_for(asked.pop()) & texts.keys()):
            text, file = texts.pop(one)
            lists |= all_lists(text, file)
            known[one] = read_rule(text, file, setup)
            asked.append(known[one])
    return rules_below(rule, known), lists


def _moment(at: str, told: Told) -> int:
    """Read a time; only one that states no day needs the days that there are."""
    days = days_of(told.read(), told.zone) if is_of_day(at) else ()
    return read_time(at, told.zone, days)
