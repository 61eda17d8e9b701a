from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.devices.telling import Refusal, Told
from aislewatch.errors import FileMistakes
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import (
    DeviceState,
    Event,
    PosBasketOpen,
    PosItem,
    PosTender,
    QueueLevel,
    ScaleWeight,
    StockCount,
)
from aislewatch.events.reading import Catalogue
from aislewatch.events.registry import Registry
from aislewatch_plugins.feed.compiler import load_mapping
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.recording import read_mapping, read_recording
from aislewatch_plugins.feed.repeats import Repeats
from aislewatch_plugins.feed.rows import RawRow, row_of_line

REGISTRY = Registry()
FEED = Path(__file__).parents[2] / "fixtures" / "feed"
START = 1_772_438_400_000_000  # 2026-03-02T08:00:00Z

TILL = """\
mapping: shop
zone: Europe/Amsterdam
currency: EUR
time: at
device: dev
cases:
  - name: item
    when: {kind: item}
    type: pos.item
    fields:
      sku: {from: sku, required: yes}
      price: price
      weight: {from: w, unit: g}
      customer: who
"""


def mapper(text: str, **options: Any) -> Mapper:
    mapping = load_mapping(dedent(text), "shop.mapping.yml", REGISTRY)
    catalogues = {name: Catalogue(()) for name in mapping.file.catalogues}
    plan = mapping.plan(options.pop("params", {}), catalogues)
    options.setdefault("session", "b1")
    return Mapper(plan, feed="f", store="s", **options)


def tell(made: Mapper, *rows: Any, **options: Any) -> list[Told]:
    told: list[Told] = []
    for row in rows:
        raw = row if isinstance(row, bytes) else json.dumps(row).encode()
        number = made.counts.rows + 1
        told += made.tell(made.place(row_of_line(raw, number, "rows.jsonl", "rows")), **options)
    return told


def item(**fields: Any) -> dict[str, Any]:
    return {"kind": "item", "at": "2026-03-02T09:00:00", "sku": "A"} | fields


def only_refusal(told: list[Told]) -> Refusal:
    (refusal,) = [one for one in told if isinstance(one, Refusal)]
    return refusal


def test_the_fixture_tells_what_its_rows_say() -> None:
    mapping = read_mapping(FEED / "till.mapping.yml", REGISTRY)
    runs = read_recording(mapping, [FEED / "till.jsonl"], feed="till", store="s")
    told = [event for run in runs if isinstance(run, list) for event in run]
    at_the_till: dict[str, Any] = {"store": "s", "device": "till-3", "lane": "3"}
    basket: dict[str, Any] = {**at_the_till, "time": START + 5_000_000, "seq": 2, "receipt": "R-17"}
    jam: dict[str, Any] = {**at_the_till, "time": START + 60_000_000, "seq": 4}
    stock: dict[str, Any] = {**at_the_till, "time": START + 120_000_000, "seq": 6}
    assert told == [
        DeviceState(id="b7/1/online", time=START, seq=1, state="online", **at_the_till),
        PosBasketOpen(id="b7/2.1", **basket),
        PosItem(id="b7/2.2", sku="A-1", units=1, price_minor=249, **basket),
        PosItem(id="b7/2.3", sku="A-2", units=2, price_minor=310, weight_mg=1_500_000, **basket),
        PosTender(id="b7/2.4", amount_minor=869, method="card", **basket),
        DeviceState(
            id="b7/3/online",
            store="s",
            device="scale-3",
            time=START + 6_250_000,
            seq=3,
            lane="3",
            state="online",
        ),
        ScaleWeight(
            id="b7/3",
            store="s",
            device="scale-3",
            time=START + 6_250_000,
            seq=3,
            lane="3",
            weight_mg=3_678_634,
            stable=True,
        ),
        DeviceState(id="b7/4/degraded/printer-jam", state="degraded", reason="printer-jam", **jam),
        PosItem(id="b7/4.2", sku="A-2", units=1, price_minor=310, receipt="R-18", **jam),
        DeviceState(
            id="b7/5/online", time=START + 65_000_000, seq=5, state="online", **at_the_till
        ),
        StockCount(id="b7/6.1", sku="A-1", units=10, **stock),
        StockCount(id="b7/6.2", sku="A-2", units=4, **stock),
    ]


