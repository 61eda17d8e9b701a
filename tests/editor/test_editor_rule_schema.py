"""What an analyst's editor makes of the rules' schema: the real yaml-language-server over stdio."""

import re
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
import yaml
from language_client import CURSOR, MODELINE, Editor, installed, typed_in

from aislewatch.authoring.trial import try_rule
from aislewatch.cli.app import main
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.model import CLAUSES
from aislewatch.rules.schema_snippets import CLAUSES as BEGUN

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for path in (ROOT / "rules").rglob("*.yml") if path.name != "macros.yml")

STORE = """\
store: shop
zones: {door: {kind: exit, name: Main door}}
devices: {gate-1: {zone: door, sees: [rfid.crossing]}}
lists: {open_transfers: [E1]}
"""

RULE = """\
id: small
title: A small rule
when: {event: rfid.crossing, as: exit}
incident: {type: a.b, about: {epc: exit.epc}, because: "{exit.epc} left"}
"""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Generator[Editor]:
    program = installed()
    folder = tmp_path_factory.mktemp("shop")
    (folder / "store.yml").write_text(STORE)
    schema = folder / "schema" / "rule.schema.json"
    store = str(folder / "store.yml")
    assert (
        main(["rules", "schema", str(ROOT / "rules"), "--store", store, "--out", str(schema)]) == 0
    )
    command = ["node", str(program), "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            opened = Editor(folder, server.stdin, server.stdout)
            opened.begin()
            yield opened
            opened.end()
            server.wait()
        finally:
            server.kill()


def test_types_of_event_are_completed_each_with_what_it_means(editor: Editor) -> None:
    offered = editor.offered(f"when: {{event: rfid.{CURSOR}}}\n")
    begun = [label for label in offered if label.startswith("rfid.")]
    assert begun == ["rfid.read", "rfid.crossing"]
    assert offered.keys() >= Registry().for_rules.keys()
    said = offered["rfid.crossing"]["documentation"]["value"]
    assert said.startswith("**rfid.crossing**: A tag passed a gate")
    assert "- `direction`: which way" in said
    assert "Sent here by gate-1." in said
    assert "signal.unsold-exit" in offered


@pytest.mark.parametrize(
    "text",
    [
        f"when:\n  event: {CURSOR}\n",
        f"when:\n  event: [rfid.read, {CURSOR}]\n",
        f"match:\n  - seen: {CURSOR}\n",
        f"match:\n  - not_seen: {CURSOR}\n",
        f"match:\n  - any_of:\n      - count: {CURSOR}\n",
        f"match:\n  - unmatched: {{left: {CURSOR}}}\n",
    ],
)
def test_types_are_completed_wherever_one_stands(editor: Editor, text: str) -> None:
    offered = editor.offered(text)
    assert "pos.item" in offered
    assert not {"true", "null", "- (array item)"} & offered.keys()


def test_only_fields_that_can_be_added_up_are_offered_for_a_sum(editor: Editor) -> None:
    offered = editor.offered(f"match:\n  - sum: {CURSOR}\n")
    assert "shelf.removed.units" in offered
    assert "shelf.removed.shelf" not in offered
    assert "shelf.removed.shelf" in editor.offered(f"match:\n  - distinct: {CURSOR}\n")


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        (f"id: a\n{CURSOR}\n", {"title", "when", "match", "incident", "tests"}, {"id", "seen"}),
        (f"when:\n  {CURSOR}\n", {"event", "as", "where"}, {"window"}),
        (f"match:\n  - {CURSOR}\n", {*CLAUSES, "nothing is seen"}, {"window", "at_least"}),
        (f"match:\n  {CURSOR}\n", {"nothing is seen", "so many are seen"}, {"window"}),
        (f"match:\n  - seen: rfid.read\n    {CURSOR}\n", {"window", "pick", "same"}, {"at_least"}),
        (f"match:\n  - count: rfid.read\n    {CURSOR}\n", {"window", "at_least"}, {"pick", "seen"}),
        (f"match:\n  - {{count: rfid.read, w{CURSOR}}}\n", {"window", "where"}, {"pick", "seen"}),
        (f"let:\n  few:\n    {CURSOR}\n", {"count", "stats_of"}, {"seen", "nothing is seen"}),
        (f"incident:\n  {CURSOR}\n", {"type", "points", "because", "half_life"}, {"window"}),
        (f"incident:\n  about:\n    {CURSOR}\n", {"epc", "zone", "cashier"}, {"type"}),
        (f"match:\n  - seen: a\n    same: [{CURSOR}]\n", {"epc", "zone.id"}, {"rssi", "true"}),
        (f"match:\n  - seen: a\n    same: {{e{CURSOR}}}\n", {"epc", "lane"}, {"rssi"}),
        (f"match:\n  - seen: a\n    window: {CURSOR}\n", {"30s before anchor"}, {"null"}),
        (f"match:\n  - seen: a\n    pick: {CURSOR}\n", {"nearest", "first", "last"}, {"null"}),
        (f"match:\n  - seen: a\n    optional: {CURSOR}\n", {"true", "false"}, {"null"}),
        (f"status: {CURSOR}\n", {"draft", "shadow", "live", "retired"}, {"null"}),
        (f"when:\n  where: {CURSOR}\n",
         {"zone.id == 'door'", "epc in lists.open_transfers"}, {"true", "null"}),
        (f"tests:\n  - {CURSOR}\n", {"a test", "name", "events", "expect"}, {"title"}),
    ],
)  # fmt: skip
def test_what_fits_is_offered_and_nothing_else(
    editor: Editor, text: str, there: set[str], not_there: set[str]
) -> None:
    offered = editor.offered(text).keys()
    assert offered >= there
    assert not offered & not_there


