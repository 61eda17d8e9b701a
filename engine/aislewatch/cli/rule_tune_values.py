"""What `rules tune` tries: values that somebody named, or those around the ones in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from aislewatch.authoring.tune import TRIED_MAX
from aislewatch.authoring.tune_values import given_values, values_around, values_between
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.rules.model import ParamShape
from aislewatch.rules.rule import Rule
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.site_params import names_of


def values_to_try(
    setup: Setup, rule: Rule, shapes: Mapping[str, ParamShape], asked: Sequence[str]
) -> dict[str, list[str]]:
    """Give what is tried of each parameter; of those that nobody named, what can be tried.

    Args:
        setup: of the shop.
        rule: as it is in force.
        shapes: of its parameters.
        asked: parameters, each with its values behind ``=`` or without; where several are asked
            for, every combination of their values is tried.

    Raises:
        UsageError: there is no such parameter, or no such value of it, or there are too many.
    """
    if not rule.params:
        message = f"{rule.id} has no parameters that could be other: give its figures names, params"
        raise UsageError(message)
    names = {**names_of(setup.model), "list": frozenset(setup.model.lists)}

    def around(name: str) -> list[str]:
        shape = shapes[name]
        return values_around(shape, rule.params[name], names.get(shape.select or "", frozenset()))

    if not asked:
        values = {name: found for name in rule.params if len(found := around(name)) > 1}
        _bound(sum(len(one) - 1 for one in values.values()), "values")
        return values
    values = dict[str, list[str]]()
    for one in asked:
        name, equals, texts = (part.strip() for part in one.partition("="))
        if name not in rule.params:
            hint = did_you_mean(name, rule.params, label="parameters")
            message = f"{rule.id} has no parameter {name!r}; {hint}".rstrip("; ")
            raise UsageError(message)
        if name in values:
            message = f"--param {name} is given twice: write all its values behind one"
            raise UsageError(message)
        values[name] = _given(shapes[name], name, texts, rule) if equals else around(name)
    _bound(prod(map(len, values.values())) - 1, "combinations of values" if asked[1:] else "values")
    return values


def _given(shape: ParamShape, name: str, texts: str, rule: Rule) -> list[str]:
    now = rule.params[name]
    try:
        given: list[str] = []
        for text in (part.strip() for part in texts.split(",")):
            given += values_between(name, text, now) if ".." in text else [text] if text else []
        return given_values(shape, name, given, now)
    except ValueError as error:
        message = f"--param: {error}"
        raise UsageError(message) from None


def _bound(tried: int, what: str) -> None:
    if tried > TRIED_MAX:
        message = (
            f"{tried:,} {what} are more than can be tried at once ({TRIED_MAX}): choose with "
            "--param, or farther apart, as in 10s..60s/10s"
        )
        raise UsageError(message)
