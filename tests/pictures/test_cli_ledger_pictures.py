"""``ledger verify`` looks at each picture that the ledger names, and says which is not as kept."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from picture_shop import DAY_US, Shop

from aislewatch.cli import main
from aislewatch.devices.pictures import keep, place_of
from aislewatch.runtime.picture_log import pictures_beside

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Have one picture as it was kept, and one that was deleted on record."""
    made = Shop(tmp_path)
    made.take("deleted", ago_us=4 * DAY_US)
    made.take("whole")
    made.keeper().purge("run")
    return made


@pytest.fixture
def run(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Run:
    def typed(*words: str) -> tuple[int, str, str]:
        ledger = [] if "--ledger" in words else ["--ledger", str(shop.ledger)]
        code = main(["ledger", "verify", *ledger, *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def the_whole_one(shop: Shop) -> Path:
    (sha256,) = shop.there()
    return place_of(shop.pictures, sha256)


def test_pictures_that_are_as_kept_or_deleted_on_record_are_fine(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert "s1: 2 pictures: 1 as kept, 1 deleted on record" in out


def test_a_picture_that_was_changed_is_a_finding(run: Run, shop: Shop) -> None:
    file = the_whole_one(shop)
    file.write_bytes(b"another")
    code, out, _ = run()
    assert code == 1
    assert "1 fault" in out
    assert f"s1 picture: changed: {file} is not the picture that cam-1 took" in out
    code, out, _ = run("--json")
    told = json.loads(out)
    assert (code, told["sound"], told["chains"][0]["sound"]) == (1, False, True)
    (store,) = told["pictures"]["stores"]
    assert [fault["kind"] for fault in store["faults"]] == ["changed"]


def test_a_picture_that_is_missing_without_a_word_is_a_finding(run: Run, shop: Shop) -> None:
    the_whole_one(shop).unlink()
    code, out, err = run()
    assert code == 1
    assert "is not there, and nobody deleted it on record" in out
    assert "--no-pictures" not in err  # Others are there, so this is no copy.


def test_a_ledger_without_its_folder_of_pictures_is_told_what_to_say(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(shop.ledger, copy)
    code, out, err = run("--ledger", str(copy))
    assert (code, out.count("missing:")) == (1, 2)
    assert f"there is no folder {pictures_beside(copy)}" in err
    assert run("--ledger", str(copy), "--no-pictures")[0] == 0
    code, out, _ = run("--ledger", str(copy), "--pictures", str(shop.pictures))
    assert (code, "1 as kept, 1 deleted on record" in out) == (0, True)


def test_both_options_at_once_make_no_sense(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--pictures", str(tmp_path), "--no-pictures")
    assert code == 2
    assert "either" in err


def test_files_that_no_record_names_are_mentioned_and_no_finding(run: Run, shop: Shop) -> None:
    keep(shop.pictures, b"a picture whose camera is still telling of it")
    code, _, err = run()
    assert code == 0
    assert "1 file in" in err
    assert "that no record names" in err


def test_a_ledger_that_names_no_pictures_says_nothing_of_any(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = Shop(tmp_path / "other")
    (tmp_path / "other").mkdir()
    other.signal("a", ["till/1"])
    code, out, err = run("--ledger", str(other.ledger))
    assert (code, "picture" in out + err) == (0, False)
    assert json.loads(run("--ledger", str(other.ledger), "--json")[1])["pictures"]["stores"] == []


@pytest.mark.parametrize("said", ["../../../../etc/hosts", "A" * 64, "not a hash"])
def test_a_record_that_was_made_to_say_another_file_is_a_finding_and_no_file_is_opened(
    run: Run, shop: Shop, said: str
) -> None:
    (sha256,) = shop.there()
    with sqlite3.connect(shop.ledger) as base:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            base.execute(f"DROP TRIGGER {trigger}")
        base.execute(
            "UPDATE record SET payload = CAST(replace(CAST(payload AS TEXT), ?, ?) AS BLOB)",
            (sha256, said),
        )
    code, out, _ = run()
    assert code == 1
    assert "DAMAGED" in out
    assert "record 2 of s1 says no picture" in out


def test_only_one_store_s_pictures_are_looked_at_where_only_it_is_asked_for(
    run: Run, shop: Shop
) -> None:
    the_whole_one(shop).unlink()
    shop.store = "s2"
    shop.take("another shop's")
    assert run("--only", "s2")[0] == 0
    assert run("--only", "s1")[0] == 1
