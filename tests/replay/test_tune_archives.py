"""`aislewatch rules tune` on the archive of a small shop, as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from aislewatch.authoring.backtest_labels import Label, Verdict
from aislewatch.authoring.tune_held import EACH_MIN, Place, hold_out
from aislewatch.authoring.tune_values import values_around, values_between
from aislewatch.cli.app import main
from aislewatch.events.kinds import Event
from aislewatch.rules.model import ParamShape
from aislewatch.testing.archives import archive_of_lines, tick_of, write_archive
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY

RULE = """\
id: soon-void
title: A line is voided soon after its scan
status: draft
params:
  soon: {default: 30s, min: 5s, max: 60s, doc: "from scan to void"}   # of one shop
  least: 1
when: {event: pos.void, as: v}
match:
  - {seen: pos.item, as: scan, same: [lane], window: params.soon before v}
  - check: v.units >= params.least
incident: {type: fraud.void, about: {receipt: v.receipt}, points: 10, because: "{v.receipt}"}
tests:
  - name: soon
    events: |
      10:00:00 pos.item lane=1
      10:00:05 pos.void lane=1 receipt=R1
    expect: {fires: 1}
  - name: long after
    events: |
      10:00:00 pos.item lane=1
      10:02:00 pos.void lane=1 receipt=R1
    expect: {fires: 0}
"""
STORE = """\
store: [north]
timezone: UTC
currency: EUR
rules: [rules]
"""
GAPS_S = [*((2 + n % 8, "theft") for n in range(20)), *((11 + n, "honest") for n in range(18))]
"""From each scan to its void, and what was found out about it."""


class Desk:
    """A folder with a rule, a store file, a day, and labels of what happened on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        (folder / "rules").mkdir()
        self.rule = folder / "rules" / "soon-void.yml"
        self.rule.write_text(RULE)
        (folder / "store.yml").write_text(STORE)
        lines: list[str] = []
        labels = ["store,time,about,verdict,amount"]
        for number, (gap, verdict) in enumerate(GAPS_S):
            clock = f"{8 + number // 6:02}:{10 * (number % 6):02}"
            lines.append(f"{clock}:00 pos.item store=north lane=1")
            lines.append(f"{clock}:{gap:02} pos.void store=north lane=1 receipt=R{number} units=1")
            amount = "20.00" if verdict == "theft" else ""
            labels.append(f"north,2026-01-01 {clock}:{gap:02},receipt=R{number},{verdict},{amount}")
        (folder / "labels.csv").write_text("\n".join(labels) + "\n")
        self.days = archive_of_lines(folder / "days", lines, "20:00:00")

    def run(self, *words: str, labelled: bool = True) -> tuple[int, str, str]:
        fixed = ["--store", str(self.folder / "store.yml"), "--events", str(self.days)]
        known = ["--labels", str(self.folder / "labels.csv"), "--within", "1s"] if labelled else []
        code = main(["rules", "tune", str(self.rule), *fixed, *known, *words])
        out, err = self.capsys.readouterr()
        return code, out, err

    def told(self, *words: str) -> dict[str, Any]:
        _, out, _ = self.run("--json", *words)
        return dict(json.loads(out))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_the_value_that_costs_least_and_loses_nothing_is_proposed(desk: Desk) -> None:
    code, out, err = desk.run("--param", "soon")
    assert code == 1
    rows = {words[0]: words for line in out.splitlines() if (words := line.strip(" =>").split())}
    assert rows["30s"][:4] == ["30s", "38", "20", "of"]
    assert rows["15s"][:4] == ["15s", "25", "20", "of"]
    assert "proposed: 15s instead of 30s" in out
    assert "  >  15s  " in out
    assert "  =  30s  " in out
    assert "cost counts one for each miss and each false alarm" in err
    assert max(map(len, out.splitlines())) <= 80
    assert desk.rule.read_text() == RULE


