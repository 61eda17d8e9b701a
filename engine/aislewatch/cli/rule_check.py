"""What `rules check` finds out about rule files, as values."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from aislewatch.authoring.cases import read_cases
from aislewatch.authoring.loading import NONE, lists_in, lists_of, read_rule, rules_beside
from aislewatch.authoring.locking import lock_warnings
from aislewatch.cli.wording import Local
from aislewatch.detect.health import Health
from aislewatch.detect.plan import Plan
from aislewatch.detect.settings import Settings
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.lint import lint
from aislewatch.rules.load import load_rules, macro_mistakes
from aislewatch.rules.macros import told_once
from aislewatch.rules.rule import Clause, Evidence, Rule, SomeOf, Unmatched
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import macros_of, rules_in, stamped
from aislewatch.runtime.setup import Setup

HORIZON_US = 900_000_000
"""How late an event may come and still change a decision, where no store file says otherwise."""


@dataclass(frozen=True)
class Checked:
    """A rule without mistakes.

    Attributes:
        rule: the rule.
        keeps: the kinds of event that it makes the engine keep.
        keeps_us: for how long; with their rate, this is what bounds its memory.
        keeps_most: the most events that it can make the engine keep, by the store's limit.
        answers_us: how long after its anchor it is judged; the allowed lateness comes on top.
        idle: why it can never hold in the store; empty where it can, or no store was given.
        lists: named lists that it looks into and that nobody said exist.
        site: what the store sets for its parameters.
    """

    rule: Rule
    keeps: tuple[str, ...]
    keeps_us: int
    keeps_most: int
    answers_us: int
    idle: str = ""
    lists: tuple[str, ...] = ()
    site: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Findings:
    """What checking files found.

    Attributes:
        mistakes: in order of file and line; a file that has one is not used.
        warnings: likewise; it is used all the same.
        rules: those without mistakes.
    """

    mistakes: Sequence[Mistake]
    warnings: Sequence[Mistake]
    rules: Sequence[Checked] = field(default_factory=list[Checked])


def rule_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Read rule files, and all of a folder.

    Raises:
        UsageError: one is not there, cannot be read, or a folder holds none.
    """
    texts: dict[str, bytes] = {}
    for path in paths:
        found = rules_in(path) if path.is_dir() else [path]
        if not found:
            message = f"{path} holds no rules (*.yml)"
            raise UsageError(message)
        for file in found:
            try:
                texts[os.path.normpath(file)] = file.read_bytes()
            except OSError as error:
                message = f"{file} cannot be read: {error.strerror}"
                raise UsageError(message) from None
    return texts


def today_in(setup: Setup | None) -> date:
    """Give the day that it is in a shop; in UTC where rules are for none in particular."""
    local = Local(setup.timezone) if setup is not None else Local()
    return local.moment(SystemClock().now_us()).date()


def check(
    texts: Mapping[str, bytes], today: date, setup: Setup | None, *, whole: Sequence[Path] = ()
) -> Findings:
    """Check rules.

    Args:
        texts: by path.
        today: an exception that ended before it is a mistake.
        setup: the store that they are checked for, too.
        whole: the folders of which all rules are there.
    """
    registry = setup.registry if setup is not None else installed_registry()
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    rules: list[Checked] = []
    sound: dict[str, bytes] = {}
    for file, text in texts.items():
        shown = text.decode("utf-8", "replace")
        try:
            (rule,) = stamped([read_rule(text, file, setup, today=today)])
        except FileMistakes as found:
            mistakes += found.mistakes
            continue
        sound[file] = text
        warnings += lint(rule, shown)
        try:
            read_cases(rule, registry, LocatedYaml.parse(shown, file))
        except FileMistakes as found:
            mistakes += found.mistakes
            continue
        unsure = tuple(sorted(lists_in(text, file))) if setup is None else ()
        rules.append(_checked(rule, registry, setup, unsure))
    mistakes += _doubles(sound, registry, rules, today)
    for macros in {id(one): one for one in macros_of(texts).values()}.values():
        lists = setup.model.lists if setup is not None else lists_of(macros)
        mistakes += macro_mistakes(macros, registry, frozenset(lists))
    mistakes = told_once(mistakes)
    if not mistakes:
        folders = [path for path in whole if path.is_dir()]
        warnings += lock_warnings([checked.rule for checked in rules], sound, folders)
    return Findings(mistakes, warnings, rules)


def _doubles(
    texts: Mapping[str, bytes], registry: Registry, rules: Sequence[Checked], today: date
) -> list[Mistake]:
    """Find what is wrong with files that are each right: two rules of one name."""
    lists = {name: NONE for checked in rules for name in checked.lists}
    lists |= {name: NONE for file, text in texts.items() for name in lists_in(text, file)}
    macros = macros_of(texts)
    lists |= {name: NONE for one in macros.values() for name in lists_of(one)}
    beside = {
        rule: about
        for file, text in texts.items()
        for rule, about in rules_beside(text, file).items()
    }
    try:
        load_rules(texts, registry, lists=lists, beside=beside, macros=macros, today=today)
    except FileMistakes as found:
        return found.mistakes
    return []


def _checked(
    rule: Rule, registry: Registry, setup: Setup | None, lists: tuple[str, ...]
) -> Checked:
    model = setup.model if setup is not None else StoreModel()
    horizon_us = setup.horizon_us if setup is not None else HORIZON_US

    def plan(model: StoreModel) -> Plan:
        return Plan(
            [rule],
            registry,
            model,
            Health(),
            horizon_us=horizon_us,
            take_anchor=lambda plan, anchor: None,
        )

    here = plan(model)
    # A rule that is idle here is told what it would keep where it is not.
    kept = plan(StoreModel()) if here.idle else here
    most = setup.evidence if setup is not None else Settings("").evidence
    types = {*rule.anchor.types, *(type_ for c in rule.clauses for type_ in _types(c))}
    return Checked(
        rule=rule,
        keeps=tuple(sorted(types)),
        keeps_us=kept.span_us,
        keeps_most=most * len(kept.indexes),
        answers_us=max(0, rule.reach.latest_us),
        idle=here.idle.get(rule.id, ""),
        lists=lists,
        site=setup.params.get(rule.id, {}) if setup is not None else {},
    )


def _types(clause: Clause) -> Iterator[str]:
    if isinstance(clause, Evidence):
        yield from clause.types
    elif isinstance(clause, Unmatched):
        yield from (*clause.left.types, *clause.right.types)
    elif isinstance(clause, SomeOf):
        for inner in clause.clauses:
            yield from _types(inner)
