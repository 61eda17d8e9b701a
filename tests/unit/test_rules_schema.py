"""The JSON Schema of a rule file: takes what is right, refuses what is not, and explains it all."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic import BaseModel, ValidationError

from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import Placed
from aislewatch.events.model import Zone
from aislewatch.events.model_mistakes import is_list, is_mapping
from aislewatch.events.registry import Registry
from aislewatch.events.yaml_nodes import Node, read_nodes
from aislewatch.rules import incident_model, model, schema_snippets
from aislewatch.rules.load import load_rule
from aislewatch.rules.model import CLAUSES, RuleShape
from aislewatch.rules.schema import rule_schema
from aislewatch.rules.schema_help import Site
from aislewatch.rules.windows import parse_window

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for path in (ROOT / "rules").rglob("*.yml") if path.name != "macros.yml")
REGISTRY = Registry()
SCHEMA = rule_schema(REGISTRY)
VALIDATOR: Any = Draft7Validator(SCHEMA)

SMALL = """\
id: small
title: A small rule
when: {event: rfid.read, as: exit}
match:
  - {seen: pos.item, as: sale, same: [epc], window: 3s before exit}
incident: {type: a.b, about: {epc: exit.epc}, because: "{exit.epc} left"}
"""


def as_yaml_takes_it(node: Node) -> Any:
    """Give a file's values as an editor sees them: those without quotes typed by YAML."""
    if isinstance(node.value, list):
        return [as_yaml_takes_it(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: as_yaml_takes_it(item) for key, item in node.value.items()}
    return node.value if node.value is None or node.style else plain(node.value)


def plain(text: str) -> Any:
    """Give what YAML's core schema takes a text without quotes for."""
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text


def read(text: str) -> Node:
    node, flaws = read_nodes(text)
    assert node is not None
    assert not flaws
    return node


def wrong(text: str, schema: Any = VALIDATOR) -> list[str]:
    """Give where a file is refused, as an editor reads it."""
    errors = schema.iter_errors(as_yaml_takes_it(read(text)))
    return sorted("/".join(map(str, error.absolute_path)) for error in errors)


def typed(data: Any) -> Any:
    """Give raw values as if every text stood in the file without quotes."""
    if is_mapping(data):
        return {key: typed(inner) for key, inner in data.items()}
    if is_list(data):
        return [typed(inner) for inner in data]
    return plain(data) if isinstance(data, str) else data


def everything(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every mapping in a schema."""
    if is_mapping(schema):
        yield schema
        for inner in schema.values():
            yield from everything(inner)
    elif is_list(schema):
        for inner in schema:
            yield from everything(inner)


def shapes() -> list[type[BaseModel]]:
    found = [*vars(model).values(), *vars(incident_model).values()]
    return [one for one in found if isinstance(one, type) and issubclass(one, BaseModel)]


def test_it_is_a_json_schema_and_the_same_every_time() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert json.dumps(rule_schema(Registry())) == json.dumps(SCHEMA)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_rule_is_taken_quoted_or_not(file: Path) -> None:
    node = read(file.read_text())
    assert [error.message for error in VALIDATOR.iter_errors(as_yaml_takes_it(node))] == []
    assert [error.message for error in VALIDATOR.iter_errors(node.data)] == []


@pytest.mark.parametrize(
    ("right", "wrong_", "place"),
    [
        ("title: A small rule", "titel: A small rule", ""),
        ("id: small", "id: Small", "id"),
        ("title: A small rule", "title: [a, b]", "title"),
        ("title: A small rule", "title: a\nstatus: livee", "status"),
        ("title: A small rule", "title: a\nrunbok: x", ""),
        ("rfid.read", "rfid.raed", "when/event"),
        ("rfid.read", "[rfid.read, rfid.raed]", "when/event"),
        ("rfid.read", "[]", "when/event"),
        ("rfid.read", "", "when/event"),
        ("as: exit", "as: the exit", "when/as"),
        ("seen: pos.item", "seen: pos.itme", "match/0/seen"),
        ("seen: pos.item", "sean: pos.item", "match/0"),
        ("seen: pos.item", "seen: pos.item, not_seen: pos.item", "match/0"),
        ("as: sale", "at_least: 3", "match/0"),
        ("same: [epc]", "same: [epk]", "match/0/same/0"),
        ("same: [epc]", "same: epc", "match/0/same"),
        ("same: [epc]", "same: {epk: exit.epc}", "match/0/same"),
        (", window: 3s before exit", "", "match/0"),
        ("3s before exit", "3 before exit", "match/0/window"),
        ("3s before exit", "30 seconds before exit", "match/0/window"),
        ("3s before exit", "before exit", "match/0/window"),
        ("as: sale", "optional: perhaps", "match/0/optional"),
        ("as: sale", "pick: any", "match/0/pick"),
        ("as: sale", "points: many", "match/0/points"),
        ("as: sale", "points: 1001", "match/0/points"),
        ("as: sale", "points: 1.5", "match/0/points"),
        ("seen: pos.item, as: sale", "sum: pos.item.unit", "match/0/sum"),
        ("seen: pos.item, as: sale", "sum: pos.item.sku", "match/0/sum"),
        ("seen: pos.item, as: sale", "max: pos.item.sku", "match/0/max"),
        ("{seen: pos.item, as: sale, same: [epc], window: 3s before exit}", "{any_of: []}",
         "match/0/any_of"),
        ("seen: pos.item, as: sale", "check: 3, foo: 4", "match/0"),
        ("  - {seen:", "  - any_of:\n    - {sean:", "match/0/any_of/0"),
        ("{epc: exit.epc}", "{}", "incident/about"),
        ("{epc: exit.epc}", "{the epc: exit.epc}", "incident/about"),
        ("type: a.b", "type: A", "incident/type"),
        ("type: a.b", "type: a, half_life: 4", "incident/half_life"),
        ("type: a.b", "type: a, quiet: 30m", "incident/quiet"),
        ("type: a.b", "type: a, group: {same: [epc]}", "incident/group"),
        ("title: A", "let: {x: {seen: pos.item}}\ntitle: A", "let/x"),
        ("title: A", "let: {x: [a]}\ntitle: A", "let/x"),
        ("title: A", "params: {x: {defualt: 3}}\ntitle: A", "params/x"),
        ("title: A", "requires: [a camera]\ntitle: A", "requires/0"),
        ("title: A", "tests: [{name: a, events: b, expect: {fires: -1}}]\ntitle: A",
         "tests/0/expect/fires"),
        ("title: A", "except: [{name: a, where: b, reason: c, owner: d, until: soon}]\ntitle: A",
         "except/0/until"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_where_it_stands(right: str, wrong_: str, place: str) -> None:
    text = SMALL.replace(right, wrong_, 1)
    assert text != SMALL
    assert set(wrong(text)) == {place}
    with pytest.raises(FileMistakes):
        load_rule(text, "rule.yml", REGISTRY)


def test_a_rule_without_mistakes_is_taken() -> None:
    assert wrong(SMALL) == []
    load_rule(SMALL, "rule.yml", REGISTRY)


@pytest.mark.parametrize(
    "clause",
    [
        "{count: pos.void, as: n, same: [cashier], window: 10m before exit, at_least: 5}",
        "{count: [pos.void, pos.refund], window: params.back before exit, at_least: params.n}",
        "{sum: shelf.removed.units, same: {person: exit.person}, window: 3s around exit}",
        "{distinct: rfid.read.sku, window: 60s before exit to 10s after exit, more_than: '3'}",
        "{seen: signal.some-rule, window: 1h30m before exit, optional: yes, pick: last}",
        "{check: true}",
        "{check: 15% of exit.price > EUR 5, points: -15, as: dear}",
        "{stats_of: n, others: [cashier], same: [store], window: 28d before exit}",
        "{any_of: [{all_of: [{check: a}]}, {check: b, points: '3'}], at_least: 2}",
        "{unmatched: {left: rfid.read, right: [pos.item]}, by: [sku], window: 2s around exit}",
        "{not_seen: pos.item, where: , same: [], window: between sale and exit}",
    ],
)
def test_every_form_of_a_clause_is_taken(clause: str) -> None:
    assert wrong(SMALL.replace("match:", f"match:\n  - {clause}")) == []


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of everything in a file."""
    parts: list[tuple[str | int, Any]] = []
    if is_mapping(data):
        parts += data.items()
    elif is_list(data):
        parts += enumerate(data)
    for part, inner in parts:
        yield (*path, part)
        yield from places(inner, (*path, part))


VALUES = st.sampled_from(
    [None, "", "x", "3", "-1", "2.5", "true", "no", "null", "30s", "1h30m", "5m per epc", "epc",
     "rfid.read", "pos.item.units", "signal.a-b", "2027-01-31", "3s before anchor", "'text'",
     "params.near", [], {}, ["epc"], ["pos.item"], ["x"], {"epc": "x"}, {"check": "true"},
     [{"check": "3 > 2"}], {"default": "3"}]
)  # fmt: skip
SITE_LISTS = {name: frozenset[str]() for name in ("open_transfers", "gift_cards", "guarded")}


@st.composite
def changed_rules(draw: st.DrawFn) -> Any:
    """Give a shipped rule's values with one of them taken out, renamed or put otherwise."""
    data = copy.deepcopy(read(draw(st.sampled_from(SHIPPED)).read_text()).data)
    *path, last = draw(st.sampled_from(list(places(data))))
    at = data
    for part in path:
        at = at[part]
    change = draw(st.sampled_from(["drop", "rename", "put"]))
    value = at.pop(last) if change != "put" or isinstance(last, str) else None
    if change == "rename" and isinstance(at, dict):
        keys = [*CLAUSES, "as", "where", "same", "points", "at_least", "pick", "foo", "when"]
        at[draw(st.sampled_from(keys))] = value
    elif change == "put":
        at[last] = draw(VALUES)
    return data


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changed_rules())
def test_it_refuses_nothing_that_the_loader_takes(data: Any) -> None:
    try:
        load_rule(json.dumps(data), "rule.yml", REGISTRY, lists=SITE_LISTS)
    except FileMistakes:
        return
    assert [error.message for error in VALIDATOR.iter_errors(data)] == []
    assert [error.message for error in VALIDATOR.iter_errors(typed(data))] == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changed_rules())
