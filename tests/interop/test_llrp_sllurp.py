"""The reader's twin and our codec beside sllurp, which others have written for real readers.

sllurp is under the GPL and comes with the extra ``interop`` alone; without it these tests skip.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from aislewatch.runtime.clock import SystemClock
from aislewatch_plugins.llrp.codec import decode, encode
from aislewatch_plugins.llrp.framing import Splitter
from aislewatch_sim.faults import Faults
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Heard, Walk, heard
from aislewatch_sim.ports import TcpPort

sllurp: Any = pytest.importorskip("sllurp.llrp", reason="install aislewatch[interop]")

EPC = "3034257BF7194E4000001A85"
EVERYTHING = {
    "EnableROSpecID": False,
    "EnableSpecIndex": False,
    "EnableInventoryParameterSpecID": False,
    "EnableAntennaID": True,
    "EnableChannelIndex": False,
    "EnablePeakRSSI": True,
    "EnableFirstSeenTimestamp": True,
    "EnableLastSeenTimestamp": True,
    "EnableTagSeenCount": True,
    "EnableAccessSpecID": False,
}


class Client:
    """sllurp in its own thread, in front of the twin."""

    def __init__(self, port: TcpPort, **config: Any) -> None:
        host, number = port.address.split(":")
        self.tags: list[dict[str, Any]] = []
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        settings = sllurp.LLRPReaderConfig(
            {
                "report_every_n_tags": 1,
                "antennas": [1, 2],
                "tag_content_selector": EVERYTHING,
                **config,
            }
        )
        self.client = sllurp.LLRPReaderClient(host, int(number), settings)
        self.client.add_tag_report_callback(self._told)

    def _told(self, _reader: Any, tags: list[dict[str, Any]]) -> None:
        self._loop.call_soon_threadsafe(self._take, tags)

    def _take(self, tags: list[dict[str, Any]]) -> None:
        self.tags += tags
        self._news.set()

    async def heard(self, count: int) -> None:
        while len(self.tags) < count:
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def connected(reader: Reader, **config: Any) -> AsyncGenerator[Client]:
    async with asyncio.timeout(30), TcpPort(reader.serve) as port:
        client = Client(port, **config)
        await asyncio.to_thread(client.client.connect)
        try:
            await reader.reads()
            yield client
        finally:
            await asyncio.to_thread(client.client.disconnect, 5)


def a_reader(**given: Any) -> Reader:
    return Reader(Faults(Random(1)), SystemClock().now_us, **given)


async def test_a_client_of_others_inventories_our_twin() -> None:
    reader = a_reader()
    async with connected(reader) as client:
        reads = heard([Walk(EPC)], Random(1))
        begins_us = SystemClock().now_us()
        told = await reader.hear(reads, begins_us)
        await client.heard(told)
    assert told == len(reads) > 20
    for tag, read in zip(client.tags, reads, strict=True):
        assert tag["EPC"] == EPC.lower().encode()
        assert tag["AntennaID"] == read.antenna
        assert tag["PeakRSSI"] == round(read.rssi_dbm)
        assert tag["LastSeenTimestampUTC"] == begins_us + round(read.at_s * 1_000_000)
        assert tag["TagSeenCount"] == 1


async def test_long_codes_reach_a_client_of_others() -> None:
    reader = a_reader()
    code = "36" + "0123456789ABCDEF" * 3
    async with connected(reader) as client:
        await reader.hear([Heard(0.0, 1, code, -50)], SystemClock().now_us())
        await client.heard(1)
    assert client.tags[0]["EPC"] == code.lower().encode()


async def test_requests_of_others_are_read_and_written_again_to_the_byte() -> None:
    reader = a_reader()
    async with connected(reader, tx_power=5, keepalive_interval=1000, session=1):
        pass
    assert {1, 3, 20, 24, 64} <= set(reader.requests)
    for raw in reader.raw_requests:
        message = decode(raw)
        assert encode(message) == raw, message.name
    (whole,) = Splitter().feed(reader.raw_requests[0])
    assert whole == decode(reader.raw_requests[0])
