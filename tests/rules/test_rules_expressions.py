"""Expressions: read, typed, and turned into Python that agrees with their meaning."""

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import Count, Event, Key, Level, Mass, Ratio
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.events.units import Dimension
from aislewatch.rules.compiling import compile_event
from aislewatch.rules.desk import Desk
from aislewatch.rules.lexer import Refused
from aislewatch.rules.parser import parse
from aislewatch.rules.rule import Expr
from aislewatch.rules.scope import Binding, Scope
from aislewatch.rules.tree import (
    FIRST,
    NUMBER,
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
)


class Probe(Event, frozen=True, kw_only=True, tag="test.probe"):
    """An event with a field of every sort, required and not."""

    a_mg: Mass
    b_mg: Mass | None = None
    n: Count
    m: Count | None = None
    ratio: Ratio | None = None
    level_dbm: Level
    flag: bool | None = None
    sure: bool
    word: Key | None = None
    text: Annotated[str, Meta(extra={"key": True})]
    kind: Literal["shelf", "exit"] | None = None


REGISTRY = Registry([Probe])
LISTS = {"known": frozenset({"x", "yy"})}


def read(text: str, scope: Scope, expected: Dimension | None = Dimension.FLAG) -> Expr:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    desk = Desk(LocatedYaml.parse("w: " + quoted, "r.yml"), REGISTRY)
    found = desk.expr(["w"], text, scope, expected)
    if found is None:
        raise FileMistakes(desk.mistakes)
    return found


def where(text: str, *types: str) -> Expr:
    kinds = tuple(REGISTRY.kinds[one] for one in types or ("test.probe",))
    return read(text, Scope(event=kinds, lists=frozenset(LISTS)))


def mistakes(text: str, *types: str) -> list[str]:
    with pytest.raises(FileMistakes) as caught:
        where(text, *types)
    return [f"{m.message} | {m.hint}" for m in caught.value.mistakes]


# A naive evaluator: walks the tree, knows nothing of Python source


def naive(term: Term, event: Any, bound: dict[str, Any] | None = None) -> Any:  # noqa: PLR0912
    def go(inner: Term) -> Any:
        return naive(inner, event, bound)

    match term:
        case Constant():
            return term.value
        case Field():
            source = bound[term.binding] if bound is not None else event
            value = None if source is None else getattr(source, term.attr)
            return Fraction(value) if type(value) is int else value
        case Figure():
            assert bound is not None
            return bound[term.name]
        case Bound():
            assert bound is not None
            return bound[term.name]
        case Has():
            return go(term.term) is not None
        case Not():
            inner = go(term.term)
            return None if inner is None else not inner
        case All() | Any_():
            values = [go(one) for one in term.terms]
            decisive = isinstance(term, Any_)
            if decisive in values:
                return decisive
            return None if None in values else not decisive
        case OneOf():
            inner = go(term.term)
            return None if inner is None else inner in term.values
        case InList():
            inner = go(term.term)
            return None if inner is None else inner in LISTS[term.name]
        case Compare():
            return strict(COMPARE[term.op], go(term.left), go(term.right))
        case Arithmetic():
            return strict(COMPUTE[term.op], go(term.left), go(term.right))
        case Call():
            if term.name == "size" and isinstance(term.args[0], Leftovers):
                assert bound is not None
                return Fraction(len(bound[term.args[0].name]))
            return strict(CALL[term.name], *map(go, term.args))
        case _:
            raise AssertionError(term)


def strict(function: Callable[..., Any], *values: Any) -> Any:
    if None in values:
        return None
    if any(isinstance(value, float) for value in values):
        values = tuple(float(v) if isinstance(v, Fraction) else v for v in values)
    return function(*values)


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: None if b == 0 else a / b,
}


def size(text: str) -> Fraction:
    return Fraction(len(text))


def within(value: Any, low: Any, high: Any) -> bool:
    return bool(low <= value <= high)


CALL: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "size": size,
    "lower": str.lower,
    "startswith": str.startswith,
    "contains": str.__contains__,
    "within": within,
}


