"""Events written as lines are the events that were written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.authoring.lines import DAY_US, parse_lines
from aislewatch.authoring.writing import LONGEST_US, write_lines
from aislewatch.events.kinds import BUILT_IN, Event, PosItem, RfidRead
from aislewatch.events.registry import FieldSpec, Registry, type_of
from aislewatch.events.units import Dimension

REGISTRY = Registry()

# Without both quotes and blanks in one: such a text has no form in a line, and is refused.
texts = st.text("aZ09-_./:#*=é€,", min_size=1, max_size=12) | st.sampled_from(
    ["two words", " both ends ", '4" pipe'.replace(" ", "-"), "*3", "a=b", "\u00a0x", "#1"]
)


def values_of(field: FieldSpec) -> st.SearchStrategy[Any]:
    if field.values:
        return st.sampled_from(field.values)
    if field.attr == "epc":
        return st.text("0123456789ABCDEFabcdef", min_size=1, max_size=24)
    if field.attr in {"meaning", "picture"}:
        return st.text("0123456789abcdef", min_size=64, max_size=64)
    return {
        Dimension.TEXT: texts,
        Dimension.FLAG: st.booleans(),
        Dimension.LEVEL: st.floats(-200, 60),
        Dimension.RATIO: st.floats(0, 1),
    }.get(field.dimension, st.integers(0, 10**9))


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = REGISTRY.kinds[type_of(draw(st.sampled_from(BUILT_IN)))]
    time = DAY_US + draw(st.integers(0, LONGEST_US - 1))
    content: dict[str, Any] = {"type": kind.type, "id": "x/1/1", "store": "1", "time": time}
    for field in kind.fields.values():
        known = field.attr not in {*content, "seq"}
        if known and (field.required or draw(st.booleans())):
            content[field.attr] = draw(values_of(field))
    return msgspec.convert(content, kind.struct)


def bare(event: Event) -> Event:
    return msgspec.structs.replace(event, id="", seq=0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events(), max_size=6))
def test_what_is_written_is_read_again_but_for_ids(written: list[Event]) -> None:
    read = parse_lines(write_lines(written, REGISTRY), REGISTRY)
    assert [bare(event) for event in read] == [bare(event) for event in written]


def test_lines_stand_in_columns_and_equal_ones_share_one() -> None:
    read = RfidRead(id="g/1/1", store="1", device="test", time=DAY_US, epc="E1", rssi_dbm=-50.0)
    sold = PosItem(id="t/1/1", store="1", device="t1", time=DAY_US + 500_000, price_minor=250)
    assert write_lines([read, read, sold], REGISTRY) == (
        "00:00:00   rfid.read epc=E1 rssi=-50 *2\n00:00:00.5 pos.item  device=t1 price=2.5\n"
    )


@pytest.mark.parametrize("text", ['a "quoted" word', '"', "two\nlines", "\u2028", '" x'])
def test_a_text_that_no_line_can_hold_is_refused(text: str) -> None:
    sold = PosItem(id="t/1/1", store="1", device="test", time=DAY_US, sku=text)
    with pytest.raises(ValueError, match="sku holds a text that a line cannot"):
        write_lines([sold], REGISTRY)


@pytest.mark.parametrize("time", [DAY_US - 1, DAY_US + LONGEST_US])
def test_another_time_is_refused(time: int) -> None:
    sold = PosItem(id="t/1/1", store="1", device="test", time=time)
    with pytest.raises(ValueError, match="not within the hundred hours"):
        write_lines([sold], REGISTRY)