def test_it_takes_no_shape_that_the_model_refuses(data: Any) -> None:
    try:
        RuleShape.model_validate(data)
    except ValidationError as error:
        # What a validator of the model's own says goes beyond the shape.
        if any(one["type"] != "value_error" for one in error.errors()):
            assert not VALIDATOR.is_valid(typed(data))


def test_a_flag_is_no_time_of_day_though_it_may_be_a_name() -> None:
    data = read(SHIPPED[0].read_text()).data
    data["tests"][0]["expect"]["at"] = True
    assert not VALIDATOR.is_valid(typed(data))
    del data["tests"][0]["expect"]["at"]
    data["owner"] = True
    assert VALIDATOR.is_valid(typed(data))


WORDS = st.sampled_from(["3s", "1h30m", "3", "x", "params.x", "before", "after", "around", "to",
                         "between", "and", "exit", " ", "0.5s"])  # fmt: skip


@given(st.lists(WORDS, min_size=2, max_size=7).map(" ".join))
def test_every_window_that_can_be_read_is_taken(window: str) -> None:
    found, _ = parse_window(window, frozenset(), {})
    if found is not None:
        taken: Any = Draft7Validator(SCHEMA["definitions"]["seen"]["properties"]["window"])
        assert taken.is_valid(window)


def test_its_patterns_are_patterns_in_javascript_too() -> None:
    site = Site(signals={"unsold-exit": ""})
    patterns = [
        pattern
        for node in everything(rule_schema(REGISTRY, site))
        for pattern in (node.get("pattern"), *node.get("patternProperties", {}))
        if isinstance(pattern, str)
    ]
    assert len(patterns) > 20
    escaped = {sign for pattern in patterns for sign in re.findall(r"\\(.)", pattern)}
    assert escaped <= set("dsS.")