# Random expressions, as authors write them

masses = st.recursive(
    st.sampled_from(["a", "b", "3g", "0.5kg", "7mg", "-2g", "1.1lb"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["2", "n", "m", "0.3"]), inner).map(lambda t: f"{t[0]} * {t[1]}"),
        st.tuples(st.sampled_from(["15%", "0.1%", "300%"]), inner).map(
            lambda t: f"{t[0]} of {t[1]}"
        ),
        inner.map(lambda t: f"abs({t})"),
        inner.map(lambda t: f"-{t}"),
        st.tuples(inner, st.sampled_from(["3", "-4", "n", "m", "ratio"])).map(
            lambda t: f"{t[0]} / {t[1]}"
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
    ),
    max_leaves=4,
)
numbers = st.one_of(
    st.sampled_from(["n", "m", "3", "0.1", "80%", "ratio", "size(word)", "-1", "0"]),
    st.tuples(masses, masses).map(lambda t: f"({t[0]}) / ({t[1]})"),
    st.tuples(
        st.sampled_from(["n", "ratio", "m"]), st.sampled_from(["+ 1", "- m", "* ratio", "/ m"])
    ).map(" ".join),
)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
leaves = st.one_of(
    st.tuples(masses, operators, masses).map(" ".join),
    st.tuples(numbers, operators, numbers).map(" ".join),
    st.sampled_from(
        [
            "flag", "sure", "true", "flag == true", "sure != flag", "kind == 'shelf'",
            "kind != 'exit'", "kind in ['shelf', 'exit']", "word == text", "'x' == word",
            "word in ['x', 'it']", "word not in lists.known", "n in [1, 2, 3]", "a in [3g, 0.5kg]",
            "has(word)", "has(text)", "has(b)", "startswith(lower(word), 'x')",
            "contains(text, word)", "within(a, 1g, b)", "within(level, -60dBm, -50dBm)",
            "level > -55.5dBm", "level - 3dBm < -60dBm", "abs(level) <= 60dBm", "time - time < 1s",
            "time + 1s > time", "store == 'S'",
        ]
    ),
)  # fmt: skip
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda t: f"not ({t})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda t: "(" + " and ".join(t) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda t: "(" + " || ".join(t) + ")"),
    ),
    max_leaves=5,
)
some_mass = st.sampled_from([0, 7, 3000, 500_000, -2000, 498_952, 1234, 9])
probes = st.builds(
    Probe,
    id=st.just("i"),
    store=st.just("S"),
    device=st.just("D"),
    time=st.just(5),
    a_mg=some_mass,
    b_mg=st.none() | some_mass,
    n=st.integers(0, 4),
    m=st.none() | st.integers(0, 4),
    ratio=st.none() | st.sampled_from([0.0, 0.1, 0.3, 0.7, 0.8, 1.0]),
    level_dbm=st.sampled_from([-60.0, -55.5, -57.0, -50.0, 3.3]),
    flag=st.none() | st.booleans(),
    sure=st.booleans(),
    word=st.none() | st.sampled_from(["x", "yy", "X", "it"]),
    text=st.sampled_from(["x", "fix", "yy"]),
    kind=st.none() | st.sampled_from(["shelf", "exit"]),
)


@given(conditions, st.lists(probes, min_size=1, max_size=5))
@settings(max_examples=400, deadline=None)
def test_generated_source_agrees_with_a_naive_walk_over_the_tree(
    text: str, events: list[Probe]
) -> None:
    expr = checked(where, text)
    compiled = expr.compile_where(LISTS)
    for event in events:
        assert compiled(event) is naive(expr.term, event), (text, expr.where_source())


@given(conditions, probes)
@settings(max_examples=200, deadline=None)
def test_the_two_halves_are_the_value(text: str, event: Probe) -> None:
    expr = checked(where, text)
    value = expr.compile_where(LISTS)(event)
    assert compile_event(expr.holds_source({"": "e"}), LISTS)(event) is (value is True)
    assert compile_event(expr.fails_source({"": "e"}), LISTS)(event) is (value is False)


