"""`aislewatch rules backtest` on archives of small shops, as it is typed."""

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from aislewatch.cli.app import main
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.registry import type_of
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.testing.archives import tick_of, write_archive
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY

DAY_US = 86_400_000_000
LINES_US = 1_767_225_600_000_000
"""The day on which events that are written as lines are: 2026-01-01."""

RULE = """\
id: quick-void
title: A line is voided soon after its scan
status: draft
when: {event: pos.void, as: v}
match:
  - {seen: pos.item, as: scan, same: [lane], window: 10s before v}
  - {not_seen: vision.person, same: [lane], window: 5s around v}
except:
  - {name: training, where: v.lane in lists.training, reason: r, owner: o, until: 2099-12-31}
incident:
  type: fraud.void
  about: {receipt: v.receipt}
  points: 10
  value: scan.price
  because: "{v.receipt} voided"
"""
BUDGET = "backtest: {budget: {max_per_store_day: 1.5, min_precision: 50%}}\n"
STORE = """\
store: [north, south]
timezone: Europe/Amsterdam
currency: EUR
lists: {training: [T]}
rules: [rules]
"""
MORNING = """\
10:00:00 pos.item lane=1 price=5.00
10:00:08 pos.void lane=1 receipt=R1
11:00:00 pos.item lane=1
11:00:03 pos.void lane=1 receipt=R2
12:00:00 pos.void lane=1 receipt=R3
13:00:00 pos.item lane=T
13:00:01 pos.void lane=T receipt=R4
14:00:00 pos.item lane=1
14:00:01 pos.void lane=1 receipt=R5
14:00:02 vision.person lane=1
"""


def day(text: str, store: str, number: int, *, final: bool = True) -> list[Event]:
    """Give a store's events of one day, a tick before each: the clock is never behind them."""
    told: list[Event] = []
    for event in parse_lines(text, REGISTRY):
        time = event.time + number * DAY_US
        ident = f"{event.id}/{number}"
        told += tick_of(store, time), replace(event, id=ident, store=store, time=time)
    return [*told, tick_of(store, told[-1].time + 60_000_000, final=final)]


