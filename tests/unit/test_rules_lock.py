"""The lock file: versions of what rules mean."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.authoring.locking import read_all
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.rules.lock import (
    Difference,
    Entry,
    Lock,
    Move,
    differences,
    read_lock,
    updated,
    with_move,
    with_rule,
    written,
)
from aislewatch.rules.rule import Rule
from aislewatch.runtime.rule_folder import lock_in, rules_in
from aislewatch.testing.small import small_rule

ROOT = Path(__file__).parents[2]
RULE = small_rule("event: pos.void, as: v", rule="one")
OTHER = small_rule("event: pos.void, as: v", "check: v.units > 1", rule="one")

names = st.from_regex("[a-z][a-z0-9-]{0,8}", fullmatch=True)
hashes = st.from_regex("[0-9a-f]{64}", fullmatch=True)
statuses = st.sampled_from(["draft", "shadow", "live", "retired"])
versions = st.integers(1, 10**6)
sentences = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=30)
moves = st.builds(
    Move, statuses, statuses, st.dates(), versions, evidence=sentences, because=sentences
)
entries = st.builds(Entry, versions, statuses, hashes, st.lists(moves, max_size=2).map(tuple))
locks = st.builds(Lock, st.dictionaries(names, entries), st.dictionaries(names, versions))


def parsed(text: str) -> Lock:
    return read_lock(LocatedYaml.parse(text, "rules.lock"))


def lock_of(rule: Rule, version: int = 1) -> Lock:
    return Lock({rule.id: Entry(version, rule.status, rule.declared)})


def test_the_lock_of_the_shipped_rules_is_up_to_date() -> None:
    folder = ROOT / "rules"
    rules = read_all({str(file): file.read_bytes() for file in rules_in(folder)})
    lock = lock_in(folder / "rules.lock")
    assert list(differences(lock, rules)) == [], "write it with: aislewatch rules lock"
    assert (folder / "rules.lock").read_text() == written(lock)


@given(locks)
def test_a_lock_is_read_as_it_was_written(lock: Lock) -> None:
    assert parsed(written(lock)) == lock


@given(locks)
def test_a_lock_has_one_text_in_whatever_order_it_was_made(lock: Lock) -> None:
    turned = Lock(dict([*lock.entries.items()][::-1]), dict([*lock.gone.items()][::-1]))
    assert written(turned) == written(lock)


def test_a_new_rule_begins_with_version_1() -> None:
    assert updated(Lock(), [RULE]) == lock_of(RULE)
    assert list(differences(Lock(), [RULE])) == [Difference("one", "new", None, (1, "live"))]


def test_another_meaning_is_the_next_version() -> None:
    lock = lock_of(RULE, 4)
    assert updated(lock, [OTHER]) == lock_of(OTHER, 5)
    (difference,) = differences(lock, [OTHER])
    assert difference == Difference("one", "meaning", (4, "live"), (5, "live"))


def test_another_status_is_no_other_version() -> None:
    lock, shadow = lock_of(RULE, 4), replace(RULE, status="shadow")
    assert updated(lock, [shadow]) == lock_of(shadow, 4)
    (difference,) = differences(lock, [shadow])
    assert difference == Difference("one", "status", (4, "live"), (4, "shadow"))


def test_the_version_of_a_rule_that_was_taken_away_is_never_used_again() -> None:
    without = updated(lock_of(RULE, 4), [])
    assert without == Lock({}, {"one": 4})
    assert updated(without, []) == without
    assert updated(without, [RULE]) == lock_of(RULE, 5)


def test_what_says_the_same_already_stays_as_it_is() -> None:
    lock = lock_of(RULE, 4)
    assert updated(lock, [RULE]) == lock
    assert list(differences(lock, [RULE])) == []


def test_one_rule_is_locked_without_a_word_about_the_others() -> None:
    lock = Lock({"two": Entry(2, "draft", "0" * 64)}, {"one": 6})
    assert with_rule(lock, RULE) == Lock({**lock.entries, **lock_of(RULE, 7).entries})


def test_a_rule_has_a_version_only_where_the_lock_knows_its_meaning() -> None:
    lock = lock_of(RULE, 4)
    assert lock.version_of(RULE) == 4
    assert lock.version_of(OTHER) is None
    assert lock.version_of(replace(RULE, id="two")) is None


def test_a_site_that_sets_a_parameter_runs_the_same_version() -> None:
    assert lock_of(RULE, 4).version_of(replace(RULE, meaning="of the site")) == 4


def test_a_move_is_kept_with_what_spoke_for_it_also_when_the_rule_changes() -> None:
    move = Move("shadow", "live", date(2026, 11, 21), 4, evidence="21 days: nothing else")
    lock = with_move(lock_of(replace(RULE, status="shadow"), 4), "one", move)
    assert lock.entries["one"] == Entry(4, "live", RULE.declared, (move,))
    assert updated(lock, [OTHER]).entries["one"].moves == (move,)
    assert parsed(written(lock)) == lock


@given(locks, st.data())
def test_a_lock_with_a_piece_cut_out_or_put_in_is_read_or_told(
    lock: Lock, data: st.DataObject
) -> None:
    text = written(lock)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    piece = data.draw(st.text(st.sampled_from("ab:{}[]- \n\"'0#&*!|>"), max_size=4))
    found: list[Mistake] = []
    try:
        parsed(text[:start] + piece + text[end:])
    except FileMistakes as error:
        found = error.mistakes
    assert all(mistake.file == "rules.lock" for mistake in found)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("rules: {a: {version: 0, status: live, meaning: x}}", 1, "0"),
        ("rules:\n  a: {version: 1, status: lively}", 2, "'lively' is not one of"),
        ("rules: {}\nlost: {}", 2, "unknown key 'lost'"),
        ("rules: [", 1, "this is not YAML"),
    ],
)
def test_what_is_no_lock_is_told_with_its_place(text: str, line: int, told: str) -> None:
    with pytest.raises(FileMistakes) as caught:
        parsed(text)
    assert told in str(caught.value)
    assert line in {mistake.line for mistake in caught.value.mistakes}