def test_each_value_is_told_with_what_it_catches_accuses_and_loses(desk: Desk) -> None:
    told = desk.told("--param", "soon=5s,10s", "--false-alarm", "EUR 2")
    (param,) = told["compared"]
    assert (told["priced"], told["currency"]) == (True, "EUR")
    assert param["proposed"] == told["best"] == {"soon": "10s"}
    found = {one["values"]["soon"]: one for one in param["tried"]}
    assert list(found) == ["5s", "10s", "30s"]
    counts = {value: (o["caught"], o["false"], o["lost"], o["cost"]) for value, o in found.items()}
    # Of the thefts 11 took more than five seconds; each was of 20.00, and a false alarm is 2.00.
    slow = sum(gap > 5 for gap, verdict in GAPS_S if verdict == "theft")
    assert counts == {"5s": (20 - slow, 0, slow, slow * 2000), "10s": (20, 0, 0, 0),
                      "30s": (20, 18, 0, 3600)}  # fmt: skip
    low, estimate, high = found["30s"]["precision"]
    assert (round(low, 3), round(estimate, 3), round(high, 3)) == (0.373, 0.526, 0.675)


def test_what_loses_a_labelled_loss_is_proposed_only_to_whoever_says_so(desk: Desk) -> None:
    dear = ("--param", "soon=5s", "--false-alarm", "EUR 200")
    (param,) = desk.told(*dear)["compared"]
    assert param["proposed"] is None
    assert "loses labelled losses that are caught now" in param["says"]
    (param,) = desk.told(*dear, "--may-lose")["compared"]
    assert param["proposed"] == {"soon": "5s"}


def test_without_labels_or_with_few_nothing_is_proposed(desk: Desk) -> None:
    code, out, _ = desk.run(labelled=False)
    assert code == 0
    assert "none proposed: no label speaks of it" in out
    labels = desk.folder / "labels.csv"
    known = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join([*known[:11], *known[-12:]]))
    code, out, _ = desk.run("--param", "soon")
    assert code == 0
    assert "22 labels are too few to propose it (at least 30)" in out


# Several together -------------------------------------------------------------------------------

BOTH = ("--param", "soon=10s..30s/10s", "--param", "least=1..2")


def test_several_parameters_are_tried_in_every_combination_the_cheapest_first(desk: Desk) -> None:
    told = desk.told(*BOTH)
    (both,) = told["compared"]
    assert both["params"] == ["soon", "least"]
    chosen = [(one["values"]["soon"], one["values"]["least"]) for one in both["tried"]]
    assert sorted(chosen) == [(s, n) for s in ("10s", "20s", "30s") for n in ("1", "2")]
    costs = [one["cost"] for one in both["tried"]]
    assert costs == sorted(costs)
    # Every void is of one unit: at two nothing is hit, and every loss missed.
    assert {(one["values"]["least"], one["hits"] == 0) for one in both["tried"]} == {
        ("1", False),
        ("2", True),
    }
    assert told["best"] == both["proposed"] == {"soon": "10s", "least": "1"}
    edge = {tuple(one["values"].values()) for one in both["tried"] if one["pareto"]}
    assert edge == {("10s", "1")}, "it misses nothing and accuses nobody"


def test_the_pareto_edge_is_what_nothing_is_better_than_in_both(desk: Desk) -> None:
    told = desk.told("--param", "soon=5s,8s,15s,30s", "--param", "least=1,2")
    (both,) = told["compared"]
    errors = {(one["losses"] - one["caught"], one["false"]): one["pareto"] for one in both["tried"]}
    for (missed, wrong), pareto in errors.items():
        beaten = any(m <= missed and w <= wrong and (m, w) != (missed, wrong) for m, w in errors)
        assert pareto is not beaten
    assert 1 < sum(errors.values()) < len(errors)


def test_combinations_are_shown_as_a_table_with_the_proposal_and_the_edge(desk: Desk) -> None:
    code, out, err = desk.run(*BOTH)
    assert code == 1
    assert "params.soon  from scan to void" in out
    rows = [line.split() for line in out.splitlines() if "20" in line and " of " in line]
    assert rows[0][:3] == [">*", "10s", "1"]
    assert any(row[:3] == ["=", "30s", "1"] for row in rows)
    assert "proposed: soon=10s, least=1 instead of soon=30s, least=1" in out
    assert "*: on the Pareto edge" in err
    assert max(map(len, out.splitlines())) <= 80


