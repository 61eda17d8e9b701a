"""`aislewatch rules capture` and `why` of a rule on peers, from a ledger and an archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from aislewatch.cli.app import main
from aislewatch.testing.archives import archive_of_lines

ROOT = Path(__file__).parents[2]
STORE = """\
store: [north]
timezone: UTC
currency: EUR
rules: [void-outlier.yml]
"""


def shift(cashier: str, hour: int, lines: int, voids: int) -> list[str]:
    """Tell a shift's lines, a minute apart, those voided among them, and its end."""
    said = [f"{hour:02}:{n:02}:00 pos.item cashier={cashier}" for n in range(lines)]
    said += [f"{hour:02}:{n:02}:30 pos.void cashier={cashier}" for n in range(voids)]
    end = f"{hour:02}:59:00 shift.closed cashier={cashier} shift_id={cashier}-1"
    return [f"{line} store=north" for line in (*said, end)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rule = (ROOT / "rules" / "void-outlier.yml").read_text()
    Path("void-outlier.yml").write_text(rule.replace("status: shadow", "status: live"))
    Path("store.yml").write_text(STORE)
    lines = [line for n in range(12) for line in shift(f"other{n}", 8 + n % 2, 40, n % 2)]
    lines += shift("ann", 10, 40, 12)
    archive_of_lines(Path("days"), lines, "12:00:00")
    assert main(["replay", "store.yml", "--events", "days", "--out", "shop.db"]) == 0
    return tmp_path


def test_an_incident_of_a_rule_on_peers_becomes_a_test_with_the_events_of_its_days(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["rules", "capture", "--as-test", "--ledger", "shop.db", "--store", "store.yml"]
    assert main(words) == 2
    assert "name those days with --events" in capsys.readouterr().err
    into = ["--into", "void-outlier.yml", "--events", "days", "--name", "as in the north"]
    assert main([*words, *into]) == 0
    assert "has a test more: 'as in the north', fires 1 time" in capsys.readouterr().out
    written = (shop / "void-outlier.yml").read_text()
    new = written.partition("as in the north")[2]
    assert "ann" not in new
    # Eleven peers it takes, and its own shift; no more stay than that.
    assert new.count("shift.closed") == 12
    assert main(["rules", "test", "void-outlier.yml", "--no-mutants"]) == 0


def test_an_incident_of_a_rule_on_peers_is_explained_with_the_figures_of_its_record(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del shop
    assert main(["rules", "why", "--ledger", "shop.db", "--store", "store.yml"]) == 0
    told = capsys.readouterr().out
    assert "From the record alone" not in told
    assert "others.median" in told
