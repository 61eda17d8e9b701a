"""Labels: read or refused whole, and held against hits."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.authoring.backtest_hits import Hit
from aislewatch.authoring.backtest_labelled import Money, score
from aislewatch.authoring.backtest_labels import VERDICTS, Label, Verdict, read_labels
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.rules.backtest import Cost
from aislewatch.rules.backtest import Money as Amount

S_US = 1_000_000
NOON_US = 1_772_366_400 * S_US
"""2026-03-01 12:00 UTC."""

BOTH = frozenset({("epc", "E1"), ("lane", "2")})


def read(folder: Path, text: str, name: str = "labels.csv", zone: str = "UTC") -> list[Label]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_labels(path, zone=zone, currency="EUR")


def hit(anchor: str = "a", at_s: int = 0, value: int | None = None, **about: str) -> Hit:
    entities = tuple(sorted(about.items()))
    return Hit(NOON_US + at_s * S_US, "s1", anchor, "2026-03-01", entities, "b", 100, value)


def label(
    line: int,
    verdict: Verdict,
    at_s: int | None = 0,
    *,
    anchor: str = "",
    amount: int | None = None,
    **about: str,
) -> Label:
    time_us = None if at_s is None else NOON_US + at_s * S_US
    anchors = frozenset([anchor] if anchor else [])
    entities = frozenset(about.items())
    return Label(line, verdict, "s1", time_us, anchors, about=entities, amount_minor=amount)


# Reading -----------------------------------------------------------------------------------------


def test_a_table_of_labels_is_read_in_the_store_s_zone_and_currency(tmp_path: Path) -> None:
    text = (
        "store,time,about,verdict,amount,rule,note\n"
        "s1,2026-03-01T13:00:00,epc=E1 lane=2,Confirmed_Theft,42.00,r,on film\n"
        's1,2026-03-01T12:00:00+00:00,"epc=E1, lane=2",false-alarm,,,\n'
    )
    assert read(tmp_path, text, zone="Europe/Amsterdam") == [
        Label(2, "loss", "s1", NOON_US, about=BOTH, amount_minor=4200, rule="r"),
        Label(3, "honest", "s1", NOON_US, about=BOTH),
    ]


def test_lines_of_json_may_give_entities_as_an_object(tmp_path: Path) -> None:
    text = '{"anchor":"d/1","verdict":"fraud"}\n\n' + (
        f'{{"time_us":{NOON_US},"entity":{{"epc":"E1"}},"verdict":"staff","amount":5}}\n'
    )
    assert read(tmp_path, text, "labels.jsonl") == [
        Label(1, "loss", anchors=frozenset(["d/1"])),
        Label(3, "honest", time_us=NOON_US, about=frozenset({("epc", "E1")}), amount_minor=500),
    ]


def test_everything_that_is_wrong_with_labels_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = (
        "stor,time,about,verdict,amount\n"
        "s1,noon,epc=E1,theft,\n"
        "s1,2026-03-01,E1,theft,\n"
        "s1,2026-03-01,epc=E1,thief,\n"
        "s1,2026-03-01,epc=E1,theft,4.001\n"
        "s1,,epc=E1,theft,\n"
        "s1,2026-03-01,epc=E1,theft,,more\n"
    )
    with pytest.raises(FileMistakes) as found:
        read(tmp_path, text)
    assert [(m.line, m.message) for m in found.value.mistakes] == [
        (1, "unknown column 'stor'"),
        (2, "'noon' is no time"),
        (3, "'E1' names no entities"),
        (4, "'thief' is no verdict"),
        (5, "'4.001' is no amount"),
        (6, "it does not say which case it is"),
        (7, "there are more values than columns"),
    ]
    assert found.value.mistakes[3].hint.startswith("did you mean 'theft'?")


def test_labels_that_are_not_there_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_labels(tmp_path / "none.csv", zone="UTC", currency="EUR")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text()
    | st.lists(st.text('"{}[],:=-.0123456789 \nET\x00'), max_size=8).map(
        lambda rows: "time,about,verdict,amount\n" + "\n".join(rows)
    ),
    name=st.sampled_from(["l.csv", "l.jsonl"]),
)
def test_any_text_is_labels_or_located_mistakes(tmp_path: Path, text: str, name: str) -> None:
    mistakes: list[Mistake] = []
    labels: list[Label] = []
    try:
        labels = read(tmp_path, text.encode(errors="replace").decode(), name)
    except FileMistakes as found:
        mistakes = found.mistakes
    assert all(mistake.line for mistake in mistakes)
    assert all(one.verdict in VERDICTS.values() for one in labels)


# Held against hits -------------------------------------------------------------------------------


def test_a_hit_is_as_its_nearest_label_says_and_others_are_unlabelled() -> None:
    hits = [hit("a", 0, epc="E1"), hit("b", 50, epc="E1"), hit("c", 0, epc="E2")]
    labels = [label(2, "loss", 2, epc="E1"), label(3, "honest", 49, epc="E1")]
    scores = score(hits, labels, 60 * S_US, Cost())
    assert [one.verdict for one in scores.judged] == ["loss", "honest", None]
    assert (scores.split.right, scores.split.wrong, scores.split.unlabelled) == (1, 1, 1)
    assert (scores.caught, scores.losses, scores.accused, scores.honest) == (1, 1, 1, 1)


def test_a_label_that_names_the_event_counts_before_a_nearer_one() -> None:
    labels = [label(2, "honest", 0), label(3, "loss", None, anchor="a")]
    (judged,) = score([hit("a")], labels, 0, Cost()).judged
    assert judged.verdict == "loss"


@pytest.mark.parametrize(("apart_s", "caught"), [(60, 1), (61, 0), (-60, 1), (-61, 0)])
def test_a_label_is_of_a_hit_within_its_time_both_ends_included(apart_s: int, caught: int) -> None:
    scores = score([hit(at_s=0)], [label(2, "loss", apart_s)], 60 * S_US, Cost())
    assert scores.caught == caught


def test_a_label_is_of_no_hit_about_others_or_of_another_store() -> None:
    labels = [label(2, "loss", epc="E1", lane="1"), Label(3, "loss", "s2", NOON_US)]
    scores = score([hit(epc="E1", lane="2")], labels, S_US, Cost())
    assert (scores.caught, scores.losses, scores.split.unlabelled) == (0, 2, 1)
    assert scores.recall is not None
    assert scores.recall.estimate == 0


def test_what_was_left_unexplained_is_neither_right_nor_wrong() -> None:
    scores = score([hit()], [label(2, "unknown")], S_US, Cost())
    assert (scores.split.unlabelled, scores.precision, scores.recall) == (1, None, None)


def test_two_hits_of_one_loss_are_two_right_hits_and_one_loss_caught() -> None:
    scores = score([hit("a"), hit("b", 1)], [label(2, "loss")], S_US, Cost())
    assert (scores.split.right, scores.caught, scores.losses) == (2, 1, 1)


def test_goods_count_as_labelled_else_as_the_rule_says_else_as_a_miss_costs() -> None:
    hits = [hit("a", 0, 100), hit("b", 100, 200), hit("c", 200, None)]
    labels = [
        label(2, "loss", 0, amount=1_000),
        label(3, "loss", 100),
        label(4, "loss", 200),
        label(5, "loss", 300),
        label(6, "loss", 400, amount=30),
    ]
    cost = Cost(miss=Amount("EUR", 7))
    assert score(hits, labels, 0, cost).money == Money(1_000 + 200 + 7, 7 + 30, 0, 0)
    assert score(hits, labels, 0, Cost()).money == Money(1_200, 30, 0, 2)


def test_false_alarms_cost_what_is_said_or_are_told_as_unpriced() -> None:
    labels = [label(2, "honest"), label(3, "honest", 900)]
    cost = Cost(false_alarm=Amount("EUR", 500))
    money = score([hit()], labels, 0, cost).money
    assert (money, money.net) == (Money(0, 0, 500, 0), -500)
    assert score([hit()], labels, 0, Cost()).money == Money(0, 0, 0, 1)
