"""Where twins are reached: TCP ports and pseudo-terminals that come and go."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import serial

from aislewatch_sim.byhand import address
from aislewatch_sim.ports import Link, Port, PtyPort, TcpPort


async def parrot(link: Link) -> None:
    while data := await link.read():
        await link.write(data.upper())


@asynccontextmanager
async def opened(port: str) -> AsyncGenerator[serial.Serial, None]:
    line = await asyncio.to_thread(serial.Serial, port, timeout=5, exclusive=True)
    try:
        yield line
    finally:
        await asyncio.to_thread(line.close)


async def said(line: serial.Serial, data: bytes) -> bytes:
    await asyncio.to_thread(line.write, data)
    return await asyncio.to_thread(line.read, len(data))


@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_an_end_of_a_port_leaves_nothing_behind(kind: str, tmp_path: Path) -> None:
    files, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())  # noqa: PTH208
    for _ in range(20):
        port: Port = TcpPort(parrot) if kind == "tcp" else PtyPort(parrot, tmp_path / "scale")
        async with port:
            if kind == "tcp":
                reader, writer = await asyncio.open_connection(*address(port.address))
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"HELLO"
                writer.close()
            else:
                async with opened(port.address) as line:
                    assert await said(line, b"hello") == b"HELLO"
    assert len(asyncio.all_tasks()) == tasks
    assert len(os.listdir("/proc/self/fd")) <= files + 1  # noqa: PTH208 - the loop's own
    assert list(tmp_path.iterdir()) == []


# From when on Python 3.11 hands us who comes; before, it loses them itself as its server closes.
@pytest.mark.parametrize("turns", range(3, 8))
async def test_who_comes_as_a_port_closes_is_not_served_by_a_port_that_is_gone(turns: int) -> None:
    served: list[bool] = []
    tasks = len(asyncio.all_tasks())

    async def serve(link: Link) -> None:
        served.append(is_open)
        await link.read()

    port = TcpPort(serve)
    async with port:
        is_open = True
        with socket.create_connection(address(port.address)) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await port.__aexit__(None, None, None)
            is_open = False
            client.setblocking(False)
            with suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        await port.__aenter__()
    assert all(served)
    assert len(asyncio.all_tasks()) == tasks


async def test_a_terminal_is_raw_from_the_beginning(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def speaker(link: Link) -> None:
        await link.write(b"a\rb\n")
        while data := await link.read():
            assert data == b"x"  # No echo of its own words comes back.
            heard.set()

    async with PtyPort(speaker, tmp_path / "scale") as port:
        plain = os.open(port.address, os.O_RDWR | os.O_NOCTTY)
        os.write(plain, b"x")
        await heard.wait()
        assert os.read(plain, 99) == b"a\rb\n"
        os.close(plain)


async def test_an_unplugged_terminal_comes_again_under_its_name(tmp_path: Path) -> None:
    async with PtyPort(parrot, tmp_path / "scale") as port:
        async with opened(port.address) as line:
            before = os.readlink(port.address)  # noqa: PTH115
            assert await said(line, b"one") == b"ONE"
            keep = os.openpty()  # Has the next terminal be another one.
            await port.drop()
            with pytest.raises(serial.SerialException):
                await asyncio.to_thread(line.read, 1)
            # While the line is open, its number cannot be given to the next terminal.
            while os.readlink(port.address) == before:  # noqa: PTH115
                await asyncio.sleep(0)
        async with opened(port.address) as line:
            assert await said(line, b"two") == b"TWO"
        for end in keep:
            os.close(end)


async def test_what_nobody_reads_is_lost_and_does_not_hold_up_the_twin(tmp_path: Path) -> None:
    written = asyncio.Event()

    async def flood(link: Link) -> None:
        for _ in range(100):
            await link.write(b"x" * 1000)
        written.set()
        await link.read()

    async with PtyPort(flood, tmp_path / "scale"):
        await written.wait()


async def test_a_dropped_connection_can_be_made_again() -> None:
    async with TcpPort(parrot) as port:
        reader, writer = await asyncio.open_connection(*address(port.address))
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        await port.drop()
        assert await reader.read() == b""
        writer.close()
        reader, writer = await asyncio.open_connection(*address(port.address))
        writer.write(b"again")
        assert await reader.readexactly(5) == b"AGAIN"
        writer.close()
    async with TcpPort(parrot, port=address(port.address)[1]) as again:
        assert again.address == port.address
