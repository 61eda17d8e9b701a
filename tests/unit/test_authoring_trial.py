"""A rule's tests are told by their place in the file, and hold in any order of arrival."""

from datetime import date
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.authoring.arrivals import shuffled, signals_of
from aislewatch.authoring.lines import parse_lines
from aislewatch.authoring.trial import try_rule
from aislewatch.cli.rule_check import check, rule_files
from aislewatch.detect.settings import Settings
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
    assert (mistake.line, mistake.column, mistake.length) == (18, 16, 8)
    assert mistake.hint.startswith("did you mean 'pos.void'?")
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


@pytest.mark.parametrize(
    ("line", "column", "part", "message", "hint"),
    [
        ("10:00 pos.void", 0, "10:00 pos.void", "this is no event line", "write e.g. 10:00:00"),
        ("10:00:01 pos.void lnae=1", 18, "lnae", "pos.void has no field 'lnae'", "'lane'"),
        ("10:00:01 pos.void units=x", 24, "x", "units is a figure, not 'x'", "write e.g. 5"),
        ("10:00:01 pos.void lane", 18, "lane", "'lane' cannot be read", "write name=value or *3"),
        ("10:00:01 rfid.crossing alarm=yes epc=E1", 29, "yes",
         "'yes' is not a possible value of alarm", "possible values: false, true"),
        ("10:00:01 rfid.read zone.kind=shelv epc=E1", 29, "shelv",
         "'shelv' is not a possible value of zone.kind", "did you mean 'shelf'?"),
        ("10:00:01 pos.void units=nan", 24, "nan", "units is a figure, not 'nan'", ""),
        ("10:00:01 pos.void units=1e99", 24, "1e99", "units is a figure, not '1e99'", ""),
        ("10:00:01 pos.void *0", 19, "0", "an event happens 1 to 99,999 times, not 0", ""),
        ("10:00:01 pos.void *123456", 19, "123456",
         "an event happens 1 to 99,999 times, not 123456", ""),
        ("10:00:01 rfid.read person=P", 9, "rfid.read", "rfid.read needs epc", "add epc=..."),
    ],
)  # fmt: skip
def test_a_part_of_a_line_that_cannot_be_read_is_told_where_it_stands(
    line: str, column: int, part: str, message: str, hint: str
) -> None:
    with pytest.raises(FileMistakes) as raised:
        parse_lines(f"10:00:00 pos.item lane=1\n   {line}", REGISTRY)
    (mistake,) = raised.value.mistakes
    assert (mistake.line, mistake.column, mistake.message) == (2, column + 4, message)
    assert line[column : column + mistake.length] == part
    assert hint in mistake.hint


def test_check_reads_the_lines_of_tests_too(tmp_path: Path) -> None:
    file = tmp_path / "rule.yml"
    file.write_text(TEXT.replace("pos.void lane=1", "pos.void lnae=1"))
    findings = check(rule_files([file]), date(2026, 1, 1), None)
    assert {one.message for one in findings.mistakes} == {"pos.void has no field 'lnae'"}
    assert findings.rules == []


WORDS = st.sampled_from(
    ["10:00:00", "99:59:59.9", "pos.item", "rfid.read", "epc=", "lane=1", "units=", "price=", "1e9",
     "-5", "NaN", "inf", '"a b"', "*", "*3", "=", " ", "\n", "#", "time=", "id=", "alarm=true"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.one_of(WORDS, st.text(max_size=4)), max_size=14))
def test_whatever_stands_in_a_line_is_events_or_a_mistake_with_its_place(words: list[str]) -> None:
    text = " ".join(words)
    try:
        parse_lines(text, REGISTRY)
    except FileMistakes as found:
        for mistake in found.mistakes:
            assert 1 <= mistake.column <= len(mistake.source) + 1
            assert mistake.message