def test_what_is_told_can_be_written_and_read_back() -> None:
    mapping = read_mapping(FEED / "till.mapping.yml", REGISTRY)
    codec = Codec(REGISTRY)
    for run in read_recording(mapping, [FEED / "till.jsonl"], feed="till", store="s"):
        assert isinstance(run, list)
        assert [codec.decode(codec.encode(event)) for event in run] == run


@pytest.mark.parametrize(
    ("row", "reason", "place"),
    [
        (b"{oops", "not JSON: JSON is malformed", "row rows.jsonl:1"),
        (b"\xff\xfe", "not JSON", "row rows.jsonl:1"),
        ([1, 2], "the row is no JSON object", "row rows.jsonl:1"),
        (
            {"kind": "itme", "sku": "A"},
            "no case of the mapping fits a row with kind, sku",
            "shop.mapping.yml cases, row rows.jsonl:1",
        ),
        (item(at=None), "the row does not say when it happened", "shop.mapping.yml:4 time"),
        (item(at="noon"), "'noon' is not a time in ISO 8601", "shop.mapping.yml:4 time"),
        (item(sku=None), "sku is missing", "shop.mapping.yml:11 fields.sku"),
        (item(price=-1), "-1 is a negative amount", "shop.mapping.yml:12 fields.price"),
        (item(price="free"), "'free' is not a number", "shop.mapping.yml:12 fields.price"),
        (item(w="heavy"), "'heavy' is not a number", "shop.mapping.yml:13 fields.weight"),
        (item(w=1e12), "weight_mg: Expected `int` <= 10000", "shop.mapping.yml:13 fields.weight"),
        (item(sku="A" * 201), "sku: Expected `str` of length", "shop.mapping.yml:11 fields.sku"),
        (
            item(who="4111 1111 1111 1111"),
            "customer holds what looks like a card number",
            "shop.mapping.yml:14 fields.customer",
        ),
    ],
)
def test_what_is_no_event_is_refused_with_the_line_that_refused_it(
    row: Any, reason: str, place: str
) -> None:
    made = mapper(TILL)
    told = tell(made, row)
    refusal = only_refusal(told)
    assert reason in refusal.reason
    assert refusal.place.startswith(place)
    assert refusal.place.endswith("row rows.jsonl:1")
    assert refusal.device == ("dev" if "mapping.yml:" in place else "f")
    assert (made.counts.rows, made.counts.refused, made.counts.told) == (1, 1, 0)
    # Where the device and the time are known, it is told that something could not be read.
    blurred = [("dev", "degraded", "refused-row")] if "fields." in place else []
    assert states(told) == blurred


def test_a_refused_row_says_that_something_was_seen_and_the_next_good_one_is_online_again() -> None:
    made = mapper(TILL)
    told = tell(made, item(sku=None), item(price=-1), item(), item(price=-1), item(), item())
    blurred, online = ("dev", "degraded", "refused-row"), ("dev", "online", None)
    assert states(told) == [blurred, blurred, online, blurred, online]
    assert sum(isinstance(one, PosItem) for one in told) == 3
    assert len({one.id for one in told if isinstance(one, Event)}) == 8
    assert (made.counts.told, made.counts.refused, made.counts.refusals) == (3, 3, 3)


def test_a_row_that_fits_no_case_blurs_only_a_device_that_has_spoken() -> None:
    assert states(tell(mapper(TILL), item(kind="itme"))) == []
    made = mapper(TILL)
    told = tell(made, item(), item(kind="itme"), item())
    assert states(told)[1:] == [("dev", "degraded", "refused-row"), ("dev", "online", None)]
    assert only_refusal(told).device == "dev"
    assert states(tell(made, item(kind="itme", at="noon"))) == []


