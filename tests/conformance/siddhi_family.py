"""Siddhi's patterns and sequences as families of rules.

The machine is Siddhi's, walked on paper: the next event that can matter is bound (``seen`` with
``pick: first``), and the rule says what it is; a time that must pass is a ``not_seen``. A case's
streams are one kind of event with the stream's name in a field, so that the total order says which
of two at one time came first, as the order of sending does in Siddhi. That a query was started and
that the case ended are events, too: a leading absence is counted from the one, and what would be
decided behind the other is not part of the case.

How often an element can repeat is bounded by how many events a case sends, and how often a silence
can pass by how long it lasts: a rule's clauses are written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from rule_family import FAR_US, KIND, Draft
from siddhi_conditions import all_of, any_of, any_stream, is_equality, split, text_of, where_of
from siddhi_tree import (
    ONE,
    Absent,
    Chain,
    Condition,
    Either,
    NotSaid,
    Query,
    Reason,
    Stream,
    Test,
    Unit,
    binds,
    is_silence,
    longest_us,
    repeats,
    streams_of,
    unwrapped,
    without_kill,
)

STARTED, ENDED = "started", "ended"
LARGEST = 400
"""Rules of one family: a pattern of more ways to come true is not said in rules."""


_OVERLAP = Reason(
    "`every` over a sequence that repeats",
    "a run that is under way keeps others from beginning: one anchor, one verdict, whatever "
    "other anchors came to",
)
_TWICE = Reason(
    "`every` over either of two absences",
    "where both pass, Siddhi counts one silence twice: one anchor, one verdict",
)
_ALONE = Reason("an absence alone", "there is no event to be judged: a rule has an anchor event")
_ENDLESS = Reason(
    "repetition in too many ways", f"more than {LARGEST} ways to come true; a rule is one way"
)
_COMPARED = Reason(
    "an absence compared with an event",
    "a `where` sees one event; only that none is more or less than a figure can be said by `max`",
)
_EXPIRED = Reason(
    "`every` over a group within a time",
    "where the group runs out of time it begins anew in what it had seen; an absence between two "
    "steps cancels that candidate, there is no falling back",
)
_UNEQUAL = Reason(
    "either of two absences of different length",
    "where the pattern goes on from depends on which was over first: a window begins at an event",
)
_UNENDED = Reason("an absence that nothing ends", "a `not_seen` has a window, with an end")
_TWO_ENDS = Reason(
    "a limited wait behind a later event, within a time",
    "its window ends at one of two times, whichever is first: a window of a rule has one end",
)
_OPEN = Reason(
    "repetition before anything but an event", "no one event says when the repetition is over"
)


@dataclass(frozen=True)
class Stage:
    """What a case makes happen.

    Attributes:
        sent: how many events it sends.
        lasts_us: how long it lasts.
        partition: the field that parts the streams, each part with a run of its own; or empty.
    """

    sent: int
    lasts_us: int
    partition: str = ""


def family_of(query: Query, stage: Stage) -> list[Draft]:
    """Say a query as rules.

    Raises:
        NotSaid: the language cannot say it.
    """
    chain = unwrapped(query.chain)
    walker = _Walker(sorted(streams_of(chain)), stage, chain.strict)
    if not binds(chain):
        raise NotSaid(_ALONE)
    family: list[Draft] = []
    for draft in walker.walk(chain):
        family.append(draft)
        if len(family) > LARGEST:
            raise NotSaid(_ENDLESS)
    return family


@dataclass(frozen=True)
class _Walker:
    streams: Sequence[str]
    stage: Stage
    strict: bool

    def walk(self, chain: Chain) -> Iterator[Draft]:
        first, others = chain.units[0], chain.units[1:]
        body = first.body
        draft = Draft(
            f"stream == '{STARTED}'", within_us=chain.within_us, same=self.stage.partition
        )
        if first.every and isinstance(body, Stream) and (body.least, body.most) == ONE:
            if self.strict and any(repeats(unit) for unit in others):
                raise NotSaid(_OVERLAP)
            draft = replace(draft, anchor=where_of(body), depth=1).bind(body.name, "anchor")
            yield from self._units(draft, others)
            return
        if first.every and isinstance(body, Stream) and self.strict:
            raise NotSaid(_OVERLAP)
        yield from self._units(draft, chain.units)

    def _units(self, draft: Draft, units: Sequence[Unit]) -> Iterator[Draft]:
        # What cannot come true on this stage: more events than there are, or more time.
        if draft.depth > self.stage.sent or draft.at.offset_us > self.stage.lasts_us:
            return
        if not units:
            yield draft
            return
        unit, others = units[0], units[1:]
        body = unit.body
        if unit.every:
            yield from self._repeated(draft, unit, others)
        elif isinstance(body, Chain):
            within = draft.within_us if body.within_us is None else body.within_us
            yield from self._units(replace(draft, within_us=within), (*body.units, *others))
        elif isinstance(body, Stream) and (body.least, body.most) != ONE:
            yield from self._counted(draft, body, others, 0)
        else:
            for after in self._element(draft, body):
                yield from self._units(after, others)

    def _repeated(self, draft: Draft, unit: Unit, others: Sequence[Unit]) -> Iterator[Draft]:
        """Walk an element again and again; only what its last round bound counts."""
        body = unit.body
        if isinstance(body, Either) and body.op == "or" and not self.strict and is_silence(body):
            raise NotSaid(_TWICE)
        if isinstance(body, Chain):
            if body.within_us is not None or draft.within_us is not None:
                raise NotSaid(_EXPIRED)
            if others and repeats(body.units[-1]):
                raise NotSaid(_OPEN)
        if self.strict and isinstance(body, Either):
            body = without_kill(body)
        once = Unit(body, every=False)
        for done in self._units(replace(draft, again=True), (once,)):
            after = last = replace(done, again=False)
            if self.strict and after.at.offset_us:
                # In a sequence one silence takes the place of the one before.
                last = replace(after, patience_us=longest_us(body))
            yield from self._units(last, others)
            if (after.at, after.depth) != (draft.at, draft.depth):
                again = replace(after, bound=draft.bound, first=draft.first)
                yield from self._repeated(again, unit, others)

    # Elements

    def _element(self, draft: Draft, body: Stream | Absent | Either) -> Iterator[Draft]:
        if isinstance(body, Stream):
            for after, name, _ in self._wait(draft, [body]):
                yield after.bind(body.name, name)
        elif isinstance(body, Absent):
            for beginning in self._beginnings(draft, body, alone=True):
                yield self._silence(beginning, body)
        elif isinstance(body.left, Stream) and isinstance(body.right, Stream):
            yield from self._two_streams(draft, body.op, body.left, body.right)
        elif isinstance(body.left, Absent) and isinstance(body.right, Absent):
            yield from self._two_absences(draft, body.op, body.left, body.right)
        else:
            absent = body.left if isinstance(body.left, Absent) else body.right
            stream = body.right if isinstance(body.left, Absent) else body.left
            assert isinstance(absent, Absent)
            assert isinstance(stream, Stream)
            yield from self._stream_and_absence(draft, body.op, stream, absent)

    def _beginnings(self, draft: Draft, absent: Absent, *, alone: bool) -> Iterator[Draft]:
        """Give where a silence can begin: an event puts a pattern's first one off.

        A sequence's is broken for good, unless it stands beside an event or begins again.
        """
        yield draft
        if (
            draft.first is not None
            or absent.for_us is None
            or (self.strict and alone and not draft.again)
        ):
            return
        while draft.depth < self.stage.sent:
            draft, _ = draft.seen(where_of(absent.stream), draft.until(absent.for_us))
            yield draft

    def _silence(self, draft: Draft, absent: Absent) -> Draft:
        """Say that a time passes without an event, and before the case ends."""
        us = absent.for_us
        if us is None:
            raise NotSaid(_UNENDED)
        window = draft.until(us)
        local, crossed = split(absent.stream.where)
        if crossed and all(map(is_equality, crossed)):
            which = draft.which(where_of(replace(absent.stream, where=all_of(local))))
            same = {name: f"anchor.{name}" for name in which.get("same", [])}
            for one in crossed:
                assert isinstance(one, Test)
                same[one.left.name] = text_of(one.right, "", draft)
            after = draft.also(not_seen=KIND, **which | {"same": same}, window=window)
        elif crossed:
            after = self._outdone(
                draft, replace(absent.stream, where=all_of(local)), crossed, window
            )
        else:
            after = draft.not_seen(where_of(absent.stream), window)
        others = [one for one in self.streams if one != absent.stream.stream]
        if self.strict and draft.first is not None and others:
            after = after.not_seen(any_stream(others), window)
        at = draft.at.plus(us)
        behind = f"{at.offset_us}us after {at.name} to {at.offset_us + FAR_US}us after {at.name}"
        ended = {"seen": KIND, **draft.which(f"stream == '{ENDED}'"), "window": behind}
        after = after.also(**ended)
        if draft.within_us is not None and draft.first is not None:
            if at.name == draft.first:
                after = after.check(f"{at.offset_us}us <= {draft.within_us}us")
            else:
                apart = f"{at.name}.time - {draft.first}.time"
                after = after.check(f"{apart} + {at.offset_us}us <= {draft.within_us}us")
        return replace(after, at=at)

    def _outdone(
        self, draft: Draft, stream: Stream, crossed: Sequence[Condition], window: str
    ) -> Draft:
        """Say that nothing of a stream beats a figure: the largest does not."""
        one = crossed[0]
        limits = {">": ("max", "at_most"), "<": ("min", "at_least")}
        if len(crossed) > 1 or not isinstance(one, Test) or one.op not in limits or one.left.owner:
            raise NotSaid(_COMPARED)
        op, limit = limits[one.op]
        which = {**draft.which(where_of(stream)), "window": window}
        return draft.also(
            any_of=[
                {"count": KIND, **which, "exactly": "0"},
                {op: f"{KIND}.{one.left.name}", **which, limit: text_of(one.right, "", draft)},
            ]
        )

    def _two_streams(self, draft: Draft, op: str, left: Stream, right: Stream) -> Iterator[Draft]:
        both = [left, right]
        for found, name, which in self._wait(draft, both):
            met = [one for one, is_met in zip(both, which, strict=True) if is_met]
            if op == "or":
                yield found.bind(met[0].name, name)
                continue
            if len(met) == 2:
                yield found.bind(left.name, name).bind(right.name, name)
                continue
            yield from self._both(found, met[0], name, right if which[0] else left)

    def _both(self, draft: Draft, met: Stream, name: str, other: Stream) -> Iterator[Draft]:
        """Wait for the other one; of several of the first that come before, the latest counts."""
        for found, latest, which in self._wait(draft, [other, met]):
            if which[0]:
                yield found.bind(met.name, name).bind(other.name, latest)
            else:
                yield from self._both(found, met, latest, other)

    def _two_absences(self, draft: Draft, op: str, left: Absent, right: Absent) -> Iterator[Draft]:
        if op == "and" or (self.strict and draft.first is not None):
            # Within a sequence, what breaks one of them breaks the sequence.
            one = self._silence(draft, left)
            two = self._silence(one.back_at(draft), right)
            yield replace(two, at=max(one.at, two.at, key=lambda at: at.offset_us))
            return
        if left.for_us != right.for_us or left.for_us is None:
            raise NotSaid(_UNEQUAL)
        bare = replace(draft, clauses=())
        quiet = [self._silence(bare, one) for one in (left, right)]
        clauses = [one.clauses[0] for one in quiet]
        yield replace(
            quiet[0], clauses=(*draft.clauses, {"any_of": clauses}, *quiet[0].clauses[1:])
        )

    def _stream_and_absence(
        self, draft: Draft, op: str, stream: Stream, absent: Absent
    ) -> Iterator[Draft]:
        us = absent.for_us
        if us is None:
            if op != "and":
                raise NotSaid(_UNENDED)
            for after, name, which in self._wait(draft, [stream, absent.stream]):
                if which == (True, False):
                    yield after.bind(stream.name, name)
            return
        if op == "and":
            for beginning in self._beginnings(draft, absent, alone=False):
                yield from self._and_silence(beginning, stream, absent)
            return
        for after, name, _ in self._wait(draft, [stream], us):
            yield after.bind(stream.name, name)
        meanwhile = Absent(stream, us)
        quiet = self._silence(draft, absent)
        yield self._silence(quiet.back_at(draft), meanwhile)
        broken, _ = draft.seen(where_of(absent.stream), draft.until(us))
        without = self._silence(broken.back_at(draft), meanwhile)
        for after, name, _ in self._wait(without, [stream]):
            yield after.bind(stream.name, name)

    def _and_silence(self, draft: Draft, stream: Stream, absent: Absent) -> Iterator[Draft]:
        us = absent.for_us
        assert us is not None
        quiet = self._silence(draft, absent)
        for after, name, _ in self._wait(quiet.back_at(draft), [stream], us):
            yield replace(after.bind(stream.name, name), at=quiet.at)
        without = self._silence(quiet.back_at(draft), Absent(stream, us))
        for after, name, _ in self._wait(without, [stream]):
            yield after.bind(stream.name, name)

    def _counted(
        self, draft: Draft, body: Stream, others: Sequence[Unit], have: int
    ) -> Iterator[Draft]:
        """Collect, and go on as soon as enough are there and the next element comes."""
        most = self.stage.sent if body.most is None else min(body.most, self.stage.sent)
        enough = have >= body.least
        following = others[0].body if others else None
        if following is None and enough:
            yield draft
            return
        if not isinstance(following, Stream | None) or (following and following.least != 1):
            if enough and (not self.strict or body.most is not None):
                yield from self._units(draft, others)
                return
            if enough:
                raise NotSaid(_OPEN)
        wanted = [body] if have < most else []
        ready = enough and isinstance(following, Stream)
        if ready:
            assert isinstance(following, Stream)
            wanted = [following, *wanted]
        for after, name, which in self._wait(draft, wanted):
            if ready and which[0]:
                assert isinstance(following, Stream)
                yield from self._units(after.bind(following.name, name), others[1:])
            elif after.depth <= self.stage.sent:
                yield from self._counted(after.bind(body.name, name), body, others, have + 1)

    # Waiting

    def _wait(
        self, draft: Draft, wanted: Sequence[Stream], us: int | None = None
    ) -> Iterator[tuple[Draft, str, tuple[bool, ...]]]:
        """Wait for the first event that is any of some; give which of them it is."""
        strict = self.strict and draft.first is not None
        crossed = any(split(one.where)[1] for one in wanted)
        where = any_stream(self.streams) if strict else any_of(wanted)
        start, end = _window(draft, draft.patience_us if us is None else us)
        while wanted and draft.depth < self.stage.sent:
            found, name = draft.seen(where, f"{start} to {end}")
            for which in product((True, False), repeat=len(wanted)):
                if any(which) and not _of_two_streams(wanted, which):
                    yield _told(found, name, wanted, which), name, which
            if strict or not crossed:
                return
            draft = _told(found, name, wanted, (False,) * len(wanted))
            start = f"0us after {name}"


def _window(draft: Draft, us: int) -> tuple[str, str]:
    at = draft.at
    start, end = f"{at.offset_us}us after {at.name}", f"{at.offset_us + us}us after {at.name}"
    if draft.within_us is not None and draft.first is not None:
        if us == FAR_US:
            end = f"{draft.within_us}us after {draft.first}"
        else:
            if at.name != draft.first:
                raise NotSaid(_TWO_ENDS)
            end = f"{min(at.offset_us + us, draft.within_us)}us after {at.name}"
    return start, end


def _told(draft: Draft, name: str, wanted: Sequence[Stream], which: Sequence[bool]) -> Draft:
    """Say which of some an event is."""
    told = draft
    for one, is_met in zip(wanted, which, strict=True):
        condition = where_of(one, f"{name}.", draft)
        told = told.check(condition if is_met else f"not ({condition})")
    return told


def _of_two_streams(wanted: Sequence[Stream], which: Sequence[bool]) -> bool:
    return len({one.stream for one, is_met in zip(wanted, which, strict=True) if is_met}) > 1