def test_every_type_of_event_is_offered_with_what_it_means_and_its_fields() -> None:
    offered = {one["label"]: one for one in SCHEMA["definitions"]["type"]["defaultSnippets"]}
    assert offered.keys() == REGISTRY.for_rules.keys()
    for type_, kind in REGISTRY.for_rules.items():
        said = offered[type_]["markdownDescription"]
        assert kind.doc in said
        assert all(
            f"`{path}`" in said
            for path in kind.fields.keys() - {"id", "seq", "simulated", "timed_by"}
        )


def test_what_a_field_can_be_is_said() -> None:
    offered = {one["label"]: one for one in SCHEMA["definitions"]["type"]["defaultSnippets"]}
    said = offered["rfid.crossing"]["markdownDescription"]
    assert (
        "`direction`: which way; absent where the gate cannot tell; one of `'in'`, `'out'`" in said
    )
    assert "`rssi`: signal strength; a level, as in `-60dBm`" in said
    assert "`epc`: the tag's code, hexadecimal; in every such event" in said


def test_every_key_of_the_model_is_there_with_what_it_means() -> None:
    keys = {
        key: one
        for node in everything(SCHEMA)
        for key, one in node.get("properties", {}).items()
        if is_mapping(one)
    }
    for shape in shapes():
        for name, field in shape.model_fields.items():
            assert field.description, f"{shape.__name__}.{name} says nothing of itself"
            assert keys[field.alias or name].get("description")


