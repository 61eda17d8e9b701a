"""Expressions written twice, in the rule language and in CEL, for CEL's C++ engine to judge, too.

Both texts are drawn from one tree of pieces, so that CEL sees nothing of our lexer, parser, checker
or generated source. What is worked around:

- CEL has no unknown. It has errors, and ``&&`` and ``||`` take an error for one when the other side
  decides: exactly Kleene's third value. A field that is absent is left out of the map; reading it
  is an error, and an error is read as *unknown*.
- CEL divides integers towards nothing. Equality and order of a quotient are written as products
  (figures are counts, hence not negative); where the divisor is 0, a constant error stands.
- CEL has neither units nor shares: masses are written in milligrams, ``15% of x`` by products.
- CEL computes in 64 bits and says so by an error where that is too few; figures here are small.
- ``abs``, ``min``, ``max`` and ``lower`` are in extensions of other names; they are spelt by
  ``?:``, and a text in lower case stands beside it as a field of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

UNKNOWN = "(1 / 0 == 1)"


class Twin(NamedTuple):
    """One piece of an expression in both languages."""

    ours: str
    cel: str


class Quotient(NamedTuple):
    """A quotient of counts in our language, and what CEL multiplies instead."""

    ours: str
    above: str
    below: str


def evaluate(texts: list[str], fields: Mapping[str, Any]) -> list[bool | None]:
    """Have CEL judge expressions over an event's fields; None where it meets an error."""
    cel: Any = importlib.import_module("cel_expr_python.cel")
    env = cel.NewEnv(variables={"e": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
    found: list[bool | None] = []
    for text in texts:
        value = env.compile(text).eval(data={"e": dict(fields)})
        known = value.type().name() == "BOOL"
        assert known or value.type().name() == "ERROR", (text, value.type().name())
        found.append(value.value() if known else None)
    return found


# Figures ----------------------------------------------------------------------------------------

COUNTS = [Twin(name, f"e.{name}") for name in ("n", "m")]
MASSES = [Twin(name, f"e.{name}_mg") for name in ("a", "b")]
small = st.integers(0, 6)


def _weight(grams: int) -> Twin:
    return Twin(f"{grams}g", str(grams * 1000))


def _larger(figures: st.SearchStrategy[Twin]) -> st.SearchStrategy[Twin]:
    pairs = st.tuples(figures, figures)
    return st.one_of(
        st.tuples(pairs, st.sampled_from("+-")).map(
            lambda one: Twin(
                f"({one[0][0].ours} {one[1]} {one[0][1].ours})",
                f"({one[0][0].cel} {one[1]} {one[0][1].cel})",
            )
        ),
        figures.map(
            lambda one: Twin(f"abs({one.ours})", f"({one.cel} < 0 ? -({one.cel}) : ({one.cel}))")
        ),
        pairs.map(
            lambda two: Twin(
                f"max({two[0].ours}, {two[1].ours})",
                f"({two[0].cel} >= {two[1].cel} ? {two[0].cel} : {two[1].cel})",
            )
        ),
        pairs.map(
            lambda two: Twin(
                f"min({two[0].ours}, {two[1].ours})",
                f"({two[0].cel} <= {two[1].cel} ? {two[0].cel} : {two[1].cel})",
            )
        ),
    )


numbers = st.recursive(
    st.one_of(st.sampled_from(COUNTS), small.map(lambda n: Twin(str(n), str(n)))),
    _larger,
    max_leaves=4,
)
masses = st.recursive(st.one_of(st.sampled_from(MASSES), small.map(_weight)), _larger, max_leaves=4)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])

# Conditions -------------------------------------------------------------------------------------

