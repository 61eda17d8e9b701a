import asyncio
import os
import signal
import socket
import stat
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from aislewatch.errors import BusError
from aislewatch.runtime.bus_streams import StreamLimits
from aislewatch.runtime.nats_config import MAX_FILE_STORE_BYTES
from aislewatch.runtime.nats_link import Link, json_object
from aislewatch.runtime.nats_server import NatsServer, find_server

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"

PARENT = """
    import asyncio, sys
    from pathlib import Path
    from aislewatch.runtime.nats_server import NatsServer

    async def main():
        server = NatsServer(Path(sys.argv[1]), token="a-secret-of-this-test-run", tie=sys.argv[2])
        await server.start()
        print(server.pid, flush=True)
        await server.ended()

    asyncio.run(main())
"""


async def test_it_listens_on_loopback_only_and_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "data", token=TOKEN) as server:
        listening = [
            c.laddr
            for c in psutil.Process(server.pid).net_connections("tcp")
            if c.status == "LISTEN"
        ]

        assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", server.port)]
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "data/run/server.conf").stat().st_mode) == 0o600
        assert "Server is ready" in server.log.read_text()
        assert os.getsid(server.pid) != os.getsid(0)  # Ctrl-C does not reach it
        assert TOKEN not in (tmp_path / "data/run/server.conf").read_text()
    assert server.pid == 0


@pytest.mark.parametrize("tie", ["death-signal", "watcher"])
async def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path, tie: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path / "data"), tie),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    server = psutil.Process(int(await parent.stdout.readline()))
    assert server.is_running()

    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    gone = await asyncio.to_thread(psutil.wait_procs, [server], 20)

    assert gone[1] == []
    # Nobody holds the folder any more: the next start need not wait for a person.
    async with NatsServer(tmp_path / "data", token=TOKEN) as again:
        assert again.pid


async def test_a_taken_port_is_named_and_the_way_out_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])

        with pytest.raises(BusError, match=f"port {port} is taken by another program: choose") as e:
            await NatsServer(tmp_path, token=TOKEN, port=port).start()

    assert "address already in use" in str(e.value)


async def test_what_a_run_may_store_does_not_hang_on_what_is_free_at_its_start(
    tmp_path: Path,
) -> None:
    async with NatsServer(tmp_path, token=TOKEN) as server:
        link = Link(server.url, name="test", credentials=server.system)
        link.start()
        await link.ready(10.0)
        try:
            answer = await link.request("$SYS.REQ.SERVER.PING.VARZ")
        finally:
            await link.close()
    most = json_object(answer.payload)["data"]["jetstream"]["config"]["max_storage"]
    limits = StreamLimits()
    # A server that is asked for a stream that is there counts it twice.
    assert most > 2 * (limits.max_bytes + limits.dead_letter_max_bytes)
    assert most == MAX_FILE_STORE_BYTES


async def test_two_servers_never_share_a_data_folder(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, token=TOKEN):
        with pytest.raises(BusError, match="in use by another nats-server"):
            await NatsServer(tmp_path, token=TOKEN, start_deadline_s=0.05).start()


async def test_a_server_that_ends_at_its_start_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "broken-server"
    broken.write_text("#!/bin/sh\necho 'no room for the engine' >&2\nexit 3\n")
    broken.chmod(0o755)

    with pytest.raises(BusError, match=r"ended at its start with code 3.*\n.*no room for the eng"):
        await NatsServer(tmp_path / "data", token=TOKEN, program=broken).start()


def test_a_program_that_cannot_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BusError, match="no-such-server"):
        find_server(tmp_path / "no-such-server")


async def test_a_restart_keeps_the_port(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, token=TOKEN)
    await server.start()
    port, first = server.port, server.pid
    os.kill(first, signal.SIGKILL)
    assert await server.ended() == -signal.SIGKILL
    await server.stop()

    async with server:
        assert server.port == port
        assert server.pid != first
