"""The lock file: what each rule of a folder means, as a hash, and which version that is.

A rule's version goes up when its meaning changes, and with nothing else: comments, titles and tests
do not change what is decided. Every signal tells the version of its rule, so that a finding of last
month can be held against the rule as it was. ::

    rules:
      unpaid-exit:
        version: 3
        status: live
        meaning: 51a0...
        moves:
          - {from: shadow, to: live, on: 2026-11-21, version: 3, evidence: "21 days in shadow"}
    gone:
      old-rule: 2

``gone`` keeps the last version of rules whose files are no more: a version is never used twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aislewatch.events.located import LocatedYaml
from aislewatch.rules.rule import Rule, Status

LOCK_NAME = "rules.lock"
"""What a lock file is called; it lies in the folder of its rules."""

_HEAD = """\
# What each rule means, as a hash, and which version of it that is. `aislewatch rules lock` writes
# this file; do not edit it.
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A rule that was given another status on purpose.

    Attributes:
        before: its status until then.
        to: its status from then on.
        on: the day.
        version: of the rule.
        evidence: what spoke for it, a sentence; empty where none was asked for.
        because: the reason that was given in place of evidence; empty where none was.
    """

    before: Status
    to: Status
    on: date
    version: int
    evidence: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the lock holds of one rule.

    Attributes:
        version: from 1, one more with each other meaning.
        status: what is done with its signals.
        meaning: hash of its meaning with its own parameters, as :attr:`Rule.declared`.
        moves: how it came to its status, the oldest first.
    """

    version: int
    status: Status
    meaning: str
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file, read.

    Attributes:
        entries: by rule.
        gone: the last version of rules that are no more.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    gone: Mapping[str, int] = field(default_factory=dict[str, int])

    def version_of(self, rule: Rule) -> int | None:
        """Give a rule's version; None where it is not the one that is locked."""
        entry = self.entries.get(rule.id)
        return entry.version if entry is not None and entry.meaning == rule.declared else None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a lock does not say of a rule as it is.

    Attributes:
        rule: its id.
        what: ``new``: it has no entry; ``meaning`` or ``status``: the entry says otherwise;
            ``gone``: there is no such rule.
        was: version and status that the lock holds; None where it is new.
        now: version and status that it would hold; None where it is gone.
    """

    rule: str
    what: Literal["new", "meaning", "status", "gone"]
    was: tuple[int, Status] | None
    now: tuple[int, Status] | None


def updated(lock: Lock, rules: Iterable[Rule]) -> Lock:
    """Give the lock of some rules, all that there are: versions go up where meanings changed."""
    entries: dict[str, Entry] = {}
    for rule in rules:
        before = lock.entries.get(rule.id)
        if before is None:
            version = lock.gone.get(rule.id, 0) + 1
            entries[rule.id] = Entry(version, rule.status, rule.declared)
        elif before.meaning != rule.declared:
            version = before.version + 1
            entries[rule.id] = Entry(version, rule.status, rule.declared, before.moves)
        else:
            entries[rule.id] = replace(before, status=rule.status)
    gone = dict(lock.gone) | {name: entry.version for name, entry in lock.entries.items()}
    return Lock(entries, {name: last for name, last in gone.items() if name not in entries})


def differences(lock: Lock, rules: Iterable[Rule]) -> Iterator[Difference]:
    """Say where a lock is not that of some rules, all that there are, in order of their names."""
    new = updated(lock, rules)
    for name in sorted({*lock.entries, *new.entries}):
        one, other = lock.entries.get(name), new.entries.get(name)
        was = (one.version, one.status) if one is not None else None
        now = (other.version, other.status) if other is not None else None
        if was is None:
            yield Difference(name, "new", was, now)
        elif now is None:
            yield Difference(name, "gone", was, now)
        elif was[0] != now[0]:
            yield Difference(name, "meaning", was, now)
        elif was[1] != now[1]:
            yield Difference(name, "status", was, now)


def with_rule(lock: Lock, rule: Rule) -> Lock:
    """Give a lock that is up to date in one rule."""
    entry = updated(lock, [rule]).entries[rule.id]
    gone = {name: last for name, last in lock.gone.items() if name != rule.id}
    return Lock({**lock.entries, rule.id: entry}, gone)


def with_move(lock: Lock, rule: str, move: Move) -> Lock:
    """Give a lock in which a rule was moved; it is up to date in that rule."""
    entry = lock.entries[rule]
    moved = replace(entry, status=move.to, moves=(*entry.moves, move))
    return replace(lock, entries={**lock.entries, rule: moved})


# The file -----------------------------------------------------------------------------------------


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _MoveShape(_Shape):
    before: Status = Field(alias="from")
    to: Status
    on: date
    version: Annotated[int, Field(ge=1)]
    evidence: str = ""
    because: str = ""


class _EntryShape(_Shape):
    version: Annotated[int, Field(ge=1)]
    status: Status
    meaning: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    moves: list[_MoveShape] = Field(default_factory=list[_MoveShape])


class _LockShape(_Shape):
    rules: dict[str, _EntryShape] = Field(default_factory=dict[str, _EntryShape])
    gone: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict[str, int])


def read_lock(document: LocatedYaml) -> Lock:
    """Read a lock file.

    Raises:
        FileMistakes: it is none; all that is wrong with it.
    """
    shape = document.validate(_LockShape)
    entries = {
        name: Entry(
            entry.version,
            entry.status,
            entry.meaning,
            tuple(Move(**move.model_dump()) for move in entry.moves),
        )
        for name, entry in shape.rules.items()
    }
    return Lock(entries, shape.gone)


def written(lock: Lock) -> str:
    """Give the text of a lock file: in order of names, a line for each fact."""
    lines = [_HEAD + ("rules:" if lock.entries else "rules: {}")]
    for name, entry in sorted(lock.entries.items()):
        lines += [
            f"  {name}:",
            f"    version: {entry.version}",
            f"    status: {entry.status}",
            f"    meaning: {entry.meaning}",
        ]
        if entry.moves:
            lines += ["    moves:", *(f"      - {{{_move(move)}}}" for move in entry.moves)]
    if lock.gone:
        lines += ["gone:", *(f"  {name}: {last}" for name, last in sorted(lock.gone.items()))]
    return "\n".join(lines) + "\n"


def _move(move: Move) -> str:
    facts = [f"from: {move.before}", f"to: {move.to}", f"on: {move.on.isoformat()}"]
    facts.append(f"version: {move.version}")
    # JSON's texts are YAML's, but for halves of surrogate pairs, which are never written here.
    for name, text in (("evidence", move.evidence), ("because", move.because)):
        if text:
            facts.append(f"{name}: {json.dumps(text, ensure_ascii=False)}")
    return ", ".join(facts)