def test_a_refused_row_says_its_lane_where_that_can_be_read() -> None:
    made = mapper(TILL.replace("      customer: who", "      lane: bay"))
    told = tell(made, item(price=-1, bay="7"), item(price=-1))
    assert [one.lane for one in told if isinstance(one, DeviceState)] == ["7", None]


def test_a_row_from_ahead_of_the_clock_blurs_nothing_since_its_time_is_wrong() -> None:
    assert states(tell(mapper(TILL), item(), latest_us=START - 1)) == []


def test_a_refused_row_does_not_make_a_failed_device_see() -> None:
    made = mapper(STATES)
    rows: list[dict[str, Any]] = [
        {"status": "crash"},
        {"v": -1},
        {"status": "err", "v": -1},
        {"status": "ok", "v": 1},
    ]
    told = tell(made, *({"dev": "d", "t": t, **row} for t, row in enumerate(rows)))
    assert states(told) == [
        ("d", "failed", "crash"),
        ("d", "degraded", "read-error"),
        ("d", "degraded", "refused-row"),
        ("d", "online", None),
    ]
    assert made.counts.refusals == 2


@pytest.mark.parametrize(
    "row",
    [
        item(price="4111 1111 1111 1111"),
        item(price="x" * 46 + "4111111111111111"),
        item(at="x4111-1111-1111-1111"),
        item(w="17 4111111111111111"),
        item(sku=None, **{"4111 1111 1111 1111": 1}),
        {"kind": "itme", "4111 1111 1111 1111": 1},
        item(who="4111 1111 1111 1111"),
    ],
)
def test_no_part_of_a_refusal_says_a_card_number(row: dict[str, Any]) -> None:
    for one in tell(mapper(TILL), row):
        text = f"{one} {one.raw!r}" if isinstance(one, Refusal) else str(one)
        assert "411111111" not in "".join(c for c in text if c not in " -"), text


@pytest.mark.parametrize("what", ["device", "store", "id"])
def test_nothing_is_called_by_a_card_number(what: str) -> None:
    made = mapper(TILL.replace("device: dev", f'{what}: "{{src}}"'))
    told = tell(made, item(src="till 4111111111111111 x"))
    refusal = only_refusal(told)
    assert refusal.device == "f"
    assert refusal.reason.startswith(f"the {what} holds what looks like a card number")
    assert "4111111111111111" not in str(told)


def test_a_lane_that_looks_like_a_card_number_is_refused() -> None:
    made = mapper(TILL.replace("      customer: who", "      lane: bay"))
    told = tell(made, item(bay="B4111111111111111"))
    assert [type(one).__name__ for one in told] == ["DeviceState", "Refusal"]
    assert states(told) == [("dev", "degraded", "refused-row")]
    assert "4111111111111111" not in str(told)


def test_goods_are_not_negative_but_a_scale_may_drift_below_nothing() -> None:
    refusal = only_refusal(tell(mapper(TILL), item(w=-3)))
    assert "weight_mg: Expected `int` >= 0" in refusal.reason
    scale = TILL.replace("pos.item", "scale.weight").replace(
        "      sku: {from: sku, required: yes}\n      price: price\n", ""
    )
    scale = scale.replace("      customer: who\n", "")
    (_, weight) = tell(mapper(scale), item(w=-3))
    assert isinstance(weight, ScaleWeight)
    assert weight.weight_mg == -3_000


def test_a_card_number_is_not_kept_in_the_dead_letter_either() -> None:
    refusal = only_refusal(tell(mapper(TILL), item(who="4111 1111 1111 1111")))
    assert b"4111 1111" not in refusal.raw
    assert b"**** **** **** 1111" in refusal.raw


def test_a_barcode_that_could_be_a_card_number_is_taken_as_goods() -> None:
    told = tell(mapper(TILL), item(sku="4222222222222"))
    assert [type(one).__name__ for one in told] == ["DeviceState", "PosItem"]


