"""Tills' twins on benches: each act has a no-sale or a line told in the words of one kind of till.

Tills that post come to us by themselves: they send again until they are answered, as tills do, and
no cable of ours can be pulled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.faults import Fault
from aislewatch_sim.ports import Port, TcpPort
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.folder import Dropper
from aislewatch_sim.pos.posting import Poster
from aislewatch_sim.pos.printer import Tap
from aislewatch_sim.pos.till import ARTICLES, Article, Till

_SECRET: Final = "a secret that only this shop has"
_EPOCH: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_URL: Final = "https://shop.example/hooks"
_AGAIN_S: Final = 0.05
_PATIENCE_S: Final = 0.3

_WITHOUT_TURNED_BITS: Final = [f.value for f in Fault if f not in {Fault.FLIP, Fault.PARITY}]
"""Over TCP, and on a disk, a checksum lets no turned bit through."""


class _Nowhere:
    """The port of a till that comes to us."""

    address = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def drop(self) -> None:
        """Drop nothing."""


class TillBench(TwinBench):
    """What the benches of all tills have in common: a till, and the time.

    Args:
        folder: for the shop's secret, and what a till leaves there.
        seed: of the faults.
    """

    secrets = (_SECRET,)
    recovery_s = 20.0
    """Dripping, a file or a request takes seconds, and what comes behind it waits."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(seed)
        self.faults = _WITHOUT_TURNED_BITS
        (folder / "secret").write_text(_SECRET)
        self.folder = folder
        self.acts = 0
        self._port: Port = _Nowhere()

    @property
    def port(self) -> Port:
        """None: a till comes to us."""
        return self._port

    def till(self) -> Till:
        """Give a till at which nothing has been done yet; no two have one receipt's number."""
        self.acts += 1
        return Till(opens=_now(), first=100 + self.acts)


class PostingBench(TillBench):
    """A till that posts, and posts again until it is answered.

    Args:
        folder: for the shop's secret.
        seed: of the faults.
        path: that it posts to.
    """

    unplugs = False

    def __init__(self, folder: Path, seed: int, path: str) -> None:
        super().__init__(folder, seed)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._taken = int(free.getsockname()[1])
        self._path = path

    @property
    def listens(self) -> str:
        """Where the driver is to listen."""
        return f"127.0.0.1:{self._taken}{self._path}"

    def send(self, signed: Callable[[], tuple[Mapping[str, str], bytes]]) -> None:
        """Post something until it is taken; each time signed anew."""
        self.errands.begin(lambda: self._sent(signed))

    async def _sent(self, signed: Callable[[], tuple[Mapping[str, str], bytes]]) -> None:
        poster = Poster("127.0.0.1", self._taken, self._path, self.menu, patience_s=_PATIENCE_S)
        while True:
            answered = await poster.post(*signed())
            if 200 <= answered.status < 300:
                return
            await asyncio.sleep(_AGAIN_S)


class JsonBench(PostingBench):
    """A till that posts signed JSON: each act is a no-sale."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed, "/till")

    @property
    def config(self) -> Mapping[str, Any]:
        """Where to listen, and the secret's file."""
        return {"http": self.listens, "secrets": [{"file": "secret"}]}

    async def act(self) -> Mapping[str, object]:
        """Open the drawer without a sale."""
        till = self.till()
        till.no_sale()
        (row,) = json_words.events(till)
        row = {**row, "id": f"act/{self.acts}", "seq": self.acts}
        body = json_words.body([row])
        self.send(lambda: (json_words.headers(_SECRET.encode(), _now_s(), body), body))
        return {"type": "pos.no_sale", "seq": self.acts}


class SquareBench(PostingBench):
    """A cloud that posts webhooks: each act is a refund."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed, "/hooks")

    @property
    def config(self) -> Mapping[str, Any]:
        """Where to listen, what is signed, and the key's file."""
        return {"http": self.listens, "url": _URL, "keys": [{"file": "secret"}], "currency": "GBP"}

    async def act(self) -> Mapping[str, object]:
        """Give money back."""
        till = self.till()
        till.open()
        till.give_back(ARTICLES[0], refers=1)
        till.pay()
        told = square_words.notifications(till)[0]
        body = square_words.body(told)
        self.send(lambda: (square_words.headers(_SECRET.encode(), _URL, body), body))
        return {"type": "pos.refund", "receipt": told["data"]["id"]}


class PosLogBench(TillBench):
    """A till that drops POSLog files into a folder: each act is a receipt with one line.

    Its cable is the share that the folder is on.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self._share = folder / "share"
        self._port = _Share(self._share)
        self._dropper = Dropper(self._share, self.menu)

    @property
    def config(self) -> Mapping[str, Any]:
        """The folder, looked at often."""
        look = {"look": "20ms", "settle": "60ms", "patience": "300ms"}
        folder = {"path": str(self._share), **look}
        return {"folder": folder, "zone": "UTC", "currency": "GBP"}

    async def act(self) -> Mapping[str, object]:
        """Sell something, and drop the receipt."""
        till = self.till()
        till.open()
        till.scan(ARTICLES[self.acts % len(ARTICLES)])
        till.pay()
        log = poslog_words.document(poslog_words.transactions(till, "6"), "6")
        name = f"{self.acts:05}.xml"
        self.errands.begin(lambda: self._dropped(name, log))
        return {"type": "pos.item", "receipt": f"3/{till.now:%Y-%m-%d}/{till.number}"}

    async def _dropped(self, name: str, log: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):  # The share is away.
            await self._dropper.drop(name, log)


class _Share(_Nowhere):
    """A folder that is there, or not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = str(folder)

    async def __aenter__(self) -> Self:
        aside = self._folder.with_suffix(".away")
        if aside.is_dir():
            aside.replace(self._folder)
        self._folder.mkdir(exist_ok=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._folder.replace(self._folder.with_suffix(".away"))


class PrinterBench(TillBench):
    """A till that prints receipts: each act is a receipt with one line."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.faults = [fault.value for fault in Fault]  # A serial line has no checksum.
        (folder / "till.patterns.yml").write_text(receipt_words.PATTERNS, encoding="utf-8")
        self._tap = Tap(self.menu)
        self._port = TcpPort(self._tap.serve)

    @property
    def config(self) -> Mapping[str, Any]:
        """The tap, and what receipts mean."""
        return {"tcp": self._port.address, "patterns": "till.patterns.yml", "currency": "GBP"}

    async def act(self) -> Mapping[str, object]:
        """Sell something, and print the receipt for whoever listens."""
        till = self.till()
        article = Article(_code(self.acts), "SOMETHING", 100 + self.acts)
        till.open()
        till.scan(article)
        till.pay("card")
        if self._tap.heard:
            self.errands.begin(lambda: self._tap.print(receipt_words.receipts(till)))
        return {"type": "pos.item", "gtin": f"0{article.code}"}


def _code(number: int) -> str:
    """Give a barcode of 13 digits, with its check digit; each number has another."""
    digits = f"500000{number:06}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def _now() -> datetime:
    """Give the machine's uptime from a fixed day on: nobody's clock is the wall's here."""
    return _EPOCH + timedelta(microseconds=time.monotonic_ns() // 1000)


def _now_s() -> int:
    return int(_now().timestamp())