def test_every_clause_that_is_offered_is_whole_and_right(editor: Editor) -> None:
    made: list[str] = []
    for text in (f"{RULE}match:\n  - {CURSOR}\n", f"{RULE}match:\n  {CURSOR}\n"):
        offered = editor.offered(text)
        taken = [typed_in(text, offered[one["label"]]) for one in BEGUN]
        made += [re.sub(r"check: *$", "check: true", one, flags=re.MULTILINE) for one in taken]
    assert editor.complaints(*made) == [[]] * 2 * len(BEGUN)


def test_an_empty_file_becomes_a_rule_that_works(editor: Editor) -> None:
    made = typed_in(CURSOR, editor.offered(CURSOR)["a rule"])
    assert editor.complaints(made) == [[]]
    lists = {"open_transfers": frozenset[str]()}
    rule = load_rule(made, "rule.yml", Registry(), lists=lists)
    assert try_rule(rule, made, Registry(), lists).passed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"sta{CURSOR}tus: draft\n", "* `shadow`: runs and writes signals, never an incident"),
        (f"when: {{as{CURSOR}: a}}\n", "What the anchor is called below. If not said: anchor."),
        (f"when: {{event: rfid.r{CURSOR}ead}}\n", "**rfid.read**: An antenna heard a tag."),
        (f"when: {{event: rfid.r{CURSOR}ead}}\n", "- `rssi`: signal strength; a level, as in"),
        (f"when: {{ev{CURSOR}ent: rfid.read}}\n", "the rule is judged once for each event"),
        (f"when: {{event: [pos.item, rfid.r{CURSOR}ead]}}\n", "**rfid.read**: An antenna"),
        (f"when: {{wh{CURSOR}ere: a == 1}}\n", "Lists here: `lists.open_transfers`"),
        (f"when: {{wh{CURSOR}ere: a == 1}}\n", "Zones here (`zone.id`): `'door'` (exit)"),
        (f"match:\n  - {{not_se{CURSOR}en: [pos.item, pos.void]}}\n", "working order all the time"),
        (f"match:\n  - {{seen: a, win{CURSOR}dow: 3s before a}}\n", "`between x and y`"),
        (f"match:\n  - {{seen: a, same: [ep{CURSOR}c]}}\n", "**epc**: the tag's code"),
        (f"match:\n  - {{su{CURSOR}m: shelf.removed.units}}\n", "**units** of shelf.removed: how"),
        (f"match:\n  - any_of:\n      - {{che{CURSOR}ck: a}}\n", "Holds when this is true"),
        (f"incident: {{poi{CURSOR}nts: 3}}\n", "is ten times as likely"),
        (f"incident: {{about: {{ep{CURSOR}c: a}}}}\n", "One such thing in common is enough"),
        (f"tests:\n  - {{eve{CURSOR}nts: a}}\n", "10:00:02.5 pos.item  lane=K1 sku=A *3"),
    ],
)  # fmt: skip
def test_what_something_means_is_shown_over_it(editor: Editor, text: str, shown: str) -> None:
    assert shown in editor.explained(text)


