"""Parameters of a rule: what its file declares, and what a site sets in its place.

A parameter's value is a figure, a text in quotes or a condition's ``true``. One with ``select``
holds a name instead (of a zone, a list, a class of products...), written without quotes, so that a
tool can offer what the site has. ``min``, ``max`` and ``one_of`` bound what a site may set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

from aislewatch.errors import Mistake
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.rules import model
from aislewatch.rules.desk import Desk
from aislewatch.rules.dimensions import FIGURES, described, fits
from aislewatch.rules.tree import TEXT, Constant

Path = tuple[str | int, ...]

Names = Mapping[str, frozenset[str]]
"""What a site has to be named, by what a parameter can select; what is absent is not known."""

LIST = "list"
"""Selects a named list; stands behind ``in``."""


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of a rule, read.

    Attributes:
        written: the values in force, as written.
        values: the values in force.
        lists: the list that is meant by each parameter that selects one.
        broken: those that have a mistake, as ``params.name``.
    """

    written: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Mapping[str, Constant] = field(default_factory=dict[str, Constant])
    lists: Mapping[str, str] = field(default_factory=dict[str, str])
    broken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Site:
    """What a site sets for a rule, and what it has.

    Attributes:
        values: by parameter, as written.
        file: where it sets them, for messages.
        names: what it has to be named.
        zone: its time zone, an IANA name: days begin and end by it.
    """

    values: Mapping[str, str] = field(default_factory=dict[str, str])
    file: str = ""
    names: Names = field(default_factory=dict[str, frozenset[str]])
    zone: str = "UTC"


class ParamReader:
    """Reads the parameters of one rule, recording on the desk what is wrong with them.

    Args:
        desk: of the file.
        rule: the rule's id, for messages.
        site: what is set in place of the defaults. What is wrong there is the site's mistake.
    """

    def __init__(self, desk: Desk, rule: str, site: Site) -> None:
        self._desk = desk
        self._rule = rule
        self._site = site

    def read(self, shapes: Mapping[str, str | model.ParamShape]) -> Params:
        """Read them all; one with a mistake has no value."""
        written: dict[str, str] = {}
        values: dict[str, Constant] = {}
        lists: dict[str, str] = {}
        broken: set[str] = set()
        for name, shape in shapes.items():
            found = self._param(name, shape)
            if found is None:
                broken.add(f"params.{name}")
                continue
            written[name], values[name] = found
            if isinstance(shape, model.ParamShape) and shape.select == LIST:
                lists[name] = str(values[name].value)
        for name in sorted(set(self._site.values) - set(shapes)):
            hint = did_you_mean(name, shapes, label="declared")
            message = f"the rule {self._rule!r} has no parameter {name!r}"
            self._desk.mistakes.append(Mistake(self._site.file, 0, 0, message, hint=hint))
        return Params(written, values, lists, frozenset(broken))

    def _param(self, name: str, shape: str | model.ParamShape) -> tuple[str, Constant] | None:
        known = len(self._desk.mistakes)
        if isinstance(shape, str):
            declared = _plain(shape)
            default = self._value(("params", name), shape, declared)
        else:
            declared = shape
            default = self._value(("params", name, "default"), shape.default, shape)
        bounds = _Bounds(self, ("params", name), declared, default)
        if default is None or len(self._desk.mistakes) > known:
            return None
        where = "default" if isinstance(shape, model.ParamShape) else ""
        for message, hint in bounds.misses(default):
            self._desk.wrong(("params", name, where) if where else ("params", name), message, hint)
        if len(self._desk.mistakes) > known:
            return None
        if name not in self._site.values:
            return declared.default, default
        text = self._site.values[name]
        return text, self._override(name, text, declared, default, bounds)

    def _override(
        self, name: str, text: str, shape: model.ParamShape, default: Constant, bounds: _Bounds
    ) -> Constant:
        """Read what a site sets; the default where that is a mistake."""
        known = len(self._desk.mistakes)
        value = self._value(("params", name), text, shape)
        wrong = [(one.message, one.hint) for one in self._desk.mistakes[known:]]
        del self._desk.mistakes[known:]
        if value is not None and value.type.dimension is not default.type.dimension:
            kinds = (value.type.dimension, default.type.dimension)
            wrong.append((f"it is a {kinds[0]}, not a {kinds[1]}", ""))
        elif value is not None:
            wrong += bounds.misses(value)
            wrong += self._strangers(shape, value)
        for message, hint in wrong:
            place = f"{name} of {self._rule} is {text!r}: {message}"
            self._desk.mistakes.append(Mistake(self._site.file, 0, 0, place, hint=hint))
        return value if value is not None and not wrong else default

    def _value(self, path: Path, text: str, shape: model.ParamShape) -> Constant | None:
        if shape.select is None:
            return self._desk.constant(path, text)
        name = unquoted(text)
        if not name:
            self._desk.wrong(path, "a name is missing", f"write the {shape.select}'s name")
            return None
        if shape.select == "zone-kind":
            kinds = self._zone_kinds()
            if kinds and name not in kinds:
                hint = did_you_mean(name, kinds, label="kinds")
                self._desk.wrong(path, f"{name!r} is no kind of zone", hint)
                return None
        return Constant(value=name, type=TEXT, span=(0, len(text)))

    def bound(self, path: Path, text: str, shape: model.ParamShape) -> Constant | None:
        """Read a value that bounds others."""
        return self._value(path, text, shape)

    def wrong(self, path: Path, message: str, hint: str = "") -> None:
        """Record a mistake of the rule's own file."""
        self._desk.wrong(path, message, hint)

    def _strangers(self, shape: model.ParamShape, value: Constant) -> Iterator[tuple[str, str]]:
        """Say what the site selects and does not have."""
        known = self._site.names.get(shape.select or "")
        if known is not None and value.value not in known:
            hint = did_you_mean(str(value.value), known, label="there are")
            yield f"there is no such {shape.select}", hint

    def _zone_kinds(self) -> frozenset[str]:
        kinds = self._desk.registry.kinds.values()
        specs = [kind.fields["zone.kind"] for kind in kinds if "zone.kind" in kind.fields]
        return frozenset(value for spec in specs for value in spec.values)


