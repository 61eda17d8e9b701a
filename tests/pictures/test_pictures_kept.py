"""Pictures are kept as long as their terms say and no longer; what was deleted is on record."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_shop import DAY_US, HOUR_US, NOW_US, TERMS, Clock, Shop, data_of, hash_of
from pydantic import ValidationError

from aislewatch.devices.pictures import erase, keep, kept_in, place_of, state_of
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.picture_check import FAULTS_MAX, check_pictures
from aislewatch.runtime.picture_keeping import Keeper, purge_hourly
from aislewatch.runtime.picture_log import PictureLog, deletions, log_beside
from aislewatch.runtime.picture_records import kept_pictures, signals_on
from aislewatch.runtime.picture_terms import PicturesPart, PictureTerms, StoreTerms
from aislewatch.runtime.storefile import read_setup


def kinds(shop: Shop) -> list[tuple[str, str]]:
    with Ledger.read(shop.ledger) as reader:
        found = check_pictures(reader, shop.store, shop.pictures)
    return [(fault.kind.value, fault.sha256) for fault in found.faults]


def counts(shop: Shop) -> tuple[int, int, int, int]:
    with Ledger.read(shop.ledger) as reader:
        found = check_pictures(reader, shop.store, shop.pictures)
    assert found.sound == (not found.faults)
    return found.named, found.whole, found.deleted, found.fault_count


def test_a_picture_that_no_incident_names_goes_after_72_hours_and_one_that_does_after_92_days(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    shop.take("nobody's", cause="till/1")
    named = shop.take("an incident's", cause="till/2")
    shop.signal("sig-1", ["till/0", "till/2"])
    keeper = shop.keeper()
    shop.clock.us += 72 * HOUR_US
    assert keeper.purge("run") == []
    shop.clock.us += 1
    assert keeper.purge("run") == [hash_of("nobody's")]
    assert shop.there() == [named]
    shop.clock.us = NOW_US + 92 * DAY_US
    assert keeper.purge("run") == []
    shop.clock.us += 1
    assert keeper.purge("run") == [named]
    assert counts(shop) == (2, 0, 2, 0)


def test_what_a_store_file_says_counts(tmp_path: Path) -> None:
    (tmp_path / "store.yml").write_text(
        "store: s1\npictures: {retention: 2h, incident_retention: 7d}\n"
    )
    terms = read_setup(tmp_path / "store.yml").pictures
    assert terms == PictureTerms(retention_us=2 * HOUR_US, incident_retention_us=7 * DAY_US)
    (tmp_path / "store.yml").write_text("store: s1\n")
    assert read_setup(tmp_path / "store.yml").pictures == TERMS


@pytest.mark.parametrize(
    "written",
    [
        {"retention": "59m"},
        {"retention": "8d", "incident_retention": "7d"},
        {"retention": "0s"},
        {"for_ever": True},
    ],
)
def test_terms_that_make_no_sense_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PicturesPart.model_validate(written)


def test_a_retention_longer_than_an_incident_s_lengthens_that_too() -> None:
    terms = PicturesPart.model_validate({"retention": "200d"}).terms
    assert terms.incident_retention_us == terms.retention_us == 200 * DAY_US


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("its own event", True),
        ("its receipt", True),
        ("withdrawn", False),
        ("shadow", False),
        ("revised into shadow", False),
        ("another event", False),
        ("another kind of that text", False),
    ],
)
def test_a_picture_is_named_by_what_counts_and_stands(
    tmp_path: Path, how: str, names: bool
) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", id="cam-1/77", cause="till/1", receipt="R1")
    match how:
        case "its own event":
            shop.signal("a", ["cam-1/77"])
        case "its receipt":
            shop.signal("a", ["x"], about=[("receipt", "R1")])
        case "withdrawn":
            shop.signal("a", ["till/1"])
            shop.signal("a", what="withdrawn")
        case "shadow":
            shop.signal("a", ["till/1"], status="shadow")
        case "revised into shadow":
            shop.signal("a", ["till/1"])
            shop.signal("a", ["till/1"], status="shadow", what="revised")
        case "another event":
            shop.signal("a", ["till/2"])
        case _:
            shop.signal("a", ["x"], about=[("epc", "R1")])
    with Ledger.read(shop.ledger) as reader:
        found = signals_on(reader, "s1", kept_pictures(reader, "s1"))
    assert found == ({sha256: ["a"]} if names else {})
    shop.clock.us += 4 * DAY_US
    assert shop.keeper().purge("run") == ([] if names else [sha256])


def test_a_deletion_is_on_record_in_a_chain_of_its_own_and_the_ledger_is_not_touched(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=4 * DAY_US)
    before = shop.ledger.read_bytes()
    shop.keeper().purge("run")
    assert shop.ledger.read_bytes() == before
    (deletion,) = deletions(shop.pictures, "s1").values()
    assert (deletion.action, deletion.entry, deletion.by) == ("expired", sha256, "run")
    assert deletion.time_us == shop.clock.us
    with Ledger.read(log_beside(shop.pictures)) as log:
        assert verify(log, "s1").sound
        assert [one.type for one in log.records("s1")] == ["picture.expired"]


def test_what_is_deleted_was_overwritten_before(tmp_path: Path) -> None:
    sha256 = keep(tmp_path / "p", data_of("one"))
    path = place_of(tmp_path / "p", sha256)
    second = tmp_path / "the same blocks under another name"
    second.hardlink_to(path)
    erase(tmp_path / "p", sha256)
    assert not path.exists()
    assert second.read_bytes() == bytes(len(data_of("one")))
    erase(tmp_path / "p", sha256)


def test_a_picture_that_was_kept_again_is_as_old_as_that(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=5 * DAY_US)
    shop.take("one", ago_us=HOUR_US)
    assert shop.keeper().purge("run") == []
    shop.clock.us += 3 * DAY_US
    assert shop.keeper().purge("run") == [sha256]
    shop.clock.us += HOUR_US
    shop.take("one")
    assert counts(shop) == (1, 1, 0, 0)
    place_of(shop.pictures, sha256).unlink()
    assert kinds(shop) == [("missing", sha256)]


def test_a_picture_that_an_incident_named_once_is_named_also_when_it_was_kept_again(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    shop.take("one", ago_us=6 * DAY_US, cause="till/1")
    sha256 = shop.take("one", ago_us=5 * DAY_US, cause="till/2")
    shop.signal("a", ["till/1"])
    assert shop.keeper().purge("run") == []
    shop.signal("a", what="withdrawn")
    assert shop.keeper().purge("run") == [sha256]


def test_a_picture_of_two_stores_goes_when_both_let_it_go(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("offline", ago_us=5 * DAY_US)
    shop.store = "s2"
    shop.take("offline", ago_us=HOUR_US)
    assert shop.keeper().purge("run") == []
    shop.clock.us += 3 * DAY_US
    assert shop.keeper(TERMS, "s1").purge("run") == []  # What s2 says is not at hand.
    assert shop.keeper(TERMS, "s1", "s2").purge("run") == [sha256]
    assert [len(deletions(shop.pictures, store)) for store in ("s1", "s2")] == [1, 1]


def test_a_picture_of_two_stores_that_is_erased_is_on_record_for_both(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("offline")
    shop.store = "s2"
    shop.take("offline")
    assert shop.keeper().erase([sha256], "dpo", "") == [sha256]
    assert counts(shop) == (1, 0, 1, 0)
    shop.store = "s1"
    assert counts(shop) == (1, 0, 1, 0)


def test_each_store_goes_by_its_own_terms(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    first = shop.take("one", ago_us=5 * HOUR_US)
    shop.store = "s2"
    shop.take("two", ago_us=5 * HOUR_US)
    short = PictureTerms(retention_us=2 * HOUR_US, incident_retention_us=DAY_US)
    terms = [StoreTerms(("s1",), short), StoreTerms((), TERMS)]
    assert Keeper(shop.ledger, terms, shop.clock).purge("run") == [first]


def test_a_picture_that_no_record_names_goes_as_well(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = keep(shop.pictures, data_of("lost"))
    shop.age(sha256, 72 * HOUR_US)
    assert shop.keeper(TERMS, "s1").purge("run") == []
    shop.clock.us += 1
    assert shop.keeper(TERMS, "s1").purge("run") == [sha256]
    assert list(deletions(shop.pictures, "s1")) == [sha256]
    assert not shop.ledger.exists()


def test_a_picture_that_no_record_names_goes_by_the_shortest_retention(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = keep(shop.pictures, data_of("lost"))
    shop.age(sha256, 3 * HOUR_US)
    terms = [StoreTerms(("s1",), TERMS), StoreTerms(("s2",), PictureTerms(retention_us=HOUR_US))]
    assert Keeper(shop.ledger, [], shop.clock).purge("run") == []
    assert Keeper(shop.ledger, terms[:1], shop.clock).purge("run") == []
    assert Keeper(shop.ledger, terms, shop.clock).purge("run") == [sha256]


def test_what_a_process_left_unfinished_goes_and_what_is_just_written_stays(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    shop.clock.us = 4_000_000_000_000_000  # After any file of this test was written.
    for text in ("old", "new"):
        sha256 = keep(shop.pictures, data_of(text))
        path = place_of(shop.pictures, sha256)
        if text == "old":
            shop.age(sha256, HOUR_US + 1_000_000)
        else:
            shop.age(sha256, 0)
        path.rename(path.with_suffix(".part"))
    shop.keeper().purge("run")
    assert [path.stem for path in shop.pictures.rglob("*.part")] == [hash_of("new")]


def test_what_was_cut_off_behind_its_record_is_deleted_the_next_time(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", cause="till/1")
    shop.signal("a", ["till/1"])
    PictureLog(shop.pictures, "s1", shop.clock).erased("dpo", [sha256], "DSR-1", changed=False)
    assert kinds(shop) == [("remains", sha256)]
    assert shop.keeper().purge("run") == [sha256]
    assert counts(shop) == (1, 0, 1, 0)
    with Ledger.read(log_beside(shop.pictures)) as log:
        assert log.head("s1").position == 1  # Said once.


def test_a_changed_picture_a_missing_one_and_a_deleted_one_are_told_apart(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    whole, changed, missing, deleted = (shop.take(text) for text in "abcd")
    place_of(shop.pictures, changed).write_bytes(b"another")
    place_of(shop.pictures, missing).unlink()
    assert shop.keeper().erase([deleted, "0" * 64], "dpo", "DSR-1") == [deleted]
    assert kinds(shop) == [("changed", changed), ("missing", missing)]
    assert counts(shop) == (4, 1, 1, 2)
    assert state_of(shop.pictures, whole) == "whole"


def test_to_delete_a_changed_picture_does_not_make_it_whole(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=4 * DAY_US)
    place_of(shop.pictures, sha256).write_bytes(b"another")
    assert shop.keeper().purge("run") == [sha256]
    assert deletions(shop.pictures, "s1")[sha256].state == "changed"
    assert kinds(shop) == [("changed", sha256)]


def test_a_missing_picture_is_not_put_on_record_as_deleted_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=4 * DAY_US)
    shop.take("two")
    place_of(shop.pictures, sha256).unlink()
    assert shop.keeper().purge("run") == []
    assert kinds(shop) == [("missing", sha256)]


def test_a_record_of_deletions_that_was_changed_is_a_fault_of_its_own(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.take("one", ago_us=4 * DAY_US)
    shop.keeper().purge("run")
    log = log_beside(shop.pictures)
    log.write_bytes(log.read_bytes().replace(b'"by":"run"', b'"by":"you"'))
    assert [kind for kind, _ in kinds(shop)] == ["record"]
    log.write_bytes(b"no ledger at all")
    assert [kind for kind, _ in kinds(shop)] == ["record", "missing"]


def test_a_file_that_cannot_be_deleted_is_a_person_s_to_mend(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=4 * DAY_US)
    path = place_of(shop.pictures, sha256)
    path.unlink()
    path.mkdir()  # Nothing that could be overwritten, whoever runs this test.
    with pytest.raises(UsageError, match="is to be deleted and cannot be"):
        shop.keeper().purge("run")
    path.rmdir()
    path.write_bytes(data_of("one"))
    assert shop.keeper().purge("run") == [sha256]


def test_of_many_faults_the_first_are_described_and_all_are_counted(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.note(*(f"{number:064x}" for number in range(FAULTS_MAX + 5)))
    with Ledger.read(shop.ledger) as reader:
        found = check_pictures(reader, "s1", shop.pictures)
    assert (len(found.faults), found.fault_count) == (FAULTS_MAX, FAULTS_MAX + 5)


def test_what_lies_among_the_pictures_and_is_none_stays(tmp_path: Path) -> None:
    sha256 = keep(tmp_path / "p", data_of("one"))
    for name in ("notes.jpg", f"{sha256}.jpg"):
        (tmp_path / "p" / "zz").mkdir(exist_ok=True)
        (tmp_path / "p" / "zz" / name).write_bytes(b"x")
    assert list(kept_in(tmp_path / "p")) == [sha256]
    assert list(kept_in(tmp_path / "not there")) == []


def test_the_log_of_deletions_says_nothing_of_anybody(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.take("one", ago_us=4 * DAY_US, cashier="cashier-abc", receipt="R-1", customer="c-1")
    shop.keeper().purge("run")
    told = log_beside(shop.pictures).read_bytes()
    assert not any(word in told for word in (b"cashier-abc", b"R-1", b"c-1"))
    assert stat.S_IMODE(shop.pictures.stat().st_mode) == 0o700


AGES = st.lists(
    st.tuples(st.integers(0, 100 * 24), st.booleans()), min_size=1, max_size=6, unique=True
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(AGES)
def test_whatever_there_is_a_purge_leaves_what_terms_allow_and_the_check_finds_nothing(
    tmp_path: Path, pictures: list[tuple[int, bool]]
) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    shop, allowed = Shop(folder), set[str]()
    for hours, named in pictures:
        text = f"{hours} {named}"
        shop.take(text, ago_us=hours * HOUR_US, cause=text)
        if named:
            shop.signal(text, [text])
        if hours <= (92 * 24 if named else 72):
            allowed.add(hash_of(text))
    shop.keeper().purge("run")
    assert set(shop.there()) == allowed
    assert shop.keeper().purge("run") == []
    gone = len(pictures) - len(allowed)
    assert counts(shop) == (len(pictures), len(allowed), gone, 0)


async def test_a_run_purges_again_and_again_and_says_what_hinders_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one", ago_us=4 * DAY_US)
    log = log_beside(shop.pictures)
    log.write_bytes(b"no ledger")
    said: list[str] = []

    def trouble(text: str) -> None:
        said.append(text)
        log.unlink(missing_ok=True)

    purging = asyncio.create_task(purge_hourly(shop.keeper(), "run", trouble, 0.001))
    async with asyncio.timeout(30):
        while shop.there():
            await asyncio.sleep(0.001)
    purging.cancel()
    await asyncio.wait([purging])
    assert said
    assert "pictures whose time is over were not deleted" in said[0]
    assert list(deletions(shop.pictures, "s1")) == [sha256]


def test_a_clock_that_stands_at_the_beginning_deletes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    sha256 = shop.take("one")
    keeper = Keeper(shop.ledger, [StoreTerms((), TERMS)], Clock(0))
    assert keeper.purge("run") == []
    assert shop.there() == [sha256]
