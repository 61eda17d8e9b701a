"""What two established engines put out, our rules say wherever the language can say the pattern."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from conformance_cases import FOLDER, Case, Outcome, judge_siddhi, load_cases
from siddhi_tree import NotSaid

CASES = load_cases()
ABSENT = pytest.param(None, marks=pytest.mark.skip(f"the cases are not there: {FOLDER}"))
EACH = [pytest.param(case, id=case.name) for case in CASES] or [ABSENT]

SAID = {
    "Flink: absence": 93,
    "Flink: after-match skip": 0,
    "Flink: count": 95,
    "Flink: followed by any": 100,
    "Flink: greedy": 100,
    "Flink: group": 100,
    "Flink: optional": 100,
    "Flink: sequence": 93,
    "Flink: strictly next": 63,
    "Flink: until": 100,
    "Flink: within": 50,
    "Siddhi: absence": 91,
    "Siddhi: absence for a time": 94,
    "Siddhi: and, or": 89,
    "Siddhi: comparison with an earlier event": 65,
    "Siddhi: count": 47,
    "Siddhi: every": 73,
    "Siddhi: partition": 74,
    "Siddhi: pattern": 91,
    "Siddhi: sequence": 79,
    "Siddhi: window of a stream": 0,
    "Siddhi: within": 84,
}
"""Of the cases with a feature, how many in a hundred are said at least."""


@cache
def outcome(case: Case) -> Outcome | NotSaid:
    try:
        return case.judge()
    except NotSaid as reason:
        return reason


@pytest.mark.parametrize("case", EACH)
def test_a_case_of_another_engine_comes_out_the_same(case: Case) -> None:
    found = outcome(case)
    if isinstance(found, NotSaid):
        pytest.skip(str(found))
    assert found.got == found.expected


@pytest.mark.skipif(not CASES, reason=f"the cases are not there: {FOLDER}")
def test_no_feature_is_said_less_often_than_it_can_be() -> None:
    there = Counter(feature for case in CASES for feature in case.features)
    said = Counter(
        feature
        for case in CASES
        if not isinstance(outcome(case), NotSaid)
        for feature in case.features
    )
    shares = {feature: 100 * said[feature] // count for feature, count in there.items()}
    assert shares.keys() == SAID.keys()
    assert {name: share for name, share in shares.items() if share < SAID[name]} == {}


# What stands or falls with one event, so that a translation that says nothing is noticed.

STREAMS = "define stream A (symbol string, price float); define stream B (price float, n int);"
PRICED = "from every e1=A[price>20] -> e2=B[price>e1.price] within 1 sec select e1.symbol"
QUIET = "from e1=A[price>20] -> not B[price>e1.price] for 1 sec select e1.symbol"
COUNTED = "from e1=A[price>20] <2:3> -> e2=B[n>0] select e1[0].symbol, e1[1].symbol, e1[2].symbol"
NEXT = "from every e1=A[price>20], e2=B select e1.symbol"
EITHER = "from e1=A -> not B for 1 sec or e2=B[n>5] select e1.symbol, e2.n"
FIRST = ("A", ["x", 21.0], 0)


@pytest.mark.parametrize(
    ("query", "sent", "rows"),
    [
        (PRICED, [FIRST, ("B", [20.5, 1], 500), ("B", [22.0, 1], 1000)], [["x"]]),
        (PRICED, [FIRST, ("B", [20.5, 1], 500), ("B", [22.0, 1], 1001)], []),
        (QUIET, [FIRST, ("B", [20.5, 1], 500)], [["x"]]),
        (QUIET, [FIRST, ("B", [21.5, 1], 500)], []),
        (QUIET, [("A", ["x", 20.0], 0)], []),
        (COUNTED, [FIRST, ("A", ["y", 22.0], 1), ("B", [1.0, 1], 2)], [["x", "y", None]]),
        (COUNTED, [FIRST, ("B", [1.0, 1], 1), ("A", ["y", 22.0], 2)], []),
        (NEXT, [FIRST, ("B", [1.0, 1], 0)], [["x"]]),
        (NEXT, [FIRST, ("A", ["y", 1.0], 0), ("B", [1.0, 1], 0)], []),
        (EITHER, [FIRST], [["x", None]]),
        (EITHER, [FIRST, ("B", [1.0, 5], 10)], []),
        (EITHER, [FIRST, ("B", [1.0, 5], 10), ("B", [1.0, 6], 2500)], [["x", 6.0]]),
    ],
)
def test_a_translated_pattern_holds_for_what_it_is_meant_to(
    query: str, sent: list[tuple[str, list[object], int]], rows: list[list[object]]
) -> None:
    found = judge_siddhi(
        {
            "file": "here",
            "definitions": STREAMS,
            "query": query + " insert into Out;",
            "actions": [
                *({"send": stream, "row": row, "t": t} for stream, row, t in sent),
                {"advance": 3000, "t": 3000},
            ],
            "expected_count": len(rows),
            "expected_rows": rows,
        }
    )
    assert found.got == found.expected


def test_what_the_language_cannot_say_is_told_and_not_guessed() -> None:
    for query in (
        "from A#window.time(1 sec) select price insert into Out;",
        "from every e1=A, e2=A+, e3=B select e1.price insert into Out;",
        "from not A for 1 sec select 1 insert into Out;",
        "from not A for 1 sec or not B for 2 sec select A.price insert into Out;",
        "from A or not B -> e2=A select e2.price insert into Out;",
        "from e1=A -> e2=B as words that are not known",
    ):
        with pytest.raises(NotSaid):
            judge_siddhi(
                {
                    "file": "here",
                    "definitions": STREAMS,
                    "query": query,
                    "actions": [{"send": "A", "row": ["x", 1.0], "t": 0}],
                    "expected_count": 0,
                    "expected_rows": [],
                }
            )
