"""The watchlist: whom it knows again, whom it does not, and that what is erased is gone."""

from __future__ import annotations

import json
import math
import os
import stat
from array import array
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured, UsageError
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.watchlist import Watchlist
from aislewatch.runtime.watchlist_guard import PURGE_US, Guard
from aislewatch.runtime.watchlist_match import Enrolled, Gallery, rounded_down, unit, wrong_a_day
from aislewatch.runtime.watchlist_store import WatchlistFile
from aislewatch.runtime.watchlist_terms import KnownOffendersPart, Terms

DAY_US = 86_400_000_000
NOON = 1_772_449_200_000_000
MODEL = "arcface-r100"
WRITTEN: dict[str, Any] = {
    "enabled": True,
    "purpose": "prevention of repeated theft",
    "retention": "90d",
    "threshold": 0.6,
    "false_match_rate": "0.0001%",
    "four_eyes": False,
}


class Clock:
    def __init__(self) -> None:
        self.us = NOON

    def now_us(self) -> int:
        return self.us


def face(number: int, length: int = 128) -> list[float]:
    dice = Random(number)
    return [dice.gauss(0, 1) for _ in range(length)]


def blurred(figures: Sequence[float], share: float, number: int = 99) -> list[float]:
    dice = Random(number)
    return [figure + share * dice.gauss(0, 1) for figure in figures]


def terms(folder: Path, **more: Any) -> Terms:
    found = KnownOffendersPart.model_validate(WRITTEN | more).terms("s1", folder)
    assert found is not None
    return found


def enrolled(known: Watchlist, number: int = 1, **more: Any) -> str:
    values: dict[str, Any] = {
        "model": MODEL,
        "reason": "took razors on 12 March, case 2026-117",
        "legal_basis": "legitimate interest, assessment LIA-3",
        "by": "lp-7",
    }
    return known.enrol([face(number)], **(values | more)).id


def asked(guard: Guard, figures: Sequence[float], **more: Any) -> tuple[str, float] | None:
    values: dict[str, Any] = {"model": MODEL, "quality": 0.9, "time_us": NOON + 1}
    found = guard.compare(figures, **(values | more))
    return None if found is None else (found.entry, found.similarity)


def nearly(guard: Guard, number: int) -> str:
    """Give the entry that a face is all but the same as."""
    found = asked(guard, face(number))
    assert found is not None
    assert found[1] >= 0.999
    return found[0]


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# Comparing ---------------------------------------------------------------------------------------

FIGURES = st.lists(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-3), min_size=16, max_size=16)


@given(FIGURES, st.floats(1e-6, 1e6))
def test_an_embedding_is_like_itself_whatever_its_length_is(
    figures: list[float], by: float
) -> None:
    gallery = Gallery([Enrolled("e", MODEL, figures, 0, 10)])
    found = gallery.nearest([figure * by for figure in figures], MODEL, 5)
    assert found is not None
    assert found[1] == pytest.approx(1)
    assert found[1] <= 1


@given(st.lists(FIGURES, min_size=1, max_size=6), FIGURES)
def test_the_nearest_is_nearest_by_the_cosine_worked_out_by_hand(
    known: list[list[float]], asked_for: list[float]
) -> None:
    def cosine(a: list[float], b: list[float]) -> float:
        dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.hypot(*a) / math.hypot(*b)

    gallery = Gallery([Enrolled(str(n), MODEL, one, 0, 10) for n, one in enumerate(known)])
    found = gallery.nearest(asked_for, MODEL, 5)
    assert found is not None
    cosines = [cosine(one, asked_for) for one in known]
    assert found[1] == pytest.approx(max(cosines), abs=1e-9)
    assert cosines[int(found[0])] == pytest.approx(max(cosines), abs=1e-9)


@given(st.integers(-3, 13))
def test_an_entry_counts_from_its_first_instant_and_not_at_its_last(time_us: int) -> None:
    gallery = Gallery([Enrolled("e", MODEL, face(1), 0, 10)])
    assert (gallery.nearest(face(1), MODEL, time_us) is not None) == (0 <= time_us < 10)


def test_embeddings_of_two_models_say_nothing_about_each_other() -> None:
    gallery = Gallery([Enrolled("e", MODEL, face(1), 0, 10)])
    assert gallery.nearest(face(1), "another", 5) is None


