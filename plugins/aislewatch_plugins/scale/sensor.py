"""The scale plugin: a scale at a checkout, a bagging area or a shelf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from aislewatch.errors import DeviceError, DeviceMisconfigured, DeviceNotReady, MistakeError
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
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.finding import find_scales
from aislewatch_plugins.scale.links import Link, link_to
from aislewatch_plugins.scale.planogram import article_of, lightest_mg, read_planogram
from aislewatch_plugins.scale.protocols import decoder_of
from aislewatch_plugins.scale.quantising import Article
from aislewatch_plugins.scale.reading import Aside, Reading, Refused
from aislewatch_plugins.scale.session import Session
from aislewatch_plugins.scale.settling import Patience, Settling
from aislewatch_plugins.scale.steps import Feeling, Steps
from aislewatch_plugins.scale.teller import Teller

_SECOND = 1_000_000
_MINUTE_S = 60
_CLOSE_S = 0.5


class Scale(SensorPlugin):
    """One scale."""

    Config: ClassVar[type[BaseModel]] = ScaleConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="scale",
        title="A scale at a checkout, a bagging area or a shelf",
        emits=(
            "scale.weight",
            "scale.changed",
            "shelf.removed",
            "shelf.returned",
            "device.state",
        ),
    )

    def __init__(self, config: ScaleConfig) -> None:
        self._config = config
        self._link: Link | None = None
        self._session: Session | None = None
        self._listening = False

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Look for a scale on ``tcp=`` or ``port=``; else list the ports that could have one."""
        return find_scales(search, lambda config: cls(config).probe())

    async def probe(self) -> DeviceInfo:
        """Ask for one weight, or wait for one; the scale takes no harm."""
        config = self._config
        link, decoder = link_to(config), decoder_of(config.protocol, config.unit)
        wait_s = (config.answer if decoder.request else config.silence) / _SECOND
        refused = b""
        try:
            await link.open()
            await link.write(decoder.request)
            async with asyncio.timeout(wait_s):
                while True:
                    for said in decoder.feed(await link.read(wait_s)):
                        if isinstance(said, Refused):
                            refused = said.raw
                        elif isinstance(said, Reading):
                            detail = f"{link.where} weighs {said.weight_mg / 1000:g} g"
                            return DeviceInfo(reachable=True, detail=detail)
                        else:
                            said_so = said.text if isinstance(said, Aside) else said.detail
                            detail = f"{link.where} answers: {said_so}"
                            return DeviceInfo(reachable=True, detail=detail)
        except DeviceError as error:
            return DeviceInfo(reachable=False, detail=str(error))
        except TimeoutError:
            what = f"sends no frame of the protocol: {refused!r}" if refused else "is silent"
            return DeviceInfo(reachable=False, detail=f"{link.where} {what}")
        finally:
            await link.close()

    async def open(self, context: SensorContext) -> None:
        """Read the planogram, open the line.

        Raises:
            DeviceNotReady: nobody is there.
            DeviceMisconfigured: the planogram holds mistakes, or the line cannot be opened so.
        """
        config = self._config
        try:
            # Reading files blocks; a host's loop serves other devices meanwhile.
            articles = await asyncio.to_thread(_articles, config, Path(context.folder))
        except MistakeError as error:
            raise DeviceMisconfigured(str(error)) from error
        self._session = Session(
            config,
            context.clock,
            context.device,
            decoder_of(config.protocol, config.unit),
            _following(config, articles),
            Teller(context, config.kind, config.shelf.id if config.shelf else None, articles),
        )
        self._link = link_to(config)
        await self._link.open()

    async def run(self, emit: Emit) -> None:
        """Follow the scale until cancelled.

        Raises:
            DeviceNotReady: the line broke, or the scale says nothing that makes sense.
        """
        assert self._session is not None
        assert self._link is not None
        self._listening = not self._config.asks
        await self._session.run(self._link, emit)

    async def close(self) -> None:
        """Let go of the line."""
        link, self._link = self._link, None
        if link is None:
            return
        try:
            stop = decoder_of(self._config.protocol, self._config.unit).end
            if self._listening and stop and link.connected:
                async with asyncio.timeout(_CLOSE_S):
                    await link.write(stop)
        except (DeviceNotReady, TimeoutError):
            pass  # It is gone already, which is as well.
        finally:
            self._listening = False
            await link.close()

    def health(self) -> Health:
        """Count what was understood and what was refused."""
        session, link = self._session, self._link
        connected = link is not None and link.connected
        if session is None:
            return Health(connected=connected, frames=0, refused=0, detail="not opened")
        counts = session.counts
        detail = f"{counts['readings']} readings, {counts['unanswered']} requests unanswered"
        return Health(connected, session.frames, counts["refused"], detail)

    def diagnostics(self) -> dict[str, object]:
        """Give the counts of what came, and what the line is."""
        if self._session is None:
            return {}
        protocol = self._config.protocol
        return {
            **self._session.counts,
            "where": self._config.tcp or self._config.port,
            "protocol": protocol if isinstance(protocol, str) else "lines",
            "asks": self._config.asks,
        }


def _articles(config: ScaleConfig, folder: Path) -> list[Article]:
    shelf = config.shelf
    if shelf is None:
        return []
    if shelf.planogram is not None:
        return read_planogram(shelf.planogram, folder, shelf.id)
    return [article_of(h.sku, h.weight, h.weight_min, h.weight_max) for h in shelf.holds]


def _following(config: ScaleConfig, articles: list[Article]) -> Settling | Steps:
    shelf = config.shelf
    if shelf is None:
        return Settling(Patience(config.step, config.settle, config.linger))
    least_mg = shelf.least or max(1, lightest_mg(articles) // 2)
    return Steps(Feeling(least_mg, shelf.window, shelf.band, shelf.drift // _MINUTE_S))
