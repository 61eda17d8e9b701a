"""What tills and clouds post as JSON: golden bodies, and bodies that are anything."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.devices.address import endpoint
from aislewatch.devices.telling import Refusal, Told
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.paths import is_array, is_object
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.pos.bodies import Unreadable
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.json_feed import read_body, read_events
from aislewatch_plugins.pos.square import (
    order_to_fetch,
    read_facts,
    read_notification,
)
from aislewatch_plugins.pos.teller import Teller
from aislewatch_plugins.pos.told import Counts, Fact, Flaw, Found
from aislewatch_plugins.pos.words import WORDS
from aislewatch_sim.pos import square_words
from aislewatch_sim.pos.till import shift

REGISTRY = Registry()
NOON = 1_772_449_200_000_000  # 2026-03-02T12:00:00+01:00


class Clock:
    def now_us(self) -> int:
        return NOON


def tell(found: list[Found], **config: Any) -> list[Told]:
    context = SensorContext("s", "pos", "b", Clock(), Random(1), REGISTRY, "/")
    return Teller(context, PosConfig.model_validate(config), Counts()).tell(found)


def row(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": "7/1", "kind": kind, "at": "2026-03-02T12:00:00+01:00", "till": "3", **fields}


def read(*rows: Any) -> list[Found]:
    body = json.dumps({"events": rows}).encode()
    return list(read_events(read_body(body), REGISTRY))


def events(*rows: Any) -> list[Event]:
    told = tell(read(*rows))
    return [one for one in told if isinstance(one, Event) and not isinstance(one, DeviceState)]


@pytest.mark.parametrize("kind", sorted(WORDS))
def test_every_word_makes_its_event_and_knows_every_field_of_it(kind: str) -> None:
    word = WORDS[kind]
    assert word.type in REGISTRY.kinds
    (event,) = events(row(kind, receipt="R7", cashier="207"))
    assert event.__struct_config__.tag == word.type
    assert (event.time, event.id) == (NOON, "pos/7/1")
    for name, value in word.says.items():
        assert getattr(event, name) == value
    assert "zone_id" not in word.fields(REGISTRY)
    assert "store" not in word.fields(REGISTRY)


def test_a_golden_body_gives_its_event_to_the_letter() -> None:
    body = (
        b'{"events": [{"id": "3/2026-03-02/124/9", "kind": "sale", "seq": 9, "till": "3",'
        b' "at": "2026-03-02T12:00:00.250+01:00", "receipt": "124", "basket": "124",'
        b' "cashier": "207", "gtin": "4006381333931", "units": 2, "price_minor": 249}]}'
    )
    (fact,) = read_events(read_body(body), REGISTRY)
    assert fact == Fact(
        type="pos.item",
        time_us=NOON + 250_000,
        key="3/2026-03-02/124/9",
        seq=9,
        till="3",
        fields={
            "receipt": "124",
            "basket": "124",
            "cashier": "207",
            "gtin": "04006381333931",
            "units": 2,
            "price_minor": 249,
        },
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "sale", "store": "another"}, "'store' is no field of sale"),
        ({"kind": "sale", "time": 1}, "'time' is no field of sale"),
        ({"kind": "sale", "pan": "4111111111111111"}, "'pan' is no field of sale"),
        ({"kind": "no_sale", "units": 1}, "'units' is no field of no_sale"),
        ({"kind": "post_void", "post_void": False}, "is no field of post_void"),
        ({"kind": "sale", "at": None}, "'at' is missing"),
        ({"kind": "sale", "at": "yesterday"}, "is not a time"),
        ({"kind": "sale", "seq": -1}, "not negative"),
        ({"kind": "sale", "seq": True}, "whole number"),
        ({"kind": "sale", "id": ""}, "1 to 120 characters"),
        ({"kind": "sale", "id": "x" * 121}, "1 to 120 characters"),
        ({"kind": "sale", "till": 3}, "till is a text"),
        ({"kind": 7}, "7 is no kind"),
    ],
)
def test_a_row_that_says_what_it_may_not_is_refused_with_the_reason(
    fields: dict[str, Any], why: str
) -> None:
    (flaw,) = read(row("sale") | fields)
    assert isinstance(flaw, Flaw)
    assert why in flaw.reason


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"units": -1}, "units"),
        ({"units": 2.0}, "units"),
        ({"price_minor": "249"}, "price_minor"),
        ({"price_minor": 378_282_246_310_005}, "greater than any till's figure"),
        ({"epc": "not hex"}, "epc"),
        ({"at": "2026-03-02T12:20:00+01:00"}, "ahead of the clock"),
        ({"at": "1999-12-31T23:59:59+01:00"}, "before 2010"),
    ],
)
def test_a_figure_that_no_event_may_carry_is_refused(fields: dict[str, Any], why: str) -> None:
    told = tell(read(row("sale") | fields))
    (refusal,) = [one for one in told if isinstance(one, Refusal)]
    assert why in refusal.reason
    assert not [one for one in told if isinstance(one, Event) and not isinstance(one, DeviceState)]


def test_a_heartbeat_tells_nothing_and_one_event_may_stand_alone() -> None:
    assert read(row("heartbeat")) == []
    body = json.dumps(row("no_sale")).encode()
    (fact,) = read_events(read_body(body), REGISTRY)
    assert isinstance(fact, Fact)


def states(told: list[Told]) -> list[tuple[str, str, int]]:
    found = [one for one in told if isinstance(one, DeviceState)]
    assert [one.seq for one in found] == list(range(1, len(found) + 1))
    return [(one.device, one.state, (one.time - NOON) // 1_000_000) for one in found]


def at(second: int) -> dict[str, str]:
    return {"at": f"2026-03-02T11:59:{second:02}+01:00"}


def test_a_refused_row_blurs_its_till_until_the_next_good_one() -> None:
    good, bad = row("no_sale", **at(1)), row("no_sale", units=1, **at(2))
    last = {**good, "id": "7/2"} | at(3)
    # That the feed's own device is online says its host.
    assert states(tell(read(good, bad, bad, last))) == [
        ("pos", "degraded", -58),
        ("pos", "degraded", -58),
        ("pos", "online", -57),
    ]


def test_a_till_is_never_online_again_before_the_instant_that_blurred_it() -> None:
    tills = {"3": {"device": "till-3"}}
    undated = row("no_sale") | {"at": None}
    told = tell(
        read(row("no_sale", **at(1)), undated, {**row("no_sale"), "id": "2"} | at(2)), tills=tills
    )
    # Its first word may be old: from the opening on it is heard.
    assert states(told) == [
        ("till-3", "online", 0),
        ("till-3", "degraded", 0),
        ("till-3", "online", 0),
    ]


def test_a_first_row_that_is_refused_blurs_a_till_and_waits_for_the_host_with_the_feed() -> None:
    rows = [row("no_sale", units=1, **at(1)), row("no_sale", **at(2))]
    assert states(tell(read(*rows))) == []
    assert states(tell(read(*rows), tills={"3": {"device": "till-3"}})) == [
        ("till-3", "degraded", -59),
        ("till-3", "online", 0),
    ]


def test_strangers_and_times_that_cannot_be_blind_nobody() -> None:
    tills = {"3": {"device": "till-3"}}
    stranger = row("no_sale", till="5", units=1)
    assert states(tell(read(row("no_sale", till="5"), stranger), tills=tills)) == []
    ahead = row("no_sale", units=1) | {"at": "2099-01-01T00:00:00Z"}
    assert states(tell(read(row("no_sale"), ahead))) == [("pos", "degraded", 0)]


def test_tills_of_one_feed_are_devices_and_lanes_of_their_own() -> None:
    tills = {"3": {"device": "till-3", "lane": "L3"}, "4": {}}
    told = tell(
        read(row("no_sale"), row("no_sale", till="4"), row("no_sale", till="5")), tills=tills
    )
    found = [one for one in told if isinstance(one, Event) and not isinstance(one, DeviceState)]
    assert [(one.device, getattr(one, "lane", None)) for one in found] == [
        ("till-3", "L3"),
        ("pos", "4"),
    ]
    (refusal,) = [one for one in told if isinstance(one, Refusal)]
    assert "no till '5'" in refusal.reason


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "kind", "at", "till", "seq", "gtin", "units", "events", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=200) | ANY.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_are_told_or_refused(body: bytes) -> None:
    try:
        rows = read_body(body)
    except Unreadable:
        return
    tell(list(read_events(rows, REGISTRY)))


@given(
    st.sampled_from(sorted(WORDS)),
    st.dictionaries(
        st.sampled_from(
            [
                "receipt",
                "units",
                "price_minor",
                "gtin",
                "epc",
                "weight_mg",
                "method",
                "open",
                "passed",
            ]
        ),
        ANY,
        max_size=4,
    ),
)
def test_arbitrary_values_in_known_fields_are_told_or_refused(
    kind: str, fields: dict[str, Any]
) -> None:
    told = tell(read(row(kind) | fields))
    assert any(isinstance(one, (Event, Refusal)) for one in told)


# Square ----------------------------------------------------------------------------------------

NOTES = square_words.notifications(shift(Random(7)))


@settings(max_examples=150)
@given(st.data())
def test_a_notification_with_any_part_replaced_is_told_or_refused(data: st.DataObject) -> None:
    note = json.loads(json.dumps(data.draw(st.sampled_from(NOTES))))
    part: Any = note
    for _ in range(data.draw(st.integers(0, 5))):
        keys: list[Any] = sorted(part) if is_object(part) else list(range(len(part)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not (is_object(part[key]) or is_array(part[key])):
            part[key] = data.draw(ANY)
            break
        part = part[key]
    try:
        found = read_notification(json.dumps(note).encode())
    except Unreadable:
        return
    order_to_fetch(found)
    tell(read_facts(found, "GBP"))


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_notification(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_notification(body)


def test_an_order_that_was_given_up_takes_back_its_lines() -> None:
    note = next(one for one in NOTES if one["type"] == "order.updated")
    order = {**note["data"]["object"]["order"], "state": "CANCELED"}
    facts = read_facts({**note, "data": {"object": {"order": order}}}, "GBP")
    kinds = [one.type for one in facts if isinstance(one, Fact)]
    assert kinds.count("pos.void") == kinds.count("pos.item") == len(order["line_items"])
    keys = [one.key for one in facts if isinstance(one, Fact)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("text", ["nowhere", "host:99999", "host:80 x", ":", ""])
def test_an_address_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write host:port"):
        endpoint(text)