BOUND = Scope(
    bindings={
        "x": Binding((REGISTRY.kinds["test.probe"],)),
        "y": Binding((REGISTRY.kinds["test.probe"],), unbound=True),
    },
    figures={"f": (NUMBER, True), "g": (NUMBER, False)},
    leftovers={"left": (REGISTRY.kinds["test.probe"],)},
    lists=frozenset(LISTS),
)


def read_bound(text: str) -> Expr:
    return read(text, BOUND, None)


@given(
    st.sampled_from(
        [
            "abs(x.a - y.b) > 15% of y.b",
            "has(y) and y.n > f",
            "not has(y)",
            "f / g",
            "x.a + y.a",
            "size(left) >= g",
            "left.word == 'x' and size(left) > 1",
            "y.word",
            "y.a / 7",
            "f + 1 > 2 or y.flag",
            "max(f, g, 2)",
            "y.ratio * 3",
            "lower(y.text)",
            "y.kind != x.kind",
            "y.time - x.time",
            "f == g",
        ]
    ),
    probes,
    st.none() | probes,
    st.none() | st.integers(0, 3),
    st.integers(0, 3),
    st.lists(probes, max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_generated_source_over_bindings_agrees_with_a_naive_walk(
    text: str, x: Probe, y: Probe | None, f: int | None, g: int, left: list[Probe]
) -> None:
    expr = read_bound(text)
    bound: dict[str, Any] = {"x": x, "y": y, "f": f, "g": g, "left": left}
    bound[FIRST + "left"] = left[0] if left else None
    expected = {**bound, "f": None if f is None else Fraction(f), "g": Fraction(g)}
    assert expr.compile_bound(LISTS)(bound) == naive(expr.term, None, expected)
    assert expr.names <= bound.keys()


def checked(reader: Callable[[str], Expr], text: str) -> Expr:
    """Read an expression; those that a stated limit refuses are no examples."""
    try:
        return reader(text)
    except FileMistakes as found:
        reasons = {m.message for m in found.mistakes}
    limits = ("this divides by zero", "more than 6 multiplications")
    assert all(reason.startswith(limits) for reason in reasons), (text, reasons)
    assume(False)
    raise AssertionError


# What is generated


def test_a_plain_condition_is_one_inline_conditional_without_calls() -> None:
    expr = where("zone.kind == 'shelf' and rssi > -60dBm", "rfid.read")
    assert expr.holds_source({"": "e"}) == (
        "((e.zone_kind == 'shelf') and (e.rssi_dbm is not None and e.rssi_dbm > -60.0))"
    )


def test_required_fields_are_not_tested_for_none() -> None:
    expr = where("delta >= 30g and abs(delta) < 2kg", "scale.changed")
    assert expr.where_source() == "((e.delta_mg >= 30000) and (abs(e.delta_mg) < 2000000))"


def test_percentages_of_masses_are_compared_in_whole_numbers() -> None:
    expr = where("abs(weight - expected_weight) > 15% of expected_weight", "pos.item")
    assert "(abs((e.weight_mg - e.expected_weight_mg)) * 20) > (3 * e.expected_weight_mg)" in (
        expr.where_source()
    )


def test_a_float_as_sent_meets_the_decimal_as_written() -> None:
    meets = where("ratio >= 70%").compile_where()
    assert meets(probe(ratio=0.7)) is True


@pytest.mark.parametrize("text", ["word != 'x'", "not (word == 'x')", "word in ['x']"])
def test_comparisons_with_what_is_absent_are_unknown(text: str) -> None:
    assert where(text).compile_where()(probe(word=None)) is None


def test_unknown_and_false_is_false_and_unknown_or_true_is_true() -> None:
    event = probe(word=None, n=1)
    assert where("word == 'x' and n == 2").compile_where()(event) is False
    assert where("word == 'x' or n == 1").compile_where()(event) is True
    assert where("word == 'x' and n == 1").compile_where()(event) is None


def test_a_quote_in_a_text_cannot_leave_it() -> None:
    text = "word == \"') or __import__('os').system('x') or ('\""
    assert where(text).compile_where()(probe(word="x")) is False


def probe(**fields: Any) -> Probe:
    made: dict[str, Any] = {
        "id": "i", "store": "S", "device": "D", "time": 5, "a_mg": 1, "n": 1, "level_dbm": -50.0,
        "sure": True, "text": "x",
    }  # fmt: skip
    return Probe(**(made | fields))


# What is refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind == 'exitt'", "'exitt' is not a possible value of kind | did you mean 'exit'?"),
        ("kind in ['shelf', 'a']", "'a' is not a possible value of kind"),
        ("a > 250", "cannot compare mass with number | add a unit, e.g. 250g"),
        ("level > 5", "cannot compare level with number | add a unit, e.g. 5dBm"),
        ("a > 'x'", "cannot compare mass with text | a figure is written without quotes"),
        ("a + n > 3g", "cannot add mass to number"),
        ("a * b > 3g", "cannot multiply mass with mass"),
        ("a = 3g", "'=' is not a comparison | use '==' to compare"),
        ("wrod == 'x'", "unknown field 'wrod' of test.probe | did you mean 'word'?"),
        ("a > 3gg", "unknown unit 'gg' | did you mean 'g'?"),
        ("hass(a)", "unknown function 'hass' | did you mean 'has'?"),
        ("abs(a, b) > 1g", "abs takes 1, there are 2"),
        ("word in lists.knwn", "unknown list 'knwn' | did you mean 'known'?"),
        ("word in text", "'in' needs a list behind it"),
        ("n < 3 < 4", "comparisons do not chain"),
        ("n", "this is a number; a condition is needed here"),
        ("n and sure", "this is a number, not a condition | compare it: x == y"),
        ("word < 'x'", "text has no order"),
        ("(sure", "'(' is opened and never closed"),
        ("sure and", "the expression stops short"),
        ("sure flag", "'flag' does not fit"),
        ("word == 'x", "this quote is opened and never closed"),
        ("n / 0 > 1", "this divides by zero"),
        ("a & b", "'&' is not an operator"),
        ("n > EUR 5", "cannot compare number with money"),
        ("params.x > 1", "unknown parameter 'x'"),
        ("", "the expression is empty"),
        ("(" * 40 + "sure" + ")" * 40, "nested more than 30 levels deep"),
        ("n+" * 40 + "n > 1", "nested more than 30 levels deep"),
    ],
)
def test_mistakes_are_said_in_plain_words(text: str, expected: str) -> None:
    found = mistakes(text)
    assert any(one.startswith(expected) for one in found), found


