"""What an analyst's editor makes of the rules' schema: the real yaml-language-server over stdio.

It is what VS Code's YAML extension and most other editors ask. npm installs it once on a machine,
into the user's cache.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from aislewatch.authoring.trial import try_rule
from aislewatch.cli.app import main
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.model import CLAUSES
from aislewatch.rules.schema_snippets import CLAUSES as BEGUN

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "rules").rglob("*.yml"))
SERVER = "yaml-language-server@1.25.0"
MODELINE = "# yaml-language-server: $schema=../schema/rule.schema.json\n"
CURSOR = "\N{BLACK VERTICAL RECTANGLE}"

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


def installed() -> Path:
    """Give the server's program, installed if it is not yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("yaml-language-server needs node and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "aislewatch-tests" / SERVER
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not program.is_file():
        being_made = folder.with_name(f"{SERVER}.{os.getpid()}")
        being_made.mkdir(parents=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
        done = subprocess.run(
            [*command, str(being_made), SERVER], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            with suppress(OSError):  # Another run of the tests may have been quicker.
                being_made.rename(folder)
        shutil.rmtree(being_made, ignore_errors=True)
        if not program.is_file():
            pytest.skip(f"npm cannot install {SERVER}: {done.stderr.strip()[-300:]}")
    return program


@dataclass
class Editor:
    """A client of the language server, with one folder open."""

    folder: Path
    writing: IO[bytes]
    reading: IO[bytes]
    _calls: int = 0
    _opened: int = 0
    _told: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def begin(self) -> None:
        text = {
            "completion": {
                "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}
            },
            "hover": {"contentFormat": ["markdown"]},
        }
        self.call(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": self.folder.as_uri(),
                "capabilities": {"textDocument": text, "workspace": {"configuration": True}},
            },
        )
        self._send({"method": "initialized", "params": {}})
        while self._receive().get("method") != "workspace/configuration":
            pass

    def open(self, text: str) -> str:
        """Open a new file; gives its address."""
        self._opened += 1
        uri = (self.folder / "rules" / f"{self._opened}.yml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": MODELINE + text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def complaints(self, *texts: str) -> list[list[Any]]:
        """Give what is underlined in each of some files."""
        opened = [self.open(text) for text in texts]
        while any(uri not in self._told for uri in opened):
            self._receive()
        return [self._told[uri] for uri in opened]

    def at_cursor(self, method: str, text: str) -> Any:
        """Ask about the place of the cursor in a file."""
        before, after = (MODELINE + text).split(CURSOR)
        uri = self.open(before.removeprefix(MODELINE) + after)
        line, character = before.count("\n"), len(before) - before.rfind("\n") - 1
        position = {"line": line, "character": character}
        return self.call(
            f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": position}
        )

    def offered(self, text: str) -> dict[str, Any]:
        """Give what is offered at the cursor, by label."""
        found = self.at_cursor("completion", text)
        return {item["label"]: item for item in found["items"]}

    def explained(self, text: str) -> str:
        """Give what is shown over the cursor, without the link to the schema."""
        shown = self.at_cursor("hover", text)["contents"]["value"]
        return str(shown).partition("\nSource: ")[0]

    def call(self, method: str, params: object) -> Any:
        self._calls += 1
        call = self._calls
        self._send({"id": call, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == call and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]

    def end(self) -> None:
        self.call("shutdown", None)
        self._send({"method": "exit"})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.writing.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.writing.flush()

    def _receive(self) -> dict[str, Any]:
        size = 0
        while line := self.reading.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the language server has ended"
        message: dict[str, Any] = json.loads(self.reading.read(size))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._told[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": self._answer(message)})
        return message

    @staticmethod
    def _answer(message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        yaml = {
            "validate": True,
            "hover": True,
            "completion": True,
            "schemaStore": {"enable": False},
        }
        return [yaml if one.get("section") == "yaml" else {} for one in message["params"]["items"]]


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


def typed_in(text: str, item: Any) -> str:
    """Give a file after what is offered at its cursor was taken as it stands."""
    before, after = text.split(CURSOR)
    line = before.rpartition("\n")[2]
    edit = item["textEdit"]
    gone = edit["range"]["end"]["character"] - edit["range"]["start"]["character"]
    new = edit["newText"]
    while (shorter := re.sub(r"\$\{\d+:((?:[^{}\\]|\\.|\{[^{}]*\})*)\}", r"\1", new)) != new:
        new = shorter
    new = re.sub(r"\\([}$\\])", r"\1", re.sub(r"\$\d+", "", new))
    indent = line[: len(line) - len(line.lstrip())]
    return before[: len(before) - gone] + new.replace("\n", "\n" + indent) + after


def test_types_of_event_are_completed_each_with_what_it_means(editor: Editor) -> None:
    offered = editor.offered(f"when: {{event: rfid.{CURSOR}}}\n")
    begun = [label for label in offered if label.startswith("rfid.")]
    assert begun == ["rfid.read", "rfid.crossing"]
    assert offered.keys() >= Registry().kinds.keys()
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
