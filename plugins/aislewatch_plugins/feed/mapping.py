"""The mapping file: how an integrator says, without code, what a foreign feed's rows mean.

This is the file's model; :mod:`aislewatch_plugins.feed.compiler` checks and compiles what it says.
The README beside this module explains the file to its author.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aislewatch.events.reading import Reading, ReadingSpec

Where = dict[str, Any]
"""A condition as written, see :mod:`aislewatch_plugins.feed.conditions`."""

ROW_NAMES = frozenset({"stream", "file", "row", "case", "digest"})
"""What a mapping may call by a dollar name for every row; ``item``, ``key``, ``value`` and
``index`` join them inside ``each`` and ``each_entry``."""

EACH_NAMES = frozenset({"item", "key", "value", "index"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Frames(_Part):
    """How rows are wrapped on a wire.

    Attributes:
        row: path of the row inside the frame; a line that has no object there is a row itself.
        stream: path of the name of the stream that the row belongs to.
        number: path of the row's number, where the frame has one.
        banner_lines: so many lines at the beginning of a connection may be no rows.
    """

    row: str
    stream: str | None = None
    number: str | None = None
    banner_lines: int = Field(default=0, ge=0, le=1000)


class CatalogueFile(_Part):
    """A file that is looked up in.

    Attributes:
        file: path, from the mapping's folder, or else from the folder of the feed's files.
        rows: path of the array of rows in a JSON document.
    """

    file: str
    rows: str | None = None


class TimeSpec(ReadingSpec):
    """When a row happened: a point in time, or a wait since the row before.

    Attributes:
        after_previous: path of the wait: a text such as 2s, or a figure of ``unit``.
        start: when the recording starts, with a wait: ISO 8601, or a parameter's dollar name.
        default: with a wait, how long it is where the row does not say.
    """

    after_previous: str | None = None
    start: str | None = None


class StateReading(_Part):
    """Which of a row's words say how its device is.

    Attributes:
        source: ``from``: path of the word; a row without it says nothing of the device.
        device: template of the device that it is about; the row's own if not said.
        map: from a word to a state and, behind a space, the reason in one word.
    """

    source: str = Field(alias="from")
    device: str | None = None
    map: dict[str, str]


def _time_from_short(written: Any) -> Any:
    return {"from": written} if isinstance(written, str) else written


class Telling(_Part):
    """One kind of event that a row tells.

    Attributes:
        type: the kind.
        when: only if this holds of the row, or of the item of ``each``.
        each: path of an array; one event for each element, ``$item``.
        each_entry: path of an object; one event for each entry, ``$key`` and ``$value``.
        fields: by the name that rules use for the field.
    """

    type: str
    when: Where | None = None
    each: str | None = None
    each_entry: str | None = None
    fields: dict[str, Reading] = Field(default_factory=dict[str, ReadingSpec])


class Case(_Part):
    """What rows of one sort mean.

    Attributes:
        name: one word; ``$case`` in templates.
        when: which rows; all of them if not said. A row goes to the first case that it fits.
        heartbeat: rows of the case that tell nothing but that their device is alive.
        type, each, each_entry, fields: the one event that a row tells, see :class:`Telling`.
        events: several events that a row tells, instead.
        device, time, id, state: as at the top of the file, for this case.
    """

    name: str = Field(min_length=1, max_length=60)
    when: Where | None = None
    heartbeat: Where | None = None
    type: str | None = None
    each: str | None = None
    each_entry: str | None = None
    fields: dict[str, Reading] = Field(default_factory=dict[str, ReadingSpec])
    events: list[Telling] | None = None
    device: str | None = None
    time: Annotated[ReadingSpec | None, BeforeValidator(_time_from_short)] = None
    id: str | None = None
    state: StateReading | None = None

    def tellings(self) -> Iterator[tuple[tuple[str | int, ...], Telling]]:
        """Give the events of the case, each with its place inside the case."""
        if self.type is not None:
            yield (
                (),
                Telling(
                    type=self.type, each=self.each, each_entry=self.each_entry, fields=self.fields
                ),
            )
        for at, telling in enumerate(self.events or []):
            yield ("events", at), telling


class MappingFile(_Part):
    """A mapping file as written.

    Attributes:
        mapping: name of the mapping.
        about: for people.
        format: ``jsonl``: one JSON object a line; ``json``: one document; ``csv``: with a header.
        rows: path of the array of rows in a JSON document; the document itself if not said.
        delimiter: of a CSV file.
        frames: how rows are wrapped on a wire.
        zone: time zone of times that state none.
        currency: of amounts that state none.
        params: what the store file says for each feed; with its default, null if it must be said.
        catalogues: files to look up in.
        time: when a row happened.
        id: template of the events' ids; ``<feed>/<file>/<row>`` if not said.
        store: template of the store that a row belongs to; the feed's own if not said.
        device: template of the device that a row comes from; the feed's own id if not said.
        fields: fields of every event whose kind has them.
        state: which words say how the device is.
        heartbeat: rows that tell nothing but that their device is alive.
        cases: what rows mean.
    """

    mapping: str
    about: str = ""
    format: Literal["jsonl", "json", "csv"] = "jsonl"
    rows: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    frames: Frames | None = None
    zone: str | None = None
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    params: dict[str, str | None] = Field(default_factory=dict[str, str | None])
    catalogues: dict[str, CatalogueFile] = Field(default_factory=dict[str, CatalogueFile])
    time: Annotated[TimeSpec | None, BeforeValidator(_time_from_short)] = None
    id: str | None = None
    store: str | None = None
    device: str | None = None
    fields: dict[str, Reading] = Field(default_factory=dict[str, ReadingSpec])
    state: StateReading | None = None
    heartbeat: Where | None = None
    cases: list[Case] = Field(min_length=1)
