"""One connection to NATS that comes back for ever, and requests that never hang.

nats-py (2.16) does most of it; this is the rest, found by trying:

- an error that the server sends while connected (its users were reloaded, say) closes a nats-py
  client for good, whatever its reconnect options: we make a new one;
- a request whose connection breaks just waits for its timeout: we end it at once;
- a publish that is not permitted is a timeout with the reason in a callback: we raise the reason;
- a wrong password at the first connection is retried without a word: `ready` says it.

All dealings with nats-py, and so all its untyped corners, are in this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from aislewatch.errors import BusError
from aislewatch.runtime.ending import for_at_most
from aislewatch.runtime.nats_config import Credentials

_RECONNECT_WAIT_S = 0.25
# Larger than any batch of ours, so that nats-py never blocks inside a publish waiting for room
# (where it would swallow a cancellation).
_PENDING_BYTES = 64 * 1024 * 1024
# A close takes less than the 2 s that is promised of it, whatever the server does.
_FLUSH_S = 0.75
_PART_S = 0.25

JsonObject = dict[str, Any]  # what a server answers; read with care at each place


class BusAway(BusError):
    """NATS gave no answer this time; the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came.

    Attributes:
        subject: where it was published.
        reply: where an answer or an acknowledgement goes; empty where none is wanted.
        headers: by name; a server's status messages have ``Status``.
        payload: the bytes.
    """

    subject: str
    reply: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Link:
    """One connection to NATS.

    Args:
        url: ``nats://host:port``.
        name: who we are, in the server's own listings.
        credentials: whom the server shall know us as; never in the address.
        on_disconnected: called with the reason when the connection is lost.
        on_reconnected: called when it is there again, not the first time.

    Attributes:
        epoch: counts connections; who keeps state with the server compares it.
        last_error: the latest trouble in words; empty while there was none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        credentials: Credentials | None = None,
        on_disconnected: Callable[[str], None] | None = None,
        on_reconnected: Callable[[], None] | None = None,
    ) -> None:
        _check_address(url)
        self.epoch = 0
        self.last_error = ""
        self.url = url
        self._name = name
        self._credentials = credentials or Credentials()
        self._on_disconnected = on_disconnected
        self._on_reconnected = on_reconnected
        self._client: Client | None = None
        self._closed = asyncio.Event()
        self._settled = asyncio.Event()  # connected, or refused
        self._refused = ""
        self._waiting: dict[asyncio.Future[BusError], str] = {}
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Tell whether requests have a chance right now."""
        return self._client is not None and self._client.is_connected

    def start(self) -> None:
        """Begin to connect, and keep at it until `close`."""
        assert self._keeper is None
        self._keeper = asyncio.create_task(self._keep(), name=f"nats link {self._name}")
        self._keeper.add_done_callback(lambda _: self._settled.set())  # so `ready` sees it fail

    async def ready(self, wait_s: float) -> None:
        """Return when connected.

        Raises:
            BusAway: not within `wait_s`.
            BusError: the server refuses our credentials; waiting will not help.
        """
        try:
            async with asyncio.timeout(wait_s):
                await self._settled.wait()
        except TimeoutError:
            reason = self.last_error or "no answer"
            message = f"NATS at {self.url} cannot be reached within {wait_s:g} s: {reason}"
            raise BusAway(message) from None
        if self._keeper is None:
            message = f"the connection to NATS at {self.url} was closed"
            raise BusError(message)
        if self._keeper.done():
            self._keeper.result()  # a fault of ours, or of nats-py's: not to be hidden
        if not self.connected:
            message = f"NATS at {self.url} refuses user {self._credentials.user!r}: {self._refused}"
            raise BusError(message)

    async def close(self) -> None:
        """Send what is under way, then disconnect; returns at once where nobody is connected.

        What a server that has stopped answering does not take at once is given up.
        """
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        client = self._client
        try:
            if client is not None and client.is_connected:
                await for_at_most(_FLUSH_S, client.flush())
        finally:
            while not keeper.done():
                # Again: nats-py swallows a cancellation that meets it while it connects.
                keeper.cancel()
                await asyncio.wait({keeper}, timeout=_RECONNECT_WAIT_S)
        self._settled.set()
        self._end_waiting(BusAway("the connection was closed"))

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float = 5.0,
    ) -> Delivery:
        """Send a request and give its first answer.

        Raises:
            BusAway: no answer: not connected, connection lost, nobody listens, or too late.
            BusError: the server does not permit it.
        """
        client = self._connected_client()
        trouble: asyncio.Future[BusError] = asyncio.get_running_loop().create_future()
        self._waiting[trouble] = subject
        asking = asyncio.ensure_future(
            client.request(subject, payload, timeout=timeout_s, headers=headers)
        )
        try:
            ends: set[asyncio.Future[Any]] = {asking, trouble}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if trouble.done():
                raise trouble.result()
            if asking.cancelled():
                message = f"no answer from {self.url} on {subject}: its client was closed"
                raise BusAway(message)
            return _delivery(asking.result())
        except nats_errors.NoRespondersError:
            message = f"nobody at {self.url} answers on {subject}"
            raise BusAway(message) from None
        except (nats_errors.Error, TimeoutError) as error:
            message = f"no answer from {self.url} on {subject}: {error or type(error).__name__}"
            raise BusAway(message) from None
        finally:
            del self._waiting[trouble]
            asking.add_done_callback(_take_result)
            asking.cancel()

    async def api(
        self, what: str, body: Mapping[str, object], timeout_s: float = 5.0
    ) -> JsonObject:
        """Ask JetStream's API and give its answer as it is, an ``error`` in it included."""
        answer = await self.request(
            f"$JS.API.{what}", json.dumps(body).encode(), timeout_s=timeout_s
        )
        return json_object(answer.payload)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a message that nobody confirms.

        Raises:
            BusAway: not connected.
        """
        try:
            await self._connected_client().publish(subject, payload, reply, headers)
        except nats_errors.Error as error:
            raise BusAway(str(error)) from error

    def pending_bytes(self) -> int:
        """Tell how much is written but not yet taken by the network."""
        return self._client.pending_data_size if self._client is not None else 0

    async def listen(
        self, subject: str, take: Callable[[Delivery], None]
    ) -> Callable[[], Awaitable[None]]:
        """Have `take` called, in order, with each message on a subject; it must not block.

        Lasts while `epoch` does. Gives what ends it, which may be called at any time.
        """

        async def on_message(message: Msg) -> None:
            take(_delivery(message))

        try:
            client = cast("Any", self._connected_client())  # its subscribe is partly untyped
            subscription = await client.subscribe(subject, cb=on_message)
        except nats_errors.Error as error:
            raise BusAway(str(error)) from error

        async def stop() -> None:
            with contextlib.suppress(nats_errors.Error):  # gone with its client: as well
                await subscription.unsubscribe()

        return stop

    def new_inbox(self) -> str:
        """Give a subject of our own that nobody has had before."""
        return self._connected_client().new_inbox()

    def _connected_client(self) -> Client:
        client = self._client
        if client is None or not client.is_connected:
            message = f"not connected to NATS at {self.url}: {self.last_error or 'not yet'}"
            raise BusAway(message)
        return client

    async def _keep(self) -> None:
        """Hold a client that is connected or on its way there, until cancelled."""
        while True:
            self._client = client = Client()
            self._closed.clear()
            try:
                # Comes back connected or not at all: it retries by itself, for ever.
                await client.connect(
                    self.url,
                    name=self._name,
                    user=self._credentials.user or None,
                    password=self._credentials.password or None,
                    inbox_prefix=self._credentials.inbox,
                    error_cb=self._note_error,
                    disconnected_cb=self._note_lost,
                    reconnected_cb=self._note_connected,
                    closed_cb=self._note_closed,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=cast("int", _RECONNECT_WAIT_S),  # seconds; floats do
                    pending_size=_PENDING_BYTES,
                    # `Message` checked them, or `escape` made them: a tenth of publishing's cost.
                    skip_subject_validation=True,
                )
                await self._note_connected()
                await self._closed.wait()
            finally:
                await _part(client)
            await asyncio.sleep(_RECONNECT_WAIT_S)

    async def _note_connected(self) -> None:
        self.epoch += 1
        self._refused = ""
        self._settled.set()
        if self.epoch > 1 and self._on_reconnected is not None:
            self._on_reconnected()

    async def _note_lost(self) -> None:
        self._settled.clear()
        if self._keeper is None:
            return  # it is we who close
        client_error = self._client.last_error if self._client is not None else None
        reason = str(client_error or "") or self.last_error or "connection lost"
        self.last_error = reason
        self._end_waiting(BusAway(f"the connection to {self.url} was lost: {reason}"))
        if self._on_disconnected is not None:
            self._on_disconnected(reason)

    async def _note_closed(self) -> None:
        self._closed.set()

    async def _note_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        self.last_error = text
        lowered = text.lower()
        if "authorization" in lowered:
            self._refused = text
            self._settled.set()
        if "permissions violation" in lowered:
            # The server quotes the subject, nats-py makes it lower case.
            for trouble, subject in self._waiting.items():
                if f'"{subject.lower()}"' in lowered and not trouble.done():
                    trouble.set_result(BusError(f"not permitted at {self.url}: {text}"))

    def _end_waiting(self, reason: BusError) -> None:
        for trouble in self._waiting:
            if not trouble.done():
                trouble.set_result(reason)


def _check_address(url: str) -> None:
    """Refuse what nats-py would meet with an assertion, and a password in a listing."""
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("nats", "tls", "ws", "wss") or not parts.hostname
        wrong = wrong or parts.port == 0 or parts.username is not None
    except ValueError:
        wrong = True
    if wrong:
        message = "a NATS address is nats://host:port, and carries no user or password"
        raise BusError(message)


def json_object(payload: bytes) -> JsonObject:
    """Read a JSON object that a server sent.

    Raises:
        BusError: it is none.
    """
    try:
        value: object = json.loads(payload)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        message = f"NATS answered with something that is no JSON object: {payload[:80]!r}"
        raise BusError(message)
    return cast("JsonObject", value)


def _delivery(message: Msg) -> Delivery:
    headers = cast("Mapping[str, str] | None", message.headers)
    return Delivery(message.subject, message.reply, message.data, headers or {})


async def _part(client: Client) -> None:
    """Disconnect a client, by force from a server that takes nothing any more."""
    try:
        await for_at_most(_PART_S, client.close())
    finally:
        # There is no public way: its own close waits for the server to take what is written.
        transport = cast("Any", client)._transport
        writer: asyncio.StreamWriter | None = getattr(transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()


def _take_result(task: asyncio.Future[Msg]) -> None:
    """Look at a request's end, so that asyncio does not report it as overlooked."""
    if not task.cancelled():
        task.exception()