@pytest.mark.parametrize(
    "figures", [[], [0.0] * 16, [math.nan] * 16, [math.inf, *[1.0] * 15], [[1.0], [2.0]]]
)
def test_what_is_no_embedding_is_refused_without_its_figures(figures: Any) -> None:
    with pytest.raises(ValueError, match="an embedding"):
        unit(figures)
    gallery = Gallery([Enrolled("e", MODEL, face(1), 0, 10)])
    with pytest.raises(ValueError, match="it has 3 figures, those of its model 128"):
        gallery.nearest([0.5, 0.25, 0.125], MODEL, 5)


def test_figures_too_large_or_small_to_be_squared_are_compared_all_the_same() -> None:
    for size in (1e300, 1e-300):
        assert unit([size] * 16) == pytest.approx([0.25] * 16)


def test_false_matches_grow_with_list_and_visitors_and_never_pass_the_visitors() -> None:
    assert wrong_a_day(1e-6, 100, 2000) == pytest.approx(0.2, rel=1e-3)
    assert wrong_a_day(0.01, 10**6, 50) == pytest.approx(50)
    assert wrong_a_day(1e-6, 0, 2000) == 0
    assert rounded_down(0.6199) == 0.619


# On what terms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["purpose", "retention", "threshold", "false_match_rate"])
def test_nothing_is_compared_before_its_terms_are_said(missing: str) -> None:
    written = {name: value for name, value in WRITTEN.items() if name != missing}
    with pytest.raises(ValidationError, match=f"compared only where {missing} is said"):
        KnownOffendersPart.model_validate(written)
    # Switched off, nothing needs to be said.
    KnownOffendersPart.model_validate({**written, "enabled": False})