class Desk:
    """A folder with a rule, a store file and three days of two stores."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        (folder / "rules").mkdir()
        self.rule = self.write("rules/quick-void.yml", RULE + BUDGET)
        self.store = self.write("store.yml", STORE)
        quiet = "10:00:00 pos.item lane=1"
        self.days = write_archive(
            folder / "days",
            [
                *day(MORNING, "north", 0, final=False),
                *day(MORNING, "north", 1, final=False),
                *day(quiet, "north", 2),
                *day(quiet, "south", 0, final=False),
                *day(MORNING, "south", 2),
            ],
        )

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def run(self, *words: str, rule: str = "") -> tuple[int, str, str]:
        fixed = ["--store", self.store, "--data", str(self.days)]
        code = main(["rules", "backtest", rule or self.rule, *fixed, *words])
        out, err = self.capsys.readouterr()
        return code, out, err

    def told(self, *words: str, rule: str = "") -> dict[str, Any]:
        _, out, _ = self.run("--json", *words, rule=rule)
        (rule_report,) = json.loads(out)["rules"]
        return dict(rule_report)

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(
            ["git", "-C", str(self.folder), *who, *words], check=True, capture_output=True
        )


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def receipts(listed: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["store"], one["day"], one["about"]["receipt"]) for one in listed["hits"]]


def test_hits_and_incidents_are_counted_by_store_and_day_of_the_shop(desk: Desk) -> None:
    told = desk.told()
    rows = [(d["store"], d["day"], d["hits"], d["incidents"]) for d in told["store_and_day"]]
    assert rows == [
        ("north", "2026-01-01", 2, 2),
        ("north", "2026-01-02", 2, 2),
        ("south", "2026-01-03", 2, 2),
    ]
    assert (told["first_day"], told["last_day"], told["store_days"]) == (
        "2026-01-01",
        "2026-01-03",
        5,
    )
    now = told["now"]
    assert (now["hits"], now["incidents"], now["incidents_per_store_day"]) == (6, 6, 1.2)
    assert (now["worst_store"], now["worst_store_per_day"]) == ("north", 1.3333)
    assert told["against"] is told["before"] is None


def test_every_judgement_is_told_by_what_stopped_it(desk: Desk) -> None:
    judgements = desk.told()["judgements"]
    assert judgements == {
        "made": 15,
        "held": 6,
        "stopped_by": {"not_seen vision.person": 3, "scan": 3},
        "excused_by": {"training": 3},
        "undecided_at": {},
    }


def test_only_the_last_days_count_though_all_are_judged(desk: Desk) -> None:
    told = desk.told("--last", "2d")
    assert (told["first_day"], told["store_days"], told["now"]["hits"]) == ("2026-01-02", 3, 4)
    assert told["judgements"]["made"] == 10
    desk.write("rules/quick-void.yml", RULE + "backtest: {data: last 1d}\n")
    assert desk.told()["first_day"] == "2026-01-03"
    assert desk.told("--last", "9d")["first_day"] == "2026-01-01"


def test_the_same_days_give_the_same_bytes_with_any_number_of_processes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aislewatch.authoring.backtest_run._WORTH_BYTES", 1)
    _, alone, _ = desk.run("--json", "--jobs", "1", "--against", desk.rule)
    _, shared, _ = desk.run("--json", "--jobs", "2", "--against", desk.rule)
    _, again, _ = desk.run("--json", "--jobs", "2", "--against", desk.rule)
    assert alone == shared == again
    assert json.loads(alone)["stores"] == ["north", "south"]


def test_a_budget_that_is_kept_is_fine_and_one_that_is_not_is_a_finding(desk: Desk) -> None:
    code, out, _ = desk.run()
    assert code == 0
    assert "north has 1.33 incidents a day, within the budget of 1.5" in out
    assert "no labelled hits, so nobody knows whether 50% of them are right" in out
    desk.write("rules/quick-void.yml", RULE + "backtest: {budget: {max_per_store_day: 1.3}}\n")
    code, out, _ = desk.run()
    assert code == 1
    assert "budget  OVER  north has 1.33 incidents a day, over the budget of 1.3" in out


def test_a_budget_is_held_against_the_exact_rate(desk: Desk) -> None:
    for limit, code in (("1.3333333", 1), ("1.3333334", 0)):
        budget = f"backtest: {{budget: {{max_per_store_day: {limit}}}}}\n"
        desk.write("rules/quick-void.yml", RULE + budget)
        assert desk.run()[0] == code


LABELS = """\
store,time,about,verdict,amount
north,2026-01-01T11:00:10+01:00,receipt=R1,fraud,
north,2026-01-01T10:00:08+00:00,receipt=R9,fraud,7.50
north,2026-01-01T11:00:03+00:00,receipt=R2,honest,
south,2026-01-03T10:00:08+00:00,receipt=R1,fraud,
south,2026-01-03T12:00:00+00:00,receipt=R3,honest,
west,2026-01-03T12:00:00+00:00,receipt=R3,fraud,
south,2026-02-03T12:00:00+00:00,receipt=R3,fraud,
"""


def test_labels_give_precision_recall_and_what_it_was_worth(desk: Desk) -> None:
    labels = desk.write("labels.csv", LABELS)
    words = ["--labels", labels, "--false-alarm", "EUR 2", "--miss", "EUR 30"]
    now = desk.told(*words)["now"]
    assert (now["right"], now["wrong"], now["unlabelled"]) == (2, 1, 3)
    assert (now["losses_caught"], now["losses_labelled"]) == (2, 3)
    assert (now["honest_hit"], now["honest_labelled"]) == (1, 2)
    assert now["precision"]["estimate"] == now["recall"]["estimate"] == 0.666667
    assert now["money"] == {
        "saved_minor": 1000,
        "lost_minor": 750,
        "spent_minor": 200,
        "net_minor": 800,
        "unpriced": 0,
    }
    code, out, _ = desk.run(*words)
    assert code == 0
    assert "2 of 3 labelled hits are right (67%), at least 50%" in out
    assert "5 labels are too few to suggest a change (at least 30)" in out
    assert "EUR 8.00" in out


def test_too_low_a_precision_is_a_finding(desk: Desk) -> None:
    labels = desk.write("labels.csv", LABELS.replace("fraud", "false alarm"))
    code, out, _ = desk.run("--labels", labels)
    assert code == 1
    assert "0 of 3 labelled hits are right (0%), below 50%" in out


def test_unlabelled_hits_are_sampled_by_a_seed(desk: Desk) -> None:
    lines = "".join(
        f"{hour:02}:{minute:02}:00 pos.item lane=1\n{hour:02}:{minute:02}:01 pos.void lane=1 "
        f"receipt=R{hour}-{minute}\n"
        for hour in range(10, 14)
        for minute in range(0, 60, 5)
    )
    desk.days = write_archive(desk.folder / "more", day(lines, "north", 0))
    first, same, other = (desk.told("--seed", seed)["sample"] for seed in ("1", "1", "2"))
    assert first == same != other
    assert len(first) == 10


def test_another_version_is_told_by_hits_only_now_and_only_before(desk: Desk) -> None:
    other = desk.write("other.yml", RULE.replace("10s before v", "5s before v"))
    told = desk.told("--against", other)
    assert (told["now"]["hits"], told["before"]["hits"]) == (6, 3)
    assert receipts(told["only_now"]) == [
        ("north", "2026-01-01", "R1"),
        ("north", "2026-01-02", "R1"),
        ("south", "2026-01-03", "R1"),
    ]
    assert told["only_before"] == {"count": 0, "right": 0, "wrong": 0, "hits": []}
    back = desk.told("--against", desk.rule, rule=other)
    assert receipts(back["only_before"]) == receipts(told["only_now"])
    code, out, _ = desk.run("--against", other, "--labels", desk.write("labels.csv", LABELS))
    assert code == 0
    assert "only now: 3 hits" in out
    assert "2026-01-01 11:00:08  R1 voided  EUR 5.00  " in out


def test_hits_of_both_that_tell_something_else_are_counted(desk: Desk) -> None:
    other = desk.write("other.yml", RULE.replace("points: 10", "points: 12"))
    told = desk.told("--against", other)
    assert (len(told["changed"]), told["only_now"]["count"]) == (6, 0)


def test_live_is_the_store_s_own_rule_or_else_the_file_as_last_committed(desk: Desk) -> None:
    draft = desk.write("draft.yml", RULE.replace("10s before v", "5s before v"))
    told = desk.told("--against", "live", rule=draft)
    assert (told["before"]["hits"], told["now"]["hits"]) == (6, 3)
    code, _, err = desk.run("--against", "live")
    assert code == 2
    assert "nobody can say which version of" in err
    desk.git("init")
    desk.git("add", "store.yml")
    desk.git("commit", "-m", "a shop")
    code, out, _ = desk.run("--against", "live")
    assert code == 0
    assert "all that it raises is new" in out
    desk.git("add", "rules")
    desk.git("commit", "-m", "a rule")
    assert desk.told("--against", "live")["same_meaning"] is True
    desk.write("rules/quick-void.yml", RULE.replace("10s before v", "5s before v"))
    told = desk.told("--against", "live")
    assert (told["before"]["hits"], told["now"]["hits"]) == (6, 3)
    assert told["against"].startswith("HEAD (")
    assert desk.told("--against", "HEAD~1")["before"]["hits"] == 0
    code, _, err = desk.run("--against", "HAED")
    assert code == 2
    assert "there is no such file or folder, and git knows no such revision" in err


def test_a_folder_of_rules_holds_the_version_of_the_same_id(desk: Desk) -> None:
    draft = desk.write("draft.yml", RULE.replace("10s before v", "5s before v"))
    told = desk.told("--against", str(desk.folder / "rules"), rule=draft)
    assert told["before"]["hits"] == 6
    (desk.folder / "empty").mkdir()
    code, _, err = desk.run("--against", str(desk.folder / "empty"), rule=draft)
    assert code == 2
    assert "holds no rule 'quick-void'" in err


def test_a_ledger_tells_what_was_really_raised(desk: Desk) -> None:
    live = RULE.replace("status: draft", "status: live")
    desk.write("rules/quick-void.yml", live.replace("10s before v", "5s before v"))
    ledger = str(desk.folder / "ledger.db")
    assert main(["replay", desk.store, "--events", str(desk.days), "--out", ledger]) == 0
    desk.capsys.readouterr()
    desk.write("rules/quick-void.yml", live)
    told = desk.told("--ledger", ledger)
    before = told["before"]
    assert (before["hits"], before["incidents"], told["against"]) == (3, 3, "ledger.db")
    assert {receipt for _, _, receipt in receipts(told["only_now"])} == {"R1"}
    assert told["only_before"]["count"] == told["now"]["hits"] - 6 == 0
    code, _, err = desk.run("--ledger", ledger, "--against", "live")
    assert code == 2
    assert "two things to compare with" in err


def test_a_label_of_an_earlier_day_is_no_miss_of_the_days_that_count(desk: Desk) -> None:
    hits = {
        (hit["store"], hit["day"], hit["about"]["receipt"]): hit for hit in desk.told()["sample"]
    }
    first, last = hits["north", "2026-01-01", "R1"], hits["south", "2026-01-03", "R1"]
    rows = [f"{hit['store']},{hit['anchor']},theft" for hit in (first, last)]
    labels = desk.write("labels.csv", "\n".join(["store,anchor,verdict", *rows, ",no/1,theft"]))
    now = desk.told("--labels", labels)["now"]
    assert (now["losses_caught"], now["losses_labelled"]) == (2, 3)
    now = desk.told("--labels", labels, "--last", "1d")["now"]
    assert (now["losses_caught"], now["losses_labelled"], now["right"]) == (1, 2, 1)


def test_labels_may_name_the_incidents_of_a_ledger(desk: Desk) -> None:
    desk.write("rules/quick-void.yml", RULE.replace("status: draft", "status: live"))
    ledger = str(desk.folder / "ledger.db")
    assert main(["replay", desk.store, "--events", str(desk.days), "--out", ledger]) == 0
    desk.capsys.readouterr()
    assert main(["incidents", "list", "--ledger", ledger, "--json"]) == 0
    cases = [json.loads(line) for line in desk.capsys.readouterr().out.splitlines()]
    verdicts = {"north": "theft", "south": "staff"}
    rows = [f"{case['id']},{verdicts[case['store']]}" for case in cases]
    labels = desk.write("labels.csv", "\n".join(["incident,verdict", *rows]))
    code, _, err = desk.run("--labels", labels)
    assert code == 2
    assert "names incidents: say with --ledger where they are written down" in err
    for words in ([], ["--against", desk.rule]):
        now = desk.told("--labels", labels, "--ledger", ledger, *words)["now"]
        assert (now["right"], now["wrong"], now["unlabelled"]) == (4, 2, 0)
        assert (now["losses_caught"], now["honest_hit"]) == (4, 2)
        now = desk.told("--labels", labels, "--ledger", ledger, "--last", "2d", *words)["now"]
        assert (now["losses_caught"], now["losses_labelled"]) == (2, 2)
    text = "store,incident,verdict\n,north-99,theft\nsouth,north-1,theft\n"
    labels = desk.write("labels.csv", text)
    code, _, err = desk.run("--labels", labels, "--ledger", ledger)
    assert code == 1
    assert f"{labels}:2: error: {ledger} has no incident north-99" in err
    assert f"{labels}:3: error: {ledger} has no incident north-1 of south" in err


def test_what_late_evidence_withdrew_is_no_hit(desk: Desk) -> None:
    events = day("10:00:00 pos.item lane=1\n10:00:01 pos.void lane=1 receipt=R1", "north", 0)
    (late,) = parse_lines("\n\n\n10:00:02 vision.person lane=1", REGISTRY)
    late = replace(late, store="north")
    last = tick_of("north", events[-1].time + 60_000_000, final=True)
    events = [*events[:-1], tick_of("north", events[-1].time), late, last]
    desk.days = write_archive(desk.folder / "late", events)
    told = desk.told()
    assert (told["now"]["hits"], told["now"]["withdrawn"], told["now"]["incidents"]) == (0, 1, 0)
    assert told["judgements"]["stopped_by"] == {"not_seen vision.person": 1}
    assert told["judgements"]["made"] == 1


def test_several_rules_are_judged_in_one_go_and_a_folder_is_all_of_its_rules(desk: Desk) -> None:
    other = RULE.replace("id: quick-void", "id: slow-void").replace("10s before", "5s before")
    other_file = desk.write("rules/slow-void.yml", other)
    code, out, _ = desk.run("--json", rule=str(desk.folder / "rules"))
    assert code == 0
    hits = {rule["id"]: rule["now"]["hits"] for rule in json.loads(out)["rules"]}
    assert hits == {"quick-void": 6, "slow-void": 3}
    for number in range(3):
        desk.write(f"rules/r{number}.yml", RULE.replace("quick-void", f"r{number}"))
    desk.write("rules/r0.yml", RULE.replace("quick-void", "r0") + BUDGET.replace("1.5", "1"))
    code, out, _ = desk.run("--against", other_file, rule=str(desk.folder / "rules"))
    assert code == 1
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "rule hits only now only before a store and day precision budget" in lines
    assert "quick-void 6 3 0 1.20 - ok" in lines
    assert "r0 6 3 0 1.20 - OVER max_per_store_day" in lines
    assert "r1 6 3 0 1.20 - -" in lines
    assert lines[-1] == "5 rules, over their budget: r0"
    code, _, err = desk.run("--plot", str(desk.folder / "p.png"), rule=str(desk.folder / "rules"))
    assert code == 2
    assert "--plot draws one rule at a time, and there are 5" in err


def test_a_budget_is_a_case_of_junit(desk: Desk) -> None:
    desk.write("rules/quick-void.yml", RULE + BUDGET.replace("1.5", "1"))
    report = desk.folder / "report.xml"
    assert desk.run("--junit", str(report))[0] == 1
    (suite,) = ElementTree.fromstring(report.read_bytes())
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "skipped")}
    assert counts == {"tests": "2", "failures": "1", "skipped": "1"}
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "north has 1.33 incidents a day, over the budget of 1"


def test_a_rule_that_no_device_could_feed_says_that_it_is_idle(desk: Desk) -> None:
    devices = "devices: {till: {lane: '1', sees: [pos.item, pos.void]}}\n"
    desk.write("store.yml", STORE + devices)
    code, out, _ = desk.run()
    assert code == 0
    assert "idle here: no device of this store sees vision.person" in out
    assert "no event was judged" not in out


def test_what_is_no_event_and_whose_store_is_not_described_is_told(desk: Desk) -> None:
    messages = [
        Archived(1, "ev.north.till.pos.item", b"no json"),
        Archived(2, "ev.north.till.pos.item", Codec.encode(tick_of("north", LINES_US))),
        *(
            Archived(3 + n, f"ev.west.{e.device}.{type_of(type(e))}", Codec.encode(e))
            for n, e in enumerate(day("10:00:00 pos.item lane=1", "west", 0))
        ),
    ]
    with ArchiveWriter(desk.folder / "odd") as writer:
        for message in messages:
            writer.write(message)
    desk.days = desk.folder / "odd"
    code, _, err = desk.run()
    assert code == 2
    assert "refused 2 rows that tell no event" in err
    assert "passed over 3 events of west" in err
    assert "nothing was judged" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--last", "28"], "--last: '28' is no number of days; write e.g. last 28d"),
        (["--within", "soon"], "--within: 'soon' is not a duration"),
        (["--miss", "5"], "--miss: '5' is no amount of money; write e.g. EUR 12.50"),
        (["--miss", "USD 5"], "costs of quick-void are in USD"),
        (["--plot", "page.gif"], "the name must end in .png, .svg, .pdf"),
        (["--labels", "none.csv"], "the labels in none.csv cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(desk: Desk, words: list[str], told: str) -> None:
    code, out, err = desk.run(*words)
    assert (code, out) == (2, "")
    assert told in err


def test_days_without_their_store_file_are_refused(desk: Desk) -> None:
    assert main(["rules", "backtest", desk.rule, "--data", str(desk.days)]) == 2
    assert "name its store file with --store" in desk.capsys.readouterr().err
    assert main(["rules", "backtest", desk.rule, "--store", desk.store, "--data", "none"]) == 2
    assert "there is nothing at none" in desk.capsys.readouterr().err


def test_a_page_is_drawn_the_same_each_time(desk: Desk) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    labels = desk.write("labels.csv", LABELS)
    pages = [desk.folder / f"{number}.svg" for number in range(2)]
    for page in pages:
        code, _, err = desk.run("--plot", str(page), "--labels", labels, "--against", desk.rule)
        assert code == 0
        assert f"drawn: {page}" in err
    assert pages[0].read_bytes() == pages[1].read_bytes()
    text = pages[0].read_text()
    for words in ("quick-void", "Labelled hits", "Where judgements stopped", "budget 1.5", "north"):
        assert words in text
    picture = desk.folder / "page.png"
    assert desk.run("--plot", str(picture))[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_page_is_one_clear_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    code, out, err = desk.run("--plot", str(desk.folder / "page.png"))
    assert (code, out) == (2, "")
    assert "--plot needs matplotlib: pip install 'aislewatch[plot]'" in err


def test_the_file_as_it_was_committed_goes_by_the_macros_that_were_committed_with_it(
    desk: Desk,
) -> None:
    scanned = "same: [lane], window: 10s before v"
    desk.write("rules/quick-void.yml", RULE.replace(scanned, f"where: macros.sold, {scanned}"))
    desk.write("macros.yml", "sold: has(price)\n")
    desk.git("init")
    desk.git("add", "rules", "macros.yml")
    desk.git("commit", "-m", "as it was")
    desk.write("macros.yml", "sold: not has(price)\n")
    told = desk.told("--against", "HEAD")
    # One of the two scans before a void told its price.
    assert (told["now"]["hits"], told["before"]["hits"]) == (3, 3)
    assert receipts(told["only_now"]) != receipts(told["only_before"])


VOIDED = """\
id: voided
title: A void
status: live
when: {event: pos.void, as: v}
incident: {type: fraud.void, about: {receipt: v.receipt, lane: v.lane}, points: 3, because: x}
"""
AGAIN = """\
id: again
title: A second void at a lane within hours
status: draft
when: {event: signal.voided, as: last}
match:
  - {count: signal.voided, as: n, same: [lane], window: 4h before last, at_least: 2}