def test_all_mistakes_of_one_expression_come_at_once() -> None:
    found = mistakes("a > 250 and kind == 'exitt' or wrod == 'x'")
    assert len(found) == 3


def test_a_field_must_be_known_to_every_kind_of_the_event() -> None:
    assert where("epc == 'E1'", "rfid.read", "rfid.crossing").term is not None
    (found,) = mistakes("direction == 'out'", "rfid.read", "rfid.crossing")
    assert found.startswith("not every event here has a field 'direction': rfid.read has none")


def test_a_field_that_one_kind_may_lack_is_tested_for() -> None:
    source = where("epc == 'E1' or epc != 'E2'", "rfid.read", "pos.item").where_source()
    assert "e.epc is not None and e.epc != 'E2'" in source


def test_long_chains_are_fine() -> None:
    text = " or ".join(f"n == {i}" for i in range(300))
    assert where(text).compile_where()(probe(n=299)) is True


@given(st.text(max_size=60) | st.text("ab.'\"()[]=<>!&|+-*/% 0123of in not and", max_size=60))
@settings(max_examples=400)
def test_the_parser_refuses_whatever_is_no_expression_with_a_place_inside_it(text: str) -> None:
    problem = None
    try:
        parse(text)
    except Refused as refused:
        problem = refused.problem
    assert problem is None or (0 <= problem.offset <= len(text) and problem.length >= 1)