def test_of_many_combinations_those_that_cost_most_are_left_to_json(desk: Desk) -> None:
    grid = ("--param", "soon=6s..30s/1s", "--param", "least=1..3")
    _, out, _ = desk.run(*grid)
    assert "that cost more; --json has them all" in out
    assert "  =   30s" in out
    (both,) = desk.told(*grid)["compared"]
    assert len(both["tried"]) == 75, "more than one pass over the days can take"


def test_a_combination_is_written_whole(desk: Desk) -> None:
    code, out, _ = desk.run("--param", "soon=15s", "--param", "least=0,1", "--write")
    assert code == 0
    assert "soon is 15s now, it was 30s" in out
    assert "least" not in out.partition("proposed:")[2].partition("\n")[2], "it stays as it is"
    assert desk.rule.read_text() == RULE.replace("default: 30s", "default: 15s")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (("soon=6s..60s", "least=1..20"), "combinations of values are more than can be tried"),
        (("soon=10s", "soon=20s"), "--param soon is given twice"),
    ],
)
def test_combinations_that_cannot_be_tried_are_told(
    desk: Desk, params: tuple[str, ...], message: str
) -> None:
    code, _, err = desk.run(*(word for one in params for word in ("--param", one)))
    assert code == 2
    assert message in err


# What is held out -------------------------------------------------------------------------------

Cases = list[tuple[int, str]]
SOON: Cases = [(2 + n % 8, "theft") for n in range(20)]
LATER: Cases = [(11 + n % 9, "theft") for n in range(10)]


class Days(Desk):
    """Several days of some shops, whose labels differ from each other."""

    def fill(self, cases: dict[tuple[str, int], Cases]) -> None:
        (self.folder / "store.yml").write_text(STORE.replace("[north]", "[north, south, west]"))
        self.days = self.folder / "more days"
        labels = ["store,time,about,verdict,amount"]
        for store in sorted({store for store, _ in cases}):
            log: list[Event] = []
            for day, some in sorted((day, some) for (s, day), some in cases.items() if s == store):
                lines: list[str] = []
                for number, (gap, verdict) in enumerate(some):
                    clock, receipt = f"{8 + number // 6:02}:{10 * (number % 6):02}", f"R{number}"
                    lines.append(f"{clock}:00 pos.item store={store} lane=1")
                    lines.append(f"{clock}:{gap:02} pos.void store={store} lane=1 receipt={receipt}"
                                 " units=1")  # fmt: skip
                    at = f"2026-01-{day:02} {clock}:{gap:02}"
                    labels.append(f"{store},{at},receipt={receipt},{verdict},")
                for event in parse_lines("\n".join(lines), REGISTRY):
                    time = event.time + (day - 1) * 86_400_000_000
                    moved = replace(event, time=time, id=f"{day}/{event.id}")
                    log += tick_of(store, time), moved
            log.append(tick_of(store, log[-1].time + 3_600_000_000, final=True))
            write_archive(self.days, log)
        (self.folder / "labels.csv").write_text("\n".join(labels) + "\n")


@pytest.fixture
def days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Days:
    made = Days(tmp_path, capsys)
    made.rule.write_text(RULE.replace("default: 30s", "default: 10s"))
    return made


HONEST_LATER: Cases = [(11 + n % 9, "honest") for n in range(10)]
HONEST_MUCH_LATER: Cases = [(40 + n, "honest") for n in range(10)]


