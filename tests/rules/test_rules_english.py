"""Rules in English: every clause and every expression has words, and they are the right ones."""

from fractions import Fraction
from pathlib import Path

import pytest

from aislewatch.authoring.loading import read_rule
from aislewatch.cli.app import main
from aislewatch.events.registry import Registry
from aislewatch.events.units import Dimension
from aislewatch.rules.english import English, english
from aislewatch.rules.english_terms import condition, stretch, value
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Check, Clause, Evidence, Let, Rule, SomeOf, StatsOf
from aislewatch.rules.tree import (
    FIRST,
    FLAG,
    NUMBER,
    TEXT,
    All,
    Any_,
    Arithmetic,
    Bound,
    Call,
    Compare,
    Constant,
    Field,
    Figure,
    Has,
    InList,
    Leftovers,
    Not,
    OneOf,
    Term,
    Type,
    parts,
)
from aislewatch.rules.windows import parse_window
from aislewatch.runtime.rule_folder import rules_in
from aislewatch.testing.small import small_rule

ROOT = Path(__file__).parents[2]
GOLDEN = sorted(Path(__file__).with_name("english").glob("*.txt"))
REGISTRY = Registry()


def words(rule: Rule) -> English:
    return english(rule, REGISTRY.kinds)


def said(*match: str, **incident: str) -> list[str]:
    rule = small_rule("event: pos.item, as: scan", *match, **incident)
    return [statement.text for statement in words(rule).match]


# Whole rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_a_shipped_rule_reads_as_it_was_reviewed(
    golden: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # After a change that is meant: aislewatch rules read rules/NAME.yml > tests/rules/english/...
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["rules", "read", str(ROOT / "rules" / f"{golden.stem}.yml")]) == 0
    shown = capsys.readouterr().out
    assert shown.partition("\n")[2] == golden.read_text().partition("\n")[2]


@pytest.mark.parametrize("file", rules_in(ROOT / "rules"), ids=lambda path: path.stem)
def test_every_shipped_rule_has_words_that_name_all_that_it_binds(file: Path) -> None:
    rule = read_rule(file.read_bytes(), str(file))
    told = words(rule)
    assert len(told.match) == len(rule.clauses)
    shown = " ".join([told.when, *(statement.text for statement in told.match)])
    for clause in rule.clauses:
        name = getattr(clause, "name", None)
        assert name is None or name.startswith("_") or name in shown
    assert words(rule) == told


# Clauses ------------------------------------------------------------------------------------------

CLAUSES = {
    "Seen": (
        "seen: pos.void, as: v, same: [lane], window: 5m before scan, pick: last",
        "At least one pos.void in the 5 minutes up to scan, with the same lane as scan. "
        "The last of them is called v.",
    ),
    "NotSeen": (
        "not_seen: [pos.void, pos.refund], where: units > 1, window: 3s around scan",
        "No pos.void or pos.refund within 3 seconds of scan, before or after, anywhere in the "
        "shop, where units is more than 1. Where a device that would have seen one was not in "
        "order, nothing is decided.",
    ),
    "Aggregate": (
        "max: pos.item.price, as: most, same: [lane], window: 1h before scan, at_least: EUR 5, "
        "less_than: EUR 9.50",
        "The greatest price of all pos.item in the 1 hour up to scan, with the same lane as scan "
        "(scan itself counts), is at least 5.00 and is less than 9.50. It is called most.",
    ),
    "Check": ("check: scan.units > 2, points: -3",
              "scan's units is more than 2. Counts -3 points: the odds divided by 2."),
    "Unmatched": (
        "unmatched: {left: rfid.read, right: pos.void}, same: [lane], by: [sku], "
        "window: 2s before scan to 1s after scan",
        "All rfid.read are paired off with all pos.void from 2 seconds before scan to 1 second "
        "after scan, with the same lane as scan, one to one, each with one of equal sku. What is "
        "left over is called left and right. Where a device that would have seen a partner was "
        "not in order, nothing is decided.",
    ),
    "SomeOf": ("any_of: [{check: scan.units > 2}, {check: scan.units < 1}], at_least: 1",
               "At least 1 of these 2 hold:"),
}  # fmt: skip


def kinds_of(base: type) -> set[str]:
    """Name all classes below one, by name: one with slots is made from one without."""
    below: list[type] = base.__subclasses__()
    return {one.__name__ for one in below}.union(*map(kinds_of, below))