def test_no_barcode_has_sixteen_digits_so_a_card_number_in_its_place_is_refused() -> None:
    for sku in ("4111111111111111", "4111 1111 1111 1111"):
        refusal = only_refusal(tell(mapper(TILL), item(sku=sku)))
        assert refusal.reason.startswith("sku holds what looks like a card number")
    assert not any(
        isinstance(one, Refusal) for one in tell(mapper(TILL), item(sku="0411111111111111"))
    )


def test_what_is_far_ahead_of_the_clock_is_refused() -> None:
    made = mapper(TILL)
    refusal = only_refusal(tell(made, item(), latest_us=START - 1))
    assert refusal.place == "shop.mapping.yml:4 time, row rows.jsonl:1"
    assert "ahead of the clock" in refusal.reason
    assert len(tell(made, item(), latest_us=START)) == 2


def test_a_time_of_next_century_is_absurd_even_in_a_recording() -> None:
    assert (
        "ahead of the clock"
        in only_refusal(tell(mapper(TILL), item(at="2126-03-02T09:00:00"))).reason
    )


STATES = """\
mapping: shop
time: {from: t, unit: s}
device: "{dev}"
state: {from: status, map: {ok: online, err: degraded read-error, crash: failed crash}}
heartbeat: {v: null}
cases:
  - name: a
    type: queue.level
    fields: {customers: v}
"""


def states(told: list[Told]) -> list[tuple[str, str, str | None]]:
    return [(one.device, one.state, one.reason) for one in told if isinstance(one, DeviceState)]


def test_a_state_is_told_when_it_changes_and_a_fault_each_time() -> None:
    words = ["ok", "ok", "err", "err", "ok", "crash", "crash", "ok", "err"]
    made = mapper(STATES)
    told = tell(made, *({"dev": "d", "t": t, "status": word} for t, word in enumerate(words)))
    assert states(told) == [
        ("d", "online", None),
        ("d", "degraded", "read-error"),
        ("d", "degraded", "read-error"),
        ("d", "online", None),
        ("d", "failed", "crash"),
        ("d", "online", None),
        ("d", "degraded", "read-error"),
    ]
    assert made.counts.heartbeats == 2


def test_a_row_may_tell_a_fault_and_an_event_the_fault_first() -> None:
    told = tell(mapper(STATES), {"dev": "d", "t": 1, "status": "err", "v": 3})
    assert [type(one).__name__ for one in told] == ["DeviceState", "QueueLevel"]


def test_each_device_of_a_feed_has_a_state_of_its_own() -> None:
    rows = [{"dev": dev, "t": 1, "status": word} for dev, word in [("a", "ok"), ("b", "crash")]]
    assert states(tell(mapper(STATES), *rows)) == [("a", "online", None), ("b", "failed", "crash")]


STATION = (
    STATES.replace("state: {from", 'state: {device: "{station}", from')
    .replace("  - name: a\n", "  - name: a\n    fields: {customers: v, lane: station}\n")
    .replace("    fields: {customers: v}\n", "")
)


def station(*rows: tuple[str, int, str]) -> list[dict[str, Any]]:
    return [{"dev": dev, "t": t, "status": word, "station": "S"} for dev, t, word in rows]


def test_a_word_may_be_about_a_station_which_then_fails_and_recovers_as_one() -> None:
    rows = station(
        ("pos", 1, "ok"),
        ("rfid", 2, "crash"),
        ("pos", 3, "crash"),
        ("pos", 4, "ok"),
        ("q", 5, "ok"),
    )
    told = tell(mapper(STATION), *rows)
    assert states(told) == [
        ("S", "online", None),
        ("pos", "online", None),
        ("S", "failed", "crash"),
        ("S", "online", None),
        ("q", "online", None),
    ]
    assert {one.lane for one in told if isinstance(one, DeviceState)} == {"S"}


