"""Parameters: what a rule file declares of them, and what a site may set."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Check, Rule

REGISTRY = Registry()
LISTS = {"moved": frozenset({"E1"}), "lent": frozenset[str]()}
NAMES = {"zone": frozenset({"lux", "gate"}), "lane": frozenset[str]()}

RULE = """\
id: r
title: t
params:
  {param}
when: {{event: rfid.read, as: read}}
match:
  - check: {check}
incident: {{type: theft.x, about: {{epc: read.epc}}, because: x}}
"""


def load(param: str, check: str = "has(read.epc)", site: str | None = None) -> Rule:
    return load_rule(
        RULE.format(param=param, check=check),
        "r.yml",
        REGISTRY,
        lists=LISTS,
        params={"r": {"p": site}} if site is not None else None,
        params_file="site.yml",
        names=NAMES,
    )


def wrong(param: str, check: str = "has(read.epc)", site: str | None = None) -> Mistake:
    with pytest.raises(FileMistakes) as caught:
        load(param, check, site)
    (mistake,) = caught.value.mistakes
    return mistake


def test_a_value_inside_its_bounds_is_taken() -> None:
    bounded = "p: {default: 30s, min: 5s, max: 1h}"
    for value in ("5s", "1h"):
        assert load(bounded, site=value).params == {"p": value}


@pytest.mark.parametrize(
    ("param", "site", "told"),
    [
        ("p: {default: 30s, min: 5s}", "4.999s", "less than 5s, the least that it may be"),
        ("p: {default: 30s, max: 1h}", "1h1s", "more than 1h, the greatest that it may be"),
        ("p: {default: 5, max: 10}", "11", "more than 10, the greatest that it may be"),
        ("p: {default: 30s, one_of: [30s, 60s]}", "45s", "not one of 30s, 60s"),
        ("p: {default: 30s, max: 1h}", "5kg", "it is a mass, not a duration"),
        ("p: {default: lux, select: zone}", "gat", "there is no such zone"),
        ("p: {default: lux, select: lane}", "1", "there is no such lane"),
        ("p: {default: moved, select: list}", "sold", "there is no such list"),
        ("p: {default: exit, select: zone-kind}", "exitt", "'exitt' is no kind of zone"),
    ],
)
def test_what_a_site_may_not_set_is_the_sites_mistake(param: str, site: str, told: str) -> None:
    mistake = wrong(param, site=site)
    assert mistake.file == "site.yml"
    assert mistake.message == f"p of r is {site!r}: {told}"


def test_equal_amounts_are_one_choice_however_they_are_written() -> None:
    assert load("p: {default: 60s, one_of: [60s, 2m]}", site="1m").params == {"p": "1m"}


@pytest.mark.parametrize(
    ("param", "place", "told"),
    [
        ("p: {default: 3s, min: 5s}", "3s", "less than 5s, the least that it may be"),
        ("p: {default: 3s, one_of: [5s]}", "3s", "not one of 5s"),
        ("p: {default: 3s, min: 5g}", "5g", "this is a mass, the default is a duration"),
        ("p: {default: 3s, min: 5s, max: 2s}", "2s", "2s is less than the min, 5s"),
        ("p: {default: 3s, one_of: [3s, 5g]}", "5g", "this is a mass, the default is a duration"),
        ("p: {default: \"'a'\", min: 5s}", "5s", "a text has no min"),
        ("p: {default: exitt, select: zone-kind}", "exitt", "'exitt' is no kind of zone"),
        ("p: {default: '', select: zone}", "''", "a name is missing"),
        ("p: {default: 3s, select: shop}", "shop", "'shop' is not one of"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_told_with_its_place(
    param: str, place: str, told: str
) -> None:
    mistake = wrong(param)
    assert (mistake.file, mistake.line) == ("r.yml", 4)
    assert mistake.message.startswith(told)
    assert mistake.source[mistake.column - 1 :].startswith(place)


def test_a_default_that_a_site_does_not_have_is_no_mistake() -> None:
    # The rule is for all shops; one that has no such zone sets its own, or has no use for it.
    assert load("p: {default: nowhere, select: zone}").params == {"p": "nowhere"}


def test_a_selected_name_is_a_text_with_or_without_quotes() -> None:
    for value in ("lux", "'lux'"):
        rule = load("p: {default: gate, select: zone}", "read.zone.id == params.p", value)
        (check,) = rule.clauses
        assert isinstance(check, Check)
        assert "'lux'" in check.expr.bound_source({"read": "read"})


def test_a_selected_list_stands_behind_in() -> None:
    rule = load("p: {default: moved, select: list}", "read.epc in params.p", "lent")
    (check,) = rule.clauses
    assert isinstance(check, Check)
    assert check.expr.lists == {"lent"}


def test_a_selected_list_stands_nowhere_else() -> None:
    mistake = wrong("p: {default: moved, select: list}", "read.epc == params.p")
    assert mistake.message == "a named list stands only behind 'in'"


def test_a_list_that_nobody_defined_is_told_where_it_is_used() -> None:
    mistake = wrong("p: {default: sold, select: list}", "read.epc in params.p")
    assert mistake.message == "unknown list 'sold'"


def test_a_mistaken_parameter_is_told_once_and_not_where_it_is_used() -> None:
    mistake = wrong("p: {default: '', select: list}", "read.epc in params.p")
    assert mistake.message == "a name is missing"


def test_what_a_site_sets_changes_what_is_in_force_and_not_what_is_declared() -> None:
    check = "read.rssi > params.p"
    own, set_ = load("p: -60dBm", check), load("p: -60dBm", check, "-50dBm")
    assert own.meaning == own.declared == set_.declared
    assert set_.meaning != own.meaning


written = st.one_of(
    st.sampled_from(["5", "5s", "'a'", "true", "5kg", "EUR 5", "-60dBm", "1h30m", "lux", "1/0"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8),
)
shapes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"default": written},
    optional={
        "min": written,
        "max": written,
        "one_of": st.lists(written, max_size=3),
        "select": st.sampled_from(["zone", "zone-kind", "list", "lane", "shop"]),
        "doc": written,
    },
)


@example({"default": "lux", "min": "'a'", "max": "5"}, None)
@given(shapes | written, st.none() | written)
def test_whatever_is_declared_and_set_is_read_or_told_with_its_file(
    shape: dict[str, str] | str, site: str | None
) -> None:
    found: list[Mistake] = []
    try:
        rule = load(f"p: {json.dumps(shape, ensure_ascii=False)}", site=site)
        default = shape["default"] if isinstance(shape, dict) else shape
        assert rule.params == {"p": default if site is None else site}
    except FileMistakes as error:
        found = error.mistakes
    assert {mistake.file for mistake in found} <= {"r.yml", "site.yml"}
    assert all(mistake.line for mistake in found if mistake.file == "r.yml")
