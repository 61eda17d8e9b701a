"""How good a plugin is, found out by running what the contract asks: bronze, silver or gold.

A tier is reached where every check of it and of the tiers below is passed, or the plugin's manifest
exempts from it with a reason. The checks of behaviour need the device's twin, named in the entry
point group ``aislewatch.benches`` under the sensor's own name; without one no tier is reached, for
nothing is known.
"""

from __future__ import annotations

import asyncio
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Literal

from aislewatch.errors import AislewatchError, UsageError
from aislewatch.events.sensor import SensorPlugin
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.hosting import described
from aislewatch.testing.contract_bench import BenchMaker
from aislewatch.testing.contract_checks import TIERS, Check, Tier
from aislewatch.testing.contract_manifest import claim_of
from aislewatch.testing.contract_papers import PAPERS
from aislewatch.testing.contract_stand import ContractBroken
from aislewatch.testing.contract_suite import asked_of

BENCHES: Final = "aislewatch.benches"
"""The group of entry points that benches of twins are found by."""

CHECK_S: Final = 240.0
"""What a check may take at the most; it hangs if it takes longer."""

Result = Literal["passed", "failed", "exempt", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check.

    Attributes:
        check: its name.
        tier: the lowest tier that asks it.
        result: ``unknown`` where it could not be run.
        detail: why it failed, the reason of the exemption, or what is missing.
        recovery_s: how long it took to be back, where the check is of that.
    """

    check: str
    tier: Tier
    result: Result
    detail: str = ""
    recovery_s: float | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """What came of all checks of one sensor.

    Attributes:
        name: of the sensor.
        tier: the highest that it reached; None where not even bronze.
        claimed: the one its manifest claims; None where it claims none.
        findings: of every check.
    """

    name: str
    tier: Tier | None
    claimed: Tier | None
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        """Whether it is what it claims to be, or at least bronze where it claims nothing."""
        wanted = self.claimed or "bronze"
        return self.tier is not None and TIERS.index(self.tier) >= TIERS.index(wanted)


def bench_of(name: str) -> BenchMaker | None:
    """Give the maker of a sensor's bench; None where no package brings one.

    Raises:
        UsageError: two packages bring one, or it cannot be imported.
    """
    points = {point.value: point for point in entry_points(group=BENCHES, name=name)}
    if not points:
        return None
    if len(points) > 1:
        message = f"{len(points)} packages bring a bench {name!r}: uninstall all but one"
        raise UsageError(message)
    try:
        maker: BenchMaker = next(iter(points.values())).load()
    except Exception as error:  # Whatever a foreign module does when it is imported.
        message = f"the bench {name!r} cannot be imported: {error!r}"
        raise UsageError(message) from error
    return maker


def has_bench(name: str) -> bool:
    """Tell whether a package brings a bench for a sensor, without importing it."""
    return bool(entry_points(group=BENCHES, name=name))


def grade(
    name: str,
    sensor: type[SensorPlugin],
    maker: BenchMaker | None,
    step: Callable[[int, int, str], None] = lambda done, total, check: None,
) -> Grade:
    """Run all checks of one sensor.

    Args:
        name: of the sensor's entry point.
        sensor: its class.
        maker: of its bench; None where there is none.
        step: told before each check: how many are done, how many there are, and its name.

    Raises:
        FileMistakes: the plugin's manifest holds mistakes.
    """
    bodies: list[tuple[str, Tier, Callable[[], float | None]]] = []
    for paper, (tier, reads) in PAPERS.items():
        bodies.append((paper, tier, partial(reads, sensor)))
    if maker is not None:
        with tempfile.TemporaryDirectory() as folder:
            checks = asked_of(maker(Path(folder), 1))
        bodies.extend((c.name, c.tier, partial(_run, c, sensor, maker)) for c in checks)
    known = [named for named, _, _ in bodies] if maker is not None else None
    claim = claim_of(sensor, known)
    findings: list[Finding] = []
    for named, tier, body in bodies:
        step(len(findings), len(bodies), named)
        findings.append(_judged(named, tier, claim.exempt.get(named), body))
    if maker is None:
        missing = f"no twin to run it against: name its bench in the entry points {BENCHES!r}"
        findings.append(Finding("the-contract", "bronze", "unknown", missing))
    return Grade(name, _reached(findings), claim.tier, findings)


def _judged(
    check: str, tier: Tier, exempt: str | None, body: Callable[[], float | None]
) -> Finding:
    if exempt is not None:
        return Finding(check, tier, "exempt", exempt)
    try:
        return Finding(check, tier, "passed", recovery_s=body())
    except TimeoutError:
        return Finding(check, tier, "failed", f"it took longer than {CHECK_S:g} s, or hung")
    except (ContractBroken, AislewatchError) as error:
        return Finding(check, tier, "failed", str(error))
    except Exception as error:  # Whatever a plugin raises is what was found.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Finding(check, tier, "failed", f"{described(error)} ({where})")


def _run(check: Check, sensor: type[SensorPlugin], maker: BenchMaker) -> float | None:
    async def run(folder: Path) -> float | None:
        async with asyncio.timeout(CHECK_S):
            return await check.run(sensor, maker, folder, installed_registry())

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def _reached(findings: Sequence[Finding]) -> Tier | None:
    reached: Tier | None = None
    for tier in TIERS:
        if any(f.tier == tier and f.result in {"failed", "unknown"} for f in findings):
            break
        reached = tier
    return reached
