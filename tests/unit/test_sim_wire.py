"""A simulated device on a socket."""

import asyncio

import pytest

from aislewatch_sim.wire import Line, LineServer

# So many seconds of the day in one that nothing is ever waited for.
AT_ONCE = 1e9


async def connect(server: LineServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = server.address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_whoever_listens_gets_every_line_in_order_and_then_the_end() -> None:
    server = LineServer([Line(0, b"one"), Line(60, b"two"), Line(61, b"three")])
    await server.open()
    try:
        reader, writer = await connect(server)
        await server.connected()
        began_s = asyncio.get_running_loop().time()
        _, heard = await asyncio.gather(server.play(began_s, AT_ONCE), reader.read())
        assert heard == b"one\ntwo\nthree\n"
        await hang_up(writer)
    finally:
        await server.close()


async def test_nothing_is_sent_before_the_day_begins() -> None:
    server = LineServer([Line(0, b"one")])
    await server.open()
    try:
        reader, writer = await connect(server)
        await server.connected()
        reading = asyncio.create_task(reader.read())
        done, _ = await asyncio.wait([reading], timeout=0)
        assert not done
        await server.close()
        assert await reading == b""
        await hang_up(writer)
    finally:
        await server.close()


async def test_a_line_is_sent_when_it_is_due_and_not_before() -> None:
    server = LineServer([Line(0, b"now"), Line(3600, b"in an hour")])
    await server.open()
    try:
        reader, writer = await connect(server)
        await server.connected()
        playing = asyncio.create_task(server.play(asyncio.get_running_loop().time(), 1))
        assert await reader.readline() == b"now\n"
        assert not playing.done()
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        await server.close()
        assert await reader.read() == b""
        await hang_up(writer)
    finally:
        await server.close()


async def test_a_second_listener_is_turned_away_and_the_first_hears_on() -> None:
    server = LineServer([Line(0, b"one")])
    await server.open()
    try:
        first, first_writer = await connect(server)
        await server.connected()
        second, second_writer = await connect(server)
        assert await second.read() == b""
        playing = server.play(asyncio.get_running_loop().time(), AT_ONCE)
        _, heard = await asyncio.gather(playing, first.read())
        assert heard == b"one\n"
        await hang_up(first_writer)
        await hang_up(second_writer)
    finally:
        await server.close()


async def test_a_device_that_nobody_listened_to_closes_all_the_same() -> None:
    server = LineServer([Line(0, b"one")])
    await server.open()
    await server.close()
    await server.close()
