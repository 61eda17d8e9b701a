"""The shape of a store file: read in spite of mistakes, so that they hide no others.

What is mistaken is taken out and the rest is read again: an unknown key must not hide a rule folder
that does not exist.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Complaint, explain
from aislewatch.runtime.storefile_model import EVERY_STORE, StoreFile

_REPAIRS = 4
"""How often mistakes are taken out; what a reading finds first may hide some behind it."""

_MEANT = re.compile("did you mean '([^']+)'")

_SECTIONS = frozenset({"zones", "devices", "feeds", "params", "lists", "priors"})
"""Keys whose entries stand for themselves: a mistake in one leaves the others."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What could be read of a store file.

    Attributes:
        file: without its mistaken parts; None where too little is left.
        dropped: the top-level keys from which something was taken out, or that were misspelt.
        mistakes: everything that is wrong with its shape.
    """

    file: StoreFile | None
    dropped: frozenset[str]
    mistakes: list[Mistake]


def read_shape(document: LocatedYaml) -> Shape:
    """Read the shape of a store file."""
    data: Any = document.data
    dropped: set[str] = set()
    told: set[Mistake] = set()
    mistakes: list[Mistake] = []
    for _ in range(_REPAIRS):
        try:
            return Shape(StoreFile.model_validate(data), frozenset(dropped), mistakes)
        except ValidationError as error:
            complaints = explain(error, StoreFile, data)
        for complaint in complaints:
            mistake = _located(document, complaint)
            if mistake not in told:
                mistakes.append(mistake)
                told.add(mistake)
        if not isinstance(data, dict) or any(complaint.final for complaint in complaints):
            break
        data = copy.deepcopy(cast("dict[str, Any]", data))
        for complaint in complaints:
            _take_out(data, complaint, dropped)
    return Shape(None, frozenset(dropped), mistakes)


def _located(document: LocatedYaml, complaint: Complaint) -> Mistake:
    return document.mistake(
        complaint.path,
        complaint.message,
        hint=complaint.hint,
        offset=complaint.offset,
        length=complaint.length,
        on_key=complaint.on_key,
    )


def _take_out(data: dict[str, Any], complaint: Complaint, dropped: set[str]) -> None:
    if not complaint.path:
        data["store"] = EVERY_STORE  # The one key that must be there.
        return
    first, *rest = (str(part) for part in complaint.path)
    if first == "store":
        data["store"] = EVERY_STORE
        return
    dropped.add(first)
    meant = _MEANT.match(complaint.hint)
    if complaint.on_key and not rest and meant is not None:
        dropped.add(meant[1])
    section: Any = data.get(first)
    if first in _SECTIONS and rest and isinstance(section, dict):
        cast("dict[str, Any]", section).pop(rest[0], None)
    else:
        data.pop(first, None)