def test_every_kind_of_clause_is_among_those_that_are_tried() -> None:
    assert kinds_of(Clause) == {*CLAUSES, Let.__name__, StatsOf.__name__, Evidence.__name__}


@pytest.mark.parametrize(("clause", "sentence"), CLAUSES.values(), ids=CLAUSES)
def test_a_clause_is_a_sentence(clause: str, sentence: str) -> None:
    assert said(clause) == [sentence]


def test_a_figure_that_is_only_named_says_what_it_stands_for() -> None:
    text = (
        "id: r\ntitle: t\nwhen: {event: pos.item, as: scan}\n"
        "let:\n  voids: {count: pos.void, same: [lane], window: 1d before scan}\n"
        "  double: voids * 2\n"
        "incident: {type: theft.x, about: {lane: scan.lane}, because: x}\n"
    )
    assert [one.text for one in words(load_rule(text, "r.yml", REGISTRY)).match] == [
        "voids stands for the number of pos.void in the 1 day up to scan, with the same lane as "
        "scan.",
        "double stands for voids times 2.",
    ]


def test_a_comparison_with_peers_says_who_they_are() -> None:
    text = (
        "id: r\ntitle: t\nwhen: {event: shift.closed, as: shift}\n"
        "let:\n  voids: {count: pos.void, same: [cashier], window: 16h before shift}\n"
        "  peers: {stats_of: voids, others: [cashier], same: [store], window: 28d before shift}\n"
        "match:\n  - check: peers.n >= 11 and voids > peers.mean + 3 * peers.stdev\n"
        "incident: {type: fraud.x, about: {cashier: shift.cashier}, because: x}\n"
    )
    told = words(load_rule(text, "r.yml", REGISTRY)).match
    assert told[1].text == (
        "peers compares voids with its peers: the same figure for every other shift.closed in the "
        "28 days up to shift, with the same store as shift, each with another cashier; shift is "
        "none of them."
    )
    assert told[2].text == (
        "The number of peers is at least 11 and voids is more than the mean of peers plus "
        "(3 times the standard deviation of peers)."
    )


def test_what_need_not_be_there_is_said_to_be_so() -> None:
    (text,) = said("seen: pos.void, as: v, same: [lane], window: 5m after scan, optional: true")
    assert text == (
        "There may be pos.void in the 5 minutes from scan on, with the same lane as scan; if so, "
        "the one nearest to scan is called v."
    )


def test_a_join_of_two_names_says_both() -> None:
    (text,) = said("not_seen: rfid.read, same: {sku: scan.gtin, lane: scan.lane}, "
                   "window: 1s around scan")  # fmt: skip
    assert ", with the same lane as scan, whose sku is scan's gtin." in text


def test_nested_clauses_are_parts_of_what_is_around_them() -> None:
    rule = small_rule(
        "event: pos.item, as: scan",
        "all_of: [{check: scan.units > 2}, {any_of: [{check: scan.units > 3, points: 10}]}]",
    )
    (outer,) = words(rule).match
    assert outer.text == "All of these hold:"
    assert [one.text for one in outer.parts] == ["scan's units is more than 2.",
                                                 "All of these hold:"]  # fmt: skip
    assert outer.parts[1].parts[0].points == 10


def test_the_anchor_of_a_pairing_is_itself_left_over() -> None:
    (text,) = said("unmatched: {left: pos.item, right: rfid.read}, same: [lane], "
                   "window: 2s around scan")  # fmt: skip
    assert "scan itself is left over; what is left over opposite it" in text


# Expressions --------------------------------------------------------------------------------------

MASS, LEVEL = Type(Dimension.MASS), Type(Dimension.LEVEL)
SHARE, MONEY = Type(Dimension.RATIO), Type(Dimension.MONEY)
SPAN, MOMENT = Type(Dimension.DURATION), Type(Dimension.INSTANT)


def field(path: str, kind: Type = NUMBER, binding: str = "scan") -> Field:
    return Field(
        binding=binding, attr=path, path=path, optional=True, unbound=False, type=kind
    )  # fmt: skip


def number(figure: object, kind: Type = NUMBER) -> Constant:
    return Constant(value=Fraction(str(figure)), type=kind)


