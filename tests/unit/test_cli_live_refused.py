"""What a run shows of rows that are refused: a few with their reasons, then how many."""

import pytest

from aislewatch.cli.live_lines import LiveLines
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local
from aislewatch.runtime.bus_message import DeadLetter
from aislewatch.runtime.live_letters import Refused


def letter(number: int) -> DeadLetter:
    return DeadLetter("s1", "gate", f"reason {number}", "m.yml:5, row 7", b"{}", 2)


def test_the_first_few_are_shown_with_device_reason_and_place_and_the_others_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = LiveLines(Screen(), Local(), wall=True)
    lines.refused(Refused(3, tuple(map(letter, range(3)))))
    lines.refused(Refused(400, tuple(map(letter, range(3, 8)))))
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 5
    assert shown[4].split() == ["refused", "gate", "reason", "4", "(at", "m.yml:5,", "row", "7)"]
    lines.end()
    lines.end()
    (more,) = capsys.readouterr().out.splitlines()
    assert "398 rows more made no sense; see dead-letters" in more
