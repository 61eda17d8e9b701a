"""Why, why-not and capture as typed: from a shop's archive and ledger to what an analyst reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aislewatch.authoring.lines import parse_lines, time_us
from aislewatch.authoring.why_asked import days_of, read_time
from aislewatch.cli.app import main
from aislewatch.cli.rule_why_words import Words
from aislewatch.cli.wording import Local
from aislewatch.detect.explain import Explainer
from aislewatch.detect.explain_log import Log
from aislewatch.errors import UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry, type_of
from aislewatch.events.subjects import event_subject
from aislewatch.events.units import Dimension
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.testing.small import small_rule

REGISTRY = Registry()

STORE = """\
store: s1
timezone: Europe/Amsterdam
currency: EUR
clock: {recording: rows}
lateness: 1s
horizon: 1h
rules: [rules]
lists: {moved: [E7]}
devices:
  gate: {sees: [rfid.crossing]}
  pad: {sees: [rfid.read]}
  till: {sees: [pos.item]}
feeds:
  rows: {plugin: feed, config: {mapping: rows.mapping.yml, files: [rows.jsonl], order: arrival}}
"""

MAPPING = """\
mapping: rows
time: at
id: "{n}"
device: gate
cases:
  - {name: gate, type: rfid.crossing, fields: {epc: tag, direction: {value: out}}}
"""

ROWS = '{"n": 1, "at": "2026-01-01T10:20:00Z", "tag": "E1"}\n'

LEAVING = """\
id: leaving # the tag is read again at the door
title: Tagged item leaves the store unsold
status: live
when: {event: rfid.crossing, as: exit, where: direction == 'out' and reads >= 3}
match:
  - {seen: rfid.read, as: shelf, where: rssi > -60dBm, same: [epc], window: 1h before exit}
  - {not_seen: pos.item, same: [epc], window: between shelf and exit}
except:
  - {name: transfer, where: exit.epc in lists.moved, reason: r, owner: o, until: 2030-01-01}
incident:
  type: theft.exit
  about: {epc: exit.epc, person: exit.person}
  points: 20
  half_life: 4h
  quiet: 30m per epc
  because: "{exit.epc} left"
tests:
  - name: out
    events: |
      10:00:00 rfid.read     epc=E1 rssi=-50
      10:20:00 rfid.crossing epc=E1 direction=out reads=5
    expect: {fires: 1}