class _Bounds:
    """What a parameter may be: its least, its greatest, or one of some values."""

    def __init__(
        self, reader: ParamReader, path: Path, shape: model.ParamShape, default: Constant | None
    ) -> None:
        self._shape = shape
        self._least = self._figure(reader, (*path, "min"), shape.min, default)
        self._greatest = self._figure(reader, (*path, "max"), shape.max, default)
        if None not in (self._least, self._greatest) and self._above(self._least, self._greatest):
            reader.wrong((*path, "max"), f"{shape.max} is less than the min, {shape.min}")
        self._choice: list[Constant] = []
        for index, text in enumerate(shape.one_of or ()):
            place = (*path, "one_of", index)
            value = reader.bound(place, text, shape)
            if value is not None and _alike(reader, place, value, default):
                self._choice.append(value)

    @staticmethod
    def _figure(
        reader: ParamReader, path: Path, text: str | None, default: Constant | None
    ) -> Constant | None:
        if text is None:
            return None
        value = default
        if default is None or default.type.dimension in FIGURES:
            value = reader.bound(path, text, _plain(text))
            if value is None or not _alike(reader, path, value, default):
                return None
        # The bound itself where the default is wrong, and nobody knows what it should be alike.
        if value is not None and value.type.dimension not in FIGURES:
            reader.wrong(path, f"{described(value.type)} has no {path[-1]}", "use one_of")
            return None
        return value

    @staticmethod
    def _above(one: Constant | None, other: Constant | None) -> bool:
        return (
            one is not None
            and other is not None
            and cast("Fraction", one.value) > cast("Fraction", other.value)
        )

    def misses(self, value: Constant) -> Iterator[tuple[str, str]]:
        """Say which bounds a value of the right dimension does not keep, as message and hint."""
        if self._above(self._least, value):
            yield f"less than {self._shape.min}, the least that it may be", ""
        if self._above(value, self._greatest):
            yield f"more than {self._shape.max}, the greatest that it may be", ""
        if self._choice and value.value not in [one.value for one in self._choice]:
            texts = self._shape.one_of or []
            yield f"not one of {', '.join(texts)}", did_you_mean(str(value.value), texts)


def _alike(reader: ParamReader, path: Path, value: Constant, default: Constant | None) -> bool:
    if default is None or fits(value.type.dimension, default.type.dimension):
        return True
    message = f"this is {described(value.type)}, the default is {described(default.type)}"
    reader.wrong(path, message)
    return False


def _plain(text: str) -> model.ParamShape:
    """Give the shape of a parameter of which only the value is said."""
    return model.ParamShape.model_validate({"default": text})


def lists_named(shapes: Mapping[str, str | model.ParamShape]) -> frozenset[str]:
    """Give the lists that parameters select where no site sets them."""
    return frozenset(
        unquoted(shape.default)
        for shape in shapes.values()
        if isinstance(shape, model.ParamShape) and shape.select == LIST
    )


def unquoted(text: str) -> str:
    """Give a name without the quotes that an author may have put around it.

    >>> unquoted("high-value"), unquoted("'high-value'")
    ('high-value', 'high-value')
    """
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "'\"":
        return stripped[1:-1]
    return stripped
