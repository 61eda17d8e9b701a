"""Expressions mean what CEL's C++ engine takes them to mean, unknowns too."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from cel_twin import Twin, conditions, evaluate, words
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from aislewatch.events.kinds import Count, Event, Key, Level, Mass
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule

pytest.importorskip("cel_expr_python.cel", reason="the extra 'oracle' is not installed")


class Twinned(Event, frozen=True, kw_only=True, tag="test.twinned"):
    """An event of which nearly everything may be absent."""

    a_mg: Mass
    b_mg: Mass | None = None
    n: Count
    m: Count | None = None
    level_dbm: Level
    flag: bool | None = None
    sure: bool
    word: Key | None = None
    text: Annotated[str, Meta(extra={"key": True})]


REGISTRY = Registry([Twinned])
tries = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
figures = st.integers(-6000, 6000)
contents = st.fixed_dictionaries(
    {
        "a_mg": figures,
        "b_mg": st.one_of(st.none(), figures, st.sampled_from([0, 1000, 5000])),
        "n": st.integers(0, 6),
        "m": st.one_of(st.none(), st.integers(0, 6)),
        "level_dbm": st.one_of(st.integers(-70, -50).map(float), st.floats(-70, -50)),
        "flag": st.sampled_from([None, True, False]),
        "sure": st.booleans(),
        "word": st.one_of(st.none(), words),
        "text": words,
    }
)


def event_of(content: dict[str, Any]) -> Twinned:
    return Twinned(id="d/1/1", store="1", device="d", time=1, seq=1, **content)


def fields_of(content: dict[str, Any]) -> dict[str, Any]:
    """Give what CEL sees: what is there, and texts in lower case beside themselves."""
    there = {name: value for name, value in content.items() if value is not None}
    return there | {
        f"{name}_lower": there[name].lower() for name in ("word", "text") if name in there
    }


RULE = """\
id: twin
title: A condition
when: {{event: test.twinned, as: one, where: {where}}}
match: [{{check: {check}}}]
incident: {{type: test.twin, about: {{device: one.device}}, because: it}}
"""


def yaml_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ours(text: str, content: dict[str, Any]) -> bool | None:
    rule = RULE.format(where=yaml_text(text), check="true == true")
    where = load_rule(rule, "r.yml", REGISTRY).anchor.where
    assert where is not None
    return where.compile_where()(event_of(content))


HERE = {"a_mg": 0, "n": 1, "level_dbm": -60.0, "sure": True, "text": "x"} | dict.fromkeys(
    ("b_mg", "m", "flag", "word")
)


@tries
@given(conditions, st.lists(contents, min_size=1, max_size=4))
@example(Twin("flag and sure", "e.flag && e.sure"), [HERE])
@example(Twin("n / m == 1", "(e.m == 0 ? (1 / 0 == 1) : e.n == e.m)"), [HERE | {"m": 0}])
def test_an_expression_means_what_cel_takes_it_to_mean(
    twin: Twin, there: list[dict[str, Any]]
) -> None:
    for content in there:
        assert [ours(twin.ours, content)] == evaluate([twin.cel], fields_of(content)), twin


def test_the_oracle_tells_unknown_from_false() -> None:
    texts = ["e.m == 1", "e.m == 1 || true", "e.m == 1 && false", "!(e.m == 1)", "1 / 0 == 1"]
    assert evaluate(texts, fields_of(HERE)) == [None, True, False, None, None]


def test_the_oracle_notices_an_expression_that_means_something_else() -> None:
    differ = [
        content
        for content in (HERE | {"n": n} for n in range(4))
        if [ours("n <= 2", content)] != evaluate(["e.n < 2"], fields_of(content))
    ]
    assert [content["n"] for content in differ] == [2]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_more_expressions_mean_what_cel_takes_them_to_mean() -> None:
    more: Any = settings(tries, max_examples=20_000)
    law: Any = test_an_expression_means_what_cel_takes_it_to_mean
    more(given(conditions, st.lists(contents, min_size=1, max_size=4))(law.hypothesis.inner_test))()
