"""What comes in order goes where it is asked for, whatever the rules' conditions look like."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.evidence import Index
from aislewatch.detect.intake import Hand, Put, compile_intake
from aislewatch.detect.order import order_key
from aislewatch.events.kinds import RfidRead
from aislewatch.rules.rule import Expr
from aislewatch.testing.small import small_rule

ZONES = [None, "Z1", "Z2", "Z3", "Z4", "Z5", "Z6"]
ASKED = {"epc": ["E1", "E2", "E3"], "zone_id": ["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7"]}
CONDITIONS = [
    None,
    "rssi > -60dBm",
    "zone.kind == 'exit'",
    "'shelf' == zone.kind",
    "zone.kind in ['exit', 'shelf']",
    "zone.kind == 'exit' and zone.id == 'Z1'",
    "zone.kind != 'exit' and zone.id == 'Z2'",
    "zone.kind == 'exit' or zone.id == 'Z1'",
    "not (zone.id == 'Z3')",
    *(f"zone.id == '{zone}' and rssi > -60dBm" for zone in ZONES[1:]),
]


def compiled(condition: str | None) -> Expr | None:
    where = f', where: "{condition}"' if condition else ""
    return small_rule(f"event: rfid.read, as: x{where}", "check: 1 == 1").anchor.where


WHERE = {condition: compiled(condition) for condition in CONDITIONS}


def read(number: int, random: Random) -> RfidRead:
    return RfidRead(
        id=str(number),
        store="1",
        device="gate",
        time=number,
        epc=random.choice(["E1", "E2"]),
        zone_id=random.choice(ZONES),
        zone_kind=random.choice([None, "exit", "shelf"]),
        rssi_dbm=random.choice([None, -50.0, -70.0]),
    )


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(CONDITIONS), max_size=20))
def test_tables_and_chains_take_in_what_a_test_of_each_condition_would(
    random: Random, conditions: list[str | None]
) -> None:
    puts: list[Put] = []
    hands: list[Hand] = []
    due: list[Any] = []
    taken: list[Any] = []
    for number, condition in enumerate(conditions):
        where = WHERE[condition]
        attrs = random.choice([(), ("epc",), ("epc", "zone_id")])
        index, types = Index(attrs, 10**9), frozenset({"rfid.read"})
        if attrs and random.random() < 0.5:
            only = {value: value for value in random.sample(ASKED[attrs[-1]], 2)}
            puts.append(Put(index, types, where, maybe=False, only=only))
        else:
            puts.append(Put(index, types, where, maybe=number % 2 == 0))
        at_once = due if number % 3 else None
        hands.append(
            Hand(where, Index((), 10**9), lambda p, e: taken.append((p, e)), at_once, f"p{number}")
        )
    for index in (*(put.index for put in puts), *(hand.anchors for hand in hands)):
        index.turn(0)
    intake, _ = compile_intake([*puts, *hands], {})
    events = [read(number, random) for number in range(60)]
    for event in events:
        intake(event)
    for put in puts:
        admits = put.compile({})
        keyed = [event for event in events if put.index.key_of(event) is not None]
        found = [event for event in keyed if admits(event)]
        assert sorted(put.index, key=order_key) == found
        if put.only is not None:
            attr = put.index.attrs[-1]
            assert {getattr(event, attr) for event in found} <= put.only.keys()
    handed = sorted([*due, *taken], key=lambda pair: (pair[0], pair[1].time))
    expected: list[Any] = []
    for hand in hands:
        holds = hand.where.compile_where() if hand.where is not None else None
        expected += [(hand.plan, e) for e in events if holds is None or holds(e) is True]
    assert handed == sorted(expected, key=lambda pair: (pair[0], pair[1].time))