@pytest.mark.parametrize("before", ["ok", "crash", "err"])
def test_of_a_station_s_words_of_one_instant_the_worst_holds_however_they_come(
    before: str,
) -> None:
    for words in permutations(("ok", "err", "crash")):
        first, *three = station(
            ("a", 1, before), *((dev, 2, word) for dev, word in zip("abc", words, strict=True))
        )
        told = tell(mapper(STATION), first, *three, *station(("a", 3, "ok")))
        own = [one for one in told if isinstance(one, DeviceState) and one.device == "S"]
        at_two = sorted((one for one in own if one.time == 2_000_000), key=lambda one: one.seq)
        # Those that are told have places of their own in the order of events, the worst the last;
        # what failed before and says so first has told nothing new.
        assert [one.state for one in at_two][-1:] == (["failed"] if at_two else [])
        assert at_two or (before, words[0]) == ("crash", "crash")
        assert len({one.seq for one in at_two}) == len(at_two)
        assert (own[-1].state, own[-1].time) == ("online", 3_000_000)


def test_the_order_of_rows_of_one_instant_changes_no_id_of_a_station_s_states() -> None:
    rows = station(("a", 2, "ok"), ("b", 2, "ok"), ("c", 2, "crash"))
    found = {
        frozenset(
            (one.id, one.state, one.seq)
            for one in tell(mapper(STATION), *station(("z", 1, "ok")), *order)
            if isinstance(one, DeviceState) and one.device == "S"
        )
        for order in permutations(rows)
    }
    assert len(found) == 1


def test_a_word_about_a_station_that_the_row_does_not_name_is_refused() -> None:
    told = tell(mapper(STATION), {"dev": "d", "t": 1, "status": "ok", "v": 1})
    assert only_refusal(told).place == "shop.mapping.yml:4 device, row rows.jsonl:1"


def test_an_unknown_state_is_refused_and_the_row_still_tells_its_event() -> None:
    told = tell(mapper(STATES), {"dev": "d", "t": 1, "status": "meh", "v": 3})
    assert [type(one).__name__ for one in told] == ["Refusal", "DeviceState", "QueueLevel"]
    assert states(told) == [("d", "degraded", "refused-row")]
    assert only_refusal(told).place == "shop.mapping.yml:4 state, row rows.jsonl:1"


def test_a_lost_link_takes_its_own_devices_offline_and_they_come_back() -> None:
    made = mapper(STATES)
    tell(made, {"dev": "a", "t": 1, "v": 1}, link="one")
    tell(made, {"dev": "b", "t": 1, "v": 1}, link="two")
    tell(made, {"dev": "c", "t": 1, "status": "crash"}, link="one")
    (gone,) = made.lost("one", 9)
    assert gone == DeviceState(
        id="f/b1/offline/1", store="s", device="a", time=9, state="offline", reason="link-lost"
    )
    assert states(tell(made, {"dev": "a", "t": 2, "v": 1}, link="one")) == [("a", "online", None)]
    assert made.lost("three", 9) == []


def test_a_device_that_moved_to_another_link_stays_when_the_old_one_breaks() -> None:
    made = mapper(STATES)
    tell(made, {"dev": "a", "t": 1, "v": 1}, link="one")
    tell(made, {"dev": "a", "t": 2, "v": 1}, link="two")
    assert made.lost("one", 9) == []


def test_a_frame_is_unwrapped_and_a_bare_row_of_the_same_kind_gives_the_same_event() -> None:
    text = """\
    mapping: m
    time: {from: t, unit: s}
    id: "{$case}/{$digest}"
    frames: {row: event, stream: set, banner_lines: 1}
    cases:
      - {name: q, type: queue.level, fields: {customers: v}}
    """
    row = {"v": 2, "t": 1.5, "x": [0.1, {"y": None}]}
    wire, file = mapper(text), mapper(text)
    told: list[Told] = []
    for line, sent in enumerate(
        [{"hello": 1}, {"set": "queue", "sequence": 77, "event": row}], start=1
    ):
        raw = row_of_line(json.dumps(sent).encode(), line)
        raw.line = line
        told += wire.tell(wire.place(raw))
    assert wire.counts.banners == 1
    # Other order of keys, other spelling of figures: still the same row.
    bare = b'{"x": [0.10, {"y": null}], "t": 1.50, "v": 2}'
    assert told == tell(file, bare)
    assert [type(one).__name__ for one in told] == ["DeviceState", "QueueLevel"]


