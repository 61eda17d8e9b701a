"""``aislewatch plugin check --recovery``: each fault of a twin, and how soon all was well."""

import json

import pytest

from aislewatch.cli.app import main
from aislewatch_sim.faults import Fault


def test_how_long_each_fault_took_is_a_table_and_in_the_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugin", "check", "feed", "--recovery", "--json"]) == 0
    (grade,) = json.loads(capsys.readouterr().out)
    found = {finding["check"]: finding["recovery_s"] for finding in grade["findings"]}
    # TCP lets no turned bit through; all other faults of the menu are tried.
    tried = {fault for fault in Fault if fault not in {Fault.FLIP, Fault.PARITY}}
    assert {f"it-is-back-after-{fault}" for fault in tried} <= found.keys()
    assert all(found[f"it-is-back-after-{fault}"] is not None for fault in tried)
    assert found["plugged-in-again-it-is-back"] is not None


def test_the_table_has_a_line_for_each_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "pos-json", "--recovery"]) == 0
    told = capsys.readouterr().out.partition("back after, in seconds")[2]
    lines = [line.split() for line in told.splitlines()[1:] if line.strip()]
    assert [line[0] for line in lines][:2] == ["cut", "garbage"]
    assert all(float(line[1]) < 10 for line in lines)