@pytest.mark.parametrize(
    "wrong",
    [
        {"retention": "1097d"},
        {"retention": "0s"},
        {"threshold": 1},
        {"threshold": 0},
        {"false_match_rate": "2%"},
        {"purpose": "theft"},
        {"quality": 0},
        {"keep_forever": True},
    ],
)
def test_terms_have_bounds(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KnownOffendersPart.model_validate(WRITTEN | wrong)


def test_off_is_what_a_shop_is_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert KnownOffendersPart().terms("s1", tmp_path) is None
    assert (
        KnownOffendersPart.model_validate({**WRITTEN, "enabled": False}).terms("s1", tmp_path)
        is None
    )


# Known again -------------------------------------------------------------------------------------


def test_somebody_enrolled_is_known_again_and_a_stranger_is_not(tmp_path: Path) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    first, second = enrolled(known, 1), enrolled(known, 2)
    guard = Guard(terms(tmp_path), Clock(), "cam")
    found = asked(guard, blurred(face(1), 0.3))
    assert found is not None
    assert found[0] == first
    assert 0.9 < found[1] < 1
    assert nearly(guard, 2) == second
    assert asked(guard, face(3)) is None
    guard.close()


def test_a_poor_picture_or_one_of_unknown_quality_is_not_compared(tmp_path: Path) -> None:
    enrolled(Watchlist(terms(tmp_path), Clock()))
    guard = Guard(terms(tmp_path, quality=0.5), Clock(), "cam")
    assert asked(guard, face(1), quality=0.5) is not None
    assert asked(guard, face(1), quality=0.499) is None
    assert asked(guard, face(1), quality=None) is None
    guard.close()


def test_below_the_threshold_nobody_is_known(tmp_path: Path) -> None:
    enrolled(Watchlist(terms(tmp_path), Clock()))
    seen = blurred(face(1), 0.5)
    plain = Guard(terms(tmp_path), Clock(), "cam")
    found = asked(plain, seen)
    assert found is not None
    strict = Guard(terms(tmp_path, threshold=found[1] + 0.001), Clock(), "cam")
    exact = Guard(terms(tmp_path, threshold=found[1]), Clock(), "cam")
    assert asked(strict, seen) is None
    assert asked(exact, seen) == found
    for guard in (plain, strict, exact):
        guard.close()


def test_an_entry_counts_only_when_a_second_person_has_approved_it(tmp_path: Path) -> None:
    agreed, clock = terms(tmp_path, four_eyes=True), Clock()
    known = Watchlist(agreed, clock)
    id_ = enrolled(known)
    guard = Guard(agreed, clock, "cam")
    assert asked(guard, face(1)) is None
    with pytest.raises(UsageError, match="a second person has to approve it"):
        known.approve(id_, "lp-7")
    clock.us += 5
    assert known.approve(id_, "lp-9").approved_by == "lp-9"
    # As of when the face was seen: before it was approved nobody was compared with it.
    assert asked(guard, face(1), time_us=clock.us - 1) is None
    assert asked(guard, face(1), time_us=clock.us) is not None
    with pytest.raises(UsageError, match="does not wait to be approved"):
        known.approve(id_, "lp-11")
    guard.close()


def test_an_entry_ends_as_of_the_time_a_face_was_seen_and_is_then_erased(tmp_path: Path) -> None:
    agreed, clock = terms(tmp_path), Clock()
    known = Watchlist(agreed, clock)
    id_ = enrolled(known, keep_us=10 * DAY_US)
    guard = Guard(agreed, clock, "cam")
    assert asked(guard, face(1), time_us=NOON + 10 * DAY_US - 1) is not None
    assert asked(guard, face(1), time_us=NOON + 10 * DAY_US) is None
    clock.us += 10 * DAY_US + PURGE_US
    assert asked(guard, face(1), time_us=NOON + 1) is None, "erased by the guard itself"
    assert known.entries("lp-7") == []
    assert ("expired", "device/cam", id_) in [
        (one.action, one.by, one.entry) for one in known.accesses("lp-7")
    ]
    guard.close()


def test_nobody_stays_longer_than_the_terms_allow(tmp_path: Path) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    with pytest.raises(UsageError, match="90 days at most"):
        enrolled(known, keep_us=90 * DAY_US + 1)
    enrolled(known)
    (entry,) = known.entries("lp-7")
    assert entry.until_us == NOON + 90 * DAY_US


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"reason": " "}, "say the reason"),
        ({"legal_basis": ""}, "say the legal basis"),
        ({"model": ""}, "say the model"),
        ({"by": "Jane Doe"}, "not a pseudonym"),
        ({"by": "jane@shop.example"}, "not a pseudonym"),
        ({"keep_us": 0}, "at most"),
    ],
)
def test_what_must_be_said_of_an_entry_is_asked_for(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    with pytest.raises(UsageError, match=why):
        enrolled(known, **wrong)
    assert known.entries("lp-7") == []


@pytest.mark.parametrize(
    ("embeddings", "why"),
    [
        ([], "1 to 32"),
        ([face(1)] * 33, "1 to 32"),
        ([face(1), face(2, 64)], "one length"),
        ([[1.0] * 15], "16 to 8192"),
        ([[0.0] * 16], "not all of them zero"),
    ],
)
def test_embeddings_are_checked_before_they_are_kept(
    tmp_path: Path, embeddings: list[list[float]], why: str
) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    with pytest.raises(UsageError, match=why):
        known.enrol(embeddings, model=MODEL, reason="r", legal_basis="l", by="lp-7")


def test_an_embedding_of_another_length_is_taken_for_another_model(tmp_path: Path) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    enrolled(known)
    with pytest.raises(UsageError, match="is it another model"):
        known.enrol([face(2, 64)], model=MODEL, reason="r", legal_basis="l", by="lp-7")
    known.enrol([face(2, 64)], model="facenet", reason="r", legal_basis="l", by="lp-7")


# Gone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["erase", "remove"])
def test_who_was_taken_off_is_never_known_again_even_by_a_guard_that_knew_them(
    tmp_path: Path, how: str
) -> None:
    agreed = terms(tmp_path)
    known = Watchlist(agreed, Clock())
    id_, other = enrolled(known, 1), enrolled(known, 2)
    guard = Guard(agreed, Clock(), "cam")
    assert asked(guard, face(1)) is not None
    getattr(known, how)(id_, "lp-9")
    fresh = Guard(agreed, Clock(), "cam")
    for each in (guard, fresh):
        assert asked(each, face(1)) is None
        assert nearly(each, 2) == other
        each.close()
    left = {entry.id: entry for entry in known.entries("lp-7")}
    assert (id_ in left) == (how == "remove")
    if how == "remove":
        assert (left[id_].embeddings, left[id_].removed_us) == (0, NOON)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["enrol", "remove", "erase", "expire"]), st.integers(0, 5)),
        max_size=10,
    ),
    st.integers(0, 2**32),
)
def test_whatever_is_done_only_who_is_on_the_list_is_known_and_no_figure_of_others_stays(
    tmp_path: Path, acts: list[tuple[str, int]], name: int
) -> None:
    folder = tmp_path / str(name) / str(len(list(tmp_path.rglob("*"))))
    folder.mkdir(parents=True)
    agreed, clock = terms(folder), Clock()
    known = Watchlist(agreed, clock)
    guard = Guard(agreed, clock, "cam")
    on: dict[int, str] = {}
    ever: set[int] = set()
    for act, number in acts:
        if act == "enrol" and number not in on:
            on[number] = enrolled(known, number, keep_us=number * DAY_US + DAY_US)
            ever.add(number)
        elif act in {"remove", "erase"} and number in on:
            getattr(known, act)(on.pop(number), "lp-9")
        elif act == "expire":
            clock.us += DAY_US
            over = known.purge("lp-9")
            on = {number: id_ for number, id_ in on.items() if id_ not in over}
    for number in range(6):
        found = asked(guard, face(number), time_us=clock.us)
        assert (found is not None) == (number in on)
    kept = all_bytes(folder)
    for number in ever:
        # Pieces of it, so that half an embedding would be seen, too.
        blob = array("d", face(number)).tobytes()
        pieces = {blob[at : at + 16] for at in range(0, len(blob), 16)}
        assert any(piece in kept for piece in pieces) == (number in on)
    guard.close()