def test_what_costs_more_on_days_that_had_no_part_in_choosing_is_not_proposed(days: Days) -> None:
    kind = [*SOON[:10], *LATER, *HONEST_MUCH_LATER]
    days.fill({("north", 1): kind, ("north", 2): kind, ("north", 3): [*SOON, *HONEST_LATER]})
    told = days.told("--param", "soon=10s..20s/5s")
    assert told["held_out"] == {
        "by": "days", "names": ["2026-01-03"], "labels": 30, "choosing": 60,
    }  # fmt: skip
    (soon,) = told["compared"]
    found = {one["values"]["soon"]: one for one in soon["tried"]}
    assert (found["10s"]["cost_choosing"], found["10s"]["cost_held_out"]) == (20, 0)
    assert (found["20s"]["cost_choosing"], found["20s"]["cost_held_out"]) == (0, 10)
    assert found["20s"]["cost"] == 10
    assert soon["proposed"] is None
    assert "20s costs least on the days that chose it, but more than 10s" in soon["says"]
    code, out, err = days.run("--param", "soon=10s..20s/5s")
    assert code == 0
    assert "held: the cost on 1 day kept from choosing (2026-01-03), with 30 labels" in err
    assert "cost  held" in out


def test_what_stands_up_to_the_days_held_out_is_proposed(days: Days) -> None:
    kind = [*SOON[:10], *LATER, *HONEST_MUCH_LATER]
    days.fill({("north", day): kind for day in (1, 2, 3)})
    told = days.told("--param", "soon=10s..20s/5s", "--param", "least=1,2")
    assert told["best"] == {"soon": "20s", "least": "1"}
    assert told["held_out"]["names"] == ["2026-01-03"]


def test_stores_are_held_out_where_all_labels_are_of_one_day(days: Days) -> None:
    kind = [*SOON[:10], *LATER, *HONEST_MUCH_LATER]
    days.fill({(store, 1): kind for store in ("north", "south", "west")})
    told = days.told("--param", "soon=20s")
    assert told["held_out"] == {"by": "stores", "names": ["west"], "labels": 30, "choosing": 60}
    assert told["best"] == {"soon": "20s"}


def test_it_is_said_where_nothing_can_be_held_out(desk: Desk) -> None:
    _, _, err = desk.run("--param", "soon=15s")
    assert "nothing was held out: 38 labels of 1 day and 1 store are too few" in err
    assert "may do worse on others" in err
    told = desk.told("--param", "soon=15s")
    assert told["held_out"] is None
    assert "are too few: it takes 10 in each part" in told["not_held_out"]
    _, _, err = desk.run("--param", "soon=15s", labelled=False)
    assert "held out" not in err, "nothing chooses where nobody has looked"


def case(line: int, verdict: Verdict, day: str, store: str = "s1") -> Place:
    return Place(Label(line=line, verdict=verdict, store=store), store, day)


both = st.sampled_from(["loss", "honest", "unknown"])
some_days = st.sampled_from([f"2026-01-{n:02}" for n in range(1, 9)])


@given(st.lists(st.tuples(both, some_days, st.sampled_from(["a", "b", "c"])), max_size=120))
def test_both_parts_can_tell_a_good_choice_from_a_bad_one(
    cases: list[tuple[Verdict, str, str]],
) -> None:
    labels = [case(line, *one) for line, one in enumerate(cases)]
    held = hold_out(labels)
    known = [one for one in labels if one.label.verdict != "unknown"]
    if isinstance(held, str):
        assert f"{len(known)} labels" in held
        return
    out = [one for one in known if held.holds(one.store, one.day)]
    kept = [one for one in known if not held.holds(one.store, one.day)]
    assert (len(out), len(kept)) == (held.labels, held.choosing)
    assert 3 * len(out) >= len(known)
    for part in (out, kept):
        assert len(part) >= EACH_MIN
        assert {one.label.verdict for one in part} == {"loss", "honest"}
    if held.by == "days":
        assert max(one.day for one in kept) < min(one.day for one in out)


def test_write_sets_the_files_own_value_and_leaves_every_other_byte(desk: Desk) -> None:
    code, out, err = desk.run("--write")
    assert code == 0
    assert desk.rule.read_text() == RULE.replace("default: 30s", "default: 15s")
    assert "soon is 15s now, it was 30s" in out
    assert "aislewatch rules lock" in err


def test_a_proposal_with_which_the_rules_tests_fail_is_not_written(desk: Desk) -> None:
    strict = RULE.replace("10:00:05 pos.void", "10:00:25 pos.void")
    desk.rule.write_text(strict)
    code, _, err = desk.run("--write")
    assert code == 1
    assert "its tests fail" in err
    assert desk.rule.read_text() == strict


