"""The shape of a rule file read in spite of what is wrong with it.

What is mistaken is told and taken out, so that the rest can be checked in the same go.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Complaint, explain, is_list, is_mapping
from aislewatch.rules.desk import Desk
from aislewatch.rules.model import RuleShape

_REPAIRS = 5
"""How often a file is mended and read again before only its shape is complained of."""


def read_shape(document: LocatedYaml, desk: Desk) -> tuple[RuleShape | None, set[str]]:
    """Read the shape, recording what is wrong with it.

    Returns:
        The shape without its mistaken parts, None where too little is left; and the names that
        those parts would have bound.
    """
    data: Any = document.data
    broken: set[str] = set()
    told: set[str] = set()
    for attempt in range(_REPAIRS):
        try:
            return RuleShape.model_validate(data), broken
        except ValidationError as error:
            complaints = explain(error, RuleShape, data)
        if not is_mapping(data):
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
    return bool(paths)


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
    if complaint.on_key and complaint.message.startswith("unknown key"):
        return path
    if len(path) >= 2 and path[0] in {"match", "tests", "except", "let", "params", "requires"}:
        return path[:2]
    if len(path) >= 2 and path[0] in {"when", "incident"}:
        return path[:2]
    return path[:1]


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