FULL = """\
id: full
title: Something of everything
status: shadow
owner: me
params: {a: 3, b: {default: 30s, doc: d, min: 1s, max: 2h, one_of: [1s, 30s], select: zone}}
let:
  few: {count: pos.void, window: 1h before exit, where: units > 1, same: [lane]}
  rest: {stats_of: few, others: [cashier], same: [store], window: 28d before exit}
when: {event: rfid.read, as: exit, where: zone.kind == 'exit'}
match:
  - {seen: [pos.item], as: one, points: 3, pick: first, optional: true, window: 3s before exit}
  - {not_seen: pos.item, same: {epc: exit.epc}, window: 3s before exit}
  - {any_of: [{all_of: [{check: a, as: b}], as: c}], at_least: 1, as: d, points: -3}
  - {distinct: rfid.read.sku, window: 3s before exit, at_least: 1, at_most: 2, more_than: 3}
  - {sum: pos.item.units, window: 3s before exit, less_than: 4, exactly: 5}
  - unmatched: {left: rfid.read, right: pos.item}
    by: [sku]
    where_left: price > EUR 5
    where_right: units > 1
    window: 2s around exit
requires: [vision.person healthy]
except: [{name: a, where: b, reason: c, owner: d, until: 2027-01-01}]
incident:
  type: a.b
  about: {epc: exit.epc, whatever: exit.sku}
  points: 3
  half_life: 4h
  quiet: 3m per epc
  family: f
  group: {same: [epc], gap: 3m}
  because: x
  value: exit.price
known_false_alarms: [a]
runbook: b
tests: [{name: a, events: b, expect: {fires: 1, at: "10:00:00", about: {epc: 3}, points: 3}}]
"""


def test_there_is_something_to_read_over_every_word_of_a_rule(editor: Editor) -> None:
    uri = editor.open(FULL)
    assert editor.complaints(FULL) == [[]]
    for word in yaml.scan(MODELINE + FULL):
        if isinstance(word, yaml.ScalarToken):
            line, character = word.start_mark.line, word.start_mark.column + 1
            shown = editor.over(uri, line, character)
            title, _, more = shown.partition("\n\n")
            assert title.startswith("#### "), word.value
            assert more.strip(), word.value
            assert "||" not in shown


def test_nothing_is_underlined_in_a_shipped_rule(editor: Editor) -> None:
    texts = [file.read_text().removeprefix(MODELINE) for file in SHIPPED]
    underlined = dict(zip(SHIPPED, editor.complaints(*texts), strict=True))
    assert {file.name: found for file, found in underlined.items() if found} == {}


@pytest.mark.parametrize(
    ("right", "wrong", "underlined", "said"),
    [
        ("title: A", "stauts: live\ntitle: A", "stauts", "Property stauts is not allowed."),
        ("title: A", "status: livee\ntitle: A", "livee", 'Valid values: "draft", "shadow", "live"'),
        ("rfid.crossing", "rfid.corssing", "rfid.corssing", "unknown type of event"),
        ("type: a.b", "type: a.b, half_life: 4", "4", "not a duration; write e.g. 30s, 5m"),
        ("title: A", "match: [{check: a, at_leest: 3}]\ntitle: A", "at_leest", "is not allowed"),
        ("title: A", "match: [{any_of: [{count: pos.item, window: 3 before exit}]}]\ntitle: A",
         "3 before exit", "not a window; write e.g. 30s before x"),
        ("title: A", "match: [{sum: pos.item.unit, window: 3s before exit}]\ntitle: A",
         "pos.item.unit", "not a field that this can be made of"),
        ("title: A", "match: [{as: a}]\ntitle: A", "{", "a clause needs one of seen, not_seen"),
    ],
)  # fmt: skip
def test_a_mistake_is_underlined_once_where_it_stands(
    editor: Editor, right: str, wrong: str, underlined: str, said: str
) -> None:
    text = RULE.replace(right, wrong, 1)
    ((complaint,),) = editor.complaints(text)
    start, end = complaint["range"]["start"], complaint["range"]["end"]
    lines = (MODELINE + text).splitlines()
    assert lines[int(start["line"])][start["character"] : end["character"]] == underlined
    assert said in complaint["message"]


def test_a_misspelt_type_can_be_mended_by_a_click(editor: Editor) -> None:
    text = RULE.replace("rfid.crossing", "rfid.corssing")
    (complaints,) = editor.complaints(text)
    uri = editor.open(text)
    fixes = editor.call(
        "textDocument/codeAction",
        {
            "textDocument": {"uri": uri},
            "range": complaints[0]["range"],
            "context": {"diagnostics": complaints},
        },
    )
    assert "rfid.crossing" in [fix["title"] for fix in fixes]


def test_every_mistake_of_a_file_is_underlined_at_once(editor: Editor) -> None:
    text = """\
id: bad
title: A rule with mistakes
status: livee
severityy: low
when: {event: rfid.raed, as: exit}
match:
  - {seen: rfid.read, as: shelf, same: [epc], window: 12 before exit}
  - {not_seen: pos.item, same: [epk], window: 5m after shelf}
incident:
  type: theft.x
  about: {epc: shelf.epc}
"""
    (complaints,) = editor.complaints(text)
    lines = sorted(one["range"]["start"]["line"] for one in complaints)
    assert lines == [3, 4, 5, 7, 8, 9]
