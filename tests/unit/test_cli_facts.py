"""What the pages say of an event."""

import pytest

from aislewatch.cli.wording import Local

READ = {"type": "rfid.read", "id": "g/1", "store": "s", "device": "g", "time": 0, "epc": "E1"}


@pytest.mark.parametrize(
    ("timed_by", "said"),
    [
        ({}, "epc=E1"),
        ({"timed_by": "arrival"}, "epc=E1"),
        ({"timed_by": "corrected"}, "epc=E1  (its clock was put right)"),
    ],
)
def test_a_time_that_was_put_right_is_said_to_be(timed_by: dict[str, str], said: str) -> None:
    assert Local().facts(READ | timed_by) == said