def test_a_first_line_that_is_a_frame_is_no_banner() -> None:
    made = mapper(
        "mapping: m\ntime: {from: t, unit: s}\nframes: {row: event, banner_lines: 1}\n"
        "cases: [{name: q, type: queue.level, fields: {customers: v}}]"
    )
    raw = RawRow({"event": {"t": 1, "v": 1}}, b"", 1, line=1)
    assert len(made.tell(made.place(raw))) == 2


def test_rows_may_say_how_long_they_waited() -> None:
    made = mapper(
        "mapping: m\nparams: {start: null}\ntime: {after_previous: wait, start: $start}\n"
        "heartbeat: {v: null}\ncases: [{name: q, type: queue.level, fields: {customers: v}}]",
        params={"start": "2026-03-02T08:00:00Z"},
    )
    told = tell(
        made, {"wait": "2s", "v": 1}, {"wait": ".5s"}, {"wait": "0s", "v": 2}, {"wait": "soon"}
    )
    times = [one.time - START for one in told if isinstance(one, Event)]
    assert times == [2_000_000, 2_000_000, 2_500_000]
    assert only_refusal(told).reason == "'soon' has no unit behind its figure"


def test_a_row_without_a_wait_happens_at_once_where_the_mapping_says_so() -> None:
    text = (
        "mapping: m\nparams: {start: '2026-03-02T08:00:00Z'}\n"
        "time: {after_previous: wait, start: $start, default: %s}\n"
        "cases: [{name: q, type: queue.level, fields: {customers: v}}]"
    )
    told = tell(mapper(text % "0s"), {"wait": "2s", "v": 1}, {"v": 1})
    assert [one.time - START for one in told if isinstance(one, QueueLevel)] == [2_000_000] * 2
    with pytest.raises(FileMistakes) as raised:
        mapper(text % "soon")
    assert "shop.mapping.yml:3" in str(raised.value)


def test_half_a_unit_is_refused_and_blurs_the_till_of_the_checkout_reference() -> None:
    mapping = read_mapping(FEED.parent / "rtsf" / "rtsf.mapping.yml", REGISTRY)
    made = Mapper(mapping.plan({}, {"products": Catalogue(())}), feed="f", store="s", session="b")
    row = {"device": "POS", "event": "scanned-item", "data": {"product_id": "1", "quantity": 0.5}}
    told = tell(made, row)
    assert states(told) == [("lane-1-pos", "degraded", "refused-row")]
    assert only_refusal(told).place.startswith("rtsf.mapping.yml:")


def test_conditions_choose_the_first_case_that_fits() -> None:
    made = mapper("""\
    mapping: m
    time: {from: t, unit: s}
    cases:
      - {name: none, when: {a: null, b: {exists: yes}}}
      - {name: like, when: {$stream: {like: "ro*"}, a: {like: "x?"}}, type: pos.no_sale}
      - {name: list, when: {a: [y, z]}, type: pos.suspend}
      - {name: not, when: {a: {not: [w, null]}}, type: pos.resume}
      - {name: rest, type: pos.sign_on}
    """)
    rows = [{"t": 1, **row} for row in ({"b": None}, {"a": "xx"}, {"a": "z"}, {"a": 5}, {})]
    told = tell(made, *rows)
    assert [type(one).__name__ for one in told] == [
        "DeviceState",
        "PosNoSale",
        "PosSuspend",
        "PosResume",
        "PosSignOn",
    ]


