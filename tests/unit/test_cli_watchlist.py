"""The watchlist by its commands: put on, agreed to, looked at, taken off, and all recorded."""

from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.ledger import Ledger, verify

ON = """\
store: s1
timezone: Europe/Amsterdam
known_offenders:
  enabled: yes
  purpose: prevention of repeated theft
  retention: 180d
  threshold: 0.62
  false_match_rate: 0.0001%
  visitors: 2000
"""
FACE = [round(Random(7).gauss(0, 1), 6) for _ in range(64)]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    (tmp_path / "store.yml").write_text(ON)
    (tmp_path / "face.json").write_text(json.dumps(FACE))

    def typed(*words: str, by: str = "jane") -> tuple[int, str, str]:
        store = str(tmp_path / "store.yml")
        code = main(["watchlist", *words, "--store", store, "--by", by])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def enrol(run: Run, tmp_path: Path, *more: str) -> str:
    words = ["--model", "arcface", "--reason", "case 117", "--legal-basis", "LIA-3"]
    code, out, err = run("enrol", str(tmp_path / "face.json"), *words, *more, "--json")
    assert code == 0, err
    return str(json.loads(out)["id"])


def test_an_entry_is_enrolled_agreed_to_shown_removed_and_erased(run: Run, tmp_path: Path) -> None:
    id_ = enrol(run, tmp_path)
    assert "waits for approval" in run("show")[1]
    code, _, err = run("approve", id_)
    assert code == 2
    assert "a second person has to approve it" in err
    assert run("approve", id_, by="tom")[0] == 0
    code, out, err = run("show")
    assert (code, "counts" in out) == (0, True)
    assert "of 2000 visitors a day 0.002 will be taken for one of 1 entry" in err
    assert "case 117" in run("show", id_)[1]
    assert run("remove", id_)[0] == 0
    assert "removed" in run("show")[1]
    assert run("erase", id_, "--request", "DSR-12")[0] == 0
    assert "nobody is on the list" in run("show")[1]
    assert run("show", id_)[0] == 2


def test_who_had_to_do_with_the_list_is_told_by_pseudonym_and_can_be_proved(
    run: Run, tmp_path: Path
) -> None:
    id_ = enrol(run, tmp_path)
    run("erase", id_, by="tom")
    _, out, _ = run("access", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["action"] for one in told] == ["enrolled", "erased", "reviewed"]
    assert told[0]["by"] == told[2]["by"] != told[1]["by"]
    assert all(one["by"].startswith("user-") for one in told)
    assert {one["purpose"] for one in told} == {"prevention of repeated theft"}
    with Ledger.read(tmp_path / "watchlist-access.db") as reader:
        assert verify(reader, "s1").sound
        assert reader.head("s1").position == 3
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("watchlist*"))
    assert not any(word in kept for word in (b"jane", b"tom", b"case 117", b"LIA-3", b"arcface"))


def test_nobody_is_enrolled_where_the_shop_has_not_opted_in(run: Run, tmp_path: Path) -> None:
    (tmp_path / "store.yml").write_text(ON.replace("enabled: yes", "enabled: no"))
    words = ["--model", "m", "--reason", "r", "--legal-basis", "l"]
    code, _, err = run("enrol", str(tmp_path / "face.json"), *words)
    assert code == 2
    assert "does not compare faces" in err
    assert not (tmp_path / "watchlist.db").exists()


def test_what_is_left_after_it_was_switched_off_can_still_be_shown_and_erased(
    run: Run, tmp_path: Path
) -> None:
    id_ = enrol(run, tmp_path)
    (tmp_path / "store.yml").write_text("store: s1\n")
    code, out, err = run("show")
    assert (code, id_ in out) == (0, True)
    assert "switched off" in err
    assert run("erase", id_)[0] == 0


@pytest.mark.parametrize("missing", ["purpose", "retention", "threshold", "false_match_rate"])
def test_a_store_file_that_says_not_enough_is_told_what_is_missing(
    run: Run, tmp_path: Path, missing: str
) -> None:
    lines = [line for line in ON.splitlines() if missing not in line]
    (tmp_path / "store.yml").write_text("\n".join(lines))
    code, _, err = run("show")
    assert code == 1
    assert f"faces may be compared only where {missing} is said" in err


@pytest.mark.parametrize(
    "text",
    ["", "nonsense 0.123456", "[]", "{}", '{"face": [1.0]}', '["0.123456"]', "[0.123456, [1.0]]"],
)
def test_a_file_without_an_embedding_is_refused_and_nothing_of_it_is_said(
    run: Run, tmp_path: Path, text: str
) -> None:
    (tmp_path / "face.json").write_text(text)
    words = ["--model", "m", "--reason", "r", "--legal-basis", "l"]
    code, out, err = run("enrol", str(tmp_path / "face.json"), *words)
    assert code == 2
    assert "holds no embedding" in err
    assert "123456" not in out + err


@pytest.mark.parametrize("given", [FACE, [FACE, FACE], {"embedding": FACE, "model": "m"}])
def test_a_face_may_come_in_whatever_form_a_service_answers_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    words = ["--model", "m", "--reason", "r", "--legal-basis", "l", "--keep", "30d", "--json"]
    code, out, err = run("enrol", "-", *words)
    assert code == 0, err
    entry = json.loads(out)
    assert entry["embeddings"] == (2 if given == [FACE, FACE] else 1)
    assert entry["until_us"] - entry["enrolled_us"] == 30 * 86_400_000_000
    assert stat.S_IMODE((tmp_path / "watchlist.db").stat().st_mode) == 0o600


def test_whoever_is_kept_too_long_is_not_enrolled_at_all(run: Run, tmp_path: Path) -> None:
    words = ["--model", "m", "--reason", "r", "--legal-basis", "l", "--keep"]
    for keep, why in (("181d", "180 days at most"), ("long", "--keep: 'long' is not a duration")):
        code, _, err = run("enrol", str(tmp_path / "face.json"), *words, keep)
        assert code == 2
        assert why in err
    assert run("purge")[1] == "0 entries erased\n"
