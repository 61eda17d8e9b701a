"""Rule files to rules, with all mistakes of all files at once.

What is wrong with a file's shape is taken out and the rest is read all the same, so that a
misspelt key does not hide an impossible comparison three lines below it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Complaint, did_you_mean, explain
from aislewatch.events.registry import Registry
from aislewatch.rules.build import Build
from aislewatch.rules.desk import Desk
from aislewatch.rules.model import RuleShape
from aislewatch.rules.rule import Rule

SITE = "params"
"""The file that mistakes of overridden parameters are said to be in, where none is named."""

_REPAIRS = 5
"""How often a file is mended and read again before only its shape is complained of."""


def load_rules(
    files: Mapping[str, str | bytes],
    registry: Registry,
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
    params: Mapping[str, Mapping[str, str]] | None = None,
    params_file: str = SITE,
    today: date | None = None,
) -> list[Rule]:
    """Read and check rule files.

    Args:
        files: text by path, as the person named it.
        registry: the kinds of event that rules may name.
        lists: the named lists that exist; their members are given again when source is compiled.
        params: what a site sets, by rule id and parameter.
        params_file: where the site set them, for messages.
        today: an exception that ended before it is a mistake; not looked at where None.

    Returns:
        The rules, in the order of the files.

    Raises:
        FileMistakes: everything that is wrong with any of them.
    """
    mistakes: list[Mistake] = []
    rules: list[Rule] = []
    places: dict[str, str] = {}
    given = params or {}
    for file, text in files.items():
        try:
            rule = load_rule(
                text,
                file,
                registry,
                lists=lists,
                params=given,
                params_file=params_file,
                today=today,
            )
        except FileMistakes as found:
            mistakes.extend(found.mistakes)
            continue
        if rule.id in places:
            message = f"the rule {rule.id!r} is in {places[rule.id]} already"
            mistakes.append(LocatedYaml.parse(_decoded(text, file), file).mistake(["id"], message))
        places.setdefault(rule.id, file)
        rules.append(rule)
    if not mistakes:
        for unknown in sorted(set(given) - set(places)):
            message = f"parameters are set for a rule that is not there: {unknown!r}"
            mistakes.append(Mistake(params_file, 0, 0, message, hint=did_you_mean(unknown, places)))
    if mistakes:
        raise FileMistakes(mistakes)
    return rules


def load_rule(
    text: str | bytes,
    file: str,
    registry: Registry,
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
    params: Mapping[str, Mapping[str, str]] | None = None,
    params_file: str = SITE,
    today: date | None = None,
) -> Rule:
    """Read and check one rule file; as :func:`load_rules`.

    Raises:
        FileMistakes: everything that is wrong with it.
    """
    document = LocatedYaml.parse(_decoded(text, file), file)
    desk = Desk(document, registry)
    shape, broken = _shape(document, desk)
    rule: Rule | None = None
    if shape is not None:
        site = (params or {}).get(shape.id, {})
        build = Build(desk, shape, frozenset(lists or {}), frozenset(broken), today)
        rule = build.make(site, params_file)
    if desk.mistakes or rule is None:
        raise FileMistakes(desk.mistakes)
    return rule


def _decoded(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        message = f"this is not UTF-8 text (byte {error.start + 1} of the file)"
        raise FileMistakes([Mistake(file, line, 0, message)]) from None


def _shape(document: LocatedYaml, desk: Desk) -> tuple[RuleShape | None, set[str]]:
    """Read the shape, recording what is wrong with it.

    Returns:
        The shape without its mistaken parts, None where too little is left; and the names that
        those parts would have bound.
    """
    data = document.data
    broken: set[str] = set()
    told: set[str] = set()
    for attempt in range(_REPAIRS):
        try:
            return RuleShape.model_validate(data), broken
        except ValidationError as error:
            complaints = explain(error, RuleShape, data)
        if not isinstance(data, dict):
            desk.wrong((), "a rule file is a mapping (key: value)", "begin with 'id: ...'")
            return None, broken
        for complaint in complaints:
            # What is taken out here may be missed in the next round: that is no new mistake.
            if attempt == 0:
                _tell(desk, complaint)
                told.add(complaint.message)
        if attempt == 0:
            data = copy.deepcopy(data)
        if not _mend(data, complaints, broken, desk):
            break
    return None, broken


def _tell(desk: Desk, complaint: Complaint) -> None:
    desk.wrong(
        complaint.path,
        complaint.message,
        complaint.hint,
        offset=complaint.offset,
        length=complaint.length,
        on_key=complaint.on_key,
    )


def _mend(data: Any, complaints: list[Complaint], broken: set[str], desk: Desk) -> bool:
    """Take the mistaken parts out; False where nothing could be."""
    paths = {_removable(complaint) for complaint in complaints} - {()}
    # Deepest and last first, so that positions in lists stay true.
    for path in sorted(paths, key=lambda one: [str(part).zfill(9) for part in one], reverse=True):
        at = data
        for part in path[:-1]:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                at = None
                break
        last = path[-1]
        inside = (isinstance(at, dict) and last in at) or (
            isinstance(at, list) and isinstance(last, int) and last < len(at)
        )
        if inside:
            broken.update(_bound_in(at[last]))
            del at[last]
            if isinstance(at, list) and len(path) == 2:
                desk.dropped(str(path[0]), int(last), len(at) + 1)
    return bool(paths)


def _removable(complaint: Complaint) -> tuple[str | int, ...]:
    """Give what to take out for a complaint: a key, or the clause or test that it stands in."""
    path = complaint.path
    if complaint.on_key and complaint.message.startswith("unknown key"):
        return path
    if len(path) >= 2 and path[0] in {"match", "tests", "except", "let", "params", "requires"}:
        return path[:2]
    if len(path) >= 2 and path[0] in {"when", "incident"}:
        return path[:2]
    return path[:1]


def _bound_in(value: Any) -> set[str]:
    """Give every name under an ``as`` in what is taken out."""
    if isinstance(value, dict):
        names = {str(value["as"])} if isinstance(value.get("as"), str) else set[str]()
        return names.union(*(_bound_in(inner) for inner in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(_bound_in(inner) for inner in value))
    return set()
