"""The camera plugins: one for each vendor, alike but for what they read."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel

from aislewatch.devices.secret import read_key
from aislewatch.devices.telling import hand_over
from aislewatch.errors import DeviceError
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import (
    Candidate,
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    Search,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.camera.axis import Axis
from aislewatch_plugins.camera.config import (
    AxisConfig,
    CameraConfig,
    FacesConfig,
    FrigateConfig,
    MerakiConfig,
)
from aislewatch_plugins.camera.evidence import Evidence, session
from aislewatch_plugins.camera.faces import Faces
from aislewatch_plugins.camera.finding import axis, find_cameras, frigate, meraki
from aislewatch_plugins.camera.frigate import Frigate
from aislewatch_plugins.camera.likenesses import Likenesses
from aislewatch_plugins.camera.link import Came, Link
from aislewatch_plugins.camera.meraki import Meraki
from aislewatch_plugins.camera.seen import Decoder
from aislewatch_plugins.camera.snapshot import Picture, Snapshots
from aislewatch_plugins.camera.telling import Teller

_LOOK_S: Final = 0.5
_PROBE_S: Final = 3.0
_PEOPLE: Final = ("vision.person", "device.state")


class _Camera(SensorPlugin):
    """One camera, at whichever broker it publishes."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._link: Link | None = None
        self._teller: Teller | None = None
        self._context: SensorContext | None = None

    @abstractmethod
    def decoder(self) -> Decoder:
        """Make the vendor's decoder, which remembers nothing yet."""

    def likenesses(self, context: SensorContext) -> Likenesses | None:
        """Make what compares faces; None for a camera that tells none."""
        del context
        return None

    async def beside(self, teller: Teller, context: SensorContext, emit: Emit) -> None:
        """Do what is to be done beside telling what the camera says; may return at once."""

    async def probe(self) -> DeviceInfo:
        """Connect to the broker and wait a little for a message; nothing is published.

        Where a password or certificates are in files, their paths are taken as they stand.
        """
        link = Link(self._config, Path(), "aislewatch-probe")
        try:
            await link.open(self.decoder().topics)
            async with asyncio.timeout(_PROBE_S):
                came = await link.read()
        except DeviceError as error:
            return DeviceInfo(reachable=False, detail=str(error))
        except TimeoutError:
            topics = ", ".join(self.decoder().topics)
            detail = f"{link.where} lets us in, and nothing came within 3 s at {topics}"
            return DeviceInfo(reachable=True, detail=detail)
        finally:
            await link.close()
        return DeviceInfo(reachable=True, detail=f"{link.where} has messages at {came.topic}")

    async def open(self, context: SensorContext) -> None:
        """Read the secret, connect and subscribe.

        Raises:
            DeviceNotReady: the broker is not there.
            DeviceMisconfigured: it does not let us in, or a file is missing or wrong.
        """
        folder = Path(context.folder)
        key_file = folder / self._config.key_file
        secret = await asyncio.to_thread(read_key, key_file, "the cameras'")
        decoder = self.decoder()
        self._context = context
        now_us = context.clock.now_us()
        faces = self.likenesses(context)
        self._teller = Teller(self._config, context, decoder, secret, now_us, faces)
        name = f"aislewatch-{context.store}-{context.device}"
        self._link = Link(self._config, folder, name)
        await self._link.open(decoder.topics)

    async def run(self, emit: Emit) -> None:
        """Tell what the camera says until cancelled.

        Raises:
            DeviceNotReady: the broker is gone.
        """
        link, teller, context = self._link, self._teller, self._context
        assert link is not None
        assert teller is not None
        assert context is not None
        reading: asyncio.Task[Came] = asyncio.ensure_future(link.read())
        beside = asyncio.ensure_future(self.beside(teller, context, emit))
        try:
            while True:
                done, _ = await asyncio.wait({reading}, timeout=_LOOK_S)
                if beside.done():
                    beside.result()
                now_us = context.clock.now_us()
                if done:
                    topic, payload, retained = reading.result()
                    reading = asyncio.ensure_future(link.read())
                    told = teller.tell(topic, payload, now_us, retained=retained)
                    await hand_over(told, emit, context.device)
                await hand_over(teller.advance(now_us), emit, context.device)
        finally:
            reading.cancel()
            beside.cancel()
            await asyncio.gather(reading, beside, return_exceptions=True)

    async def close(self) -> None:
        """Disconnect."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def health(self) -> Health:
        """Count messages; connected means that the broker is there."""
        teller, link = self._teller, self._link
        if teller is None or link is None:
            return Health(connected=False, frames=0, refused=0, detail="not opened")
        detail = f"{teller.frames} messages, {teller.repeats} came twice"
        return Health(link.connected, teller.frames, teller.refused, detail, teller.skew)

    def diagnostics(self) -> dict[str, object]:
        """Give the broker, the topics and the counts; never a password or a track's own name."""
        teller, link = self._teller, self._link
        return {
            "broker": self._config.broker,
            "tls": self._config.tls is not None,
            "user": self._config.user is not None,
            "topics": list(self.decoder().topics),
            "open": link is not None and link.connected,
            "frames": teller.frames if teller is not None else 0,
            "refused": teller.refused if teller is not None else 0,
            "repeats": teller.repeats if teller is not None else 0,
            "tracks_lost": teller.lost if teller is not None else 0,
        }