UNITS = field("units")
SKU = field("sku", TEXT, "")
MORE = Compare(op=">", left=UNITS, right=number(2), type=FLAG)
SAME = Compare(op="==", left=SKU, right=Constant(value="A", type=TEXT), type=FLAG)
ALARM = field("alarm", FLAG, "")


def call(name: str, *args: Term, kind: Type = FLAG) -> Call:
    return Call(name=name, args=args, type=kind)


def sum_of(op: str, left: Term, right: Term) -> Arithmetic:
    return Arithmetic(op=op, left=left, right=right, type=NUMBER)  # type: ignore[arg-type] # One of four.


CONDITIONS: list[tuple[Term, str, str]] = [
    (MORE, "scan's units is more than 2", "scan's units is at most 2"),
    (SAME, "sku is 'A'", "sku is not 'A'"),
    (
        Compare(op="<", left=field("time", MOMENT), right=field("time", MOMENT, "v"), type=FLAG),
        "scan's time is earlier than v's time",
        "scan's time is not earlier than v's time",
    ),
    (Has(term=UNITS, type=FLAG), "scan's units is known", "scan's units is unknown"),
    (
        Has(term=Bound(name="v", unbound=True, type=TEXT), type=FLAG),
        "there is a v",
        "there is no v",
    ),
    (
        OneOf(term=SKU, values=("A", "B", "C"), type=FLAG),
        "sku is 'A', 'B' or 'C'",
        "sku is not 'A', 'B' or 'C'",
    ),
    (
        InList(term=SKU, name="lent", at="scan", type=FLAG),
        "sku is on the list lent",
        "sku is not on the list lent",
    ),
    (
        All(terms=(MORE, Any_(terms=(SAME, ALARM), type=FLAG)), type=FLAG),
        "scan's units is more than 2 and (sku is 'A' or alarm is true)",
        "it is not so that (scan's units is more than 2 and (sku is 'A' or alarm is true))",
    ),
    (
        Any_(terms=(SAME, ALARM), type=FLAG),
        "sku is 'A' or alarm is true",
        "it is not so that (sku is 'A' or alarm is true)",
    ),
    (ALARM, "alarm is true", "alarm is false"),
    (Figure(name="odd", optional=False, type=FLAG), "odd is true", "odd is false"),
    (Constant(value=True, type=FLAG), "anything", "nothing"),
    (
        call("startswith", SKU, Constant(value="A", type=TEXT)),
        "sku begins with 'A'",
        "sku does not begin with 'A'",
    ),
    (
        call("contains", SKU, Constant(value="A", type=TEXT)),
        "sku contains 'A'",
        "sku does not contain 'A'",
    ),
    (
        call("within", UNITS, number(1), number(3)),
        "scan's units lies between 1 and 3",
        "scan's units lies not between 1 and 3",
    ),
]

VALUES: list[tuple[Term, str]] = [
    (UNITS, "scan's units"),
    (
        Figure(name="peers.mad", optional=True, type=NUMBER),
        "the median absolute deviation of peers",
    ),
    (Figure(name="peers.n", optional=True, type=NUMBER), "the number of peers"),
    (field("sku", TEXT, FIRST + "left"), "the first left over left event's sku"),
    (Leftovers(name="left", type=TEXT), "what is left over on the left"),
    (
        call("size", Leftovers(name="left", type=TEXT), kind=NUMBER),
        "the number of what is left over on the left",
    ),
    (call("size", SKU, kind=NUMBER), "the length of sku"),
    (call("lower", SKU, kind=TEXT), "sku in lower case"),
    (call("abs", sum_of("-", UNITS, number(2)), kind=NUMBER), "the size of (scan's units minus 2)"),
    (call("min", UNITS, number(2), number(3), kind=NUMBER), "the least of scan's units, 2 and 3"),
    (call("max", UNITS, number(2), kind=NUMBER), "the greatest of scan's units and 2"),
    (sum_of("-", sum_of("+", UNITS, number(1)), number(2)), "scan's units plus 1 minus 2"),
    (sum_of("-", UNITS, sum_of("+", UNITS, number(2))), "scan's units minus (scan's units plus 2)"),
    (sum_of("*", sum_of("+", UNITS, number(1)), number(2)), "(scan's units plus 1) times 2"),
    (sum_of("/", UNITS, number(2)), "scan's units divided by 2"),
    (sum_of("-", number(0), UNITS), "minus scan's units"),
    (sum_of("*", number("0.15", SHARE), UNITS), "15 % of scan's units"),
    (number(250_000, MASS), "250 g"),
    (number(1_250_000, MASS), "1.25 kg"),
    (number(-60, LEVEL), "-60 dBm"),
    (number(4550, MONEY), "45.50"),
    (number(90_000_000, SPAN), "1 minute 30 seconds"),
    (number(-1_000_000, SPAN), "minus 1 second"),
    (number(0, SPAN), "0 seconds"),
    (number("1/3"), "1/3"),
    (number("0.5"), "0.5"),
    (MORE, "whether scan's units is more than 2"),
]


