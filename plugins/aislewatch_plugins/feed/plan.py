"""A compiled mapping: the functions that the mapper calls for each row.

Made by :mod:`aislewatch_plugins.feed.compiler`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aislewatch.events.kinds import Event
from aislewatch.events.reading import Read
from aislewatch_plugins.feed.conditions import Condition
from aislewatch_plugins.feed.mapping import MappingFile


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One field of an event: where it goes, how it is read, and what refuses it."""

    attr: str
    name: str
    read: Read
    required: bool
    place: str


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """One kind of event that a row tells; see ``Telling``."""

    struct: type[Event]
    when: Condition | None
    each: Read | None
    each_entry: Read | None
    fields: tuple[PlannedField, ...]
    place: str


@dataclass(frozen=True, slots=True)
class PlannedState:
    """Which words say how a device is: from a word to a state and its reason.

    ``device`` is whom they are about; None for the row's own.
    """

    read: Read
    words: Mapping[str, tuple[str, str | None]]
    device: Read | None
    place: str
    device_place: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Time told as a wait since the row before."""

    read: Callable[[Any, Mapping[str, Any]], int | None]
    start_us: int


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """What rows of one sort mean; see ``Case``."""

    name: str
    when: Condition | None
    heartbeat: Condition | None
    device: Read | None
    time: Read | None
    id: Read | None
    state: PlannedState | None
    state_fields: tuple[PlannedField, ...]
    events: tuple[PlannedEvent, ...]
    place: str
    time_place: str
    device_place: str


@dataclass(frozen=True, slots=True)
class PlannedFrames:
    """How rows are wrapped on a wire; see ``Frames``."""

    row: Read
    stream: Read | None
    number: Read | None
    banner_lines: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mapping, ready for rows.

    Attributes:
        name: the mapping file's, without folders.
        file: the mapping as written.
        params: the parameters' values.
        other: for rows that fit no case; None where the file does not say their time.
        names_digest: an id template asks for the row's digest.
    """

    name: str
    file: MappingFile
    params: Mapping[str, str]
    frames: PlannedFrames | None
    wait: Wait | None
    store: Read | None
    heartbeat: Condition | None
    cases: tuple[PlannedCase, ...]
    other: PlannedCase | None
    names_digest: bool
