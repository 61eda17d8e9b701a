"""Tests of rules that follow the rule's parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.authoring.lines import DAY_US, time_us
from aislewatch.authoring.running import run_case
from aislewatch.authoring.trial import try_rule
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.registry import Registry
from aislewatch.rules.case_values import clock_of
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule

REGISTRY = Registry()

RULE = """\
id: r
title: t
params: {within: 15m, units: 5, most: EUR 5, far: -60dBm, zone: {default: lux, select: zone},
  heavy: 1.5kg, sure: 80%, kind: "'two words'"}
when: {event: pos.void, as: line}
match:
  - {sum: pos.void.units, same: [lane], window: params.within before line, at_least: params.units}
incident: {type: theft.x, about: {lane: line.lane, zone: line.zone.id}, because: x}
tests:
  - name: enough
    events: |
      # before
      {10:00:00 - params.within} pos.void lane=1 units={params.units - 1}
      10:00:00 pos.void lane=1 units=1 zone.id={params.zone}
    expect: {fires: 1, at: "10:00:00", about: {zone: "{params.zone}"}}
  - name: too long ago
    events: |
      {10:00:00 - params.within - 1us} pos.void lane=1 units={params.units - 1}
      10:00:00 pos.void lane=1 units=1
    expect: {fires: 0, because_not: sum pos.void}
"""


def load(site: dict[str, str] | None = None, text: str = RULE) -> Rule:
    return load_rule(text, "r.yml", REGISTRY, params={"r": site} if site else None)


def events(line: str, site: dict[str, str] | None = None) -> str:
    head = RULE.partition("tests:")[0]
    text = f"{head}tests:\n  - name: n\n    events: |\n      {line}\n    expect: {{fires: 1}}\n"
    return load(site, text).tests[0].events.strip()


def wrong(line: str) -> Mistake:
    with pytest.raises(FileMistakes) as caught:
        events(line)
    (mistake,) = caught.value.mistakes
    return mistake


@pytest.mark.parametrize(
    "site",
    [None, {"within": "1h"}, {"units": "9"}, {"zone": "stock"}, {"within": "90s", "units": "2"}],
)
def test_tests_stay_true_whatever_a_site_sets(site: dict[str, str] | None) -> None:
    rule = load(site)
    for case in rule.tests:
        assert run_case(rule, case, REGISTRY).problems == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{params.units}", "5"),
        ("{params.units * 2 + 1}", "11"),
        ("{params.most}", "5.00"),
        ("{params.most + EUR 0.01}", "5.01"),
        ("{params.far}", "-60"),
        ("{params.far - 1dBm}", "-61"),
        ("{params.heavy}", "1500"),
        ("{params.sure}", "0.8"),
        ("{params.within}", "900"),
        ("{params.zone}", "lux"),
        ("{params.kind}", '"two words"'),
        ("{10:00:00 + params.within}", "10:15:00"),
        ("{10:00:00.5 - 1s}", "09:59:59.5"),
        ("{23:50:00 + params.within}", "24:05:00"),
        ("10:00:00", "10:00:00"),
    ],
)
def test_values_come_in_the_units_that_lines_are_written_in(written: str, read: str) -> None:
    assert events(f"x={written} y") == f"x={read} y"


@pytest.mark.parametrize(
    ("written", "told", "place"),
    [
        ("units={params.unit}", "unknown parameter 'unit'", "params.unit"),
        ("units={params.units + 5g}", "cannot add number to mass", "params.units + 5g"),
        ("{10:00:00 + params.units}", "this is no duration", "params.units"),
        ("{00:00:00 - params.within}", "this is before the day begins", "{00:00:00"),
        ("units={units}", "unknown name 'units'", "units}"),
        ("units={}", "", "}"),
    ],
)
def test_what_is_no_value_is_told_with_its_place(written: str, told: str, place: str) -> None:
    mistake = wrong(f"10:00:00 pos.void {written}")
    assert mistake.message.startswith(told)
    assert mistake.source[mistake.column - 1 :].startswith(place)


def test_a_line_that_is_no_event_is_told_where_it_is_written() -> None:
    text = RULE.replace("units={params.units - 1}", "unit={params.units - 1}", 1)
    with pytest.raises(FileMistakes) as caught:
        try_rule(load(None, text), text, REGISTRY)
    (mistake,) = caught.value.mistakes
    assert "no field 'unit'" in mistake.message
    assert mistake.source[mistake.column - 1 :].startswith("{10:00:00 - params.within} pos.void")


def test_what_a_site_sets_changes_no_meaning_of_the_file() -> None:
    assert load({"units": "9"}).declared == load().declared


@given(st.integers(0, 99 * 3_600_000_000))
def test_a_clock_is_read_as_it_is_written(at_us: int) -> None:
    assert time_us(clock_of(at_us)) == DAY_US + at_us


pieces = st.sampled_from(
    ["{", "}", "{10:00:00", "+", "-", "params.", "params.units", "params.within", "1us", "'", " "]
)


@given(st.lists(pieces | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]),
                                 max_size=3), max_size=8).map("".join))  # fmt: skip
def test_whatever_stands_in_a_line_is_filled_in_or_told_in_that_line(line: str) -> None:
    head = RULE.partition("tests:")[0]
    text = f"{head}tests:\n  - name: n\n    events: |\n      x{line}\n    expect: {{fires: 1}}\n"
    found: list[Mistake] = []
    try:
        (case,) = load(None, text).tests
        assert case.written == f"x{line}\n"
        assert "{" in line or case.events == case.written
    except FileMistakes as error:
        found = error.mistakes
    assert {mistake.line for mistake in found} <= {text.count("\n") - 1}
