"""The bundled plugins against the contract suite that everyone's plugins are held to."""

from aislewatch.testing.contract import contract_for
from aislewatch_plugins.badge.sensor import Badge
from aislewatch_sim.badge.bench import BadgeBench

test_a_badge_reader = contract_for(Badge, BadgeBench)
