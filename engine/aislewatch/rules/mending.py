"""The shape of a rule file read in spite of what is wrong with it.

What is mistaken is told and taken out, so that the rest can be checked in the same go: a misspelt
key is read as what it was meant to be, and for what a rule cannot do without something stands in.
Only without an anchor there is nothing that the rest could be held against.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Complaint, explain, is_list, is_mapping, meant_key
from aislewatch.rules.desk import Desk
from aislewatch.rules.model import RuleShape

_REPAIRS: Final = 8
"""How often a file is mended and read again before only its shape is complained of.

Keys may be misspelt inside misspelt keys, three deep (``incident: {group: {gap: ...}}``), each is
seen only when the one around it is mended, and the part that is then mistaken goes last.
"""

_ALIKE: Final = 0.65
"""How alike an unknown key and the nearest known one must be for it to be read as that one.

'wehn' for 'when' is 0.75; 'notes' for 'tests' is 0.6, and then more likely a key of its own.
"""

_STAND_INS: Final[tuple[tuple[tuple[str, ...], Any], ...]] = (
    (("id",), "stand-in"),
    (("title",), "stand-in"),
    (("incident",), {}),
    (("incident", "type"), "stand-in"),
    (("incident", "because"), "stand-in"),
    (("incident", "about"), {"standing": "'in'"}),
)
"""What is put where a required value is missing or was taken out; it has no mistakes itself."""


def read_shape(document: LocatedYaml, desk: Desk) -> tuple[RuleShape | None, set[str]]:
    """Read the shape, recording what is wrong with it.

    Returns:
        The shape without its mistaken parts, None where too little is left; and the names that
        those parts would have bound.
    """
    data: Any = copy.deepcopy(document.data)
    broken: set[str] = set()
    renamed: set[tuple[str | int, ...]] = set()
    for attempt in range(_REPAIRS):
        try:
            return RuleShape.model_validate(data), broken
        except ValidationError as error:
            complaints = explain(error, RuleShape, data)
        if not is_mapping(data):
            desk.wrong((), "a rule file is a mapping (key: value)", "begin with 'id: ...'")
            return None, broken
        for complaint in complaints:
            # What is taken out here may be missed in the next round: that is no new mistake. What
            # stands under a key that was mended is read for the first time then.
            there = desk.there(complaint.path)
            if attempt == 0 or any(there[: len(path)] == path for path in renamed):
                _tell(desk, complaint)
        before = copy.deepcopy(data)
        renamed = set(_rename(data, complaints, desk))
        _take_out(data, complaints, broken, desk)
        if not renamed:  # What looks missing may stand under a name that is misspelt, too.
            _put_stand_ins(data)
        if data == before:
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


def _rename(data: Any, complaints: list[Complaint], desk: Desk) -> Iterator[tuple[str | int, ...]]:
    """Read misspelt keys as what they were meant to be; gives where in the file they stand."""
    for complaint in complaints:
        *parent, key = complaint.path or ("",)
        at, meant = _at(data, tuple(parent)), meant_key(complaint)
        if not (meant and _is_unknown_key(complaint) and is_mapping(at)) or meant in at:
            continue
        if difflib.SequenceMatcher(None, meant, str(key)).ratio() >= _ALIKE:
            there = desk.there(complaint.path)
            at[meant] = at.pop(str(key))
            desk.renamed(complaint.path, meant)
            yield there


def _take_out(data: Any, complaints: list[Complaint], broken: set[str], desk: Desk) -> None:
    """Take out the parts that are mistaken."""
    paths = {_removable(complaint) for complaint in complaints} - {()}
    # Last first, so that positions in lists stay true.
    for path in sorted(paths, key=lambda one: [str(part).zfill(9) for part in one], reverse=True):
        at, last = _at(data, path[:-1]), path[-1]
        if is_list(at) and isinstance(last, int) and last < len(at):
            broken.update(_names_in(at[last]))
            desk.dropped(str(path[0]), last, len(at))
            del at[last]
        elif is_mapping(at) and last in at:
            broken.update(_names_in(at[str(last)]))
            del at[str(last)]


def _put_stand_ins(data: Any) -> None:
    for path, value in _STAND_INS:
        at, last = _at(data, path[:-1]), path[-1]
        if not is_mapping(at) or last in at:
            continue
        at[last] = copy.deepcopy(value)
        if last == "about":
            # They name what is in 'about', and would be told off for what was taken out.
            at.pop("quiet", None)
            at.pop("group", None)


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):  # Taken out already, with what it stood in.
            return None
    return data


def _removable(complaint: Complaint) -> tuple[str | int, ...]:
    """Give what to take out for a complaint: a key, or the clause or test that it stands in."""
    path = complaint.path
    if _is_unknown_key(complaint):
        return path
    if path == ("incident",) and complaint.on_key:  # It lacks something, and something stands in.
        return ()
    if len(path) >= 2 and path[0] in {"match", "tests", "except", "let", "params", "requires"}:
        return path[:2]
    if len(path) >= 2 and path[0] in {"when", "incident"}:
        return path[:2]
    return path[:1]


def _is_unknown_key(complaint: Complaint) -> bool:
    return complaint.on_key and complaint.message.startswith("unknown key")


def _names_in(value: Any) -> Iterator[str]:
    """Give every name under an ``as`` in what is taken out."""
    if is_mapping(value):
        if isinstance(value.get("as"), str):
            yield value["as"]
        for inner in value.values():
            yield from _names_in(inner)
    elif is_list(value):
        for inner in value:
            yield from _names_in(inner)
