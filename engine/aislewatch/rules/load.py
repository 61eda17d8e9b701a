"""Rule files to rules, with all mistakes of all files at once.

What is wrong with a file's shape is taken out and the rest is read all the same, so that a
misspelt key does not hide an impossible comparison three lines below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import Registry
from aislewatch.rules.build import Build
from aislewatch.rules.checker import Checker
from aislewatch.rules.desk import Desk, near_types, no_rule_sees
from aislewatch.rules.macros import NO_MACROS, Macros, told_once
from aislewatch.rules.mending import read_shape
from aislewatch.rules.params import LIST, Names, Site, lists_named
from aislewatch.rules.rule import Rule
from aislewatch.rules.scope import Scope
from aislewatch.rules.signals import Entities, cycles_of, entities_of, mentioned

SITE = "params"
"""The file that mistakes of overridden parameters are said to be in, where none is named."""


def load_rules(
    files: Mapping[str, str | bytes],
    registry: Registry,
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
    params: Mapping[str, Mapping[str, str]] | None = None,
    params_file: str = SITE,
    names: Names | None = None,
    beside: Mapping[str, Entities] | None = None,
    macros: Mapping[str, Macros] | None = None,
    today: date | None = None,
    zone: str = "UTC",
) -> list[Rule]:
    """Read and check rule files.

    Args:
        files: text by path, as the person named it.
        registry: the kinds of event that rules may name.
        lists: the named lists that exist; their members are given again when source is compiled.
        params: what a site sets, by rule id and parameter.
        params_file: where the site set them, for messages.
        names: what the site has to be named by parameters with ``select``; not looked at for what
            it leaves out.
        beside: other rules that may be spoken of as ``signal.<id>``, with what those are about.
        macros: by rule file, those that it may use.
        today: an exception that ended before it is a mistake; not looked at where None.
        zone: the site's time zone, an IANA name: an exception ends with its day there.

    Returns:
        The rules, in the order of the files.

    Raises:
        FileMistakes: everything that is wrong with any of them.
    """
    mistakes: list[Mistake] = []
    rules: list[Rule] = []
    places: dict[str, str] = {}
    given = params or {}
    others = dict(beside or {}) | _entities(files)
    for file, text in files.items():
        try:
            rule = load_rule(
                text,
                file,
                registry,
                lists=lists,
                params=given,
                params_file=params_file,
                names=names,
                beside=others,
                macros=(macros or {}).get(file, NO_MACROS),
                today=today,
                zone=zone,
            )
        except FileMistakes as found:
            mistakes.extend(found.mistakes)
            continue
        if rule.id in places:
            message = f"the rule {rule.id!r} is in {places[rule.id]} already"
            mistakes.append(LocatedYaml.parse(_decoded(text, file), file).mistake(["id"], message))
        places.setdefault(rule.id, file)
        rules.append(rule)
    sound = not mistakes
    for one in {id(one): one for one in (macros or {}).values()}.values():
        mistakes += macro_mistakes(one, registry, frozenset(lists or {}))
    if sound:
        for unknown in sorted(set(given) - set(places)):
            message = f"parameters are set for a rule that is not there: {unknown!r}"
            mistakes.append(Mistake(params_file, 0, 0, message, hint=did_you_mean(unknown, places)))
        mistakes += _cycles(rules, files)
    if mistakes:
        raise FileMistakes(told_once(mistakes))
    return rules


def macro_mistakes(macros: Macros, registry: Registry, lists: frozenset[str]) -> Iterator[Mistake]:
    """Find what is wrong with macros, used or not.

    What a macro is for is known only where it says so, or where it is used; see :func:`load_rules`.

    Args:
        macros: of one folder.
        registry: the kinds of event that they may be for.
        lists: the named lists that exist.
    """
    yield from macros.mistakes
    for macro in macros.known.values():
        for index, type_ in enumerate(macro.kinds):
            place = (macro.name, "for", index)
            if type_ not in registry.kinds:
                hint = did_you_mean(type_, near_types(type_, registry.for_rules), label="near")
                message = f"unknown type of event {type_!r}"
                yield macro.document.mistake(place, message, hint=hint)
            elif type_ not in registry.for_rules:
                hint = registry.kinds[type_].instead
                yield macro.document.mistake(place, no_rule_sees(type_), hint=hint)
        kinds = tuple(registry.kinds[type_] for type_ in macro.kinds if type_ in registry.kinds)
        if macro.tree is None or macro.flaws or not kinds:
            continue
        checker = Checker(Scope(event=kinds, lists=lists, macros=macros))
        checker.check(macro.tree)
        yield from (macro.mistake(problem) for problem in checker.problems)
        yield from (inner.mistake(problem) for inner, problem in checker.inside)


def load_rule(
    text: str | bytes,
    file: str,
    registry: Registry,
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
    params: Mapping[str, Mapping[str, str]] | None = None,
    params_file: str = SITE,
    names: Names | None = None,
    beside: Mapping[str, Entities] | None = None,
    macros: Macros = NO_MACROS,
    today: date | None = None,
    zone: str = "UTC",
) -> Rule:
    """Read and check one rule file; as :func:`load_rules`.

    Raises:
        FileMistakes: everything that is wrong with it.
    """
    document = LocatedYaml.parse(_decoded(text, file), file)
    desk = Desk(document, registry, beside)
    shape, broken = read_shape(document, desk)
    rule: Rule | None = None
    if shape is not None:
        known = {LIST: frozenset(lists or {})} | dict(names or {})
        site = Site((params or {}).get(shape.id, {}), params_file, known, zone)
        build = Build(desk, shape, frozenset(lists or {}), frozenset(broken), today, macros)
        rule = build.make(site)
        if rule is not None and site.values:
            # As the file stands, whatever a site sets and has: that is what has a version.
            own_lists = known[LIST] | lists_named(shape.params)
            plain = Build(
                Desk(document, registry, beside), shape, own_lists, frozenset(), None, macros
            ).make(Site())
            rule = replace(rule, declared=plain.meaning if plain is not None else "")
    if desk.mistakes or rule is None:
        raise FileMistakes(desk.mistakes)
    return rule


def _entities(files: Mapping[str, str | bytes]) -> dict[str, Entities]:
    texts = [t if isinstance(t, str) else t.decode("utf-8", "replace") for t in files.values()]
    if not any(map(mentioned, texts)):
        return {}
    return entities_of(texts)


def _cycles(rules: Sequence[Rule], files: Mapping[str, str | bytes]) -> Iterator[Mistake]:
    for rule in rules:
        way = cycles_of(rules).get(rule.id)
        if way is not None:
            over = " -> ".join([rule.id, *way])
            message = f"this rule is judged by its own signals: {over}"
            document = LocatedYaml.parse(_decoded(files[rule.file], rule.file), rule.file)
            hint = "let one of them look at events instead"
            yield document.mistake(["when", "event"], message, hint=hint)


def _decoded(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = f"this is not UTF-8 text (byte {error.start + 1} of the file)"
        raise FileMistakes([Mistake(file, line, 0, message)]) from None
