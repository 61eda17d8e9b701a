"""A rule's tests are told by their place in the file, and hold in any order of arrival."""

from random import Random

import pytest

from aislewatch.authoring.arrivals import shuffled, signals_of
from aislewatch.authoring.lines import parse_lines
from aislewatch.authoring.trial import try_rule
from aislewatch.detect.core import Settings
from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import ClockTick
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule

REGISTRY = Registry()
LATENESS_US = 2_000_000

TEXT = """\
id: r
title: A void right after a scan
status: live
when: {event: pos.void, as: void}
match:
  - {seen: pos.item, same: [lane], window: 5s before void}
  - {not_seen: pos.item, same: [lane], window: 3s after void}
incident:
  type: fraud.x
  about: {lane: void.lane}
  because: it held
tests:
  - name: a scan and a void
    events: |
      # the scan is the anchor's
      10:00:00 pos.item lane=1

      10:00:01 pos.void lane=1
      10:00:03 pos.void lane=1
    expect: {fires: 2, at: "10:00:04"}
"""


def try_text(text: str) -> list[str]:
    return [mistake.render() for mistake in try_rule(load(text), text, REGISTRY).failures]


def load(text: str) -> Rule:
    return load_rule(text, "r.yml", REGISTRY)


def test_a_test_that_is_met_leaves_nothing_to_tell() -> None:
    trial = try_rule(load(TEXT), TEXT, REGISTRY)
    assert trial.passed
    assert trial.orders == 20


def test_what_was_expected_and_what_came_is_told_with_its_place() -> None:
    (failure,) = try_text(TEXT.replace("fires: 2", "fires: 3"))
    message, source, caret = failure.splitlines()
    assert message == "r.yml:20:21: error: a scan and a void: expected fires 3, got 2"
    assert source[caret.index("^")] == "3"


def test_a_failed_test_leaves_no_place_pinned_or_open() -> None:
    text = TEXT.replace("fires: 2", "fires: 3")
    assert list(try_rule(load(text), text, REGISTRY).pins) == []


def test_lines_that_are_no_events_are_told_by_their_line_of_the_file() -> None:
    text = TEXT.replace("10:00:01 pos.void lane=1", "10:00:01 pos.vuid lane=1")
    with pytest.raises(FileMistakes) as raised:
        try_rule(load(text), text, REGISTRY)
    (mistake,) = raised.value.mistakes
    assert (mistake.line, mistake.column) == (18, 7)
    assert mistake.source.strip() == "10:00:01 pos.vuid lane=1"


def test_shuffled_events_are_each_under_way_for_less_than_the_lateness() -> None:
    events = parse_lines("10:00:00 pos.item lane=1 *50", REGISTRY)
    log = shuffled(events, LATENESS_US, Random(1))
    arrived = [event for event in log if not isinstance(event, ClockTick)]
    assert sorted(arrived, key=lambda event: event.id) == sorted(events, key=lambda e: e.id)
    assert arrived != events
    now = 0
    for event in log:
        if isinstance(event, ClockTick):
            now = event.time
        else:
            assert 0 <= now - event.time < LATENESS_US
    assert isinstance(log[-1], ClockTick)
    assert log[-1].final


def test_events_that_are_later_than_allowed_would_be_seen_to_matter() -> None:
    rule = load(TEXT)
    events = parse_lines(TEXT.partition("events: |\n")[2].partition("    expect")[0], REGISTRY)
    strict = Settings(store="1", lateness_us=1, horizon_us=1)
    logs = [shuffled(events, 60_000_000, Random(seed)) for seed in range(20)]
    found = [len(signals_of(rule, log, REGISTRY, None, strict)) for log in logs]
    assert min(found) < 2
    patient = Settings(store="1", lateness_us=60_000_000)
    assert {len(signals_of(rule, log, REGISTRY, None, patient)) for log in logs} == {2}
