"""All that the contract asks of one plugin, in the order in which it is worth knowing."""

from __future__ import annotations

from aislewatch.events.sensor import SensorPlugin
from aislewatch.testing.contract_bench import Bench
from aislewatch.testing.contract_checks import Check, behaviour
from aislewatch.testing.contract_faults import faults
from aislewatch.testing.contract_manifest import claim_of
from aislewatch.testing.contract_papers import PAPERS


def asked_of(bench: Bench) -> list[Check]:
    """Give the checks for a device: those of its cable only where it has one.

    Args:
        bench: of the device's twin; it is looked at and not entered.
    """
    checks = [*behaviour(), *faults(bench.faults)]
    return [check for check in checks if bench.unplugs or not check.needs_cable]


def exemptions(sensor: type[SensorPlugin], checks: list[Check]) -> dict[str, str]:
    """Give what a plugin's manifest exempts it from: by name of a check, the reason.

    Raises:
        FileMistakes: the manifest holds mistakes, or exempts from what is not asked.
    """
    return dict(claim_of(sensor, [*PAPERS, *(check.name for check in checks)]).exempt)
