"""Past days judged by the core that judges live: what each version of each rule raises in a store.

Every version has a core of its own, with the shop's settings, lists and lateness. It is the only
rule in it, besides those whose signals it looks for; so its incidents are those that it makes by
itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from aislewatch.authoring.backtest_hits import HitBook, Raised, day_of
from aislewatch.authoring.backtest_stops import StopCounter, Stops
from aislewatch.detect.core import Core
from aislewatch.detect.judgement import Blind, Compiler, Indexes, Judge
from aislewatch.detect.judging import compile_judge
from aislewatch.detect.plan import HOUSEKEEPING_US
from aislewatch.errors import EventRefused
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.subjects import parse_event_subject
from aislewatch.rules.compiling import Lists
from aislewatch.rules.rule import Rule
from aislewatch.runtime.archive import read_archive
from aislewatch.runtime.archive_line import Archived, store_of
from aislewatch.runtime.setup import Setup

_BATCH: Final = 5_000
"""Messages that are in memory at once."""

_subject = lru_cache(maxsize=4096)(parse_event_subject)


class Versions(NamedTuple):
    """A rule, and what it is held against.

    Attributes:
        now: the rule at hand.
        before: another version of it, to be judged as well; None for none.
        below: the rules whose signals they look for, and theirs.
    """

    now: Rule
    before: Rule | None = None
    below: tuple[Rule, ...] = ()


class RuleRun(NamedTuple):
    """What a rule did in one store.

    Attributes:
        now: what it raised.
        before: what the other version raised; None where there is none.
        stops: which clause stopped each judgement of the rule at hand.
    """

    now: Raised
    before: Raised | None
    stops: Stops


class StoreRun(NamedTuple):
    """What one store's days gave.

    Attributes:
        store: its id.
        days: by day, how many events its devices told; ticks and states of devices left out.
        rules: in the order in which they were given.
    """

    store: str
    days: Mapping[str, int]
    rules: Sequence[RuleRun]


class FolderRun(NamedTuple):
    """What the day files of one folder gave.

    Attributes:
        stores: those that its messages are of; one, as archives are written.
        refused: messages that are no events.
        strangers: messages of stores that the store file does not describe, by store.
    """

    stores: Sequence[StoreRun]
    refused: int
    strangers: Mapping[str, int]


def judge_files(
    setup: Setup,
    rules: Sequence[Versions],
    files: Sequence[Path],
    on_file: Callable[[], None] | None = None,
) -> FolderRun:
    """Judge day files by rules, whatever the rules' status.

    Args:
        setup: of the shop; its own rules are left out.
        rules: what judges.
        files: of one folder, in the order of the stream.
        on_file: called after each of them.

    Raises:
        UsageError: a file is no archive.
    """
    codec = Codec(setup.registry)
    stores: dict[str, _Store] = {}
    strangers = Counter[str]()
    refused = 0
    for file in files:
        messages = read_archive(file)
        while batch := list(islice(messages, _BATCH)):
            by_store: dict[str, list[Event]] = {}
            for message in batch:
                name = store_of(message.subject)
                if not setup.accepts(name):
                    strangers[name] += 1
                    continue
                event = _read(codec, message)
                if event is None:
                    refused += 1
                else:
                    by_store.setdefault(name, []).append(event)
            for name, events in by_store.items():
                if name not in stores:
                    stores[name] = _Store(setup, rules, name)
                stores[name].take(events)
        if on_file is not None:
            on_file()
    return FolderRun([store.run() for store in stores.values()], refused, strangers)


def _read(codec: Codec, message: Archived) -> Event | None:
    """Read a message as the live engine does; None where that refuses it."""
    try:
        subject = _subject(message.subject)
        event = codec.decode(message.payload)
    except EventRefused:
        return None
    return event if (event.store, event.device) == (subject.store, subject.device) else None


class _Store:
    def __init__(self, setup: Setup, rules: Sequence[Versions], name: str) -> None:
        self._name = name
        self._zone = setup.timezone
        self._days = Counter[str]()
        again_us = setup.horizon_us + 3 * HOUSEKEEPING_US
        self._counters = [StopCounter(setup.timezone, again_us) for _ in rules]
        self._now = [
            _Judged(setup, name, one.now, one.below, counter.compile)
            for one, counter in zip(rules, self._counters, strict=True)
        ]
        self._before = [
            _Judged(setup, name, one.before, one.below, compile_judge)
            if one.before is not None
            else None
            for one in rules
        ]

    def take(self, events: list[Event]) -> None:
        for event in events:
            if not isinstance(event, ClockTick | DeviceState):
                self._days[day_of(event.time, self._zone)] += 1
        for judged in self._all():
            judged.take(events)

    def run(self) -> StoreRun:
        rules = [
            RuleRun(
                now.book.raised(),
                before.book.raised() if before is not None else None,
                counter.stops,
            )
            for now, before, counter in zip(self._now, self._before, self._counters, strict=True)
        ]
        return StoreRun(self._name, dict(sorted(self._days.items())), rules)

    def _all(self) -> Iterator[_Judged]:
        yield from self._now
        yield from (before for before in self._before if before is not None)


class _Judged:
    """One version of one rule, at work in one store."""

    def __init__(
        self, setup: Setup, store: str, rule: Rule, below: Sequence[Rule], compiler: Compiler
    ) -> None:
        self.book = HitBook(store, rule.id, setup.timezone)
        # Of a rule that is only tried out, nothing would reach an incident; and of those below it
        # nothing shall.
        rules = [replace(rule, status="live"), *map(_unseen, below)]

        def compiled(one: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> Judge:
            made = compiler if one.id == rule.id else compile_judge
            return made(one, indexes, blind, lists)

        settings = setup.settings(store)
        self._core = Core(settings, setup.model, rules, setup.registry, compiler=compiled)

    def take(self, events: list[Event]) -> None:
        for record in self._core.step(events):
            self.book.take(record)


def _unseen(rule: Rule) -> Rule:
    """Give a rule whose signals are heard as they are in the shop, and make no incidents."""
    return replace(rule, status="shadow") if rule.status == "live" else rule
