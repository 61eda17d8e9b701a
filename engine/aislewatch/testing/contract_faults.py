"""The contract's checks of what goes wrong: every fault of the twin's menu, and the cable pulled.

After a fault a plugin must tell again what its device sees, within the bench's ``recovery_s``; it
may lose what the fault hit, but must not tell what nobody saw. How long it took is the check's
result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from aislewatch.testing.contract_checks import Check
from aislewatch.testing.contract_stand import ContractBroken, Stand

FRAMES_HIT: Final = 3
"""So many frames in a row does a fault hit."""

BACK_AFTER: Final = "it-is-back-after-"
"""How the name of a fault's check begins; the fault's own is behind it."""


def faults(names: Sequence[str]) -> Iterator[Check]:
    """Give a check for each fault of a menu, and those of the cable."""
    for name in names:
        yield Check(f"{BACK_AFTER}{name}", "silver", partial(_back_after, name))
    yield Check("unplugged-it-says-so", "silver", _unplugged, needs_cable=True)
    yield Check("plugged-in-again-it-is-back", "silver", _plugged_in, needs_cable=True)


async def _back_after(fault: str, stand: Stand) -> float:
    async with stand.running():
        await stand.see_again()
        stand.bench.strike(fault, FRAMES_HIT)
        for _ in range(FRAMES_HIT):
            await stand.act()
        took_s = await stand.see_again()
    found = stand.phantoms()
    if found:
        message = f"hit by {fault!r}, it told what its device never saw: {found[0]}"
        raise ContractBroken(message)
    return took_s


async def _unplugged(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()
        openings = stand.openings
        await stand.bench.unplug()
        try:
            async with asyncio.timeout(stand.bench.recovery_s):
                while stand.openings == openings and stand.health().connected:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            message = (
                f"{stand.bench.recovery_s:g} s after the cable was pulled it still says that it is "
                "connected: raise DeviceNotReady"
            )
            raise ContractBroken(message) from None


async def _plugged_in(stand: Stand) -> float:
    async with stand.running():
        await stand.see_again()
        await stand.bench.unplug()
        await stand.bench.plug_in()
        return await stand.see_again()