incident: {type: fraud.void, about: {receipt: last.receipt}, points: 5, because: "{n} voids"}
"""


def test_a_rule_on_signals_is_judged_with_the_rules_below_it(desk: Desk) -> None:
    desk.write("rules/voided.yml", VOIDED)
    above = desk.write("rules/again.yml", AGAIN)
    told = desk.told(rule=above)
    # Of the four voids of lane 1 in a morning, all but the first; on each of three mornings.
    assert told["now"]["hits"] == 9
    assert told["now"]["incidents"] == 9
    assert told["judgements"]["made"] == 15
    assert told["unheard"] == {}
    # Its signals make no incidents here, and a draft says nothing.
    desk.write("rules/voided.yml", VOIDED.replace("live", "draft"))
    told = desk.told(rule=above)
    assert told["now"]["hits"] == 0
    assert told["unheard"] == {"voided": "its status is draft"}
    _, out, _ = desk.run(rule=above)
    assert "no signal of voided could be heard: its status is draft" in out


def test_a_rule_on_signals_is_not_judged_without_the_rules_below_it(desk: Desk) -> None:
    desk.write("rules/voided.yml", VOIDED)
    above = desk.write("rules/again.yml", AGAIN)
    desk.write("store.yml", STORE.replace("[rules]", "[rules/quick-void.yml]"))
    code, _, err = desk.run(rule=above)
    assert code == 2
    assert "again looks for signals of voided, which is not at hand" in err