def test_one_bad_line_of_a_basket_leaves_the_others() -> None:
    made = mapper("""\
    mapping: m
    time: {from: t, unit: s}
    cases:
      - {name: b, type: pos.item, each: lines, fields: {sku: $item.sku, units: $item.n}}
    """)
    lines = [{"sku": "A", "n": 1}, {"sku": "B", "n": "two"}, {"sku": "C", "n": 3}]
    told = tell(made, {"t": 1, "lines": lines})
    assert [one.id if isinstance(one, Event) else one.reason for one in told] == [
        "f/rows.jsonl/1/refused",
        "f/rows.jsonl/1.1",
        "'two' is not a number; write it with a point, as in 12.5",
        "f/rows.jsonl/1.3",
    ]
    refusal = only_refusal(tell(made, {"t": 2, "lines": {"a": 1}}))
    assert refusal.reason == "there is no array to take events from"


DIGEST = """\
mapping: m
time: {from: t, unit: s}
id: "{$case}/{$digest}"
frames: {row: event, stream: set}
cases:
  - {name: q, type: queue.level, fields: {customers: v}}
"""


def test_two_equal_rows_are_two_events_with_the_same_ids_from_the_start_again() -> None:
    can, other = {"t": 1, "v": 1}, {"t": 1, "v": 2}
    rows = [can, can, other, can]

    def ids(told: list[Told]) -> list[str]:
        return [one.id for one in told if isinstance(one, QueueLevel)]

    first = ids(tell(mapper(DIGEST), *rows))
    assert len(set(first)) == 4
    assert [one.removeprefix(first[0]) for one in (first[1], first[3])] == ["#2", "#3"]
    wired = mapper(DIGEST)
    frames = [{"set": "rows", "event": row} for row in rows]
    assert ids(tell(wired, *frames, link="a")) == first
    # Another connection, and the same one from its start again, send what was sent before.
    assert ids(tell(wired, *frames, link="b")) == first
    wired.lost("a", 9)
    assert ids(tell(wired, *frames, link="a")) == first
    wired.begin("b")
    assert ids(tell(wired, *frames, link="b")) == first


def test_equal_rows_are_remembered_in_bounded_memory() -> None:
    repeats = Repeats(kept=2)
    names = [repeats.name("a", "s", digest) for digest in ("1", "2", "2", "3", "1", "3")]
    assert names == ["1", "2", "2#2", "3", "1", "3#2"]


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(["basket", "weight", "stock", "ping", "good", "jam", "lbs", "till-3"]),
        st.sampled_from(["2026-03-02T09:00:00", "4111111111111111"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "boot": JSON,
        "n": JSON,
        "src": st.one_of(st.just("till-3"), JSON),
        "type": st.sampled_from(["basket", "weight", "stock", "ping", None]),
        "at": st.one_of(st.just("2026-03-02T09:00:00"), JSON),
        "health": st.one_of(st.sampled_from(["good", "jam", "dead"]), JSON),
        "receipt": JSON,
        "opened": JSON,
        "lines": st.one_of(st.lists(JSON, max_size=3), JSON),
        "paid": JSON,
        "w": JSON,
        "u": st.one_of(st.sampled_from(["lb", "g", "stone"]), JSON),
        "counts": JSON,
    },
)
LINE = st.one_of(st.binary(max_size=60), JSON.map(json.dumps), ROW.map(json.dumps))


@settings(max_examples=300)
@given(st.lists(LINE, max_size=8))
def test_no_row_is_lost_and_none_raises(lines: list[bytes | str]) -> None:
    mapping = read_mapping(FEED / "till.mapping.yml", REGISTRY)
    catalogue = Catalogue([{"article": "A-1", "price": "2.49"}])
    made = Mapper(mapping.plan({}, {"articles": catalogue}), feed="f", store="s", session="b")
    codec = Codec(REGISTRY)
    for number, line in enumerate(lines, 1):
        raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
        before = made.counts.events + made.counts.refusals
        told = made.tell(made.place(row_of_line(raw, number, "x.jsonl", "x")))
        assert made.counts.events + made.counts.refusals - before == len(told)
        for one in told:
            if isinstance(one, Event):
                assert codec.decode(codec.encode(one)) == one
            else:
                assert one.reason
                assert one.place.endswith(f"row x.jsonl:{number}")
    counts = made.counts
    assert counts.rows == len(lines)
    others = counts.heartbeats + counts.banners + counts.repeats + counts.refused
    assert counts.rows == counts.told + others


