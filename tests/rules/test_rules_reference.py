"""Six whole rules that were written before there was a loader: each loads, and passes its tests."""

import os
from pathlib import Path

import pytest

from aislewatch.cli.app import main

ROOT = Path(__file__).parents[2]
RULES = Path(os.environ.get("AISLEWATCH_REFERENCE", ROOT.parent / "shared" / "rules-reference"))
FILES = sorted(RULES.glob("*.yml"))


@pytest.mark.skipif(not FILES, reason=f"the reference rules are not at {RULES}")
def test_the_reference_rules_are_without_mistakes_and_pass_their_tests(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [str(file) for file in FILES]
    assert main(["rules", "check", *files]) == 0
    assert f"{len(FILES)} rules without mistakes" in capsys.readouterr().out
    assert main(["rules", "test", "--no-mutants", *files]) == 0
