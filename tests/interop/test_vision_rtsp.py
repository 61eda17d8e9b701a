"""RTSP cameras, tried on GStreamer's RTSP server: H.264 over RTP, with a password.

Debian: gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-base, -good and -ugly. They
belong to the system's Python, which runs the server.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest
from looked import WHOLE, Told, context

from aislewatch.errors import DeviceNotReady
from aislewatch.events.kinds import VisionItem
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.sensor import Vision
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.recording import pictures, to_video
from aislewatch_sim.vision.stage import Article

PASSWORD: Final = "let me@in"
FPS: Final = 10
SERVER: Final = """
import sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
for needed in ("avidemux", "jpegdec", "x264enc", "rtph264pay"):
    if Gst.ElementFactory.find(needed) is None:
        sys.exit(f"no {needed}")
if len(sys.argv) == 1:
    sys.exit(0)
video, password = sys.argv[1:]
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_launch(
    f"( filesrc location={video} ! avidemux ! jpegdec ! videoconvert ! x264enc tune=zerolatency"
    " key-int-max=10 speed-preset=ultrafast ! rtph264pay name=pay0 pt=96 )"
)
token = GstRtspServer.RTSPToken()
token.set_string("media.factory.role", "viewer")
auth = GstRtspServer.RTSPAuth()
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("viewer", password), token)
server.set_auth(auth)
allowed = GstRtspServer.RTSPPermissions()
for what in ("access", "construct"):
    allowed.add_permission_for_role("viewer", f"media.factory.{what}", True)
factory.set_permissions(allowed)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that has GStreamer's RTSP server."""
    found = shutil.which("python3", path="/usr/bin")
    if (
        found is None
        or subprocess.run([found, "-c", SERVER], capture_output=True, check=False).returncode
    ):
        pytest.skip("no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi ...")
    return found


@pytest.fixture
def address(python: str, tmp_path: Path) -> Generator[str]:
    stage = acts.kiosk()
    stage.articles.append(Article("box", 0.7, 0.5, 0.28))
    to_video(pictures(stage, acts.still(6 * FPS)), tmp_path / "kiosk.avi", FPS)
    command = [python, "-c", SERVER, str(tmp_path / "kiosk.avi"), PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"rtsp://127.0.0.1:{server.stdout.readline().strip()}/camera"
        server.terminate()


def camera(address: str, folder: Path, password: str) -> tuple[Vision, SensorContext]:
    (folder / "cam.pw").write_text(password)
    config: dict[str, Any] = {
        "source": {
            "kind": "opencv",
            "url": address,
            "user": "viewer",
            "password_file": "cam.pw",
        },
        "key_file": "cameras.key",
        "detector": {"min_score": 0.4},
        "tracks": {"start_score": 0.5},
        "products": {"box": {}},
        "every": "0s",
        "zones": {"scan": {"outline": WHOLE, "use": "kiosk"}},
    }
    return Vision(VisionConfig.model_validate(config)), context(folder, step_us=10_000)


async def test_an_article_is_told_and_the_end_of_the_stream_ends_the_run(
    address: str, tmp_path: Path
) -> None:
    plugin, given = camera(address, tmp_path, PASSWORD)
    told = Told()
    await plugin.open(given)
    async with asyncio.timeout(60):
        with pytest.raises(DeviceNotReady, match="sends no pictures any more"):
            await plugin.run(told)
    await plugin.close()
    assert told.refusals == []
    assert told.states() == [("online", None)]
    assert [e.product_class for e in told.found if isinstance(e, VisionItem)] == ["box"]


async def test_without_its_password_it_cannot_be_opened_and_none_is_shown(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin, given = camera(address, tmp_path, "guessed-wrong")
    with pytest.raises(DeviceNotReady, match="cannot be opened") as caught:
        await plugin.open(given)
    await plugin.close()
    assert "guessed-wrong" not in f"{caught.value}{capfd.readouterr()}"