def test_every_kind_of_expression_is_among_those_that_are_tried() -> None:
    tried = [*(term for term, _, _ in CONDITIONS), *(term for term, _ in VALUES)]
    known = {type(part).__name__ for term in tried for part in parts(term)}
    assert kinds_of(Term) == {*known, Not.__name__}


@pytest.mark.parametrize(("term", "holds", "fails"), CONDITIONS)
def test_a_condition_and_its_contrary_have_words(term: Term, holds: str, fails: str) -> None:
    assert condition(term) == holds
    assert condition(Not(term=term, type=FLAG)) == fails
    assert condition(Not(term=Not(term=term, type=FLAG), type=FLAG)) == holds


@pytest.mark.parametrize(("term", "shown"), VALUES)
def test_a_value_has_words(term: Term, shown: str) -> None:
    assert value(term) == shown


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        ("12h before x", "in the 12 hours up to x"),
        ("10m after x", "in the 10 minutes from x on"),
        ("3s around x", "within 3 seconds of x, before or after"),
        ("60s before x to 10s after x", "from 1 minute before x to 10 seconds after x"),
        ("3s before x to 3s after x", "within 3 seconds of x, before or after"),
        ("between x and y", "between x and y"),
        ("1us after x to 1us before y", "from just after x to just before y"),
        ("1us after x to 0s after y", "from just after x to y"),
        ("0s around x", "at the time of x"),
        ("2h before x to 1h before x", "from 2 hours before x to 1 hour before x"),
    ],
)
def test_a_window_has_words(window: str, shown: str) -> None:
    read, problems = parse_window(window, frozenset({"x", "y"}), {})
    assert problems == []
    assert read is not None
    assert stretch(read) == shown


# What it says -------------------------------------------------------------------------------------


def test_when_it_answers_is_said_with_the_lateness_of_a_store() -> None:
    at_once = small_rule("event: pos.item, as: scan")
    later = small_rule("event: pos.item, as: scan", "not_seen: pos.void, window: 10s after scan")
    for rule, shown in (
        (at_once, "It answers at once, that is, after the store's lateness, 2 seconds."),
        (later, "It answers 10 seconds after scan, and the store's lateness, 2 seconds."),
    ):
        assert english(rule, REGISTRY.kinds, 2_000_000).answers == shown


@pytest.mark.parametrize(
    ("key", "written", "shown"),
    [
        ("points", "-13", "It speaks for theft.test with -13 points: the odds divided by 20."),
        ("points", "0", "It speaks for theft.test with the points of its clauses."),
        ("half_life", "1h", "The points halve every hour."),
        ("family", "exits", "Of all rules of the family exits only the strongest counts."),
        ("quiet", "30m per device", "Then it is silent for 30 minutes about the same device."),
        ("group", "{same: [lane], gap: 60s}",
         "Signals of the same lane, at most 1 minute apart, are one incident."),
        ("value", "scan.price", "At stake is scan's price."),
        ("because", '"{scan.sku} {{so}}"', 'It says: "{scan\'s sku} {so}"'),
    ],
)  # fmt: skip
def test_what_a_signal_says_is_said(key: str, written: str, shown: str) -> None:
    assert shown in words(small_rule("event: pos.item, as: scan", **{key: written})).then


def test_conditions_are_what_was_checked_and_not_what_was_written() -> None:
    rule = small_rule("event: pos.item, as: scan", "check: scan.price > EUR 5 + EUR 1.50")
    (clause,) = rule.clauses
    assert isinstance(clause, Check)
    assert not isinstance(clause, SomeOf)
    assert words(rule).match[0].text == "scan's price is more than 6.50."