"""

DAY = """\
10:00:00 rfid.read     epc=E1 rssi=-50 device=pad
10:00:10 rfid.read     epc=E2 rssi=-50 device=pad
10:00:20 rfid.read     epc=E3 rssi=-71 device=pad
10:00:30 rfid.read     epc=E4 rssi=-50 device=pad
10:00:40 rfid.read     epc=E7 rssi=-50 device=pad
10:15:00 pos.item      epc=E2 sku=TEA price=4.5 device=till
10:20:00 rfid.crossing epc=E1 direction=out reads=5 device=gate person=Holmes
10:21:00 rfid.crossing epc=E1 direction=out reads=4 device=gate person=Holmes
10:22:00 rfid.crossing epc=E2 direction=out reads=5 device=gate
10:23:00 rfid.crossing epc=E3 direction=out reads=5 device=gate
10:24:00 rfid.crossing epc=E4 direction=out reads=2 device=gate
10:25:00 rfid.crossing epc=E7 direction=out reads=5 device=gate
10:30:00 device.state  device=till state=failed reason=crash
10:35:00 rfid.crossing epc=E4 direction=out reads=5 device=gate
10:40:00 device.state  device=till state=online
"""
"""Stolen, again, sold, weakly read, seldom read, on a transfer, and while the till was dead."""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "100")

    def command(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def write_archive(folder: Path, text: str, *, store: str = "s1") -> None:
    """Write the lines of a day as an archive, in their order, its clock behind them."""
    lines = [line if "store=" in line else f"{line} store={store}" for line in text.splitlines()]
    events = [*parse_lines("\n".join(lines), REGISTRY)]
    end = ClockTick(id="c/1/9", store=store, device="clock", time=events[-1].time, final=True)
    with ArchiveWriter(folder) as archive:
        for number, event in enumerate([*events, end], 1):
            subject = event_subject(event.store, event.device, type_of(type(event)))
            archive.write(Archived(number, subject, Codec.encode(event)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "leaving.yml").write_text(LEAVING)
    (tmp_path / "store.yml").write_text(STORE)
    (tmp_path / "rows.mapping.yml").write_text(MAPPING)
    (tmp_path / "rows.jsonl").write_text(ROWS)
    write_archive(tmp_path / "days", DAY)
    return tmp_path


@pytest.fixture
def ledger(shop: Path, run: Run) -> Path:
    out = shop / "found.db"
    code, _, err = run("replay", shop / "store.yml", "--events", shop / "days", "--out", out)
    assert (code, err) == (0, "")
    return out


# why ---------------------------------------------------------------------------------------------


def test_why_tells_from_the_ledger_alone_what_was_looked_at_and_says_so(
    ledger: Path, run: Run
) -> None:
    code, told, _ = run("rules", "why", "--ledger", ledger)
    assert code == 0
    assert "From the record alone; --store or --rules tells each expression's value." in told
    assert "looked at not_seen pos.item" in told
    assert "shelf: 11:00:00  pad  rfid.read" in told
    assert "prior of theft.exit" in told
    assert "likelihood = 1 / (1 + 10^(" in told


def test_why_with_the_rule_tells_every_expression_and_how_near_it_was(
    shop: Path, ledger: Path, run: Run
) -> None:
    code, told, _ = run("rules", "why", "s1-1", "--ledger", ledger, "--store", shop / "store.yml")
    assert code == 0
    assert "From the record alone" not in told
    assert "holds    seen rfid.read as shelf  (line 6)" in told
    assert "reads is 5, needs >= 3: met by 2" in told
    assert "where rssi > -60dBm" in told
    assert "no       except transfer" in told
    assert all(len(line) <= 100 for line in told.splitlines())


def test_why_does_not_explain_by_a_rule_that_means_something_else_now(
    shop: Path, ledger: Path, run: Run
) -> None:
    changed = shop / "changed.yml"
    changed.write_text(LEAVING.replace("1h before", "2h before"))
    _, told, _ = run("rules", "why", "--ledger", ledger, "--rules", changed)
    assert "From the record alone: leaving has changed since (it meant" in told
    changed.write_text(LEAVING.replace("id: leaving", "id: other"))
    _, told, _ = run("rules", "why", "--ledger", ledger, "--rules", changed)
    assert "From the record alone: leaving is not among the rules given." in told


def test_a_clause_that_had_nowhere_to_look_says_so(shop: Path, run: Run) -> None:
    rule = LEAVING.partition("match:")[0] + (
        "match:\n  - any_of:\n"
        "      - {seen: rfid.read, as: x, where: rssi > 0dBm, window: 1h before exit}\n"
        "      - {seen: pos.item, window: 10s after x}\n"
        "      - check: exit.reads > 0\n"
        "incident: {type: theft.exit, about: {epc: exit.epc}, because: left}\n"
    )
    (shop / "rules" / "leaving.yml").write_text(rule)
    found = shop / "any.db"
    store = shop / "store.yml"
    assert run("replay", store, "--events", shop / "days", "--out", found)[0] == 0
    for words in (("incidents", "show"), ("rules", "why")):
        code, told, err = run(*words, "--ledger", found)
        assert (code, err) == (0, "")
        assert "what its window is measured from was not there" in " ".join(told.split())
    told = run("rules", "why", "--ledger", found, "--store", store)[1]
    assert "holds    any_of: at least 1 of 3" in told
    assert "nowhere to look" in told


def test_why_gives_json_with_judgement_sum_and_bindings(shop: Path, ledger: Path, run: Run) -> None:
    words = ("rules", "why", "s1-1", "--ledger", ledger, "--json")
    code, told, err = run(*words, "--rules", shop / "rules")
    assert (code, err) == (0, "")
    page = json.loads(told)
    (one,) = page["explained"]
    assert [clause["label"] for clause in one["judgement"]["clauses"]] == [
        "shelf", "not_seen pos.item", "transfer",
    ]  # fmt: skip
    assert one["judgement"]["outcome"] == "holds"
    assert one["bindings"]["exit"] == "gate/7.0"
    assert page["prior_cb"] + sum(s["counted_cb"] for s in page["sum"]) == page["score_cb"]
    (bare,) = json.loads(run(*words)[1])["explained"]
    assert (bare["judgement"], bare["bindings"]) == (None, one["bindings"])


# why-not -----------------------------------------------------------------------------------------


@pytest.fixture
def why_not(shop: Path, run: Run) -> Run:
    def command(*words: str | Path) -> tuple[int, str, str]:
        rule = shop / "rules" / "leaving.yml"
        store = ("--store", shop / "store.yml", "--events", shop / "days")
        return run("rules", "why-not", rule, *store, *words)

    return command


@pytest.mark.parametrize(
    ("epc", "at", "told"),
    [
        ("E1", "11:20", "it was raised at 11:20:00: holds, +20 points"),
        ("E1", "11:21:30", "holds, +20 points; but silenced until 11:50:00 by 'quiet' of leaving/"),
        ("E2", "11:22", "does not hold: it stops at not_seen pos.item (line 7)"),
        ("E2", "11:22", "11:15:00  till  pos.item  sku=TEA"),
        ("E3", "11:23", "does not hold: it stops at shelf (line 6)"),
        ("E3", "11:23", "rssi is -71 dBm, needs > -60 dBm: 11 dB short"),
        ("E4", "11:24", "it is no anchor, because of the rule's 'when':"),
        ("E4", "11:24", "reads is 2, needs >= 3: 1 short"),
        ("E4", "11:35", "cannot be decided: not_seen pos.item is unknown"),
        ("E4", "11:35", "till was failed (crash) from 11:30:00 to 11:40:00"),
        ("E7", "11:25", "does not hold: it stops at transfer"),
        ("E7", "11:25", "excuses  except transfer"),
    ],
)
def test_why_not_tells_the_one_thing_that_stood_in_the_way(
    why_not: Run, epc: str, at: str, told: str
) -> None:
    code, out, err = why_not("--about", f"epc={epc}", "--at", at)
    assert (code, err) == (0, "")
    assert told in out
    assert all(len(line) <= 100 for line in out.splitlines() if "'quiet' of" not in line)


def test_why_not_of_nobody_says_what_there_is_around(why_not: Run) -> None:
    code, out, _ = why_not("--about", "epc=E9", "--at", "11:20")
    assert code == 1
    assert "No event speaks of whom you ask." in out
    assert "What it judged near then, about others:" in out
    assert "Read: 15 events, 2026-01-01 11:00:00 to 2026-01-01 11:40:00." in out
    code, out, _ = why_not("--about", "epc=E1", "--at", "11:30")
    assert code == 1
    assert "What else is known of whom you ask, the nearest in time:" in out
    assert "11:21:00  gate  rfid.crossing" in out


def test_the_rule_may_be_named_by_its_id_in_the_store(shop: Path, run: Run) -> None:
    store = ("--store", shop / "store.yml", "--events", shop / "days", "--at", "11:22")
    code, out, _ = run("rules", "why-not", "leaving", *store)
    assert code == 0
    # Without --about, everything near then.
    assert out.count("judged  11:2") == 3
    code, _, err = run("rules", "why-not", "leavin", *store)
    assert code == 2
    assert "is no rule of the store; did you mean 'leaving'?" in err


AGAIN = """\
id: again
title: The same person leaves twice with something
status: live
when: {event: signal.leaving, as: last}
match:
  - {count: signal.leaving, as: n, same: [epc], window: 10m before last, at_least: 2}
