"""Backtests on the third-party sessions: what is planted is found, and as a replay finds it.

The data is not part of this project: the tests find it beside the checkout or skip.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aislewatch.authoring.backtest import Wanted, backtest
from aislewatch.authoring.backtest_hits import Hit, Raised
from aislewatch.authoring.backtest_report import Subject
from aislewatch.authoring.backtest_versions import past_of
from aislewatch.cli.app import main
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.replay import replay
from aislewatch.runtime.storefile import read_setup

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
ROOT = Path(__file__).parents[2]
STORE = ROOT / "fixtures" / "{name}" / "store.yml"
KINDS = {
    "scanner_avoidance": "scan-avoidance",
    "barcode_switching": "barcode-switch",
    "weight_discrepancy": "weight-mismatch",
}


def store_of(name: str) -> str:
    if not (DATA / name).is_dir():
        pytest.skip(f"the third-party data is not at {DATA / name}")
    return str(STORE).format(name=name)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    main(["rules", "backtest", *words, "--json"])
    return dict(json.loads(capsys.readouterr().out))


def truth_as_labels(out: Path) -> str:
    """Write the planted cases as labels: each a loss for its own rule, and none for the others."""
    truth = json.loads((DATA / "sentinel" / "truth.json").read_text())
    rows = ["store,time,about,verdict,rule"]
    for kind, cases in truth.items():
        for case in cases:
            place = f"sentinel,{case['timestamp']},lane={case['station_id']}"
            own = KINDS[kind]
            rows += [f"{place},{'theft' if r == own else 'honest'},{r}" for r in KINDS.values()]
    out.write_text("\n".join(rows) + "\n")
    return str(out)


def test_the_planted_losses_are_caught_and_no_other_is_hit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of("sentinel")
    rules = [str(ROOT / "rules" / f"{rule}.yml") for rule in KINDS.values()]
    labels = truth_as_labels(tmp_path / "labels.csv")
    words = ["--data", store, "--labels", labels, "--within", "0s", "--miss", "LKR 200"]
    report = told(capsys, *rules, *words)
    assert (report["stores"], report["refused"]) == (["sentinel"], 0)
    for rule, planted in zip(report["rules"], (12, 10, 10), strict=True):
        now = rule["now"]
        assert (now["hits"], now["right"], now["unlabelled"]) == (planted, planted, 0)
        assert (now["losses_caught"], now["losses_labelled"]) == (planted, planted)
        assert (now["honest_hit"], now["honest_labelled"]) == (0, 32 - planted)
        assert now["recall"]["estimate"] == now["precision"]["estimate"] == 1
        assert now["recall"]["low"] < 0.8
        assert now["money"]["unpriced"] == now["money"]["lost_minor"] == 0
        # Thirty-two cases are enough to tell that the rule is worth points, and not to say which.
        points = rule["points"]
        assert points["labels"] == 32
        assert points["suggested"]["low"] > 0
        assert points["suggested"]["high"] - points["suggested"]["low"] > 10


def keys(hits: Sequence[Hit]) -> list[tuple[str, str, int]]:
    return [hit.key for hit in hits]


def test_a_backtest_raises_what_a_replay_of_the_same_days_raises(tmp_path: Path) -> None:
    setup = read_setup(store_of("sentinel"))
    ledger = tmp_path / "ledger.db"
    replay(setup, None, ledger, clock=RecordingClock(1))
    rules = [rule for rule in setup.rules if rule.status in {"live", "shadow"}]
    past = [past_of(ledger, rule.id, setup.timezone) for rule in rules]
    subjects = [Subject(rule, "then", past=one) for rule, one in zip(rules, past, strict=True)]
    report = backtest(setup, subjects, Wanted())
    raised = 0
    for rule, then in zip(report.rules, past, strict=True):
        hits = then.get("sentinel", Raised()).hits
        assert keys([one.hit for one in rule.now.scores.judged]) == keys(hits)
        assert not rule.only_now
        assert not rule.only_before
        assert not rule.changed
        assert rule.judged == rule.held + sum(rule.stopped.values()) + sum(
            rule.excused.values()
        ) + sum(rule.undecided.values())
        raised += len(hits)
    assert raised > 100


@pytest.mark.slow
def test_fifty_three_shops_are_shared_out_and_give_the_same_bytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(ROOT / "rules" / "gate-alarm.yml"), "--data", store_of("nedap")]
    alone = told(capsys, *words, "--jobs", "1")
    assert told(capsys, *words, "--jobs", "2") == alone
    (rule,) = alone["rules"]
    assert (rule["now"]["hits"], rule["now"]["incidents"]) == (26_563, 13_578)
    assert (len(alone["stores"]), rule["judgements"]["made"]) == (53, 26_563)
