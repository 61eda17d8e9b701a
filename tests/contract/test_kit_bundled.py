"""The bundled plugins against the contract suite that everyone's plugins are held to.

The quick ones in every run, the others with the slow tests: each has tests of its own wire, with
the same faults, in every run.
"""

import pytest

from aislewatch.testing.contract import contract_for
from aislewatch_plugins.badge.sensor import Badge
from aislewatch_plugins.camera.sensor import CameraAxis, CameraFaces, CameraFrigate, CameraMeraki
from aislewatch_plugins.feed.sensor import Feed
from aislewatch_plugins.llrp.sensor import Llrp
from aislewatch_plugins.pos.json_sensor import PosJson
from aislewatch_plugins.pos.poslog_sensor import PosLog
from aislewatch_plugins.pos.printer_sensor import PosPrinter
from aislewatch_plugins.pos.square_sensor import PosSquare
from aislewatch_plugins.scale.sensor import Scale
from aislewatch_plugins.vision.sensor import Vision
from aislewatch_sim.badge.bench import BadgeBench
from aislewatch_sim.camera.bench import AxisBench, FacesBench, FrigateBench, MerakiBench
from aislewatch_sim.camera.broker import brokers
from aislewatch_sim.feed.bench import FeedBench
from aislewatch_sim.llrp.bench import LlrpBench
from aislewatch_sim.pos.bench import JsonBench, PosLogBench, PrinterBench, SquareBench
from aislewatch_sim.scale.bench import ScaleBench
from aislewatch_sim.vision.bench import VisionBench

watched = pytest.mark.skipif(
    not brokers(), reason="no MQTT broker: install mosquitto, or amqtt of the extra dev"
)

test_a_badge_reader = contract_for(Badge, BadgeBench)
test_a_feed = contract_for(Feed, FeedBench)
test_a_till_that_posts_json = contract_for(PosJson, JsonBench)
test_a_scale = pytest.mark.slow(contract_for(Scale, ScaleBench))
test_a_gate = contract_for(Llrp, LlrpBench)
test_a_till_that_drops_files = pytest.mark.slow(contract_for(PosLog, PosLogBench))
test_a_receipt_printer = contract_for(PosPrinter, PrinterBench)
test_a_cloud_till = pytest.mark.slow(contract_for(PosSquare, SquareBench))
test_a_meraki = watched(contract_for(CameraMeraki, MerakiBench))
test_a_camera_of_frigate = watched(pytest.mark.slow(contract_for(CameraFrigate, FrigateBench)))
test_an_axis_camera = watched(contract_for(CameraAxis, AxisBench))
test_a_service_of_faces = watched(contract_for(CameraFaces, FacesBench))
test_a_camera_that_sends_pictures = pytest.mark.slow(contract_for(Vision, VisionBench))
