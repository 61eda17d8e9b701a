"""Random patterns come out of our rules as Flink CEP itself says they do."""

from __future__ import annotations

from pathlib import Path
from random import Random

import flink_twin
import pytest
from conformance_cases import judge_flink
from siddhi_tree import NotSaid

CASES = 60


@pytest.mark.slow
@pytest.mark.skipif(bool(flink_twin.why_absent()), reason=flink_twin.why_absent() or "it is there")
@pytest.mark.parametrize("seed", range(3))
def test_random_patterns_match_what_flink_itself_matches(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    asked = [flink_twin.random_case(random) for _ in range(CASES)]
    answers = flink_twin.ask(asked, tmp_path)
    judged = matched = 0
    for case, answer in zip(asked, answers, strict=True):
        if "refused" in answer:
            continue
        for number, events in enumerate(case["streams"]):
            expected = flink_twin.matches_of(answer, number)
            told = {**case, "events": events, "skip": None, "expected": expected}
            try:
                found = judge_flink(told)
            except NotSaid:
                continue
            assert found.got == found.expected, (case["pattern"], case["within_ms"], events)
            judged += 1
            matched += bool(expected)
    assert judged > CASES * 3
    assert matched > CASES
