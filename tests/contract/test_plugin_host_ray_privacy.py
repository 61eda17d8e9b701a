import asyncio
import importlib
import logging
import os
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from aislewatch.errors import UsageError
from aislewatch.runtime.ray_setup import LocalRay, exposed

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run-and-more"


def test_a_listener_on_all_interfaces_is_named() -> None:
    with socket.create_server(("0.0.0.0", 0)) as open_to_all:
        port = open_to_all.getsockname()[1]

        (found,) = exposed([psutil.Process()])

        assert found.endswith(f"({os.getpid()}) listens on 0.0.0.0:{port}")


def test_listeners_on_loopback_are_not_exposed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)),
        socket.create_server(("::1", 0), family=socket.AF_INET6),
    ):
        assert exposed([psutil.Process()]) == []


async def test_ray_is_on_loopback_in_a_private_folder_and_leaves_nothing_behind() -> None:
    others = psutil.Process().children(recursive=True)
    async with LocalRay(token=TOKEN) as ray:
        below = [one for one in psutil.Process().children(recursive=True) if one not in others]
        raylet = next(process for process in below if process.name() == "raylet")
        folder = Path(raylet.open_files()[0].path).parents[3]
        assert folder.stat().st_mode & 0o077 == 0
        assert any(c.status == psutil.CONN_LISTEN for c in raylet.net_connections("tcp"))
        assert exposed(below) == []

        with (
            socket.create_server(("0.0.0.0", 0)),
            pytest.raises(UsageError, match="can be reached from outside this machine"),
        ):
            await ray.require_loopback()
        with pytest.raises(UsageError, match="has a Ray already"):
            async with LocalRay(token=TOKEN):
                pass

    _, alive = await asyncio.to_thread(psutil.wait_procs, below, 30)
    assert alive == []
    assert not folder.exists()


async def test_what_ray_says_of_itself_is_logged_and_not_among_results(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with LocalRay(token=TOKEN):
        caplog.set_level(logging.INFO)
        utils: Any = importlib.import_module("ray._private.utils")
        utils.push_error_to_driver(
            importlib.import_module("ray._private.worker").global_worker, "test", "a loud word"
        )
        async with asyncio.timeout(30):
            while "a loud word" not in caplog.text:
                await asyncio.sleep(0.05)
    assert "a loud word" not in capfd.readouterr().out
