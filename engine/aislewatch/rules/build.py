"""A rule made of the shape of its file: everything around the clauses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from aislewatch.events.located import Path
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import Dimension
from aislewatch.rules import model, rule
from aislewatch.rules.case import TestCase
from aislewatch.rules.case_values import CaseValues
from aislewatch.rules.clauses import ClauseReader, names_bound
from aislewatch.rules.days import end_of_day_us
from aislewatch.rules.desk import Desk
from aislewatch.rules.dimensions import type_of_field
from aislewatch.rules.evidence import RESERVED
from aislewatch.rules.incident_model import GroupShape, IncidentShape
from aislewatch.rules.lexer import Refused
from aislewatch.rules.macros import NO_MACROS, Macros
from aislewatch.rules.meaning import meaning_of
from aislewatch.rules.needs import LANE, ZONE
from aislewatch.rules.params import ParamReader, Site
from aislewatch.rules.rule import Expr, Rule
from aislewatch.rules.scope import Binding, Scope, field_of
from aislewatch.rules.signals import PREFIX
from aislewatch.rules.template import split_template
from aislewatch.rules.tree import Field
from aislewatch.rules.windows import read_bare_duration

_REQUIRES = re.compile(r"\s*(\S+)(?:\s+on\s+(\S+))?\s+healthy\s*")
_QUIET = re.compile(r"\s*(\S+)\s+per\s+(\S+)\s*")


class Build:
    """Makes one rule, recording on the desk what is wrong with it.

    Args:
        desk: of the file.
        shape: of the file.
        lists: names of the lists that exist.
        broken: names that would have been bound by what was taken out of the shape.
        today: exceptions that ended before it are mistakes.
        macros: those of the file's folder.
    """

    def __init__(
        self,
        desk: Desk,
        shape: model.RuleShape,
        lists: frozenset[str],
        broken: frozenset[str],
        today: date | None,
        macros: Macros = NO_MACROS,
    ) -> None:
        self._desk = desk
        self._shape = shape
        self._today = today
        self._scope = Scope(lists=lists, macros=macros, broken=broken)

    def make(self, site: Site) -> Rule | None:
        """Check everything and make the rule; None where there is any mistake.

        Args:
            site: what it sets in place of the rule's own parameters, and when its days end.
        """
        desk, shape = self._desk, self._shape
        written = self._params(site)
        anchor = self._anchor()
        where = anchor.where if anchor is not None else None
        reader = ClauseReader(desk, self._scope, shape.when.as_, where)
        clauses = [reader.let(name, one, ("let", name)) for name, one in shape.let.items()]
        clauses += [reader.read(one, ("match", i)) for i, one in enumerate(shape.match)]
        self._scope = reader.scope
        excepts = [self._except(i, one, site.zone) for i, one in enumerate(shape.except_)]
        incident = self._incident(shape.incident)
        requires = [self._requirement(i, text) for i, text in enumerate(shape.requires)]
        tests = [self._test(i, one) for i, one in enumerate(shape.tests)]
        if desk.mistakes:
            return None
        assert anchor is not None
        assert incident is not None
        found = tuple(clause for clause in clauses if clause is not None)
        excuses = tuple(one for one in excepts if one is not None)
        needs = tuple(one for one in requires if one is not None)
        meaning = meaning_of(
            id=shape.id,
            anchor=anchor,
            clauses=found,
            excepts=excuses,
            incident=incident,
            requires=needs,
            # Days were UTC's once: a rule that has none of them means what it meant.
            **({"days": "the shop's"} if excuses else {}),
        )
        return Rule(
            id=shape.id,
            title=shape.title,
            status=shape.status,
            severity=shape.severity,
            owner=shape.owner,
            file=desk.document.file,
            anchor=anchor,
            clauses=found,
            excepts=excuses,
            incident=incident,
            requires=needs,
            params=written,
            reach=reader.reach,
            known_false_alarms=tuple(shape.known_false_alarms),
            runbook=shape.runbook,
            tests=tuple(tests),
            backtest=shape.backtest,
            hears=desk.hears,
            meaning=meaning,
            declared=meaning,
        )

    def _params(self, site: Site) -> Mapping[str, str]:
        """Read the parameters, the site's over the defaults; gives them as written."""
        params = ParamReader(self._desk, self._shape.id, site).read(self._shape.params)
        self._scope = replace(
            self._scope,
            params=params.values,
            list_params=params.lists,
            broken=self._scope.broken | params.broken,
        )
        return params.written

    def _anchor(self) -> rule.Anchor | None:
        desk, shape = self._desk, self._shape.when
        kinds = desk.kinds(("when", "event"), shape.event)
        if kinds is None:
            self._scope = replace(self._scope, broken=self._scope.broken | {shape.as_})
            return None
        if shape.as_ in RESERVED:
            desk.wrong(("when", "as"), f"{shape.as_!r} is a word of the language")
        where: Expr | None = None
        if shape.where is not None:
            where = desk.expr(("when", "where"), shape.where, self._scope.for_event(kinds))
        later = {
            name: f"match[{index}]"
            for index, clause in enumerate(self._shape.match)
            for name in names_bound(clause)
        }
        scope = self._scope.with_binding(shape.as_, Binding(kinds))
        self._scope = replace(scope, later=later)
        return rule.Anchor(tuple(shape.event), shape.as_, where)

    def _except(self, index: int, shape: model.ExceptShape, zone: str) -> rule.Except | None:
        path = ("except", index)
        where = self._desk.expr((*path, "where"), shape.where, self._scope)
        if self._today is not None and shape.until < self._today:
            self._desk.wrong(
                (*path, "until"),
                f"the exception {shape.name!r} ended on {shape.until.isoformat()}",
                "take it out, or have its owner renew it",
            )
        if where is None:
            return None
        ends_us = end_of_day_us(shape.until, zone)
        return rule.Except(shape.name, where, shape.reason, shape.owner, shape.until, ends_us)

    def _incident(self, shape: IncidentShape) -> rule.Incident | None:
        desk, scope = self._desk, self._scope
        about: dict[str, Expr] = {}
        for entity, text in shape.about.items():
            found = desk.expr(("incident", "about", entity), text, scope, Dimension.TEXT)
            if found is not None:
                about[entity] = found
        value: Expr | None = None
        if shape.value is not None:
            value = desk.expr(("incident", "value"), shape.value, scope, Dimension.MONEY)
        because = self._because(shape.because)
        quiet = self._quiet(shape) if shape.quiet is not None else None
        group = self._group(shape.group, about) if shape.group is not None else None
        return rule.Incident(
            type=shape.type,
            about=about,
            points=shape.points,
            half_life_us=shape.half_life,
            quiet=quiet,
            family=shape.family,
            group=group,
            because=because,
            value=value,
        )

    def _because(self, text: str) -> rule.Template:
        path = ("incident", "because")
        parts: list[str | Expr] = []
        try:
            for offset, piece, is_expression in split_template(text):
                if not is_expression:
                    parts.append(piece)
                    continue
                found = self._desk.expr(path, piece, self._scope, None, base=offset, whole=False)
                if found is not None:
                    parts.append(found)
        except Refused as refused:
            self._desk.problem(path, refused.problem)
        return rule.Template(tuple(parts))

    def _quiet(self, shape: IncidentShape) -> rule.Quiet | None:
        path, text = ("incident", "quiet"), shape.quiet or ""
        found = _QUIET.fullmatch(text)
        if found is None:
            self._desk.wrong(path, f"{text!r} is no silence", "write e.g. 30m per epc")
            return None
        entity = found[2]
        if entity not in shape.about:
            self._desk.wrong(
                path,
                f"{entity!r} is not in 'about'",
                did_you_mean(entity, shape.about, label="about"),
                offset=found.start(2),
                length=len(entity),
            )
        try:
            return rule.Quiet(read_bare_duration(found[1], self._scope.params), entity)
        except Refused as refused:
            self._desk.problem(path, refused.problem, found.start(1))
            return None

    def _group(self, shape: GroupShape, about: Mapping[str, Expr]) -> rule.Group:
        """Read what signals of one sliding incident share: entities, or fields of the anchor."""
        anchor = self._scope.bindings.get(self._shape.when.as_)
        same: list[tuple[str, Expr]] = []
        for index, name in enumerate(shape.same):
            path = ("incident", "group", "same", index)
            if name in about:
                same.append((name, about[name]))
                continue
            if name in self._shape.incident.about or anchor is None:
                continue
            spec = field_of(anchor.kinds, name)
            if spec is None or not spec.key:
                known = [*about, *(key for key, one in anchor.kinds[0].fields.items() if one.key)]
                message = f"{name!r} is neither in 'about' nor a key of the anchor"
                self._desk.wrong(path, message, did_you_mean(name, known))
                continue
            term = Field(
                binding=self._shape.when.as_,
                attr=spec.attr,
                path=spec.path,
                optional=not spec.required,
                unbound=False,
                type=type_of_field(spec),
            )
            text = f"{self._shape.when.as_}.{name}"
            same.append((name, self._desk.made(path, text, term)))
        return rule.Group(tuple(same), shape.gap)

    def _requirement(self, index: int, text: str) -> rule.Requirement | None:
        path = ("requires", index)
        found = _REQUIRES.fullmatch(text)
        if found is None:
            hint = "write e.g. vision.person on refund.zone.id healthy"
            self._desk.wrong(path, f"{text!r} is no requirement", hint)
            return None
        if self._desk.kinds(path, [found[1]]) is None:
            return None
        if found[1].startswith(PREFIX):
            hint = "a rule that looks for signals is undecided where they are"
            self._desk.wrong(path, "signals come from rules, and no device sees them", hint)
            return None
        on = self._place(path, found[2], found.start(2)) if found[2] is not None else None
        if found[2] is not None and on is None:
            return None
        return rule.Requirement(found[1], on, text)

    def _place(self, path: Path, text: str, offset: int) -> rule.Join | None:
        """Read where devices must be in order: the anchor's lane or zone."""
        anchor = self._shape.when.as_
        if text == f"{anchor}.desk":
            # No field of any event: the desk at which a till stands is the zone that it is in.
            text = f"{anchor}.zone.id"
        where = self._desk.expr(path, text, self._scope, None, base=offset, whole=False)
        if where is None:
            return None
        term = where.term
        if isinstance(term, Field) and term.binding == anchor and term.attr in {LANE, ZONE}:
            return rule.Join(term.attr, where)
        hint = f"write {anchor}.lane or {anchor}.zone.id"
        message = f"{text!r} is neither the lane nor the zone of what is judged"
        self._desk.wrong(path, message, hint, offset=offset, length=len(text))
        return None

    def _test(self, index: int, shape: model.TestShape) -> TestCase:
        path, expect = ("tests", index, "events"), ("tests", index, "expect")
        offset = len(shape.events) - len(shape.events.lstrip())
        values = CaseValues(self._desk, self._scope)
        about = shape.expect.about.items()
        return TestCase(
            name=shape.name,
            events=values.filled(path, shape.events),
            line=self._desk.line(path, offset),
            fires=shape.expect.fires,
            at=values.filled((*expect, "at"), shape.expect.at) if shape.expect.at else None,
            about={
                kind: values.filled((*expect, "about", kind), text).strip('"')
                for kind, text in about
            },
            points=shape.expect.points,
            because_not=shape.expect.because_not,
            written=shape.events,
        )
