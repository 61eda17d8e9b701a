"""The feed plugin: a device that already speaks JSON or CSV, connected by a mapping file.

It owns no protocol. Bytes come from a source (:mod:`aislewatch_plugins.feed.driver`, or files),
rows are cut out of them, the mapper says what they mean, and what it says goes to the host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from glob import glob
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from aislewatch.devices.address import endpoint
from aislewatch.devices.tcp import dial, hang_up
from aislewatch.devices.telling import Refusal, runs
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady, MistakeError, UsageError
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import (
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.feed.config import FeedConfig
from aislewatch_plugins.feed.driver import HttpSource, Source, TcpClient, TcpListener
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.recording import read_catalogues, read_mapping, told_rows
from aislewatch_plugins.feed.session import Session

_FILE_ROWS = 500
"""Rows of a file that are read in one go before the loop serves other devices again."""


class Feed(SensorPlugin):
    """One feed; many logical devices may speak through it."""

    Config: ClassVar[type[BaseModel]] = FeedConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="feed",
        title="Any device that speaks JSON or CSV, through a mapping file",
    )

    def __init__(self, config: FeedConfig) -> None:
        self._config = config
        self._source: Source | None = None
        self._session: Session | None = None
        self._files: list[Path] = []
        self._reading = False

    @property
    def port(self) -> int | None:
        """The port that the feed listens on; None where it does not listen."""
        source = self._source
        return source.port if isinstance(source, (TcpListener, HttpSource)) else None

    async def probe(self) -> DeviceInfo:
        """Say whether the address answers; a listener or files are looked at by ``open``."""
        config = self._config
        if config.tcp is None:
            return DeviceInfo(reachable=True, detail=f"waits for its source: {config.source}")
        host, port, _ = endpoint(config.tcp)
        try:
            _, writer = await dial(host, port)
        except DeviceNotReady as error:
            return DeviceInfo(reachable=False, detail=str(error))
        await hang_up(writer)
        return DeviceInfo(reachable=True, detail=f"{host}:{port} answers")

    async def open(self, context: SensorContext) -> None:
        """Read the mapping and its catalogues; connect, listen, or find the files.

        Raises:
            DeviceNotReady: the address does not answer, or is taken.
            DeviceMisconfigured: the mapping holds mistakes, a file or parameter is missing.
        """
        try:
            # Reading files blocks; a host's loop serves other devices meanwhile.
            self._session = await asyncio.to_thread(self._prepare, context, None)
        except MistakeError as error:
            raise DeviceMisconfigured(str(error)) from error
        self._source = _source(self._config, self._session)
        if self._source is not None:
            await self._source.open()

    async def run(self, emit: Emit) -> None:
        """Read the source; returns at the end of files, or of a recording's connection.

        Raises:
            DeviceNotReady: the connection broke.
            DeviceMisconfigured: a file cannot be read.
        """
        session = self._session
        assert session is not None
        session.emit = emit
        if self._source is not None:
            await self._source.run()
            return
        self._reading = True
        try:
            await self._run_files(session)
        except MistakeError as error:
            raise DeviceMisconfigured(str(error)) from error
        finally:
            self._reading = False

    async def close(self) -> None:
        """Let go of the source."""
        source, self._source = self._source, None
        if source is not None:
            await source.close()

    def health(self) -> Health:
        """Count what was understood and what was refused."""
        connected = self._reading or (self._source is not None and self._source.connected)
        if self._session is None:
            return Health(connected=connected, frames=0, refused=0, detail="not opened")
        counts = self._session.mapper.counts
        detail = f"{counts.events} events, {counts.heartbeats} heartbeats"
        frames = counts.told + counts.heartbeats
        return Health(connected, frames, counts.refusals, detail, self._session.skew)

    def diagnostics(self) -> dict[str, object]:
        """Give the counts of what became of the rows, and the devices that have spoken."""
        if self._session is None:
            return {}
        mapper = self._session.mapper
        return {
            **asdict(mapper.counts),
            "source": self._config.source,
            "devices": mapper.devices,
        }

    def read_recording(
        self, context: SensorContext, files: Sequence[Path] | None = None
    ) -> Iterator[list[Event] | Refusal]:
        """Give what files tell, in the order in which ``run`` would emit it: for a replay.

        Args:
            context: as for ``open``.
            files: in place of those of the configuration.

        Raises:
            UsageError: there are no files, one cannot be read, or a parameter is missing.
            FileMistakes: the mapping holds mistakes.
        """
        if files is None and self._config.files is None:
            message = f"feed {context.device!r} has no files: its source is {self._config.source}"
            raise UsageError(message)
        session = self._session = self._prepare(context, files)
        rows = told_rows(session.mapper, self._files, session.mapping, self._config.order)
        return (run for told in rows for run in runs(told))

    def _prepare(self, context: SensorContext, files: Sequence[Path] | None) -> Session:
        config, folder = self._config, Path(context.folder)
        mapping = read_mapping(folder / config.mapping, context.registry)
        self._files = list(files) if files is not None else _found(folder, config.files or [])
        given = {name: folder / path for name, path in config.catalogues.items()}
        places = [Path(mapping.path).parent, *(path.parent for path in self._files)]
        plan = mapping.plan(config.params, read_catalogues(mapping, places, given))
        mapper = Mapper(
            plan,
            feed=context.device,
            store=context.store,
            session=context.boot,
            simulated=context.simulated,
        )
        return Session(config, context, mapping, mapper)

    async def _run_files(self, session: Session) -> None:
        rows = told_rows(session.mapper, self._files, session.mapping, self._config.order)
        while read := await asyncio.to_thread(lambda: list(islice(rows, _FILE_ROWS))):
            await session.hand_over([one for told in read for one in told])


def _found(folder: Path, patterns: list[str]) -> list[Path]:
    """Find the files of the patterns, in the order of the patterns and then of their names.

    Raises:
        UsageError: a pattern finds nothing.
    """
    found: list[Path] = []
    for pattern in patterns:
        names = sorted(glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207 - may be absolute
        paths = [folder / name for name in names]
        files = [path for path in paths if path.is_file() and path not in found]
        if not files:
            message = f"no file is called {pattern} in {folder}"
            raise UsageError(message)
        found += files
    return found


def _source(config: FeedConfig, session: Session) -> Source | None:
    address = config.tcp or config.tcp_listen or config.http
    if address is None:
        return None
    where = endpoint(address)
    if config.tcp is not None:
        return TcpClient(where.host, where.port, session, ends=config.recording)
    if config.tcp_listen is not None:
        return TcpListener(where.host, where.port, session)
    return HttpSource(where, session)
