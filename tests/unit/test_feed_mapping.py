# ruff: noqa: E501 - what a person sees is shown as it is
from __future__ import annotations

import contextlib
import json
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.kinds import DeviceState, PosItem
from aislewatch.events.registry import Registry
from aislewatch_plugins.feed.compiler import load_mapping
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.rows import row_of_line

REGISTRY = Registry()
ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"


def mistakes(text: str) -> str:
    with pytest.raises(FileMistakes) as found:
        load_mapping(dedent(text), "x.mapping.yml", REGISTRY)
    return str(found.value)


def test_all_mistakes_of_a_file_come_at_once_each_with_its_place() -> None:
    text = """\
    mapping: shop
    zone: Europe/Utrecht
    time: ts
    state:
      from: status
      map: {OK: onlin}
    cases:
      - name: a
        when: {kind: {is: x}}
        type: pos.itm
      - name: b
        device: "{src"
        type: scale.weight
        fields:
          weight: w
          wieght: {from: w, unit: g}
      - name: b
        type: rfid.read
        fields:
          epc: $lane
          zone_kind: {value: scan}
    """
    assert mistakes(text) == dedent("""\
        x.mapping.yml:2:7: error: 'Europe/Utrecht' is no time zone; write e.g. Europe/Amsterdam or UTC
            zone: Europe/Utrecht
                  ^^^^^^^^^^^^^^
        x.mapping.yml:6:13: error: 'onlin' is no state of a device
              map: {OK: onlin}
                        ^^^^^
            hint: did you mean 'online'? possible: degraded, failed, offline, online, starting, stopped
        x.mapping.yml:9:23: error: 'is' is no test of a condition
                when: {kind: {is: x}}
                                  ^
            hint: possible, one at a time: like, exists, not
        x.mapping.yml:10:11: error: no kind of event is called 'pos.itm'
                type: pos.itm
                      ^^^^^^^
            hint: did you mean 'pos.item'?
        x.mapping.yml:12:13: error: '{src' has a brace too many or too few; a brace itself is written twice
                device: "{src"
                        ^^^^^^
        x.mapping.yml:15:15: error: say the unit of weight, for instance 'unit: g'
                  weight: w
                          ^
            hint: 'unit_from: path' where the row states it, 'unit: written' where the value does
        x.mapping.yml:16:7: error: scale.weight has no field 'wieght'
                  wieght: {from: w, unit: g}
                  ^^^^^^
            hint: did you mean 'weight'? possible: lane, quantum, scale.kind, stable, weight, zone.id, zone.kind
        x.mapping.yml:17:11: error: two cases are called 'b'
              - name: b
                      ^
        x.mapping.yml:20:12: error: nothing is called $lane here
                  epc: $lane
                       ^^^^^
            hint: known are $case, $digest, $file, $row, $stream; parameters are declared
        x.mapping.yml:21:7: error: rfid.read has no field 'zone_kind'
                  zone_kind: {value: scan}
                  ^^^^^^^^^
            hint: it is written 'zone.kind' here""")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mapping: a", "'cases' is missing"),
        ("mapping: a\ncases: []", "needs at least 1"),
        ("mapping: a\ntimes: t\ncases: [{name: a}]", "did you mean 'time'?"),
        ("mapping: a\ncases: [{name: a}]", "when do these rows happen?"),
        ("mapping: a\ntime: t\ncases: [{name: a, type: rfid.read}]", "rfid.read needs 'epc'"),
        ("mapping: a\ntime: t\ncases: [{name: a, type: clock.tick}]", "is not told by rows"),
        ("mapping: a\ntime: t\nrows: x\ncases: [{name: a}]", "'rows' is for 'format: json'"),
        ("mapping: a\ntime: t\ncases: [{name: a, fields: {sku: s}}]", "which 'type' of event"),
        ("mapping: a\ntime: {after_previous: w}\ncases: [{name: a}]", "say 'start'"),
        (
            "mapping: a\ntime: {after_previous: w, start: $begin}\ncases: [{name: a}]",
            "no parameter is called $begin",
        ),
        (
            "mapping: a\ntime: {after_previous: w, start: '2026-01-01'}\ncases: [{name: a}]",
            "is not a time in ISO 8601",
        ),
        ("mapping: a\ntime: t\nparams: {row: 1}\ncases: [{name: a}]", "already means something"),
        ("mapping: a\ntime: t\nheartbeat: {}\ncases: [{name: a}]", "an empty condition"),
        ("mapping: a\ntime: t\ndevice: {x}-pos\ncases: [{name: a}]", "x.mapping.yml:3"),
        ("mapping: &a a\ncases: [{name: a}]", "x.mapping.yml:1"),
        ("{{{{", "x.mapping.yml:1"),
        ("", "x.mapping.yml"),
    ],
)
def test_a_mistake_is_said_in_plain_words(text: str, expected: str) -> None:
    assert expected in mistakes(text)


