"""A fixed RFID reader's twin: greets, answers, keeps alive and reports tags, by LLRP 1.0.1."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.llrp import wire
from aislewatch_sim.llrp.scene import Heard
from aislewatch_sim.llrp.wire import Content
from aislewatch_sim.ports import Link

Clock = Callable[[], int]
"""Gives microseconds since 1970."""

_MISSED_MAX = 10
"""So many keep-alives that nobody acknowledges, and the reader hangs up."""

_REQUEST_BYTES_MAX = 1 << 20


@dataclass
class _Spec:
    """A ROSpec: what to read, and how to tell it."""

    id: int
    antennas: frozenset[int]
    content: Content
    every: int
    enabled: bool = False


@dataclass
class _Client:
    """Whoever is connected."""

    link: Link
    asked: bytes = b""
    keepalive_s: float = 0.0
    missed: int = 0
    enabled: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class Reader:
    """See the module; give :meth:`serve` to a port.

    Args:
        faults: what happens to each message on its way out.
        clock: what time it is.
        antennas: how many ports it has.
        maker: enterprise number; Impinj's (25882) tells RSSI in hundredths of a dB if asked to.
        utc: it has a clock; otherwise it counts from when it was switched on.

    Attributes:
        faults: the ones given.
        behind_us: how far its clock is behind.
        requests: types of the messages that it was sent, in order.
        raw_requests: the same messages, whole.
        silent: it says nothing any more, as with its cable cut beyond the switch.
        taken: how many clients it took.
    """

    def __init__(
        self,
        faults: Faults,
        clock: Clock,
        *,
        antennas: int = 4,
        maker: int = 0,
        utc: bool = True,
    ) -> None:
        self.behind_us = 0
        self.requests: list[int] = []
        self.raw_requests: list[bytes] = []
        self.silent = False
        self.taken = 0
        self.faults = faults
        self._clock = clock
        self._antennas = antennas
        self._maker = maker
        self._utc = utc
        self._on_us = clock()
        self._client: _Client | None = None
        self._specs: dict[int, _Spec] = {}
        self._waiting: list[bytes] = []
        self._hold = False
        self._held = False
        self._extended = False
        self._news = asyncio.Condition()

    async def serve(self, link: Link) -> None:
        """Talk to one client; a second one is refused."""
        if self._client is not None:
            await link.write(wire.notice(self._now(), wire.attempted(2)))
            return
        client = self._client = _Client(link)
        self.taken += 1
        self._held = self._hold
        try:
            await self._send(wire.notice(self._now(), wire.attempted(0)))
            async for type_, id_, raw in _requests(link):
                client.asked = raw
                self.faults.heard(raw)
                self.raw_requests.append(raw)
                self.requests.append(type_)
                await self._answer(client, type_, id_, raw[10:])
                await self._changed()
        except (struct.error, ValueError):
            pass  # Hangs up, as readers do on who does not speak LLRP.
        finally:
            self._client = None
            for task in list(client.tasks):
                task.cancel()
            await asyncio.gather(*client.tasks, return_exceptions=True)
            await self._changed()

    @property
    def reading(self) -> bool:
        """Whoever is connected has had it read tags; what others began goes on, too."""
        client = self._client
        enabled = any(spec.enabled for spec in self._specs.values())
        return enabled and client is not None and client.enabled

    async def reads(self) -> None:
        """Wait until it reads tags."""
        await self.comes_again(after=0)

    async def comes_again(self, *, after: int) -> None:
        """Wait until it reads tags for a client that came after so many others."""
        async with self._news:
            await self._news.wait_for(lambda: self.reading and self.taken > after)

    async def hear(self, heard: Iterable[Heard], begins_us: int) -> int:
        """Report reads at once; those that nobody asked for are lost.

        Args:
            heard: in order of time.
            begins_us: when their scene began.

        Returns:
            How many were reported.
        """
        told = 0
        for one in heard:
            told += await self._hear(one, begins_us + round(one.at_s * 1_000_000))
        return told

    async def say_antenna(self, number: int, *, connected: bool) -> None:
        """Say that an antenna was unplugged, or plugged in."""
        await self._notice(wire.antenna_event(number, connected=connected))

    async def say_fault(self, words: str) -> None:
        """Report a fault of its own."""
        await self._notice(wire.exception_event(words))

    async def say_overflow(self) -> None:
        """Say that reads were lost."""
        await self._notice(wire.OVERFLOW)

    async def say_goodbye(self) -> None:
        """Close the connection, and say so."""
        await self._notice(wire.CLOSES)
        if self._client is not None:
            await self._client.link.hang_up()

    async def stop_reading(self) -> None:
        """End every ROSpec of its own accord."""
        for spec in self._specs.values():
            if spec.enabled:
                spec.enabled = False
                await self._notice(wire.rospec_event(1, spec.id))

    async def send(self, data: bytes) -> None:
        """Send any bytes, whatever they are."""
        await self._send(data)

    async def _hear(self, one: Heard, at_us: int) -> bool:
        specs = [s for s in self._specs.values() if s.enabled and one.antenna in s.antennas]
        if not specs or self._client is None:
            return False
        spec = specs[0]
        content = spec.content
        seen_us = at_us - (self.behind_us if self._utc else self._on_us)
        code = bytes.fromhex(one.epc)
        self._waiting.append(
            wire.tag(
                code,
                content,
                antenna=one.antenna,
                rssi_dbm=one.rssi_dbm,
                seen_us=max(0, seen_us),
                utc=self._utc,
            )
        )
        if spec.every and len(self._waiting) >= spec.every and not self._held:
            await self._report()
        return True

    async def _report(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            await self._send(wire.message(61, 0, b"".join(waiting)))

    def _now(self) -> bytes:
        now_us = self._clock()
        return wire.moment(now_us - (self.behind_us if self._utc else self._on_us), utc=self._utc)

    async def _notice(self, event: bytes) -> None:
        await self._send(wire.notice(self._now(), event))

    async def _send(self, frame: bytes) -> None:
        client = self._client
        if client is not None and not self.silent:
            await perform(self.faults.sent(frame), client.link)

    async def _changed(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _answer(self, client: _Client, type_: int, id_: int, body: bytes) -> None:
        if client.asked[0] >> 2 & 7 != wire.VERSION:
            await self._send(wire.message(100, id_, wire.status(wire.UNSUPPORTED_VERSION)))
            return
        if type_ == 72:
            client.missed = 0
            return
        if type_ in {60, 64}:
            self._held = False
            await self._report()
            return
        answer = self._done(client, type_, body)
        if answer is None:
            refusal = wire.status(wire.UNSUPPORTED_MESSAGE, f"message {type_} is not supported")
            await self._send(wire.message(100, id_, refusal))
            return
        if type_ == 1023:
            await self._send(wire.message(1023, id_, struct.pack(">IB", wire.IMPINJ, 22) + answer))
            return
        # The answer's type is the request's plus ten, but for the good-bye.
        await self._send(wire.message(4 if type_ == 14 else type_ + 10, id_, answer))
        if type_ == 14:
            await client.link.hang_up()
        if type_ == 24:
            client.enabled = True
            for spec in self._specs.values():
                if spec.enabled:
                    await self._notice(wire.rospec_event(0, spec.id))

    def _done(self, client: _Client, type_: int, body: bytes) -> bytes | None:
        """Do what is asked and give the answer's parameters; None for what it does not know."""
        match type_:
            case 1:
                able = wire.capabilities(antennas=self._antennas, maker=self._maker, utc=self._utc)
                return wire.status() + able
            case 2:
                return wire.status() + self._configuration(client)
            case 3:
                return self._configure(client, body)
            case 20:
                return self._add(body)
            case 21 | 24 | 25:
                return self._change(type_, struct.unpack(">I", body)[0])
            case 26 | 44 | 41 | 14:
                return wire.status()
            case 1023 if self._maker == wire.IMPINJ and body[:5] == struct.pack(
                ">IB", wire.IMPINJ, 21
            ):
                self._extended = True
                return wire.status()
            case _:
                return None

    def _configuration(self, client: _Client) -> bytes:
        identity = wire.tlv(218, struct.pack(">BH", 0, 8) + bytes.fromhex("0200000000000001"))
        ports = b"".join(
            wire.tlv(221, struct.pack(">BHh", 0x80, number, 600))
            for number in range(1, self._antennas + 1)
        )
        ms = round(1000 * client.keepalive_s)
        keepalive = wire.tlv(220, struct.pack(">BI", bool(ms), ms))
        return identity + ports + keepalive

    def _configure(self, client: _Client, body: bytes) -> bytes:
        if body[0] & 0x80:
            self._specs.clear()
            self._hold = False
            client.keepalive_s = 0.0
        keepalive, hold = wire.part(body[1:], 220), wire.part(body[1:], 226)
        if hold is not None:
            self._hold = bool(hold[0] & 0x80)
        if keepalive is not None:
            periodic, ms = struct.unpack(">BI", keepalive)
            client.keepalive_s = ms / 1000 if periodic else 0.0
        for task in client.tasks:
            task.cancel()
        if client.keepalive_s:
            task = asyncio.create_task(self._keep_alive(client))
            client.tasks.add(task)
            task.add_done_callback(client.tasks.discard)
        return wire.status()

    def _add(self, body: bytes) -> bytes:
        (rospec,) = wire.parts(body)
        id_, _, state = struct.unpack(">IBB", rospec[1][:6])
        inner = rospec[1][6:]
        antennas = wire.part(inner, 183) or b"\0\0"
        (count,) = struct.unpack(">H", antennas[:2])
        ports = set[int](struct.unpack(f">{count}H", antennas[2 : 2 + 2 * count]))
        if 0 in ports:
            ports = set(range(1, self._antennas + 1))
        if not id_ or state or id_ in self._specs or max(ports, default=0) > self._antennas:
            return wire.status(wire.FIELD_INVALID, "this ROSpec cannot be")
        report = wire.part(inner, 237) or b"\x01\0\x01"
        trigger, every = struct.unpack(">BH", report[:3])
        flags = wire.part(report[3:], 238) or b"\xff\xff"
        fine = self._extended and any(
            content[:8] == struct.pack(">II", wire.IMPINJ, 50)
            for type_, content in wire.parts(report[3:])
            if type_ == 1023
        )
        content = Content.of(struct.unpack(">H", flags[:2])[0], fine_rssi=fine)
        # Without a trigger it tells only when it is asked.
        self._specs[id_] = _Spec(id_, frozenset(ports), content, max(1, every) if trigger else 0)
        return wire.status()

    def _change(self, type_: int, id_: int) -> bytes:
        chosen = [spec for spec in self._specs.values() if id_ in {0, spec.id}]
        if id_ and not chosen:
            return wire.status(wire.FIELD_INVALID, f"there is no ROSpec {id_}")
        for spec in chosen:
            spec.enabled = type_ == 24
            if type_ == 21:
                del self._specs[spec.id]
        return wire.status()

    async def _keep_alive(self, client: _Client) -> None:
        while client.missed < _MISSED_MAX:
            await asyncio.sleep(client.keepalive_s)
            client.missed += 1
            await self._send(wire.message(62, 0))
        await client.link.hang_up()


async def _requests(link: Link) -> AsyncIterator[tuple[int, int, bytes]]:
    """Give type, id and bytes of each message of a client.

    Raises:
        ValueError: what comes is none.
    """
    buffer = b""
    while data := await link.read():
        buffer += data
        while len(buffer) >= 10:
            first, length, id_ = struct.unpack(">HII", buffer[:10])
            if not 10 <= length <= _REQUEST_BYTES_MAX:
                text = f"a request of {length} bytes"
                raise ValueError(text)
            if len(buffer) < length:
                break
            raw, buffer = buffer[:length], buffer[length:]
            yield first & 0x3FF, id_, raw