class CameraMeraki(_Camera):
    """A Meraki MV camera with MV Sense."""

    Config: ClassVar[type[BaseModel]] = MerakiConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="camera-meraki",
        title="A Meraki MV camera with MV Sense, by MQTT",
        emits=(*_PEOPLE, "vision.count", "vision.snapshot"),
    )

    def __init__(self, config: MerakiConfig) -> None:
        super().__init__(config)
        self._vendor = config
        self._api_key = ""
        self._evidence: Evidence | None = None

    async def open(self, context: SensorContext) -> None:
        """Read the secrets, connect and subscribe; raises as the others do."""
        wanted = self._vendor.snapshots
        if wanted is not None:
            key = await asyncio.to_thread(wanted.api_key.read, context.folder)
            self._api_key = key.decode("latin-1")
        await super().open(context)

    async def beside(self, teller: Teller, context: SensorContext, emit: Emit) -> None:
        """Take pictures of what tills tell, where they are wanted."""
        wanted, clock, device = self._vendor.snapshots, context.clock, context.device
        if wanted is None or context.hear is None or not context.pictures:
            return

        async def on_picture(cause: Event, picture: Picture) -> None:
            await hand_over(teller.pictured(cause, picture, clock.now_us()), emit, device)

        async def on_missing(reason: str) -> None:
            await hand_over(teller.not_pictured(reason, clock.now_us()), emit, device)

        async with session() as made:
            snapshots = Snapshots(
                made,
                self._api_key,
                Path(context.pictures),
                api=wanted.api,
                tries=wanted.looks,
                pause_s=wanted.pause / 1_000_000,
            )
            self._evidence = Evidence(
                wanted, self._vendor.serial, snapshots.take, on_picture, on_missing, clock.now_us
            )
            await self._evidence.run(context.hear)

    def diagnostics(self) -> dict[str, object]:
        """Give the counts of pictures as well; never the key."""
        found, evidence = super().diagnostics(), self._evidence
        if evidence is not None:
            found |= {"pictures": evidence.taken, "pictures_missing": evidence.missing}
            found |= {"pictures_late": evidence.late, "pictures_waited_for": evidence.waiting}
        return found

    def health(self) -> Health:
        """Count messages; how many pictures there are and could not be had is part of it."""
        health, evidence = super().health(), self._evidence
        if evidence is None:
            return health
        said = f"{evidence.taken} pictures, {evidence.missing} could not be had"
        return replace(health, detail=f"{health.detail}; {said}")

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Listen at ``broker=`` for cameras of this make."""
        return find_cameras(search, "meraki", meraki)

    def decoder(self) -> Decoder:
        """Make the decoder."""
        return Meraki(self._vendor)


class CameraFrigate(_Camera):
    """A camera that Frigate watches."""

    Config: ClassVar[type[BaseModel]] = FrigateConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="camera-frigate",
        title="A camera that Frigate watches, by MQTT",
        emits=(*_PEOPLE, "vision.action"),
    )

    def __init__(self, config: FrigateConfig) -> None:
        super().__init__(config)
        self._vendor = config

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Listen at ``broker=`` for cameras of this make."""
        return find_cameras(search, "frigate", frigate)

    def decoder(self) -> Decoder:
        """Make the decoder."""
        return Frigate(self._vendor)


class CameraAxis(_Camera):
    """An Axis camera that publishes scene metadata."""

    Config: ClassVar[type[BaseModel]] = AxisConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="camera-axis",
        title="An Axis camera with scene metadata, by MQTT",
        emits=_PEOPLE,
    )

    def __init__(self, config: AxisConfig) -> None:
        super().__init__(config)
        self._vendor = config

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Listen at ``broker=`` for cameras of this make."""
        return find_cameras(search, "axis", axis)

    def decoder(self) -> Decoder:
        """Make the decoder."""
        return Axis(self._vendor)


class CameraFaces(_Camera):
    """A service that publishes faces as embeddings."""

    Config: ClassVar[type[BaseModel]] = FacesConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="camera-faces",
        title="A service that publishes faces as embeddings, by MQTT",
        emits=(*_PEOPLE, "person.match"),
        faces=True,
    )

    def __init__(self, config: FacesConfig) -> None:
        super().__init__(config)
        self._vendor = config
        self._likenesses: Likenesses | None = None

    def decoder(self) -> Decoder:
        """Make the decoder."""
        return Faces(self._vendor)

    def likenesses(self, context: SensorContext) -> Likenesses | None:
        """Make what compares faces with the shop's watchlist, if it keeps one."""
        self._likenesses = Likenesses(context.watchlist, self._vendor.told_again)
        return self._likenesses

    def health(self) -> Health:
        """Count messages and faces; how many were dropped is part of it."""
        health = super().health()
        counts = self._likenesses
        if counts is None:
            return health
        said = f"{counts.faces} faces, {counts.dropped} dropped: no watchlist is kept"
        if counts.comparing:
            said = f"{counts.faces} faces compared, {counts.alike} alike"
        return replace(health, detail=f"{health.detail}; {said}")

    def diagnostics(self) -> dict[str, object]:
        """Give the counts as well; nothing of a face."""
        counts = self._likenesses
        found = super().diagnostics()
        if counts is None:
            return found
        told = {"faces": counts.faces, "dropped": counts.dropped, "alike": counts.alike}
        return {**found, "comparing": counts.comparing, **told}
