"""From rows in a file to what a store's people read: replay, incidents and ledger commands."""

import json
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from aislewatch.cli.app import main

ROOT = Path(__file__).parents[2]

STORE = """\
store: s1
name: A shop
timezone: Europe/Amsterdam
currency: EUR
clock: {recording: rows}
horizon: 1h
rules: [scan-avoidance.yml, unsold-exit.yml]
zones: {door: {kind: exit}}
devices: {gate: {zone: door}, pad: {lane: K1}, till: {lane: K1, sees: [pos.item]}}
feeds:
  rows: {plugin: feed, config: {mapping: rows.mapping.yml, files: [rows.jsonl], order: arrival}}
"""

MAPPING = """\
mapping: rows
currency: EUR
time: at
id: "{n}"
device: "{src}"
fields: {epc: tag, sku: article, price: price}
cases:
  - {name: gate, when: {src: gate}, type: rfid.crossing, fields: {direction: {value: out}}}
  - {name: pad, when: {src: pad}, type: rfid.read, fields: {zone.kind: {value: scan}}}
  - {name: till, when: {src: till}, type: pos.item}
"""

# The sale of E1, of five seconds before it left, is told two minutes late. E2 is laid on the pad,
# never scanned, and leaves. The last row lets time pass.
ROWS: list[dict[str, Any]] = [
    {"n": 1, "at": "2026-03-02T09:00:00Z", "src": "gate", "tag": "E1", "article": "A", "price": 5},
    {"n": 2, "at": "2026-03-02T09:00:10Z", "src": "pad", "tag": "E2", "article": "B", "price": 7},
    {"n": 3, "at": "2026-03-02T09:01:30Z", "src": "gate", "tag": "E2", "article": "B", "price": 7},
    {"n": 4, "at": "2026-03-02T09:01:55Z", "src": "till", "article": "C"},
    {"n": 5, "at": "2026-03-02T08:59:55Z", "src": "till", "tag": "E1", "article": "A"},
    {"n": 6, "at": "2026-03-02T09:05:00Z", "src": "till", "article": "C"},
]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "100")

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for rule in ("scan-avoidance.yml", "unsold-exit.yml"):
        copy(ROOT / "rules" / rule, tmp_path)
    (tmp_path / "rows.mapping.yml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "store.yml").write_text(STORE)
    return tmp_path / "store.yml"


@pytest.fixture
def ledger(shop: Path, run: Run) -> str:
    out = str(shop.parent / "found.db")
    assert run("replay", str(shop), "--out", out)[0] == 0
    return out


# replay ------------------------------------------------------------------------------------------


def test_a_replay_says_what_it_found_and_how_to_look_at_it(shop: Path, run: Run) -> None:
    out = shop.parent / "new.db"
    code, told, err = run("replay", str(shop), "--out", str(out))
    assert (code, err) == (0, "")
    assert "3 signals, 1 incident, 1 cleared by what came later; 0 judgements left" in told
    assert f"aislewatch incidents list --ledger {out} --store {shop}" in told


def test_a_replay_without_out_leaves_nothing_behind(shop: Path, run: Run) -> None:
    before = sorted(shop.parent.iterdir())
    code, told, _ = run("replay", str(shop), "--json")
    assert code == 0
    assert json.loads(told)["ledger"] is None
    assert sorted(shop.parent.iterdir()) == before


def test_a_replay_gives_json_and_nothing_else(shop: Path, run: Run, ledger: str) -> None:
    _, told, err = run("replay", str(shop), "--json")
    summary = json.loads(told)
    assert err == ""
    assert summary["incidents"] == 1
    _, verified, _ = run("ledger", "verify", "--ledger", ledger, "--json")
    (chain,) = json.loads(verified)["chains"]
    assert summary["stores"]["s1"]["head"] == chain["head"]


def test_a_replay_accounts_for_every_row(shop: Path, run: Run) -> None:
    with (shop.parent / "rows.jsonl").open("a") as rows:
        rows.write(json.dumps(ROWS[5]) + "\n" + '{"n": 9, "src": "unknown"}\n')
    code, told, err = run("replay", str(shop))
    assert code == 0
    assert "8 rows read: 6 told something, 0 heartbeats, 1 sent again, 1 refused." in told
    assert "among them 3 device states, 0 duplicates, 1 late;" in told
    assert "0 judgements left undecided" in told
    assert "refused 1 row: rows.mapping.yml cases: no case of the mapping fits" in err
    assert "refused in all: 1" in err
    summary = json.loads(run("replay", str(shop), "--json")[1])
    assert (summary["rows"]["rows"], summary["conflicts"], summary["late"]) == (8, 0, 1)
    assert summary["rows"]["repeats"] == 1
    assert summary["refused_why"][0]["count"] == 1


def test_a_replay_of_which_everything_is_refused_is_no_success(shop: Path, run: Run) -> None:
    (shop.parent / "rows.jsonl").write_text('{"n": 9, "src": "unknown"}\n' * 40)
    code, _, err = run("replay", str(shop))
    assert code == 2
    assert err.count("no case of the mapping fits") == 1
    assert err.endswith("nothing was decided: all that was read was refused\n")


def test_a_folder_without_recordings_is_an_error_and_one_with_others_says_which(
    shop: Path, run: Run
) -> None:
    march = shop.parent / "march"
    march.mkdir()
    code, told, err = run("replay", str(shop), "--events", str(march))
    assert (code, told) == (2, "")
    assert "march holds no recording of feed 'rows': no file there is called rows.jsonl" in err
    (march / "rows_march.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    code, told, err = run("replay", str(shop), "--events", str(march))
    assert code == 0
    assert err == f"playing {march / 'rows_march.jsonl'} as rows\n"
    assert "1 row read" in told


def test_an_interrupted_replay_says_that_nothing_was_written(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aislewatch.cli.replay.replay", interrupted)
    out = shop.parent / "new.db"
    code, _, err = run("replay", str(shop), "--out", str(out))
    assert (code, err) == (130, f"stopped before the end: {out} was not written\n")


def test_the_command_that_a_replay_recommends_works_as_it_stands(
    shop: Path, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (shop.parent / "rows.jsonl").rename(data / "rows.jsonl")
    (data / "articles.csv").write_text("no,name\nA,Tea\n")
    products = "products: {file: $data/articles.csv, sku: no, name: name}\n"
    shop.write_text(STORE.replace("[rows.jsonl]", "[$data/rows.jsonl]") + products)
    out = tmp_path / "what was found.db"
    _, told, _ = run("replay", str(shop), "--data", str(data), "--out", str(out))
    words = shlex.split(told.splitlines()[-1].partition("aislewatch ")[2])
    code, told, err = run(*words)
    assert (code, err) == (0, "")
    words = shlex.split(told.splitlines()[-1].partition("aislewatch ")[2])
    assert run(*words)[0] == 0
    tail = ("ledger", "tail", "--ledger", str(out), "--store", str(shop))
    assert run(*tail)[0] == 0


def test_an_unknown_type_of_incident_is_told_with_one_that_is_near(run: Run, ledger: str) -> None:
    code, told, err = run("incidents", "list", "--ledger", ledger, "--type", "theftt")
    assert (code, told) == (2, "")
    assert "there are no incidents of type 'theftt'; did you mean 'theft'?" in err


def test_another_recording_may_be_named(shop: Path, run: Run) -> None:
    other = shop.parent / "other.jsonl"
    other.write_text(json.dumps(ROWS[0]) + "\n")
    _, told, _ = run("replay", str(shop), "--events", str(other), "--json")
    assert json.loads(told)["stores"]["s1"]["records"]["signal.raised"] == 1


def test_rows_that_are_no_events_are_told_beside_the_result(shop: Path, run: Run) -> None:
    with (shop.parent / "rows.jsonl").open("a") as file:
        file.write('{"n": 7, "at": "2026-03-02T09:05:00", "src": "till"}\n')
    code, told, err = run("replay", str(shop), "--json")
    assert code == 0
    assert json.loads(told)["refused"] == 1
    assert err.startswith("refused 1 row:")
    assert "rows.jsonl:7" in err


def test_a_replay_into_a_ledger_that_holds_something_is_refused(
    shop: Path, run: Run, ledger: str
) -> None:
    code, out, err = run("replay", str(shop), "--out", ledger)
    assert (code, out) == (2, "")
    assert err == f"aislewatch: {ledger} holds records already: name a file that is not there\n"


def test_events_that_are_not_there_are_told_in_one_line(shop: Path, run: Run) -> None:
    code, out, err = run("replay", str(shop), "--events", "/nowhere")
    assert (code, out, err) == (2, "", "aislewatch: there is nothing at /nowhere\n")


# incidents ---------------------------------------------------------------------------------------


def test_the_list_shows_what_there_is_to_look_at_in_the_shops_time_and_money(
    shop: Path, run: Run, ledger: str
) -> None:
    _, told, _ = run("incidents", "list", "--ledger", ledger, "--store", str(shop))
    assert "s1-2  2026-03-02 10:00:12  theft.scan-avoidance  likely" in told
    assert "EUR 7.00" in told
    assert "B (tag E2) left through door" in told
    assert "s1-1" not in told
    assert "1 incident, 1 cleared by what came later: --all shows those, too." in told


def test_a_ledger_knows_its_shops_time_and_money_by_itself(run: Run, ledger: str) -> None:
    _, told, _ = run("incidents", "list", "--ledger", ledger)
    assert "2026-03-02 10:00:12" in told
    assert "EUR 7.00" in told
    assert "Times are Europe/Amsterdam." in told
    _, told, _ = run("incidents", "show", "--ledger", ledger)
    assert "2026-03-02 10:00:12 (Europe/Amsterdam)" in told
    assert "at stake  EUR 7.00" in told
    _, told, _ = run("ledger", "tail", "--ledger", ledger, "-n", "100")
    assert "2026-03-02 10:00:12  signal.raised" in told


def test_a_store_file_that_is_named_overrules_the_ledger(shop: Path, run: Run, ledger: str) -> None:
    shop.write_text(STORE.replace("Europe/Amsterdam", "Europe/London"))
    _, told, _ = run("incidents", "list", "--ledger", ledger, "--store", str(shop))
    assert "2026-03-02 09:00:12" in told
    assert "Times are Europe/London." in told


def test_all_shows_what_was_cleared_and_why_it_was_there(run: Run, ledger: str) -> None:
    _, told, _ = run("incidents", "list", "--all", "--ledger", ledger)
    lines = told.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("s1-1"))
    assert "cleared" in lines[at]
    assert "explained by what came later; it was: A (tag E1) left" in lines[at + 1]


def test_the_list_can_be_narrowed_to_a_type_or_a_class_of_types(run: Run, ledger: str) -> None:
    for wanted, count in (("theft", 1), ("theft.scan-avoidance", 1), ("theft.scan", 0)):
        _, told, _ = run("incidents", "list", "--ledger", ledger, "--type", wanted, "--json")
        assert len(told.splitlines()) == count


def test_the_list_gives_a_line_of_json_for_each(run: Run, ledger: str) -> None:
    _, told, err = run("incidents", "list", "--all", "--ledger", ledger, "--json")
    rows = [json.loads(line) for line in told.splitlines()]
    assert err == ""
    assert [(row["id"], row["state"]) for row in rows] == [("s1-1", "cleared"), ("s1-2", "open")]
    assert rows[1]["value_minor"] == 700


def test_a_page_shows_sentences_evidence_what_was_looked_at_and_the_sum(
    shop: Path, run: Run, ledger: str
) -> None:
    code, told, err = run("incidents", "show", "s1-2", "--ledger", ledger, "--store", str(shop))
    assert (code, err) == (0, "")
    assert "B (tag E2) was in the scan area of K1; no scan explains it" in told
    assert "scan-avoidance, +22.0: Tagged item passes the scanner and is not scanned" in told
    assert "10:00:10  pad  rfid.read" in told
    assert "looked at not_seen pos.item, 2026-03-01 22:01:30 to 2026-03-02 10:01:30: found" in told
    assert "1m 18s old, halves in 4h" in told
    sums = [line.split() for line in told.splitlines()]
    counted = {words[0]: words for words in sums if words}
    assert "-30.0" in counted["prior"]
    assert "+11.9" in counted["together"]
    assert "odds of 15.5 to 1" in told
    assert "10:01:30  93.9 %  signal 2 joins" in told
    assert "unsold-exit: Look at the exit camera" in told


def test_a_page_names_the_rule_that_outdoes_another_of_its_family(shop: Path, run: Run) -> None:
    rule = (shop.parent / "unsold-exit.yml").read_text()
    assert "family: exit\n" in rule
    weaker = rule.replace("id: unsold-exit", "id: twin").replace("points: 20", "points: 9")
    (shop.parent / "twin.yml").write_text(weaker)
    shop.write_text(STORE.replace("[scan-avoidance.yml,", "[scan-avoidance.yml, twin.yml,"))
    out = str(shop.parent / "family.db")
    assert run("replay", str(shop), "--out", out)[0] == 0
    _, told, _ = run("incidents", "show", "--ledger", out)
    (line,) = [line for line in told.splitlines() if "family exit" in line]
    assert line.split()[1:4] == ["twin", "+9.0", "+0.0"]
    assert line.endswith("of family exit only unsold-exit counts")
    _, told, _ = run("incidents", "show", "--ledger", out, "--json")
    assert {s["rule"]: s["family"] for s in json.loads(told)["signals"]} == {
        "scan-avoidance": None,
        "twin": "exit",
        "unsold-exit": "exit",
    }


def test_a_page_fits_into_a_hundred_columns_and_calls_nobody_anything(
    shop: Path, run: Run, ledger: str
) -> None:
    for incident in ("s1-1", "s1-2"):
        _, told, _ = run("incidents", "show", incident, "--ledger", ledger, "--store", str(shop))
        assert max(map(len, told.splitlines())) <= 100
        assert not any(word in told.lower() for word in ("guilty", "thief", "stole", "culprit"))


def test_the_page_of_a_cleared_incident_says_what_cleared_it(
    shop: Path, run: Run, ledger: str
) -> None:
    _, told, _ = run("incidents", "show", "s1-1", "--ledger", ledger, "--store", str(shop))
    flat = " ".join(told.split())
    assert "there is nothing to look at" in flat
    assert "signal 1 is taken back: pos.item of 09:59:55 from till came 1m 58s late" in flat
    assert "cleared: no signal is left" in flat
    assert "The sum" not in told


def test_the_latest_incident_is_shown_where_none_is_named(run: Run, ledger: str) -> None:
    _, told, _ = run("incidents", "show", "--ledger", ledger)
    assert told.startswith("s1-2")


def test_an_unknown_incident_is_told_with_one_that_is_near(run: Run, ledger: str) -> None:
    code, out, err = run("incidents", "show", "s1-22", "--ledger", ledger)
    assert (code, out) == (2, "")
    assert err.startswith("aislewatch: there is no incident 's1-22'")
    assert "did you mean 's1-2'?" in err


def test_the_json_of_a_page_adds_up_as_the_page_does(run: Run, ledger: str) -> None:
    _, told, _ = run("incidents", "show", "s1-2", "--ledger", ledger, "--json")
    page = json.loads(told)
    assert page["prior_cb"] + sum(share["counted_cb"] for share in page["sum"]) == page["score_cb"]
    assert [signal["rule"] for signal in page["signals"]] == ["scan-avoidance", "unsold-exit"]
    assert page["signals"][1]["evidence"][0]["epc"] == "E2"


# ledger ------------------------------------------------------------------------------------------


def test_a_sound_ledger_verifies_also_against_a_head_kept_elsewhere(run: Run, ledger: str) -> None:
    code, told, _ = run("ledger", "verify", "--ledger", ledger, "--json")
    (chain,) = json.loads(told)["chains"]
    assert (code, chain["sound"]) == (0, True)
    words = ("ledger", "verify", "--ledger", ledger, "--only", "s1")
    assert run(*words, "--head", chain["head"])[0] == 0
    assert run(*words, "--head", "11" * 32)[0] == 1


def test_a_record_that_was_changed_is_named_and_is_a_finding(run: Run, ledger: str) -> None:
    with sqlite3.connect(ledger) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE record SET time = time + 1 WHERE position = 3")
    database.close()
    code, told, err = run("ledger", "verify", "--ledger", ledger)
    assert (code, err) == (1, "")
    assert "DAMAGED" in told
    assert "s1 record 3: changed:" in told


def test_the_tail_shows_the_last_records_with_what_they_say(run: Run, ledger: str) -> None:
    _, told, _ = run("ledger", "tail", "--ledger", ledger, "-n", "2")
    assert len(told.splitlines()) == 2
    _, told, _ = run("ledger", "tail", "--ledger", ledger, "-n", "100", "--json")
    records = [json.loads(line) for line in told.splitlines()]
    assert [record["position"] for record in records] == list(range(1, len(records) + 1))
    assert any(record["payload"].get("late_us") for record in records)


def test_a_head_that_is_none_and_a_store_that_is_not_there_are_told(run: Run, ledger: str) -> None:
    assert "'77' is no head" in run("ledger", "verify", "--ledger", ledger, "--head", "77")[2]
    err = run("ledger", "tail", "--ledger", ledger, "--only", "s2")[2]
    assert err == "aislewatch: found.db has no chain of 's2'; it has s1\n"
