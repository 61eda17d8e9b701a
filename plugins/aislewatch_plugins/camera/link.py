"""The line to an MQTT broker: connect, subscribe, hand over what comes.

With QoS 1 the broker sends again what it is not sure we had. The session is a clean one: what was
missed while we were away is not delivered late, for the camera counts as blind for that time.
"""

from __future__ import annotations

import contextlib
import importlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aislewatch.devices.secret import read_password
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.camera.config import CameraConfig, TlsConfig

if TYPE_CHECKING:
    from aiomqtt import Client

_QOS: Final = 1
_CONNECT_S: Final = 5.0
_CLOSE_S: Final = 1.0
_KEEP_ALIVE_S: Final = 5
"""A dead line is found out within twice that; until then an empty desk only seems to be one."""
_BEHIND_MOST: Final = 20_000
_REJECTED: Final = 0x80
# Return codes of MQTT 3.1.1, section 3.2.2.3, and how paho names them.
_REFUSED_US: Final = frozenset(
    {"Bad user name or password", "Not authorized", "Client identifier not valid"}
)


class Came(NamedTuple):
    """A message.

    Attributes:
        topic: where.
        payload: what.
        retained: the broker had kept it.
    """

    topic: str
    payload: bytes
    retained: bool


class Link:
    """One connection to a broker.

    Args:
        config: of the camera.
        folder: that relative paths start from.
        name: by which the broker knows us; of two with one name it drops the first.
    """

    def __init__(self, config: CameraConfig, folder: Path, name: str) -> None:
        self._host, self._port, _ = config.address
        self._config = config
        self._folder = folder
        self._name = name
        self._client: Client | None = None
        self._library: Any = None

    @property
    def where(self) -> str:
        """The broker, for people."""
        return f"the broker at {self._host}:{self._port}"

    @property
    def connected(self) -> bool:
        """The connection stands, as far as is known."""
        return self._client is not None

    async def open(self, topics: Sequence[str]) -> None:
        """Connect and subscribe.

        Raises:
            DeviceNotReady: nobody is there.
            DeviceMisconfigured: it does not want us, or a file is not what it should be.
        """
        self._library = library = _aiomqtt()
        password = self._password()
        client: Client = library.Client(
            self._host,
            self._port,
            username=self._config.user,
            password=password,
            identifier=self._name,
            clean_session=True,
            timeout=_CONNECT_S,
            keepalive=_KEEP_ALIVE_S,
            max_queued_incoming_messages=_BEHIND_MOST + 1,
            tls_context=None if self._config.tls is None else self._tls(self._config.tls),
        )
        try:
            await client.__aenter__()
        except library.MqttError as error:
            raise self._refusal(str(error)) from None
        self._client = client
        try:
            codes = await client.subscribe([(topic, _QOS) for topic in topics])
        except library.MqttError as error:
            await self.close()
            message = f"{self.where} does not answer: {error}"
            raise DeviceNotReady(message) from None
        for topic, code in zip(topics, codes, strict=True):
            value: Any = code  # A number, or with MQTT 5 a reason that has one.
            if getattr(value, "value", value) >= _REJECTED:
                await self.close()
                message = f"{self.where} does not let us read {topic!r}; look at its access list"
                raise DeviceMisconfigured(message)

    async def read(self) -> Came:
        """Wait for the next message.

        Raises:
            DeviceNotReady: the connection is lost, or we cannot follow.
        """
        client = self._client
        assert client is not None
        if len(client.messages) >= _BEHIND_MOST:
            message = f"{self.where} sends more than can be judged"
            raise DeviceNotReady(message)
        try:
            came = await client.messages.__anext__()
        except self._library.MqttError as error:
            sentence = f"{self.where} is gone: {error.__cause__ or error}"
            raise DeviceNotReady(sentence) from None
        return Came(str(came.topic), bytes(came.payload), came.retain)

    async def close(self) -> None:
        """Disconnect; may be called again."""
        client, self._client = self._client, None
        if client is not None:
            client.timeout = _CLOSE_S
            with contextlib.suppress(self._library.MqttError):
                await client.__aexit__(None, None, None)

    def _refusal(self, reason: str) -> DeviceNotReady | DeviceMisconfigured:
        if any(word in reason for word in _REFUSED_US):
            who = f"user {self._config.user!r}" if self._config.user else "nobody without a user"
            return DeviceMisconfigured(f"{self.where} does not let {who} in: {reason}")
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            hint = "name its authority in 'ca_file'"
            return DeviceMisconfigured(f"{self.where} cannot be trusted ({reason}); {hint}")
        return DeviceNotReady(f"{self.where} cannot be reached: {reason}")

    def _password(self) -> str | None:
        if self._config.password_file is None:
            return None
        return read_password(self._folder / self._config.password_file, "the broker's")

    def _tls(self, config: TlsConfig) -> ssl.SSLContext:
        def path(name: str | None) -> str | None:
            return None if name is None else str(self._folder / name)

        try:
            context = ssl.create_default_context(cafile=path(config.ca_file))
            if config.cert_file is not None:
                context.load_cert_chain(str(path(config.cert_file)), path(config.key_file))
        except OSError as error:  # Of which ssl.SSLError is one.
            message = f"the certificates for {self.where} cannot be read: {error}"
            raise DeviceMisconfigured(message) from None
        return context


def _aiomqtt() -> Any:
    try:
        return importlib.import_module("aiomqtt")
    except ImportError:
        message = "a camera's feed needs aiomqtt: install aislewatch[mqtt]"
        raise DeviceMisconfigured(message) from None