def test_a_value_that_the_store_sets_is_for_the_store_file_to_change(desk: Desk) -> None:
    (desk.folder / "store.yml").write_text(STORE + "params: {soon-void: {soon: 40s}}\n")
    code, _, err = desk.run("--write")
    assert code == 2
    assert "sets soon of soon-void" in err
    assert desk.rule.read_text() == RULE


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("sooner", "has no parameter 'sooner'; did you mean 'soon'?"),
        ("soon=5kg", "'5kg' is none that soon could have; write one like 30s"),
        ("soon=2m", "more than 60s, the greatest that it may be"),
        (f"least={','.join(map(str, range(2, 500)))}", "more than can be tried at once (400)"),
        ("least=1..500", "'1..500' holds 500 values: say how far apart, as in 1..500/STEP"),
        ("least=5..1", "'5..1' holds no value: write the lesser first"),
        ("least=1..5/0", "'1..5/0' holds no value"),
        ("soon=1..5", "'1..5' is no range of what soon could be; write one like 30s..30s"),
        ("soon=10s..", "is no range of what soon could be"),
    ],
)
def test_a_value_that_cannot_be_tried_is_told(desk: Desk, param: str, message: str) -> None:
    code, _, err = desk.run("--param", param)
    assert code in {1, 2}
    assert message in err


@pytest.mark.parametrize(
    ("shape", "now", "expected"),
    [
        ({}, "30s", ["15s", "20s", "24s", "30s", "38s", "45s", "60s"]),
        ({"min": "20s", "max": "40s"}, "30s", ["20s", "24s", "30s", "38s", "40s"]),
        ({}, "4", ["2", "3", "4", "5", "6", "8"]),
        ({}, "1", ["1", "2"]),
        ({}, "-60dBm", ["-70dBm", "-66dBm", "-63dBm", "-60dBm", "-57dBm", "-54dBm", "-50dBm"]),
        ({}, "EUR 5", ["EUR 2.5", "EUR 3.3", "EUR 4", "EUR 5", "EUR 6.2", "EUR 7.5", "EUR 10"]),
        ({"max": "100%"}, "80%", ["40%", "53%", "64%", "80%", "100%"]),
        ({}, "0.25kg", ["0.12kg", "0.17kg", "0.2kg", "0.25kg", "0.31kg", "0.38kg", "0.5kg"]),
        ({}, "1h30m", ["45m", "1h", "1h12m", "1h30m", "1h52m", "2h15m", "3h"]),
        ({"one_of": ["'a'", "'b'"]}, "'a'", ["'a'", "'b'"]),
        ({"select": "zone"}, "shelf", ["door", "shelf"]),
        ({}, "'exit'", ["'exit'"]),
    ],
)  # fmt: skip
def test_values_lie_around_the_one_in_force_and_within_its_bounds(
    shape: dict[str, Any], now: str, expected: list[str]
) -> None:
    declared = ParamShape.model_validate({"default": now, **shape})
    assert values_around(declared, now, {"door"}) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("1..4", "2", ["1", "2", "3", "4"]),
        ("10s..1m/20s", "30s", ["10s", "30s", "50s"]),
        ("1m..3m", "30s", ["1m", "2m", "3m"]),
        ("-60dBm..-50dBm/5dBm", "-60dBm", ["-60dBm", "-55dBm", "-50dBm"]),
        ("EUR 5..EUR 20/EUR 7.5", "EUR 5", ["EUR 5", "EUR 12.5", "EUR 20"]),
        ("10%..20%/5%", "80%", ["10%", "15%", "20%"]),
        ("0.5..1.5/0.5", "1", ["0.5", "1", "1.5"]),
        ("200g..0.4kg/100g", "1kg", ["200g", "300g", "400g"]),
        ("1h30m..2h/15m", "1h", ["1h30m", "1h45m", "2h"]),
    ],
)
def test_a_range_is_written_in_the_unit_that_it_begins_in(
    text: str, now: str, expected: list[str]
) -> None:
    assert values_between("x", text, now) == expected
