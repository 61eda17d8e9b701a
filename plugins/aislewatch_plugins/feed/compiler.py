"""A mapping file, checked and compiled.

Every reading is compiled against the kind of event that it feeds, so that a misspelled field, a
unit that does not fit or a required field that nothing fills is a located mistake before the first
row arrives; all mistakes of the file come at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeVar, get_args

from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.conversion import duration_us, instant_us, known_zone
from aislewatch.events.kinds import DeviceStateName, Event
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.reading import (
    INSTANT,
    Catalogue,
    Read,
    ReadingMistake,
    ReadingSpec,
    Setting,
    Target,
    compile_path,
    compile_reading,
    compile_template,
)
from aislewatch.events.registry import ENVELOPE, FieldSpec, KindSpec, Registry
from aislewatch_plugins.feed.conditions import Condition, compile_condition
from aislewatch_plugins.feed.mapping import (
    EACH_NAMES,
    ROW_NAMES,
    Case,
    Frames,
    MappingFile,
    StateReading,
    Telling,
    TimeSpec,
)
from aislewatch_plugins.feed.plan import (
    Plan,
    PlannedCase,
    PlannedEvent,
    PlannedField,
    PlannedFrames,
    PlannedState,
    Wait,
)

KeyPath = tuple[str | int, ...]
Compiled = TypeVar("Compiled")

_STATES: tuple[str, ...] = get_args(DeviceStateName)


class FeedMapping:
    """A mapping file that has been read and found free of mistakes.

    Attributes:
        file: the mapping as written.
        path: of the file.
    """

    def __init__(self, located: LocatedYaml, file: MappingFile, registry: Registry) -> None:
        self.path = located.file
        self.file = file
        self._located = located
        self._registry = registry

    @property
    def types(self) -> tuple[str, ...]:
        """The types of event that the mapping can tell."""
        told = {telling.type for case in self.file.cases for _, telling in case.tellings()}
        return tuple(sorted(told | {"device.state"}))

    def plan(self, params: Mapping[str, str], catalogues: Mapping[str, Catalogue]) -> Plan:
        """Compile the mapping for one feed.

        Args:
            params: values of the parameters that the mapping declares.
            catalogues: the rows of every catalogue that it declares.

        Raises:
            UsageError: a parameter is missing or unknown.
            FileMistakes: a catalogue lacks a column that the mapping takes.
        """
        declared = self.file.params
        unknown = sorted(set(params) - set(declared))
        if unknown:
            hint = did_you_mean(unknown[0], declared)
            message = f"{self.path} has no parameter {unknown[0]!r}; {hint or 'it declares none'}"
            raise UsageError(message)
        values = {name: value for name, value in declared.items() if value is not None}
        values |= params
        missing = sorted(set(declared) - set(values))
        if missing:
            message = f"{self.path} needs a value for {', '.join(missing)}: params: {{...}}"
            raise UsageError(message)
        return _Compiler(self._located, self.file, self._registry, catalogues).plan(values)


def load_mapping(text: str, file: str, registry: Registry) -> FeedMapping:
    """Read a mapping file.

    Args:
        text: the file.
        file: path for messages.
        registry: the kinds of event that it may tell.

    Raises:
        FileMistakes: everything that is wrong with it, located.
    """
    located = LocatedYaml.parse(text, file)
    model = located.validate(MappingFile)
    nothing = {name: Catalogue(()) for name in model.catalogues}
    _Compiler(located, model, registry, nothing).plan(None)
    return FeedMapping(located, model, registry)


class _Compiler:
    """Compiles one mapping and collects what is wrong with it."""

    def __init__(
        self,
        located: LocatedYaml,
        file: MappingFile,
        registry: Registry,
        catalogues: Mapping[str, Catalogue],
    ) -> None:
        self._located = located
        self._file = file
        self._registry = registry
        self._mistakes: list[Mistake] = []
        zone = self._try((), lambda: _zone(file.zone))
        names = ROW_NAMES | set(file.params)
        self._setting = Setting(zone, file.currency, names, catalogues)
        self._item = Setting(zone, file.currency, names | EACH_NAMES, catalogues)
        for name in sorted((ROW_NAMES | EACH_NAMES) & set(file.params)):
            self._wrong(("params", name), f"${name} already means something; choose another name")

    def plan(self, params: Mapping[str, str] | None) -> Plan:
        """Compile all of it; without parameters, only to find what is wrong."""
        file = self._file
        templates = [file.id, *(case.id for case in file.cases)]
        plan = Plan(
            name=PurePath(self._located.file).name,
            file=file,
            params=params or {},
            frames=self._frames(file.frames),
            wait=self._wait(file.time, params),
            store=self._template(("store",), file.store),
            heartbeat=self._condition(("heartbeat",), file.heartbeat, self._setting),
            cases=tuple(self._case(at, case) for at, case in enumerate(file.cases)),
            other=self._case(len(file.cases), Case(name="other"))
            if file.time is not None
            else None,
            names_digest=any("$digest" in template for template in templates if template),
        )
        names = [case.name for case in file.cases]
        for at, name in enumerate(names):
            if name in names[:at]:
                self._wrong(("cases", at, "name"), f"two cases are called {name!r}")
        if file.rows is not None and file.format != "json":
            self._wrong(("rows",), "'rows' is for 'format: json'")
        if self._mistakes:
            # A mistake at the top of the file is met again in every case.
            raise FileMistakes(list(dict.fromkeys(self._mistakes)))
        return plan

    def _case(self, at: int, case: Case) -> PlannedCase:
        path: KeyPath = ("cases", at)
        if case.type is not None and case.events is not None:
            self._wrong((*path, "events"), "say 'type' or 'events', not both")
        if case.type is None and (case.fields or case.each or case.each_entry):
            self._wrong(path, "which 'type' of event do these fields make?")
        time_path: KeyPath = (*path, "time") if case.time is not None else ("time",)
        device = case.device or self._file.device
        device_path: KeyPath = (*path, "device") if case.device is not None else ("device",)
        state, state_path = case.state, (*path, "state")
        if state is None:
            state, state_path = self._file.state, ("state",)
        own_id = case.id or self._file.id
        id_path: KeyPath = (*path, "id") if case.id is not None else ("id",)
        return PlannedCase(
            name=case.name,
            when=self._condition((*path, "when"), case.when, self._setting),
            heartbeat=self._condition((*path, "heartbeat"), case.heartbeat, self._setting),
            device=self._template(device_path, device),
            time=self._time(time_path, case.time or self._file.time, path),
            id=self._template(id_path, own_id),
            state=self._state(state_path, state),
            state_fields=self._state_fields(path, case),
            events=tuple(self._event((*path, *p), telling) for p, telling in case.tellings()),
            place=self._place(path, case.name),
            time_place=self._place(time_path, "time"),
            device_place=self._place(device_path, "device"),
        )

    def _event(self, path: KeyPath, telling: Telling) -> PlannedEvent:
        kind = self._registry.kinds.get(telling.type)
        if kind is None or telling.type in {"device.state", "clock.tick"}:
            hint = did_you_mean(telling.type, self._registry.kinds)
            message = f"no kind of event is called {telling.type!r}"
            if kind is not None:
                message, hint = f"{telling.type} is not told by rows", "say 'state:' instead"
            self._wrong((*path, "type"), message, hint=hint)
        if telling.each is not None and telling.each_entry is not None:
            self._wrong((*path, "each_entry"), "say 'each' or 'each_entry', not both")
        many = telling.each is not None or telling.each_entry is not None
        setting = self._item if many else self._setting
        fields = self._fields(path, telling, kind, setting) if kind is not None else ()
        return PlannedEvent(
            struct=kind.struct if kind is not None else Event,
            when=self._condition((*path, "when"), telling.when, setting),
            each=self._path((*path, "each"), telling.each),
            each_entry=self._path((*path, "each_entry"), telling.each_entry),
            fields=fields,
            place=self._place((*path, "type"), telling.type),
        )

    def _fields(
        self, path: KeyPath, telling: Telling, kind: KindSpec, setting: Setting
    ) -> tuple[PlannedField, ...]:
        known = {name: f for name, f in kind.fields.items() if f.attr not in ENVELOPE}
        planned: list[PlannedField] = []
        for name, reading in telling.fields.items():
            spec = known.get(name)
            if spec is None:
                self._unknown_field((*path, "fields", name), name, kind, known)
                continue
            planned.append(self._field((*path, "fields", name), spec, reading, setting))
        for name, reading in self._file.fields.items():
            spec = known.get(name)
            if spec is not None and name not in telling.fields:
                planned.append(self._field(("fields", name), spec, reading, setting))
        filled = {field.attr for field in planned}
        for name, spec in known.items():
            if spec.required and spec.attr not in filled and name not in telling.fields:
                message = f"{kind.type} needs {name!r} ({spec.doc}), which nothing fills"
                self._wrong((*path, "type"), message)
        return tuple(planned)

    def _state_fields(self, path: KeyPath, case: Case) -> tuple[PlannedField, ...]:
        """Compile what a case says of its device's lane; its zone may be each row's own."""
        kind = self._registry.kinds["device.state"]
        here: dict[str, tuple[KeyPath, ReadingSpec]] = {
            name: (("fields", name), reading) for name, reading in self._file.fields.items()
        }
        if case.each is None and case.each_entry is None:
            for name, reading in case.fields.items():
                here[name] = ((*path, "fields", name), reading)
        return tuple(
            self._field(at, kind.fields[name], reading, self._setting)
            for name, (at, reading) in here.items()
            if name == "lane"
        )

    def _unknown_field(
        self, path: KeyPath, name: str, kind: KindSpec, known: Mapping[str, FieldSpec]
    ) -> None:
        if name in ENVELOPE:
            hint = f"say {name!r} at the top of the file or of the case"
        else:
            by_attr = {spec.attr: field for field, spec in known.items()}
            hint = (
                f"it is written {by_attr[name]!r} here"
                if name in by_attr
                else did_you_mean(name, known)
            )
        self._wrong(path, f"{kind.type} has no field {name!r}", hint=hint, on_key=True)

    def _field(
        self, path: KeyPath, spec: FieldSpec, reading: ReadingSpec, setting: Setting
    ) -> PlannedField:
        read = self._try(path, lambda: compile_reading(reading, Target.of(spec), setting))
        return PlannedField(
            attr=spec.attr,
            name=spec.path,
            read=read or _never,
            required=spec.required or reading.required,
            place=self._place(path, f"fields.{spec.path}", on_key=True),
        )

    def _time(self, path: KeyPath, time: ReadingSpec | None, case: KeyPath) -> Read | None:
        if time is None:
            self._wrong(case, "when do these rows happen? say 'time' for the file or the case")
            return None
        if isinstance(time, TimeSpec) and time.after_previous is not None:
            if path != ("time",):
                self._wrong(path, "say 'after_previous' for the whole file: rows wait in its order")
            return None
        return self._try(path, lambda: compile_reading(time, INSTANT, self._setting))

    def _wait(self, time: TimeSpec | None, params: Mapping[str, str] | None) -> Wait | None:
        if time is None or time.after_previous is None:
            if time is not None and time.start is not None:
                self._wrong(("time", "start"), "'start' goes with 'after_previous'")
            return None
        for case_at, case in enumerate(self._file.cases):
            if case.time is not None:
                message = "this file tells time by waits; a case cannot have a time of its own"
                self._wrong(("cases", case_at, "time"), message)
        path = self._path(("time", "after_previous"), time.after_previous) or _never
        unit = time.unit or "written"
        start = self._try(("time",), lambda: self._start(time.start, params))
        default = self._try(("time",), lambda: _wait_default(time.default, unit))

        def read(row: Any, names: Mapping[str, Any]) -> int | None:
            wait = path(row, names)
            return default if wait is None else duration_us(wait, unit)

        return Wait(read, start if start is not None else 0)

    def _start(self, start: str | None, params: Mapping[str, str] | None) -> int:
        if start is None:
            message = "when does the recording start? say 'start', for instance start: $start"
            raise ReadingMistake(message)
        if start.startswith("$"):
            if start[1:] not in self._file.params:
                message = f"no parameter is called {start}"
                raise ReadingMistake(message, "start", hint="declare it under 'params'")
            if params is None:
                return 0
            start = params[start[1:]]
        try:
            return instant_us(start, zone=self._file.zone)
        except ValueError as error:
            raise ReadingMistake(str(error), "start") from None

    def _state(self, path: KeyPath, state: StateReading | None) -> PlannedState | None:
        if state is None:
            return None
        words: dict[str, tuple[str, str | None]] = {}
        for word, meaning in state.map.items():
            name, _, reason = meaning.partition(" ")
            if name not in _STATES:
                hint = did_you_mean(name, _STATES)
                self._wrong((*path, "map", word), f"{name!r} is no state of a device", hint=hint)
            words[word] = (name, reason.strip() or None)
        read = self._path((*path, "from"), state.source) or _never
        device_path = (*path, "device")
        return PlannedState(
            read,
            words,
            self._template(device_path, state.device),
            self._place(path, "state"),
            self._place(device_path, "device"),
        )

    def _frames(self, frames: Frames | None) -> PlannedFrames | None:
        if frames is None:
            return None
        stream, number = frames.stream, frames.number
        return PlannedFrames(
            row=self._path(("frames", "row"), frames.row) or _never,
            stream=self._path(("frames", "stream"), stream),
            number=self._path(("frames", "number"), number),
            banner_lines=frames.banner_lines,
        )

    def _condition(
        self, path: KeyPath, written: Mapping[str, Any] | None, setting: Setting
    ) -> Condition | None:
        if written is None:
            return None
        if not written:
            self._wrong(path, "an empty condition holds of every row; leave it out instead")
        return self._try(path, lambda: compile_condition(written, setting))

    def _path(self, path: KeyPath, written: str | None) -> Read | None:
        if written is None:
            return None
        return self._try(path, lambda: compile_path(written, self._setting))

    def _template(self, path: KeyPath, written: str | None) -> Read | None:
        if written is None:
            return None
        return self._try(path, lambda: compile_template(written, self._setting))

    def _try(self, path: KeyPath, make: Callable[[], Compiled]) -> Compiled | None:
        try:
            return make()
        except ReadingMistake as mistake:
            self._wrong((*path, *mistake.path), str(mistake), hint=mistake.hint)
            return None

    def _wrong(
        self, path: Sequence[str | int], message: str, *, hint: str = "", on_key: bool = False
    ) -> None:
        self._mistakes.append(self._located.mistake(path, message, hint=hint, on_key=on_key))

    def _place(self, path: KeyPath, what: str, *, on_key: bool = False) -> str:
        line = self._located.mistake(path, "", on_key=on_key).line
        name = PurePath(self._located.file).name
        return f"{name}:{line} {what}" if line else f"{name} {what}"


def _never(row: Any, names: Mapping[str, Any]) -> None:
    """Stand in for what could not be compiled, in a plan that is thrown away."""


def _wait_default(written: str | None, unit: str) -> int | None:
    if written is None:
        return None
    try:
        return duration_us(written, unit)
    except ValueError as error:
        raise ReadingMistake(str(error), "default") from None


def _zone(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return known_zone(name)
    except ValueError as error:
        raise ReadingMistake(str(error), "zone") from None
