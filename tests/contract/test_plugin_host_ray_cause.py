"""What a life that cannot even be made in its process says of it."""

import msgspec
import pytest

from aislewatch.runtime.hosting import Life
from aislewatch.runtime.ray_host import RayHost

pytestmark = pytest.mark.live


class Foreign(msgspec.Struct, frozen=True):
    """A spec that no actor knows."""

    name: str = "foreign"

    def make(self) -> Life:
        """Not here: in the actor, which does not get so far."""
        raise AssertionError


async def test_a_life_that_cannot_be_made_says_why_in_one_plain_line() -> None:
    host = await RayHost.open(token="a-secret-of-this-test-run-and-more")
    try:
        outcome = await (await host.start(Foreign())).outcome()
    finally:
        await host.close()
    assert outcome.ending == "broke"
    assert outcome.detail.startswith("msgspec.ValidationError: Object missing required field")
    assert outcome.detail.isprintable()
