"""The bundled plugins against the contract suite that everyone's plugins are held to.

The badge reader in every run, the others with the slow tests: each has tests of its own wire, with
the same faults, in every run.
"""

import pytest

from aislewatch.testing.contract import contract_for
from aislewatch_plugins.badge.sensor import Badge
from aislewatch_plugins.llrp.sensor import Llrp
from aislewatch_plugins.scale.sensor import Scale
from aislewatch_sim.badge.bench import BadgeBench
from aislewatch_sim.llrp.bench import LlrpBench
from aislewatch_sim.scale.bench import ScaleBench

test_a_badge_reader = contract_for(Badge, BadgeBench)
test_a_scale = pytest.mark.slow(contract_for(Scale, ScaleBench))
test_a_gate = pytest.mark.slow(contract_for(Llrp, LlrpBench))
