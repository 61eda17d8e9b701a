"""The functions that turn one value of a foreign row into what its target carries.

What a file states is checked once, when the function is made; the function only converts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aislewatch.events import conversion
from aislewatch.events.paths import Names, ReadingMistake, Setting, compile_path
from aislewatch.events.reading_spec import ReadingSpec, Target
from aislewatch.events.units import CURRENCY_DIGITS, DISPLAY_UNIT, Dimension

Convert = Callable[[Any, Any, Names], Any]
"""From a value that is not null, its row, and the names with a dollar, to the target's value."""

_CURRENCY = re.compile(r"[A-Z]{3}")

_UNITLESS = frozenset({Dimension.TEXT, Dimension.FLAG, Dimension.NUMBER})


def compile_conversion(spec: ReadingSpec, target: Target, setting: Setting) -> Convert:
    """Make the function that turns a value that is not null into the target's.

    Raises:
        ReadingMistake: a unit, zone or form is missing, unknown, or not one for this target.
    """
    _check_fit(spec, target)
    dimension = target.dimension
    if dimension is Dimension.TEXT:
        return _compile_text(spec, target)
    if dimension is Dimension.FLAG:
        return lambda value, row, names: conversion.flag(value)
    if dimension is Dimension.INSTANT:
        return _compile_instant(spec, setting)
    scale = spec.scale
    finish = _compile_figure(spec, target, setting)
    if scale is None:
        return finish
    factor = scale
    return lambda value, row, names: finish(
        conversion.times(conversion.exact(value), factor), row, names
    )


def _check_fit(spec: ReadingSpec, target: Target) -> None:
    dimension = target.dimension
    for option, value, fits in (
        ("unit", spec.unit, dimension not in _UNITLESS),
        ("unit_from", spec.unit_from, dimension not in _UNITLESS | {Dimension.INSTANT}),
        ("zone", spec.zone, dimension is Dimension.INSTANT),
        ("format", spec.format, dimension is Dimension.INSTANT),
        ("scale", spec.scale, dimension not in {Dimension.TEXT, Dimension.FLAG, Dimension.INSTANT}),
        ("as", spec.form, dimension is Dimension.TEXT),
    ):
        if value is not None and not fits:
            message = f"{target.name} is {_article(dimension)}, which has no {option!r}"
            raise ReadingMistake(message, option)
    if spec.unit is not None and spec.unit_from is not None:
        message = "the unit is stated twice; keep 'unit' or 'unit_from'"
        raise ReadingMistake(message, "unit_from")


def _compile_text(spec: ReadingSpec, target: Target) -> Convert:
    if spec.form == "gtin":
        return lambda value, row, names: conversion.gtin14(value)
    if target.epc:
        return lambda value, row, names: conversion.epc_hex(value)
    values = target.values
    if not values:
        return lambda value, row, names: conversion.text(value)

    def one_of(value: Any, row: Any, names: Names) -> str:
        word = conversion.text(value)
        if word not in values:
            message = f"{conversion.show(value)} is no {target.name}; possible: {', '.join(values)}"
            raise ValueError(message)
        return word

    return one_of


def _compile_instant(spec: ReadingSpec, setting: Setting) -> Convert:
    if spec.unit is not None and spec.format is not None:
        message = "a time counts from 1970 ('unit') or is written ('format'), not both"
        raise ReadingMistake(message, "format")
    if spec.unit is not None and spec.unit not in {"s", "ms", "us"}:
        message = f"{spec.unit!r} is no unit of time since 1970; known are s, ms, us"
        raise ReadingMistake(message, "unit")
    if spec.zone is not None:
        try:
            conversion.known_zone(spec.zone)
        except ValueError as error:
            raise ReadingMistake(str(error), "zone") from None
    zone = spec.zone or setting.zone
    form = spec.unit or spec.format
    if spec.format is not None:
        try:
            conversion.instant_us("", zone=zone, form=spec.format)
        except ValueError as error:
            if "is not a time in" not in str(error):
                raise ReadingMistake(str(error), "format") from None
    return lambda value, row, names: conversion.instant_us(value, zone=zone, form=form)


def _compile_figure(spec: ReadingSpec, target: Target, setting: Setting) -> Convert:
    dimension = target.dimension
    if dimension is Dimension.MONEY:
        return _compile_money(spec, setting)
    if dimension is Dimension.NUMBER:
        if not target.whole:
            return lambda value, row, names: float(conversion.exact(value))
        rounding = spec.round
        return lambda value, row, names: conversion.whole(conversion.exact(value), rounding)
    unit_of = _compile_unit(spec, target, setting)
    round_to = spec.round or target.rounding
    if dimension in {Dimension.LEVEL, Dimension.RATIO}:
        if unit_of is None:
            return lambda value, row, names: float(conversion.exact(value))
        of = unit_of
        return lambda value, row, names: float(
            conversion.in_base_units(value, of(row, names), dimension)
        )
    if unit_of is None:
        message = f"say the unit of {target.name}, for instance 'unit: {DISPLAY_UNIT[dimension]}'"
        hint = "'unit_from: path' where the row states it, 'unit: written' where the value does"
        raise ReadingMistake(message, hint=hint)
    unit = unit_of
    if dimension is Dimension.DURATION:
        return lambda value, row, names: conversion.duration_us(value, unit(row, names))
    return lambda value, row, names: conversion.mass_mg(value, unit(row, names), round_to)


def _compile_unit(
    spec: ReadingSpec, target: Target, setting: Setting
) -> Callable[[Any, Names], str] | None:
    if spec.unit_from is not None:
        try:
            path = compile_path(spec.unit_from, setting)
        except ReadingMistake as mistake:
            raise ReadingMistake(str(mistake), "unit_from", hint=mistake.hint) from None

        def stated(row: Any, names: Names) -> str:
            unit = path(row, names)
            if unit is None:
                message = f"the row does not state the unit of {target.name}"
                raise ValueError(message)
            return conversion.unit_symbol(unit, target.dimension)

        return stated
    if spec.unit is None:
        return None
    if spec.unit == "written":
        return lambda row, names: "written"
    try:
        symbol = conversion.unit_symbol(spec.unit, target.dimension)
    except ValueError as error:
        raise ReadingMistake(str(error), "unit") from None
    return lambda row, names: symbol


def _compile_money(spec: ReadingSpec, setting: Setting) -> Convert:
    if spec.unit_from is not None:
        message = "a shop has one currency; state it as 'unit'"
        raise ReadingMistake(message, "unit_from")
    currency = spec.unit or setting.currency
    if currency is None:
        message = "say the currency, for instance 'unit: EUR', or 'unit: minor' for cents"
        raise ReadingMistake(message, hint="or once for the whole file: currency: EUR")
    if currency != "minor" and not _is_currency(currency):
        message = f"{currency!r} is not a currency code; write e.g. EUR, LKR, or minor for cents"
        raise ReadingMistake(message, "unit")
    if setting.currency is not None and currency not in {"minor", setting.currency}:
        message = f"the file's amounts are in {setting.currency}; nothing here converts money"
        raise ReadingMistake(message, "unit")
    rounding = spec.round
    return lambda value, row, names: conversion.money_minor(value, currency, rounding)


def _is_currency(code: str) -> bool:
    return code in CURRENCY_DIGITS or bool(_CURRENCY.fullmatch(code))


def _article(dimension: Dimension) -> str:
    words = {Dimension.TEXT: "a text", Dimension.FLAG: "a yes or no", Dimension.INSTANT: "a time"}
    return words.get(dimension, f"a {dimension.value}")
