"""Pictures that concern somebody are found and deleted by ``privacy``, and both are recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from picture_shop import DAY_US, HOUR_US, Shop

from aislewatch.cli import main
from aislewatch.devices.pictures import keep, place_of
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.names_store import NamesFile
from aislewatch.runtime.picture_log import PictureLog, deletions, log_beside

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.clock.us = SystemClock().now_us()
    return made


@pytest.fixture
def run(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "store.yml").write_text("store: s1\npersonal_data: {pseudonyms: yes}\n")

    def typed(*words: str) -> tuple[int, str, str]:
        store, ledger = str(tmp_path / "store.yml"), str(shop.ledger)
        code = main(["privacy", *words, "--store", store, "--ledger", ledger, "--by", "dpo"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def name_of(folder: Path, number: str, kind: str = "customer") -> str:
    with NamesFile(folder / "names.db") as file:
        return file.name(kind, number, SystemClock().now_us())


def actions(run: Run) -> list[tuple[str, str]]:
    told = [json.loads(line) for line in run("access", "--json")[1].splitlines()]
    return [(one["purpose"], one["action"]) for one in told]


def incident(shop: Shop, signal: str, *evidence: str) -> None:
    """Have an incident rest on events, as the engine puts it on record."""
    told = {
        "signal": signal,
        "rule": "any-payment",
        "title": "Somebody paid",
        "meaning": "0" * 64,
        "status": "live",
        "type": "theft.checkout",
        "anchor": evidence[0],
        "decided_us": shop.clock.us,
        "about": [],
        "points_cb": 80,
        "because": "it was paid",
        "looks": [],
        "evidence": [{"id": one} for one in evidence],
    }
    opened = {"incident": "inc-1", "because": {"signal": signal, "change": "raised"}}
    shop.record(
        ("signal.raised", f"signal/{signal}", told),
        ("incident.opened", "incident/inc-1", opened),
        time_us=shop.clock.us,
    )


def test_a_customer_s_pictures_are_found_and_deleted_and_nobody_else_s(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    name = name_of(tmp_path, "C-9")
    mine = shop.take("mine", customer=name, receipt="R1", cause="till/1")
    other = shop.take("another's", customer=name_of(tmp_path, "C-8"), cause="till/2")
    code, out, _ = run("find", "customer", "C-9", "--json")
    (found,) = json.loads(out)["pictures"]
    assert code == 0
    assert (found["sha256"], found["state"], found["receipt"]) == (mine, "whole", "R1")
    _, out, err = run("find", "customer", "C-9")
    assert mine[:12] in out
    assert "as it was kept" in out
    assert str(shop.pictures) in err
    code, out, _ = run("erase", "customer", "C-9", "--request", "DSR-12")
    assert (code, "1 picture deleted" in out) == (0, True)
    assert shop.there() == [other]
    deletion = deletions(shop.pictures, "s1")[mine]
    assert (deletion.action, deletion.reason) == ("erased", "DSR-12")
    with Ledger.read(log_beside(shop.pictures)) as log:
        assert verify(log, "s1").sound
    assert main(["ledger", "verify", "--ledger", str(shop.ledger)]) == 0
    assert run("find", "customer", "C-9")[0] == 2
    assert actions(run) == [
        ("pseudonyms", "shown"),
        ("pseudonyms", "shown"),
        ("pseudonyms", "shown"),
        ("pseudonyms", "erased"),
        ("pseudonyms", "reviewed"),
        ("evidence", "shown"),
        ("evidence", "shown"),
        ("evidence", "erased"),
        ("evidence", "reviewed"),
    ]


def test_a_picture_whose_sale_is_known_from_evidence_alone_is_found(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    name = name_of(tmp_path, "207", "cashier")
    by_receipt = shop.take("by receipt", receipt="R1", cause="till/9")
    by_cause = shop.take("by cause", cause="till/3")
    shop.take("neither", receipt="R2", cause="till/4")
    evidence = [
        {"id": "till/1", "cashier": name, "receipt": "R1"},
        {"id": "till/3", "cashier": name},
    ]
    content = {"signal": "a", "status": "shadow", "about": [], "evidence": evidence}
    shop.record(("signal.raised", "signal/a", content), time_us=shop.clock.us)
    found = json.loads(run("find", "cashier", "207", "--json")[1])["pictures"]
    assert {one["sha256"] for one in found} == {by_receipt, by_cause}


def test_a_picture_that_an_incident_rests_on_stays_until_it_is_said_that_it_goes(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    name = name_of(tmp_path, "C-9")
    evidence = shop.take("evidence", customer=name, cause="till/1")
    shop.take("nobody's business", customer=name, cause="till/2")
    incident(shop, "sig-1", "till/1")
    code, out, err = run("erase", "customer", "C-9", "--json")
    told = json.loads(out)
    assert code == 1
    assert [(one["sha256"], one["incidents"]) for one in told["kept"]] == [(evidence, ["inc-1"])]
    assert shop.there() == [evidence]
    assert f"erase picture {evidence[:12]} --evidence" in err
    code, out, _ = run("find", "picture", evidence[:12])
    assert (code, "inc-1" in out) == (0, True)
    assert run("erase", "picture", evidence[:12])[0] == 1
    assert run("erase", "picture", evidence[:12].upper(), "--evidence")[0] == 0
    assert shop.there() == []


def test_a_picture_that_is_held_for_a_case_outlives_its_terms_until_it_is_released(
    run: Run, shop: Shop
) -> None:
    incident(shop, "sig-1", "till/1")
    case = shop.take("case", ago_us=100 * DAY_US, cause="till/1", receipt="R1")
    other = shop.take("other", ago_us=100 * DAY_US, cause="till/2", receipt="R2")
    code, out, _ = run("hold", "incident", "inc-1", "--keep", "365d", "--request", "CASE-7")
    assert (code, "1 picture held until" in out) == (0, True)
    assert json.loads(run("purge", "--json")[1])["pictures"] == [other]
    shop.signal("sig-1", what="withdrawn")  # Whatever becomes of the incident.
    (found,) = json.loads(run("find", "receipt", "R1", "--json")[1])["pictures"]
    assert (found["sha256"], found["incidents"]) == (case, [])
    assert found["held_until_us"] > shop.clock.us + 364 * DAY_US
    assert run("erase", "receipt", "R1")[0] == 1
    assert shop.there() == [case]
    code, out, _ = run("release", "receipt", "R1", "--request", "CASE-7")
    assert (code, out) == (0, "1 picture released\n")
    assert run("release", "receipt", "R1")[1] == "0 pictures released\n"
    assert json.loads(run("purge", "--json")[1])["pictures"] == [case]
    assert "held (CASE-7) until 2" in run("access")[1]
    assert main(["ledger", "verify", "--ledger", str(shop.ledger)]) == 0


def test_a_hold_ends_by_itself(shop: Shop) -> None:
    sha256 = shop.take("case", ago_us=4 * DAY_US)
    log = PictureLog(shop.pictures, "s1", shop.clock)
    log.held("dpo", [sha256], shop.clock.us + DAY_US, "")
    assert shop.keeper().purge("run") == []
    shop.clock.us += DAY_US
    assert shop.keeper().purge("run") == [sha256]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("hold", "incident", "inc-9", "--keep", "1d"), "no picture of incident 'inc-9'"),
        (("hold", "receipt", "R1", "--keep", "for ever"), "--keep"),
        (("hold", "receipt", "R1", "--keep", "1d", "--request", "Jane Doe"), "no names"),
    ],
)
def test_what_cannot_be_held_is_told_why(
    run: Run, shop: Shop, words: tuple[str, ...], why: str
) -> None:
    shop.take("one", receipt="R1")
    code, _, err = run(*words)
    assert (code, why in err) == (2, True)


def test_pictures_can_be_left_as_they_are(run: Run, shop: Shop, tmp_path: Path) -> None:
    sha256 = shop.take("mine", customer=name_of(tmp_path, "C-9"))
    code, out, _ = run("erase", "customer", "C-9", "--no-pictures")
    assert (code, "picture" in out) == (0, False)
    assert shop.there() == [sha256]


def test_a_receipt_has_its_pictures_found_where_no_names_are_kept(run: Run, shop: Shop) -> None:
    sha256 = shop.take("sale", receipt="R7")
    shop.take("another", receipt="R77")
    code, out, _ = run("find", "receipt", "R7", "--json")
    told = json.loads(out)
    assert (code, told["pseudonym"], told["held"]) == (0, None, [])
    assert [one["sha256"] for one in told["pictures"]] == [sha256]
    assert run("erase", "receipt", "R7")[0] == 0
    assert actions(run) == [("evidence", "shown"), ("evidence", "erased"), ("evidence", "reviewed")]
    code, out, _ = run("find", "receipt", "R7")
    assert (code, "deleted 2" in out) == (0, True)  # On record still: when it was deleted.


def test_numbers_that_were_told_without_pseudonyms_lead_to_pictures_too(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    told_as_it_is = shop.take("before", customer="C-9")
    assert run("find", "customer", "C-9")[0] == 0
    name = name_of(tmp_path, "C-9")
    since = shop.take("since", customer=name)
    found = json.loads(run("find", "customer", "C-9", "--json")[1])["pictures"]
    assert [one["sha256"] for one in found] == [told_as_it_is, since]


def test_a_request_s_number_that_is_a_name_is_refused_before_anything_is_deleted(
    run: Run, shop: Shop
) -> None:
    sha256 = shop.take("sale", receipt="R7")
    code, _, err = run("erase", "receipt", "R7", "--request", "Jane Doe")
    assert (code, "no names" in err) == (2, True)
    assert shop.there() == [sha256]
    assert run("find", "receipt", "R7", "--request", "Jane Doe")[0] == 2


def test_purge_deletes_pictures_by_the_terms_of_the_store_file(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    shop.take("old", ago_us=4 * DAY_US)
    young = shop.take("young", ago_us=2 * DAY_US)
    code, out, _ = run("purge")
    assert (code, out) == (0, "0 names forgotten, 1 picture deleted\n")
    assert shop.there() == [young]
    (tmp_path / "store.yml").write_text("store: s1\npictures: {retention: 1h}\n")
    assert json.loads(run("purge", "--json")[1])["pictures"] == [young]
    (tmp_path / "store.yml").write_text("store: s1\npictures: {retention: 5m}\n")
    code, _, err = run("purge")
    assert (code, "store.yml:2" in err) == (1, True)


def test_another_store_s_pictures_are_not_purged_by_this_one_s_file(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    shop.store = "s2"
    shop.take("old", ago_us=40 * DAY_US)
    assert "0 pictures deleted" in run("purge")[1]
    (tmp_path / "store.yml").write_text("store: '*'\n")
    assert "1 picture deleted" in run("purge")[1]


def test_that_a_picture_had_been_changed_when_it_was_deleted_is_said(run: Run, shop: Shop) -> None:
    sha256 = shop.take("old", ago_us=4 * DAY_US)
    place_of(shop.pictures, sha256).write_bytes(b"another")
    assert "1 picture deleted" in run("purge")[1]
    assert "expired, found changed" in run("access")[1]
    assert main(["ledger", "verify", "--ledger", str(shop.ledger)]) == 1


def test_a_lost_file_is_purged_before_there_is_a_ledger(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    sha256 = keep(shop.pictures, b"nobody ever told of it")
    shop.age(sha256, 73 * HOUR_US)
    assert "1 picture deleted" in run("purge")[1]
    assert not shop.ledger.exists()
    assert actions(run)[0] == ("evidence", "expired")