incident: {type: theft.exit, about: {epc: last.epc}, points: 5, because: "{n} times"}
"""


@pytest.fixture
def again(shop: Path) -> Path:
    rules = shop / "rules"
    (rules / "leaving.yml").write_text(LEAVING.replace("quiet: 30m per epc", "quiet: 1s per epc"))
    (rules / "again.yml").write_text(AGAIN)
    return rules / "again.yml"


def test_why_not_of_a_rule_on_signals_shows_the_signals_that_it_judged(
    shop: Path, run: Run, again: Path
) -> None:
    about = ("--about", "epc=E1", "--events", shop / "days")
    for store in (("--store", shop / "store.yml"), ()):
        at = "11:20" if store else "10:20"
        code, out, _ = run("rules", "why-not", again, *about, *store, "--at", at, "--within", "20s")
        assert code == 0
        assert "signal.leaving" in out
        assert "does not hold: it stops at n (line 6)" in out
        assert "n is 1, needs >= 2: 1 short" in out
        assert "No signal of" not in out
    code, out, _ = run("rules", "why-not", "again", *about, "--store", shop / "store.yml",
                       "--at", "11:21")  # fmt: skip
    assert "it was raised at 11:21:00: holds, +5 points" in out


def test_why_not_says_which_rules_signals_cannot_be_there(
    shop: Path, run: Run, again: Path
) -> None:
    drafted = (shop / "rules" / "leaving.yml").read_text().replace("status: live", "status: draft")
    (shop / "rules" / "leaving.yml").write_text(drafted)
    words = ("--about", "epc=E1", "--events", shop / "days", "--at", "10:20")
    out = run("rules", "why-not", again, *words)[1]
    assert "No signal of leaving can be among what follows: its status is draft." in out


def test_why_and_capture_read_evidence_that_is_signals(shop: Path, run: Run, again: Path) -> None:
    out = shop / "found.db"
    store = ("--store", shop / "store.yml")
    replayed = run("replay", store[1], "--events", shop / "days", "--out", out)
    assert (replayed[0], replayed[2]) == (0, "")
    code, told, err = run("rules", "why", "s1-1", "--ledger", out, "--whole")
    assert (code, err) == (0, "")
    assert "From the record alone" in told
    assert "signal.leaving" in told
    code, told, err = run("rules", "why", "s1-1", "--ledger", out, "--whole", *store)
    assert (code, err) == (0, "")
    assert "From the record alone" not in told
    assert "n is 2, needs >= 2" in told
    words = ("--ledger", out, "--rule", "again", *store)
    code, made, err = run("rules", "capture", "s1-1", "--as-test", *words)
    assert code == 0, err
    assert "signal.leaving" in made


def test_of_very_many_judgements_the_nearest_are_shown(shop: Path, run: Run) -> None:
    day = "".join(
        f"10:20:{n:02} rfid.crossing epc=E{n} direction=out reads=5 device=gate\n"
        for n in range(10, 40)
    )
    write_archive(shop / "crowd", day)
    words = ("rules", "why-not", "leaving", "--store", shop / "store.yml", "--at", "11:20:25",
             "--events", shop / "crowd")  # fmt: skip
    out = run(*words)[1]
    assert out.count("judged  11:20:") == 8
    assert "... and 22 judgements further from then: --whole" in out
    assert run(*words, "--whole")[1].count("judged  11:20:") == 30


@pytest.mark.parametrize("at", ["11:22", "11:22:00", "2026-01-01 11:22", "2026-01-01T10:22:00Z",
                                "2026-01-01T11:22+01:00"])  # fmt: skip
def test_a_time_may_be_written_in_any_of_these_ways(why_not: Run, at: str) -> None:
    code, out, _ = why_not("--about", "epc=E2", "--at", at, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["at_us"] == time_us("10:22:00")
    (judged,) = told["answer"]["judged"]
    assert (judged["fate"], judged["judgement"]["stopped_at"]) == ("nothing", "not_seen pos.item")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--about", "epc=E2", "--at", "noon"), "'noon' is no time; write e.g. 10:20"),
        (("--about", "epc=E2", "--at", "25:00"), "'25:00' is no time"),
        (("--about", "ecp=E2", "--at", "11:22"), "did you mean 'epc'?"),
        (("--about", "epc", "--at", "11:22"), "'epc' names nobody; write e.g. --about epc=E1"),
        (("--at", "11:22", "--within", "soon"), "--within: 'soon' is not a duration"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    why_not: Run, words: tuple[str, ...], told: str
) -> None:
    code, out, err = why_not(*words)
    assert (code, out) == (2, "")
    assert told in err


def test_a_bare_time_in_events_of_several_days_asks_for_the_day(shop: Path, why_not: Run) -> None:
    write_archive(shop / "days" / "more", DAY + "34:00:00 rfid.read epc=E1 device=pad\n")
    code, _, err = why_not("--at", "11:22", "--events", shop / "days" / "more")
    assert code == 2
    assert "the events are of 2 days, 2026-01-01 to 2026-01-02: say which, as in --at" in err


def test_an_archive_needs_no_store_file_and_a_recording_does(shop: Path, run: Run) -> None:
    rule = shop / "rules" / "leaving.yml"
    words = ("rules", "why-not", rule, "--about", "epc=E3")
    code, out, _ = run(*words, "--data", shop / "days", "--at", "10:23")
    assert code == 0
    assert "(UTC)" in out
    assert "11 dB short" in out
    code, _, err = run(*words, "--events", shop / "rows.jsonl", "--at", "10:23")
    assert code == 2
    assert "name it with --store" in err
    code, _, err = run(*words, "--at", "10:23")
    assert code == 2
    assert "--events ARCHIVE, or --store STORE.yml" in err


def test_a_recording_is_read_as_its_store_file_says(shop: Path, run: Run) -> None:
    rule = shop / "rules" / "leaving.yml"
    words = ("--store", shop / "store.yml", "--about", "epc=E1", "--at", "11:20")
    code, out, _ = run("rules", "why-not", rule, *words)
    assert code == 0
    assert "reads is unknown, needs >= 3" in out


@pytest.fixture
def late(shop: Path) -> Path:
    """An archive in which the sale of E1 is told when it was raised already."""
    ticks = "".join(f"10:{n}:00 clock.tick device=clock\n" for n in (26, 27, 28))
    sale = "10:10:00 pos.item epc=E1 device=till\n"
    write_archive(shop / "late", "\n".join(DAY.splitlines()[:7]) + "\n" + ticks + sale)
    return shop / "late"


def test_a_late_sale_counts_in_the_explanation_as_it_did_in_the_shop(
    shop: Path, late: Path, run: Run
) -> None:
    code, out, _ = run(
        "rules", "why-not", shop / "rules" / "leaving.yml", "--store", shop / "store.yml",
        "--events", late, "--about", "epc=E1", "--at", "11:20",
    )  # fmt: skip
    assert code == 0
    assert "it stops at not_seen pos.item" in out


def test_why_of_a_cleared_incident_says_what_it_held_on_and_what_came_since(
    shop: Path, late: Path, run: Run
) -> None:
    found = shop / "late.db"
    assert run("replay", shop / "store.yml", "--events", late, "--out", found)[0] == 0
    code, out, _ = run("rules", "why", "--ledger", found, "--store", shop / "store.yml")
    assert code == 0
    told = " ".join(out.split())
    assert "it held on what was known then, and counts no more: pos.item of 11:10:00" in told
    assert "came 17m 59s late" in told
    assert "holds not_seen pos.item (line 7)" in told
    capture = ("rules", "capture", "--as-test", "--ledger", found, "--store", shop / "store.yml")
    assert "has no signals any more" in run(*capture)[2]


def test_a_rule_that_no_device_of_the_shop_can_judge_by_says_so(shop: Path, run: Run) -> None:
    store = shop / "store.yml"
    store.write_text(STORE.replace("  till: {sees: [pos.item]}\n", ""))
    code, out, _ = run(
        "rules", "why-not", shop / "rules" / "leaving.yml", "--store", store,
        "--events", shop / "days", "--about", "epc=E2", "--at", "11:22",
    )  # fmt: skip
    assert code == 0
    assert "It judges nothing in this shop: no device of this store sees pos.item." in out


def test_times_without_a_day_are_the_shops_own() -> None:
    events = parse_lines("23:30:00 pos.item lane=L\n", REGISTRY)
    days = days_of(events, "Asia/Colombo")
    assert [str(day) for day in days] == ["2026-01-02"]
    assert read_time("05:00", "Asia/Colombo", days) == time_us("23:30:00")
    with pytest.raises(UsageError, match="there are no events"):
        read_time("05:00", "Asia/Colombo", [])


# capture -----------------------------------------------------------------------------------------


def test_an_incident_becomes_a_test_that_can_be_pasted(shop: Path, ledger: Path, run: Run) -> None:
    words = ("rules", "capture", "s1-1", "--as-test", "--ledger", ledger)
    code, out, err = run(*words, "--store", shop / "store.yml")
    assert code == 0
    assert out == (
        "  - name: captured incident\n"
        "    events: |\n"
        "      11:00:00 rfid.read     epc=E1 rssi=-50\n"
        "      11:20:00 rfid.crossing epc=E1 person=P1 direction=out reads=5\n"
        '    expect: {fires: 1, at: "11:20:00", about: {epc: E1, person: P1}, points: 20}\n'
    )
    assert "run: fires 1 time, first at 11:20:00: E1 left" in err
    assert "Holmes" not in out + err


def test_a_captured_test_goes_into_its_rules_file_once_it_was_run(
    shop: Path, ledger: Path, run: Run
) -> None:
    rule = shop / "rules" / "leaving.yml"
    words = ("rules", "capture", "s1-1", "--as-test", "--ledger", ledger, "--into", rule)
    for name in ("captured incident", "captured incident 2"):
        code, out, _ = run(*words)
        assert code == 0
        assert f"has a test more: '{name}'" in out
    assert rule.read_text().startswith(LEAVING)
    assert run("rules", "test", rule, "--no-mutants")[0] == 0
    assert sorted(path.name for path in rule.parent.iterdir()) == ["leaving.yml"]
    page = json.loads(run(*words, "--json", "--name", "third")[1])
    assert (page["fires"], page["points"], page["at"]) == (1, 20, "11:20:00")


def test_a_test_that_does_not_come_out_is_not_written(shop: Path, ledger: Path, run: Run) -> None:
    rule = shop / "rules" / "leaving.yml"
    rule.write_text(LEAVING.replace("1h before exit", "5m before exit"))
    before = rule.read_bytes()
    words = ("rules", "capture", "s1-1", "--as-test", "--ledger", ledger)
    code, out, err = run(*words, "--into", rule)
    assert (code, out) == (2, "")
    assert "'leaving' as it is now does not hold; it stops at shelf" in err
    assert rule.read_bytes() == before


def test_what_cannot_be_captured_says_what_is_missing(shop: Path, ledger: Path, run: Run) -> None:
    capture = ("rules", "capture", "s1-1", "--ledger", ledger)
    assert "--as-test" in run(*capture)[2]
    assert "say where with --store, --rules or --into" in run(*capture, "--as-test")[2]
    other = ("--as-test", "--rules", shop / "rules", "--rule", "leavin")
    assert "did you mean 'leaving'?" in run(*capture, *other)[2]
    unknown = run("rules", "capture", "s1-9", "--as-test", "--ledger", ledger)
    assert unknown[0] == 2
    assert "there is no incident 's1-9'" in unknown[2]


# Words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dimension", "told"),
    [
        (512_500, Dimension.MASS, "512.5 g"),
        (-71.5, Dimension.LEVEL, "-71.5 dBm"),
        (0.875, Dimension.RATIO, "87.5 %"),
        (5_400_000_000, Dimension.DURATION, "1h 30m"),
        (4_250, Dimension.MONEY, "EUR 42.50"),
        (7, Dimension.NUMBER, "7"),
        (1 / 3, Dimension.NUMBER, "0.333333"),
        ("out", Dimension.TEXT, "'out'"),
        (False, Dimension.FLAG, "no"),
        (None, Dimension.MASS, "unknown"),
    ],
)
def test_figures_are_said_with_the_units_that_people_write(
    value: float | str | None, dimension: Dimension, told: str
) -> None:
    assert Words(Local(currency="EUR")).figure(value, dimension) == told


@pytest.mark.parametrize(
    ("condition", "event", "told"),
    [
        (
            "rssi > -60dBm",
            "rfid.read epc=E1 rssi=-60",
            "rssi is -60 dBm, needs > -60 dBm: right at the limit",
        ),
        (
            "rssi > -60dBm",
            "rfid.read epc=E1 rssi=-51",
            "rssi is -51 dBm, needs > -60 dBm: met by 9 dB",
        ),
        (
            "rssi < -60dBm",
            "rfid.read epc=E1 rssi=-51",
            "rssi is -51 dBm, needs < -60 dBm: 9 dB too much",
        ),
        ("rssi > -60dBm", "rfid.read epc=E1", "rssi is unknown, needs > -60 dBm"),
        ("antenna == 2", "rfid.read epc=E1 antenna=5", "antenna is 5, not 2: 3 apart"),
        ("epc != 'E1'", "rfid.read epc=E1", "epc is 'E1'"),
        ("epc != 'E2'", "rfid.read epc=E1", "epc is 'E1', not 'E2'"),
        (
            "zone.kind in ['exit', 'scan']",
            "rfid.read epc=E1",
            "zone.kind in ['exit', 'scan']: zone.kind is unknown",
        ),
        ("not has(person)", "rfid.read epc=E1", "not: has(person): person is not there"),
        ("unknown_tag", "rfid.read epc=E1 unknown_tag=true", "unknown_tag is yes"),
    ],
)
def test_a_condition_is_said_with_both_sides_and_the_gap(
    condition: str, event: str, told: str
) -> None:
    rule = small_rule(f'event: rfid.read, as: r, where: "{condition}"')
    (read,) = parse_lines(f"10:00:00 {event}", REGISTRY)
    seen = Explainer(rule, Log([read], StoreModel()), REGISTRY).when(read)
    assert seen is not None
    assert " ".join(text for _, _, text in Words(Local()).condition(seen)) == told
