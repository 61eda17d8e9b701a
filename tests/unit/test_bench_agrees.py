"""What the benches compare gives one answer: brute force, the loop, the engine and its peers."""

import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import contest
import pytest
import question
import stream
from peers import by_engine, by_hand
from question import Alarm, Variant

EVENTS = 2_000
PLAIN = stream.shoplifting(EVENTS, Random(1))
LATENESS_US = 600_000_000
RULES = {
    "zones": question.of_zones(7),
    "overlap": question.overlapping(5, own_shelf=False),
    "unlike": question.overlapping(5, own_shelf=True),
    # A window shorter than most stays, and limits that no read meets.
    "limits": [
        Variant("short", window_us=20 * question.MINUTE_US),
        Variant("deaf-exit", exit_over_dbm=-40),
        Variant("deaf-shelf", shelf_over_dbm=-40),
    ],
}
Make = Callable[[Sequence[Variant], int], question.Contestant]
OTHERS = [peer for peer in contest.PEERS if peer.needs is not None]


def steps_of(rules: str) -> list[stream.Step]:
    return stream.zoned(PLAIN, 7) if rules == "zones" else PLAIN


def answer(make: Make, variants: Sequence[Variant], taken: stream.Stream) -> list[Alarm]:
    contestant = make(variants, taken.lateness_us)
    contestant.take(taken.raws, taken.clock)
    return contestant.alarms()


@pytest.mark.parametrize(
    "make",
    [by_engine.make, by_engine.make_with_library, by_hand.make, by_hand.make_ordered],
    ids=["engine", "engine with library", "loop", "loop with a heap"],
)
@pytest.mark.parametrize("rules", RULES)
def test_the_engine_and_the_loops_agree_with_brute_force(rules: str, make: Make) -> None:
    steps, variants = steps_of(rules), RULES[rules]
    truth = question.brute_force(steps, variants)
    verdict = question.judge(answer(make, variants, stream.in_order(steps)), truth)
    assert len(truth) > 5
    assert verdict == (0, 0, 0)


@pytest.mark.parametrize("peer", OTHERS, ids=lambda peer: peer.name)
@pytest.mark.parametrize("rules", RULES)
def test_engines_of_others_agree_with_brute_force(rules: str, peer: contest.Peer) -> None:
    if peer.absent:
        pytest.skip(f"{peer.name} is not installed")
    steps, variants = steps_of(rules), RULES[rules]
    found = contest.measure(peer, variants, stream.in_order(steps))
    assert isinstance(found, contest.Measure), found
    truth = question.brute_force(steps, variants)
    assert question.judge(found.alarms, truth) == (0, 0, 0)


@pytest.mark.parametrize("make", [by_engine.make, by_hand.make_ordered])
def test_what_knows_event_time_is_exact_on_shuffled_input(make: Make) -> None:
    one = question.of_zones(1)
    taken = stream.shuffled(PLAIN, Random(3), LATENESS_US)
    assert list(taken.raws) != stream.as_json(PLAIN)
    assert question.judge(answer(make, one, taken), question.brute_force(PLAIN, one)).exact


def test_what_judges_by_arrival_is_wrong_on_shuffled_input() -> None:
    one = question.of_zones(1)
    taken = stream.shuffled(PLAIN, Random(3), LATENESS_US)
    assert not question.judge(
        answer(by_hand.make, one, taken), question.brute_force(PLAIN, one)
    ).exact


@pytest.mark.parametrize("make", [by_engine.make, by_hand.make])
def test_repeated_reads_make_no_further_alarms(make: Make) -> None:
    one, steps = question.of_zones(1), stream.dirty(PLAIN, Random(2))
    assert len(steps) > len(PLAIN) * 3 // 2
    verdict = question.judge(
        answer(make, one, stream.in_order(steps)), question.brute_force(steps, one)
    )
    assert verdict == (0, 0, 0)


def test_brute_force_tells_zones_windows_and_sales_apart() -> None:
    minute, at = question.MINUTE_US, stream.START_US
    steps = [
        stream.Step(at, "shelf", "E1", 1),
        stream.Step(at + 10 * minute, "exit", "E1", 2),
        stream.Step(at + 20 * minute, "exit", "E1", 1),
        stream.Step(at + 30 * minute, "counter", "E1"),
        stream.Step(at + 40 * minute, "exit", "E1", 1),
    ]
    rules = [Variant("long"), Variant("short", window_us=19 * minute), Variant("other", zone=2)]
    assert question.brute_force(steps, rules) == {Alarm("long", "E1", at + 20 * minute)}


def test_a_verdict_counts_what_is_false_missing_and_repeated() -> None:
    right, wrong, lost = (Alarm("r", epc, 1) for epc in ("E1", "E2", "E3"))
    verdict = question.judge([right, right, wrong], {right, lost})
    assert verdict == (1, 1, 1)
    assert str(verdict) == "1 false, 1 missing, 1 repeated"


@pytest.mark.parametrize(
    ("peer", "why"),
    [
        (contest.Peer("x", "peers.by_hand", needs="no_such_package"), "not installed"),
        (contest.Peer("x", "peers.by_hand", rules_max=1, why="it hangs"), "not tried: it hangs"),
        (contest.Peer("x", "peers.by_engine", maker="rule_text"), "TypeError: "),
    ],
)
def test_who_gives_no_answer_is_told_with_the_reason(peer: contest.Peer, why: str) -> None:
    found = contest.measure(peer, question.of_zones(2), stream.in_order(PLAIN[:10]))
    assert isinstance(found, contest.Failure)
    assert found.why.startswith(why)


class Deadly:
    """Ends the process that reads it."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


def test_the_death_of_a_peer_is_told_and_ends_nobody_else() -> None:
    deadly: Any = [Deadly()]
    found = contest.measure(contest.LOOP, deadly, stream.in_order(PLAIN[:10]))
    assert found == contest.Failure("its process died (3)")