def test_parameters_must_be_given_and_known() -> None:
    text = "mapping: a\ntime: t\nparams: {lane: null, side: left}\ncases: [{name: a}]"
    mapping = load_mapping(text, "x.mapping.yml", REGISTRY)
    with pytest.raises(UsageError, match="needs a value for lane"):
        mapping.plan({}, {})
    with pytest.raises(UsageError, match="no parameter 'lan'; did you mean 'lane'"):
        mapping.plan({"lan": "1"}, {})
    assert mapping.plan({"lane": "1"}, {}).params == {"lane": "1", "side": "left"}


def test_every_shipped_mapping_is_free_of_mistakes_and_says_what_it_tells() -> None:
    found = {
        path.name: load_mapping(path.read_text(encoding="utf-8"), str(path), REGISTRY).types
        for path in FIXTURES.glob("*/*.mapping.yml")
    }
    assert found["nedap.mapping.yml"] == ("device.state", "rfid.crossing")
    assert found["sentinel.mapping.yml"] == (
        "device.state",
        "pos.item",
        "queue.level",
        "rfid.read",
        "stock.count",
        "vision.item",
    )
    assert {"rtsf.mapping.yml", "till.mapping.yml"} <= set(found)


KEYS = st.sampled_from(
    ["mapping", "time", "cases", "name", "type", "fields", "when", "from", "unit", "map", "frames"]
)
TREE = st.recursive(
    st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["pos.item", "$row", "{a}", "g"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@given(TREE, TREE, TREE)
def test_no_mapping_file_gets_anything_but_located_mistakes(
    a: object, b: object, c: object
) -> None:
    text = json.dumps({"mapping": "m", "time": a, "when": b, "cases": [c, {"name": "x"}]})
    with contextlib.suppress(FileMistakes):
        load_mapping(text, "x.mapping.yml", REGISTRY)


def test_the_first_mapping_of_the_readme_says_what_its_row_means() -> None:
    readme = ROOT / "plugins" / "aislewatch_plugins" / "feed" / "README.md"
    first = readme.read_text(encoding="utf-8").split("## A first mapping")[1]
    blocks = [block.split("\n", 1) for block in first.split("```")[1::2]]
    row, mapping, mistake = (text for _, text in blocks[:3])
    plan = load_mapping(mapping, "my-till.mapping.yml", REGISTRY).plan({}, {})
    told = Mapper(plan, feed="f", store="s", session="b")
    (online, line) = told.tell(told.place(row_of_line(row.encode(), 1)))
    assert isinstance(online, DeviceState)
    assert isinstance(line, PosItem)
    assert (line.device, line.sku, line.units, line.price_minor, line.weight_mg) == (
        "T3",
        "A-1",
        2,
        249,
        400_000,
    )
    wrong = mapping.replace("{from: grams, unit: g}", "grams")
    with pytest.raises(FileMistakes) as found:
        load_mapping(wrong, "my-till.mapping.yml", REGISTRY)
    assert str(found.value) == mistake.strip()
