"""The sensor for tills that write POSLog XML: files dropped into a folder, or posted."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from aislewatch.devices.address import endpoint
from aislewatch.devices.http import HttpListener, Reply, Request
from aislewatch.devices.secret import SecretPart
from aislewatch.errors import UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.sensor import Descriptor, DeviceInfo
from aislewatch_plugins.pos.bodies import unsigned
from aislewatch_plugins.pos.config import (
    Currency,
    HttpAddress,
    Name,
    Part,
    PosConfig,
    Positive,
    ZoneName,
)
from aislewatch_plugins.pos.dialect import DIALECTS, Dialect
from aislewatch_plugins.pos.drop import After, Dropped, DropSource
from aislewatch_plugins.pos.poslog import PosLogReader
from aislewatch_plugins.pos.poslog_xml import Broken, transactions
from aislewatch_plugins.pos.sensor import KINDS, Desk, PosSensor
from aislewatch_plugins.pos.source import Source
from aislewatch_plugins.pos.told import Flaw, Found

MOST_FILE_BYTES = 64 << 20
MOST_BODY_BYTES = 8 << 20
_TAIL = 4_096
_REMEMBERED = 10_000
"""Documents of which it is remembered that they came before."""


class FolderPart(Part):
    """A folder that files are dropped into.

    Attributes:
        path: of the folder, from the store file's folder.
        pattern: of the names that count.
        look: pause between two looks.
        settle: how long a file must stand still before it is read.
        patience: how long a file that ends too early is waited for before it is read as it is.
        after: ``move`` into a folder ``done`` beside it, ``delete``, or ``keep``.
        marker: what is put behind a name for the file that says it is whole, such as ``.ok``; then
            nothing else counts.
    """

    path: Name
    pattern: Name = "*.xml"
    look: Positive = 1_000_000
    settle: Positive = 2_000_000
    patience: Positive = 60_000_000
    after: After = "move"
    marker: str = ""


class PosLogConfig(PosConfig):
    """The configuration of tills that write POSLog.

    Attributes:
        folder: a folder, or its path alone.
        http: ``host:port/path`` to listen on instead.
        secrets: what requests are signed with; none: they are not.
        window: how far a request's time of sending may lie from our clock.
        zone: of times that state none, as most tills' do.
        currency: of the amounts.
        dialect: one that ships, or path of a YAML file.
        store: number that the tills know the shop by, where other shops' files come too.
    """

    folder: FolderPart | None = None
    http: HttpAddress | None = None
    secrets: Annotated[list[SecretPart], Field(max_length=8)] = Field(
        default_factory=list[SecretPart]
    )
    window: Positive = 300_000_000
    zone: ZoneName
    currency: Currency
    dialect: Name = "arts"
    store: Name | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.folder is None) == (self.http is None):
            message = "say either folder or http"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class _Document:
    """What was read of one document."""

    found: list[Found]
    transactions: int
    training: int
    broken: Broken | None


class PosLog(PosSensor):
    """Tills that write POSLog XML, of versions 2.x and 6."""

    Config: ClassVar[type[BaseModel]] = PosLogConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="pos-poslog", title="Tills that write ARTS POSLog XML", emits=KINDS
    )

    def __init__(self, config: PosLogConfig) -> None:
        super().__init__(config)
        self._config = config
        self._seen: dict[bytes, None] = {}

    async def probe(self) -> DeviceInfo:
        """Say whether the folder is there; one that is named from the store file's is not known."""
        part = self._config.folder
        if part is None or not Path(part.path).is_absolute():
            return await super().probe()
        try:
            names = await asyncio.to_thread(os.listdir, part.path)
        except OSError as error:
            why = f"folder {part.path} cannot be read: {error.strerror or error}"
            return DeviceInfo(reachable=False, detail=why)
        waiting = sum(fnmatchcase(name, part.pattern) for name in names)
        detail = f"folder {part.path} is there; {waiting} files in it are called {part.pattern}"
        return DeviceInfo(reachable=True, detail=detail)

    def _prepare(self, desk: Desk) -> Source:
        config, folder = self._config, desk.context.folder
        reader = PosLogReader(
            _dialect(config.dialect, folder),
            zone=config.zone,
            currency=config.currency,
            store=config.store,
        )
        if config.folder is None:
            assert config.http is not None
            secrets = [part.read(folder) for part in config.secrets]

            async def answer(request: Request) -> Reply:
                return await self._answer(desk, reader, secrets, request)

            return HttpListener(endpoint(config.http), answer, most_bytes=MOST_BODY_BYTES)

        async def take(dropped: Dropped) -> bool:
            return await self._take(desk, reader, dropped)

        part = config.folder
        return DropSource(
            Path(folder) / part.path,
            part.pattern,
            take,
            look_s=part.look / 1_000_000,
            settle_looks=max(1, part.settle // part.look),
            patience_looks=max(1, part.patience // part.look),
            after=part.after,
            marker=part.marker,
            most_bytes=MOST_FILE_BYTES,
        )

    def _where(self) -> str:
        config = self._config
        return f"folder {config.folder.path}" if config.folder else f"http {config.http}"

    def _secrets(self) -> Sequence[str]:
        return [part.place for part in self._config.secrets]

    async def _take(self, desk: Desk, reader: PosLogReader, dropped: Dropped) -> bool:
        if dropped.size > len(dropped.data):
            reason = f"a file of {dropped.size} bytes; the most is {MOST_FILE_BYTES}"
            await desk.take([Flaw(dropped.data[:_TAIL], reason, dropped.name)])
            return True
        document = await asyncio.to_thread(_read, reader, dropped.data, dropped.name)
        broken = document.broken
        if broken is not None and broken.unfinished and not dropped.last:
            return False
        await self._told(desk, document, dropped.data, dropped.name)
        return True

    async def _answer(
        self, desk: Desk, reader: PosLogReader, secrets: Sequence[bytes], request: Request
    ) -> Reply:
        if secrets:
            turned_away = await unsigned(desk, request, secrets, self._config.window)
            if turned_away is not None:
                return turned_away
        body = request.body
        document = await asyncio.to_thread(_read, reader, body, "request")
        accepted, refused = await self._told(desk, document, body, "request")
        status = 400 if document.broken is not None and not document.transactions else 202
        return Reply(status, {"accepted": accepted, "refused": refused})

    async def _told(
        self, desk: Desk, document: _Document, data: bytes, place: str
    ) -> tuple[int, int]:
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            desk.counts.repeats += 1
            return len(document.found), 0
        found = document.found
        if document.broken is not None:
            # Of a document of which something was read, its end shows where it broke.
            raw = data[-_TAIL:] if document.transactions else data
            found = [*found, Flaw(raw, str(document.broken), place)]
        result = await desk.take(found)
        desk.counts.frames += document.transactions
        desk.counts.training += document.training
        self._seen[digest] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return result


def _read(reader: PosLogReader, data: bytes, place: str) -> _Document:
    found: list[Found] = []
    count = training = 0
    broken: Broken | None = None
    try:
        for transaction in transactions(data):
            count += 1
            told = reader.read(transaction, place)
            training += told is None
            found += told or []
    except Broken as error:
        broken = error
    return _Document(found, count, training, broken)


def _dialect(name: str, folder: str) -> Dialect:
    """Find a dialect by its name, or read it from a file.

    Raises:
        UsageError: there is none of that name, and no such file.
        FileMistakes: the file holds mistakes; all of them.
    """
    known = DIALECTS.get(name)
    if known is not None:
        return known
    path = Path(folder) / name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not UTF-8"
        message = f"no dialect is called {name!r} ({', '.join(DIALECTS)} are) and as a file: {what}"
        raise UsageError(message) from None
    return LocatedYaml.parse(text, str(path)).validate(Dialect)