def test_what_is_erased_leaves_no_byte_and_the_log_stays_sound(tmp_path: Path) -> None:
    agreed = terms(tmp_path)
    known = Watchlist(agreed, Clock())
    reason, basis = "a very particular reason", "a very particular basis"
    id_ = enrolled(known, reason=reason, legal_basis=basis)
    assert reason.encode() in Path(agreed.file).read_bytes()
    known.erase(id_, "lp-9", request="DSR-12")
    kept = all_bytes(tmp_path)
    assert b"very particular" not in kept
    assert MODEL.encode() not in kept
    with Ledger.read(agreed.log) as reader:
        assert verify(reader, "s1").sound
    erased = known.accesses("lp-7")[1]
    assert (erased.action, erased.entry, erased.reason) == ("erased", id_, "DSR-12")
    with pytest.raises(UsageError, match="no entry"):
        known.erase(id_, "lp-9")


def test_every_look_and_every_change_is_in_the_log_with_who_and_what_for(tmp_path: Path) -> None:
    agreed = terms(tmp_path, four_eyes=True)
    known = Watchlist(agreed, Clock())
    id_ = enrolled(known)
    known.approve(id_, "lp-9")
    known.entries("lp-9")
    known.entries("lp-9", id_)
    Guard(agreed, Clock(), "cam").close()
    known.remove(id_, "lp-7")
    known.erase(id_, "lp-9")
    told = known.accesses("dpo-1")
    assert [(one.action, one.by, one.entry) for one in told] == [
        ("enrolled", "lp-7", id_),
        ("approved", "lp-9", id_),
        ("shown", "lp-9", None),
        ("shown", "lp-9", id_),
        ("compared", "device/cam", None),
        ("removed", "lp-7", id_),
        ("erased", "lp-9", id_),
        ("reviewed", "dpo-1", None),
    ]
    assert {one.purpose for one in told} == {"prevention of repeated theft"}
    with Ledger.read(agreed.log) as reader:
        payloads = b"".join(record.payload for record in reader.records("s1"))
        assert verify(reader, "s1").sound
    assert not any(word in payloads for word in (b"razors", b"legitimate", MODEL.encode()))


def test_what_cannot_be_logged_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = terms(tmp_path)
    known = Watchlist(agreed, Clock())
    id_ = enrolled(known)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", full)
        with pytest.raises(OSError, match="no room"):
            known.erase(id_, "lp-9")
        with pytest.raises(OSError, match="no room"):
            enrolled(known, 2)
    assert [entry.id for entry in known.entries("lp-7")] == [id_]


# The file ----------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone_and_is_not_used_otherwise(tmp_path: Path) -> None:
    agreed = terms(tmp_path)
    old = os.umask(0)
    try:
        enrolled(Watchlist(agreed, Clock()))
    finally:
        os.umask(old)
    file = Path(agreed.file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        WatchlistFile(file)
    with pytest.raises(DeviceMisconfigured, match="chmod 600"):
        Guard(agreed, Clock(), "cam")


def test_a_file_that_is_no_watchlist_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "watchlist.db"
    file.write_bytes(b"something else altogether" * 100)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="cannot be used as a watchlist"):
        WatchlistFile(file)
    with pytest.raises(UsageError, match="cannot be used"):
        WatchlistFile(tmp_path / "nowhere" / "watchlist.db")


def test_an_entry_as_json_holds_no_figure(tmp_path: Path) -> None:
    known = Watchlist(terms(tmp_path), Clock())
    enrolled(known)
    (entry,) = known.entries("lp-7")
    told = json.loads(msgspec.json.encode(entry))
    assert told["embeddings"] == 1
    assert not any(isinstance(value, list | float) for value in told.values())