def test_a_clause_that_does_not_say_yet_what_it_is_may_be_any() -> None:
    chain = SCHEMA["definitions"]["clause"]
    asked: list[str] = []
    while "if" in chain:
        asked += chain["if"]["required"]
        chain = chain["else"]
    assert tuple(asked) == CLAUSES
    assert tuple(chain["properties"]) == CLAUSES


def test_there_is_a_clause_of_every_kind_to_begin_with() -> None:
    begun = [set(one["body"]) & set(CLAUSES) for one in schema_snippets.CLAUSES]
    assert sorted(key for keys in begun for key in keys) == sorted(CLAUSES)


class ShoeScan(Placed, frozen=True, kw_only=True, tag="shoe.scan"):
    """A mat saw a shoe."""

    size_mg: int = 0


def test_a_plugins_kind_is_offered_like_any() -> None:
    schema = rule_schema(Registry([ShoeScan]))
    text = SMALL.replace("pos.item", "shoe.scan").replace("[epc]", "[lane]")
    assert wrong(text) == ["match/0/seen"]
    assert wrong(text, Draft7Validator(schema)) == []
    offered = schema["definitions"]["type"]["defaultSnippets"][-1]
    assert offered["markdownDescription"].startswith("**shoe.scan**: A mat saw a shoe.")


def test_a_sites_zones_lists_devices_and_rules_are_told() -> None:
    site = Site(
        zones={"door": Zone("door", "exit", "Main door")},
        sees={"gate-1": ["rfid.crossing"]},
        lists=["open_transfers"],
        signals={"unsold-exit": "Tagged item leaves"},
        strong=frozenset({"epc"}),
    )
    schema = rule_schema(REGISTRY, site)
    offered = {one["label"]: one for one in schema["definitions"]["type"]["defaultSnippets"]}
    assert "Tagged item leaves" in offered["signal.unsold-exit"]["markdownDescription"]
    assert "Sent here by gate-1." in offered["rfid.crossing"]["markdownDescription"]
    assert "No device of this store" in offered["rfid.read"]["markdownDescription"]
    where = schema["definitions"]["when"]["properties"]["where"]
    assert "`'door'` (exit)" in where["markdownDescription"]
    assert "`lists.open_transfers`" in where["markdownDescription"]
    begun = [one["body"] for one in where["defaultSnippets"]]
    assert "zone.id == 'door'" in begun
    assert "${1:epc} in lists.open_transfers" in begun
    about = schema["definitions"]["about"]["properties"]
    assert "enough" in about["epc"]["description"]
    assert "only together" in about["lane"]["description"]
    needed = schema["properties"]["requires"]["items"]["defaultSnippets"]
    assert [one["body"] for one in needed] == ["rfid.crossing healthy"]
