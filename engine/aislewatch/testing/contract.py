"""The sensor contract as one line of a plugin's tests.

::

    from aislewatch.testing.contract import contract_for

    test_the_contract = contract_for(ShoeMat, ShoeMatBench)

makes one test for each thing that the contract asks, and for each fault that the bench knows. What
a plugin cannot do it is exempted from in its manifest, ``quality.yml`` beside its module, with a
reason that the skipped test tells.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aislewatch.events.sensor import SensorPlugin
from aislewatch.runtime.discovery import installed_registry
from aislewatch.testing.contract_bench import Bench, BenchMaker
from aislewatch.testing.contract_checks import Check
from aislewatch.testing.contract_suite import asked_of, exemptions

__all__ = ["Bench", "BenchMaker", "contract_for"]


def contract_for(sensor: type[SensorPlugin], bench: BenchMaker) -> Callable[[Check, Path], None]:
    """Give the contract as a test of pytest; assign it to a name that begins with ``test``.

    Args:
        sensor: the plugin's class.
        bench: makes the bench of its twin.

    Raises:
        FileMistakes: the plugin's manifest holds mistakes.
    """
    with tempfile.TemporaryDirectory() as folder:
        checks = asked_of(bench(Path(folder), 1))
    exempt = exemptions(sensor, checks)

    @pytest.mark.parametrize("check", checks, ids=[check.name for check in checks])
    def test_contract(check: Check, tmp_path: Path) -> None:
        if check.name in exempt:
            pytest.skip(exempt[check.name])
        asyncio.run(check.run(sensor, bench, tmp_path, installed_registry()))

    return test_contract
