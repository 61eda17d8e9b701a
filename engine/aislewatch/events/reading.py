"""How the value of a field is read from a foreign row.

One language for every file in which a person says where a value stands: mapping files of feeds and
the product catalogues of store files. A reading is written either short, as the path of a value in
the row, or in full::

    sku: data.sku                                     # a path; list positions are figures
    device: "{station_id}-pos"                        # a template; text with braces
    zone.kind: {value: scan}                          # a constant
    weight: {from: data.total, unit: lb}              # a figure and its unit
    weight: {from: data.total, unit_from: data.units} # ... which the row itself states
    price: {from: data.price, unit: EUR}              # major units of a currency
    zone.kind: {from: roi, map: {Bagging: bagging}, otherwise: sales-floor}
    sku: {lookup: {in: products, by: data.name, key: name, take: barcode}}

Names with a dollar stand for what is not in the row: parameters and what the reader of the row
knows, such as ``$row``. An empty text is taken as null, which is what a CSV file has for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aislewatch.events import conversion
from aislewatch.events.converters import Convert, compile_conversion
from aislewatch.events.paths import (
    Catalogue,
    Names,
    Read,
    ReadingMistake,
    Setting,
    compile_path,
    compile_template,
    plain,
)
from aislewatch.events.reading_spec import INSTANT, TEXT, Lookup, Reading, ReadingSpec, Target

__all__ = [
    "INSTANT",
    "TEXT",
    "Catalogue",
    "Lookup",
    "Names",
    "Read",
    "Reading",
    "ReadingMistake",
    "ReadingSpec",
    "Setting",
    "Target",
    "compile_path",
    "compile_reading",
    "compile_template",
    "plain",
]


def compile_reading(spec: ReadingSpec, target: Target, setting: Setting) -> Read:
    """Make the function that reads a field.

    The function raises ``ValueError`` with a sentence where a row's value cannot be converted.

    Raises:
        ReadingMistake: the reading is not one, or not one for this target.
    """
    source = _compile_source(spec, setting)
    convert = compile_conversion(spec, target, setting)
    table = _compile_map(spec, target, convert)
    default = _constant(spec.default, convert, "default") if spec.default is not None else None
    if spec.value is not None and table is None:
        constant = _constant(spec.value, convert, "value")
        return lambda row, names: constant

    def read(row: Any, names: Names) -> Any:
        value = source(row, names)
        if value is None or value == "":
            return default
        return convert(value, row, names) if table is None else table(value)

    return read


def _compile_source(spec: ReadingSpec, setting: Setting) -> Read:
    given = [
        name
        for name, value in (
            ("from", spec.source),
            ("template", spec.template),
            ("value", spec.value),
            ("lookup", spec.lookup),
        )
        if value is not None
    ]
    if len(given) != 1:
        message = "say exactly one of 'from', 'template', 'value' and 'lookup'"
        raise ReadingMistake(message, *given[1:2])
    try:
        if spec.source is not None:
            return compile_path(spec.source, setting)
        if spec.template is not None:
            return compile_template(spec.template, setting)
    except ReadingMistake as mistake:
        raise ReadingMistake(str(mistake), *given, hint=mistake.hint) from None
    if spec.lookup is not None:
        return _compile_lookup(spec.lookup, setting)
    value = spec.value
    return lambda row, names: value


def _compile_lookup(lookup: Lookup, setting: Setting) -> Read:
    catalogue = setting.catalogues.get(lookup.catalogue)
    if catalogue is None:
        known = ", ".join(sorted(setting.catalogues)) or "none"
        message = f"no catalogue is called {lookup.catalogue!r}"
        raise ReadingMistake(message, "lookup", "in", hint=f"declared are: {known}")
    by = compile_path(lookup.by, setting)
    key = lookup.key or lookup.by.rpartition(".")[2].removeprefix("$")
    for option, column in (("key", key), ("take", lookup.take)):
        if catalogue.columns and column not in catalogue.columns:
            message = f"catalogue {lookup.catalogue!r} has no column {column!r}"
            hint = f"it has {', '.join(sorted(catalogue.columns))}"
            raise ReadingMistake(message, "lookup", option, hint=hint)
    take = lookup.take

    def read(row: Any, names: Names) -> Any:
        wanted = by(row, names)
        found = catalogue.find(key, plain(wanted)) if wanted is not None else None
        return found.get(take) if found is not None else None

    return read


def _compile_map(
    spec: ReadingSpec, target: Target, convert: Convert
) -> Callable[[Any], Any] | None:
    if spec.map is None:
        if "otherwise" in spec.model_fields_set:
            message = "'otherwise' is for what a 'map' does not name"
            raise ReadingMistake(message, "otherwise")
        return None
    if spec.unit_from is not None:
        message = "the unit of a 'map' is stated, not read from the row"
        raise ReadingMistake(message, "unit_from")
    table: dict[str, Any] = {
        word: _constant(meaning, convert, "map", word) if meaning is not None else None
        for word, meaning in spec.map.items()
    }
    strict = "otherwise" not in spec.model_fields_set
    other = _constant(spec.otherwise, convert, "otherwise") if spec.otherwise is not None else None

    def look(value: Any) -> Any:
        word = plain(value)
        if word in table:
            return table[word]
        if strict:
            known = ", ".join(table)
            message = f"{conversion.show(value)} is not in the map for {target.name}: {known}"
            raise ValueError(message)
        return other

    return look


def _constant(written: str, convert: Convert, *path: str) -> Any:
    try:
        return convert(written, {}, {})
    except ValueError as error:
        raise ReadingMistake(str(error), *path) from None
