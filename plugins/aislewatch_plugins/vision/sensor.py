"""The vision plugin: a camera whose pictures are looked at here, and never leave.

Reading the camera, looking at its pictures and handing on what was found go on side by side: a slow
bus must not make the camera's buffers grow old, and a slow detector gets the newest pictures.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel

from aislewatch.devices.secret import read_key
from aislewatch.devices.telling import Told, hand_over
from aislewatch.errors import DeviceError
from aislewatch.events.sensor import (
    Clock,
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.vision import pictures
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Detector, open_detector
from aislewatch_plugins.vision.hog import Hog
from aislewatch_plugins.vision.looking import Looker
from aislewatch_plugins.vision.source_config import named
from aislewatch_plugins.vision.sources import Broken, Source, source_of
from aislewatch_plugins.vision.telling import Teller
from aislewatch_plugins.vision.worker import Worker

LOOK_S: Final = 10.0
"""A picture that is looked at for longer never will be; the figure is Frigate's."""

_PROBE_S: Final = 5.0
_FOUND_MOST: Final = 1_000
"""Pictures' findings that wait for the bus; then pictures are left out."""


class Vision(SensorPlugin):
    """One camera."""

    Config: ClassVar[type[BaseModel]] = VisionConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="vision",
        title="A camera whose pictures are looked at here: RTSP, USB, MJPEG, folders and files",
        emits=("vision.person", "vision.item", "vision.action", "vision.count", "device.state"),
    )

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        self._context: SensorContext | None = None
        self._source: Source | None = None
        self._detector: Detector | None = None
        self._teller: Teller | None = None
        self._looker: Looker | None = None
        self._worker: Worker | None = None

    async def probe(self) -> DeviceInfo:
        """Open the camera and wait a little for a picture; nothing is looked for in it.

        Paths are taken as they stand.
        """
        where = named(self._config.source)
        source: Source | None = None
        try:
            source = source_of(self._config.source, Path(), _NoClock())
            await source.open()
            async with asyncio.timeout(_PROBE_S):
                came = await source.read()
        except DeviceError as error:
            return DeviceInfo(reachable=False, detail=str(error))
        except TimeoutError:
            detail = f"{where} can be opened, and no picture came within {_PROBE_S:g} s"
            return DeviceInfo(reachable=True, detail=detail)
        finally:
            if source is not None:
                await source.close()
        if came is None or isinstance(came, Broken):
            why = "no picture" if came is None else f"no picture: {came.reason}"
            return DeviceInfo(reachable=True, detail=f"{where} can be opened, and sends {why}")
        try:
            picture = came.picture
            if isinstance(picture, bytes):
                picture = await asyncio.to_thread(pictures.decoded, picture)
        except (ValueError, DeviceError) as error:
            return DeviceInfo(reachable=True, detail=f"{where} sends no picture: {error}")
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        detail = f"{where} sends pictures of {size} pixels"
        return DeviceInfo(reachable=True, detail=detail, facts={"pixels": size})

    async def open(self, context: SensorContext) -> None:
        """Load the detector, read the secret and open the camera.

        Raises:
            DeviceNotReady: the camera or the accelerator is not there.
            DeviceMisconfigured: something is missing or wrong that a person must mend.
        """
        config, folder = self._config, Path(context.folder)
        key = await asyncio.to_thread(read_key, folder / config.key_file, "the cameras'")
        self._context = context
        self._worker = Worker("the detector", LOOK_S)
        # In the thread that will use it: an accelerator belongs to whoever opened it.
        self._detector = await self._worker.run(_detector, config, folder)
        self._source = source = source_of(config.source, folder, context.clock)
        self._teller = Teller(config, context, key, recorded=source.recorded)
        self._looker = Looker(config, self._detector, self._teller)
        await source.open()

    async def run(self, emit: Emit) -> None:
        """Look at pictures until cancelled, or until a recording is over.

        Raises:
            DeviceNotReady: the camera is gone, or the detector's device failed.
        """
        context = self._context
        assert context is not None
        found: asyncio.Queue[list[Told] | Exception | None] = asyncio.Queue(_FOUND_MOST)
        looking = asyncio.create_task(self._look(found, context), name="looking at pictures")
        try:
            while (told := await found.get()) is not None:
                if isinstance(told, Exception):
                    raise told
                await hand_over(told, emit, context.device)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def close(self) -> None:
        """Let go of the camera and of the detector."""
        source, self._source = self._source, None
        worker, self._worker = self._worker, None
        detector, self._detector = self._detector, None
        if source is not None:
            await source.close()
        if worker is not None:
            await worker.close()
        if detector is not None:
            detector.close()

    def health(self) -> Health:
        """Count pictures; connected means that more can come."""
        teller, source, looker = self._teller, self._source, self._looker
        if teller is None or source is None or looker is None:
            return Health(connected=False, frames=0, refused=0, detail="not opened")
        detail = f"{teller.pictures} pictures, {source.left_out} left out"
        if looker.blind is not None:
            detail += f"; it is {looker.blind}"
        backend = self._detector.backend if self._detector is not None else None
        if backend is not None:
            detail += f"; {backend.name} on {backend.device}"
            if backend.degraded:
                detail += f", slower than it could be: {backend.why}"
        return Health(source.connected, teller.pictures, teller.refused, detail)

    def diagnostics(self) -> dict[str, object]:
        """Give the source, the detector, the counts and what is followed; never a picture."""
        teller, source, looker = self._teller, self._source, self._looker
        given: dict[str, object] = {
            "source": named(self._config.source),
            "kind": self._config.source.kind,
            "zones": sorted(self._config.zones),
        }
        if teller is not None and source is not None and looker is not None:
            given |= {
                "pictures": teller.pictures,
                "refused": teller.refused,
                "left_out": source.left_out,
                "skipped": looker.skipped,
                "tracks": looker.tracks,
                "blind": looker.blind,
                "too_plain_to_tell_covered_or_moved": looker.plain,
            }
        if self._detector is not None:
            backend = self._detector.backend
            given |= {
                "detector": backend.name,
                "device": backend.device,
                "model": backend.model,
                "model_sha256": backend.model_sha256,
                "why": backend.why,
                "labels": list(self._detector.labels),
                "labels_without_meaning": sorted(set(self._detector.labels) - self._meant()),
            }
        return given

    def _meant(self) -> set[str]:
        return {*self._config.labels.all, *self._config.products}

    async def _look(
        self, found: asyncio.Queue[list[Told] | Exception | None], context: SensorContext
    ) -> None:
        """Look at one picture after another; what ends it comes behind all that was found."""
        source, looker, worker = self._source, self._looker, self._worker
        assert source is not None
        assert looker is not None
        assert worker is not None
        try:
            while (came := await source.read()) is not None:
                told = await worker.run(looker.look, came, context.clock.now_us())
                if told:
                    await found.put(told)
        except Exception as error:  # Raised by run(), once what came before it is handed over.
            await found.put(error)
        else:
            await found.put(None)


class _NoClock(Clock):
    """For a probe, which looks at no time."""

    def now_us(self) -> int:
        return 0


def _detector(config: VisionConfig, folder: Path) -> Detector:
    if config.detector == "hog":
        return Hog()
    return open_detector(config.detector, folder)
