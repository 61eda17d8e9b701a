"""Connections to devices: what is said where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from aislewatch.devices.tcp import Listener, dial
from aislewatch.errors import DeviceNotReady


async def _never(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    raise AssertionError


async def test_why_a_device_does_not_answer_is_told_in_the_system_s_words() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeviceNotReady) as told:
        await dial("127.0.0.1", port)
    assert str(told.value) == f"127.0.0.1:{port} does not answer: Connection refused"


async def test_why_a_port_cannot_be_listened_on_is_told_in_the_system_s_words() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DeviceNotReady) as told:
            await Listener("127.0.0.1", port, _never).open()
    assert str(told.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"