compared = st.one_of(st.tuples(numbers, numbers), st.tuples(masses, masses)).flatmap(
    lambda two: operators.map(
        lambda op: Twin(f"{two[0].ours} {op} {two[1].ours}", f"({two[0].cel} {op} {two[1].cel})")
    )
)
shared = st.tuples(st.sampled_from(MASSES), small, st.sampled_from(MASSES), operators).map(
    lambda one: Twin(
        f"{one[0].ours} {one[3]} {one[1] * 5}% of {one[2].ours}",
        f"({one[0].cel} * 100 {one[3]} {one[1] * 5} * {one[2].cel})",
    )
)
divided = st.tuples(st.sampled_from(COUNTS), st.sampled_from(COUNTS), small, operators).map(
    lambda one: Twin(
        f"{one[0].ours} / {one[1].ours} {one[3]} {one[2]}",
        f"({one[1].cel} == 0 ? {UNKNOWN} : ({one[0].cel} {one[3]} {one[2]} * {one[1].cel}))",
    )
)
within = st.tuples(masses, small, small).map(
    lambda one: Twin(
        f"within({one[0].ours}, {one[1]}g, {one[2]}g)",
        f"({one[1] * 1000} <= {one[0].cel} && {one[0].cel} <= {one[2] * 1000})",
    )
)
leveled = st.tuples(st.integers(-70, -50), operators).map(
    lambda one: Twin(f"level {one[1]} {one[0]}dBm", f"(e.level_dbm {one[1]} {one[0]}.0)")
)
words = st.sampled_from(["x", "xy", "Xy", "y", "it's", 'say "x"', "é"])


def quoted(word: str) -> str:
    return f'"{word}"' if "'" in word else f"'{word}'"


texts = st.sampled_from(["word", "text"])
same_text = st.tuples(texts, st.sampled_from(["==", "!="]), words).map(
    lambda one: Twin(
        f"{one[0]} {one[1]} {quoted(one[2])}", f"(e.{one[0]} {one[1]} {quoted(one[2])})"
    )
)
lowered = st.tuples(texts, words).map(
    lambda one: Twin(
        f"lower({one[0]}) == {quoted(one[1].lower())}",
        f"(e.{one[0]} == e.{one[0]} && e.{one[0]}_lower == {quoted(one[1].lower())})",
    )
)
parts_of = st.tuples(st.sampled_from(["startswith", "contains"]), texts, words).map(
    lambda one: Twin(
        f"{one[0]}({one[1]}, {quoted(one[2])})",
        f"e.{one[1]}.{'startsWith' if one[0] == 'startswith' else 'contains'}({quoted(one[2])})",
    )
)
listed = st.tuples(texts, st.lists(words, min_size=1, max_size=3), st.booleans()).map(
    lambda one: Twin(
        f"{one[0]} {'not ' if one[2] else ''}in [{', '.join(map(quoted, one[1]))}]",
        f"{'!' if one[2] else ''}(e.{one[0]} in [{', '.join(map(quoted, one[1]))}])",
    )
)
flags = st.sampled_from(
    [
        Twin("flag", "e.flag"),
        Twin("flag == true", "(e.flag == true)"),
        Twin("flag != true", "(e.flag != true)"),
        Twin("sure", "e.sure"),
        Twin("true", "true"),
        Twin("has(flag)", "has(e.flag)"),
        Twin("has(m)", "has(e.m)"),
        Twin("has(b)", "has(e.b_mg)"),
        Twin("has(word)", "has(e.word)"),
    ]
)


def _joined(conditions: st.SearchStrategy[Twin]) -> st.SearchStrategy[Twin]:
    joined = st.tuples(conditions, st.sampled_from(["and", "or"]), conditions).map(
        lambda one: Twin(
            f"({one[0].ours} {one[1]} {one[2].ours})",
            f"({one[0].cel} {'&&' if one[1] == 'and' else '||'} {one[2].cel})",
        )
    )
    negated = conditions.map(lambda one: Twin(f"not ({one.ours})", f"!({one.cel})"))
    return st.one_of(joined, negated)


conditions = st.recursive(
    st.one_of(
        compared, shared, divided, within, leveled, same_text, lowered, parts_of, listed, flags
    ),
    _joined,
    max_leaves=6,
)