def test_a_row_that_is_sent_again_under_its_own_id_is_told_once() -> None:
    made = mapper(TILL.replace("device: dev\n", 'device: dev\nid: "{n}"\n'))
    first = tell(made, item(dev="d", n=7), item(dev="d", n=8), link="a")
    assert [one.id for one in first if isinstance(one, PosItem)] == ["7", "8"]
    # Over another connection, too: whoever was not answered comes again.
    assert tell(made, item(dev="d", n=8), item(dev="d", n=7), link="b") == []
    assert made.counts.repeats == 2
    # Another content under an id is a fault of the device, which must be seen.
    (other,) = tell(made, item(dev="d", n=7, sku="B"))
    assert isinstance(other, PosItem)
    assert (other.id, other.sku) == ("7", "B")


OWN = TILL.replace("device: dev\n", 'device: dev\nid: "{n}"\n')


def told_in(session: str, mapping: str, *rows: dict[str, Any]) -> dict[str, bytes]:
    """Give what one opening tells of rows on a wire, by id, as the bytes of the events."""
    life = mapper(mapping, session=session)
    told: dict[str, bytes] = {}
    for number, row in enumerate(rows, 1):
        raw = row_of_line(json.dumps(row).encode(), number)
        for one in life.tell(life.place(raw), link="wire"):
            if isinstance(one, Refusal):
                continue
            assert one.id not in told
            told[one.id] = Codec.encode(one)
    return told


@given(st.permutations(range(6)), st.integers(0, 5))
def test_a_row_with_an_id_of_its_own_is_the_same_event_in_every_life(
    order: list[int], killed_at: int
) -> None:
    rows = [item(dev="d", n=number, sku=f"S{number % 2}") for number in order]
    # Killed on the way, the next life is sent what was not answered, and some of what was.
    lives = [told_in("b1", OWN, *rows[: killed_at + 1]), told_in("b2", OWN, *rows[killed_at:])]
    once = told_in("b0", OWN, *rows)
    for life in lives:
        assert {key: once[key] for key in life if "/" not in key} == {
            key: told for key, told in life.items() if "/" not in key
        }
    assert {key for life in lives for key in life} >= set(once)


def test_a_device_that_is_otherwise_when_a_row_comes_again_is_told_under_another_id() -> None:
    jam = {"dev": "d", "t": 1, "status": "err", "v": 1}
    torn = {"dev": "d", "t": 2, "v": "x"}
    good = {"dev": "d", "t": 3, "v": 1}
    mapping = STATES + 'id: "{dev}-{t}"\n'
    first, second = told_in("b1", mapping, jam, torn, good), told_in("b2", mapping, good)
    assert "d-3/degraded/read-error" in first
    assert "d-3/online" in second
    assert first.keys() & second.keys() == {"d-3"}
    assert first["d-3"] == second["d-3"]


def test_a_row_that_a_frame_or_a_file_numbers_keeps_its_place() -> None:
    (_, event) = tell(mapper(OWN), item(dev="d", n=7))
    assert isinstance(event, Event)
    assert event.seq == 1
    framed = "frames: {row: row, number: at}\n" + OWN
    told = told_in("b1", framed, {"at": 41, "row": item(dev="d", n=7)})
    assert json.loads(told["7"])["seq"] == 41


def test_a_row_nested_without_end_is_refused() -> None:
    deep: Any = None
    for _ in range(900):
        deep = {"v": deep}
    for row in (deep, {"dev": "d", "t": 1, "v": deep}):
        told = tell(mapper(STATES), json.dumps(row).encode())
        assert only_refusal(told)
