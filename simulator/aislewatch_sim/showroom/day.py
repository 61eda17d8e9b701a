"""The showroom's day: half a minute in which each device sees something, and what it was.

Everything happens at the pace of the clock on the wall, because gates, scales and printers know no
other. Honest acts stand beside the planted ones, in the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from aislewatch_sim.camera import face_words, words
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.llrp.scene import Heard, Walk, heard
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.till import ARTICLES, Act, Till
from aislewatch_sim.showroom.stands import Stands, now_us
from aislewatch_sim.tags import sgtin96
from aislewatch_sim.vision.acts import lay_down
from aislewatch_sim.vision.stage import Article

JUDGED_S: Final = 12.0
"""How long the last judgement may take after the last act: the shop's lateness and windows."""

_GREETS_AGAIN_S: Final = 3.0
"""How long devices are left alone between two signs of life, before the day begins."""

_SETTLES_S: Final = 4.0
"""What a badge that was held before the day began may still be joined to."""

WANTED: Final = 7
"""The face that is to be known again: figures drawn from a number, and nobody's."""

_STRANGER: Final = 8
_COAT: Final = sgtin96("05012345000114", 7)
_SHIRT: Final = sgtin96("05012345000121", 8)
_RAIL: Final = 3
_COLA_MG: Final = 345_000
_COLAS: Final = 20
_SERIAL: Final = "/merakimv/Q2XX-DESK-0001"
_FRAMES: Final = "axis/stockroom/frame"
_FACES: Final = "faces/door"
_LIES: Final = 20
"""Pictures of the camera over the self-checkout for which an article lies there."""

_BADGE, _OTHER_BADGE = "62E3086CED", "62E30AB3F1"


@dataclass(frozen=True, slots=True)
class Planted:
    """Something that really happened and that the devices can tell.

    Attributes:
        what: in a few words.
        type: the type of incident that it is.
        about: what it is about, by kind of entity.
        seen_by: the devices whose evidence belongs to it.
    """

    what: str
    type: str
    about: dict[str, list[str]]
    seen_by: Sequence[str]


class Day:
    """One day in front of the devices.

    Args:
        stands: the devices, in reach.
        dice: how tags are heard.
    """

    def __init__(self, stands: Stands, dice: Random) -> None:
        now = datetime.now(UTC)  # noqa: TID251 - tills have clocks
        self._stands = stands
        self._dice = dice
        self._desk, self._stockroom = Scene(), Scene()
        self._left: list[int] = []
        self._faces: dict[str, int] = {}
        self._glances = Random(dice.random())
        self._tills = {n: Till(n, f"20{n}", now, first=100 * int(n) + 1) for n in "1234"}
        self._told: dict[str, int] = dict.fromkeys(self._tills, 0)
        self._dropped = 0
        self._over = False
        self._background: list[asyncio.Task[None]] = []

    @property
    def planted(self) -> Sequence[Planted]:
        """What is planted."""
        known = "somebody on the watchlist comes in"
        back = "a paid receipt is taken back on "
        return (
            Planted("a coat is carried out", "theft.exit", {"epc": [_COAT]}, ["gate-1"]),
            Planted(known, "theft.watchlist", {"zone": ["door"]}, ["door-camera"]),
            Planted(
                "a bottle is bagged and not scanned",
                "theft.self-checkout",
                {"basket": ["b2"]},
                ["kiosk-1", "kiosk-1-scale"],
            ),
            Planted(
                "a bottle is laid down and not scanned",
                "theft.scan-avoidance",
                {"zone": ["kiosk"]},
                ["kiosk-1-camera"],
            ),
            Planted(
                "a shelf is swept by somebody who stood there",
                "theft.sweep",
                {"zone": ["shelf-a"]},
                ["shelf-a-scale", "shelf-a-camera"],
            ),
            Planted(
                "two people come in on one badge",
                "operations.tailgating",
                {"zone": ["stockroom"]},
                ["stockroom-badges", "stockroom-camera"],
            ),
            Planted(
                "a refund with nobody at the desk",
                "fraud.refund",
                {"lane": ["desk"]},
                ["desk-till", "desk-camera"],
            ),
            *(
                Planted(back + lane, "fraud.void", {"lane": [lane]}, [lane])
                for lane in ("till-1", "till-2", "till-3")
            ),
        )

    async def play(self, ready: Callable[[], Awaitable[object]]) -> None:
        """Play it once everybody listens; over when all of it can have been judged.

        Cameras go on until it is closed.

        Args:
            ready: waits until the day may begin. Until then the devices give signs of life.
        """
        camera = self._stands.camera
        self._background = [asyncio.create_task(one) for one in (camera.play(), self._look_on())]
        await self._stands.watched()
        await self._begin(ready)
        async with asyncio.TaskGroup() as acts:
            for act in (
                self._gate(),
                self._door(),
                self._kiosk(),
                self._sweep(),
                self._people(),
                self._desk_till(),
                self._tender("1", self._post),
                self._tender("2", self._drop),
                self._tender("3", self._print),
            ):
                acts.create_task(act)
        await asyncio.sleep(JUDGED_S)

    async def close(self) -> None:
        """Have the cameras that see all the time see no more."""
        # Cancelling is not enough: who waits for a broker's word that comes at that very moment is
        # not cancelled (asyncio.wait_for, before Python 3.12).
        self._over = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _begin(self, ready: Callable[[], Awaitable[object]]) -> None:
        """Have each device say something, so that it is known to be there when it matters."""
        stands = self._stands
        stands.shelf.put(asyncio.get_running_loop().time(), _COLAS * _COLA_MG)
        begin = asyncio.ensure_future(ready())
        try:
            while not begin.done():
                await self._greet()
                await asyncio.wait({begin}, timeout=_GREETS_AGAIN_S)
            begin.result()
        finally:
            begin.cancel()

    async def _greet(self) -> None:
        stands = self._stands
        await stands.say_row(do="idle")
        await stands.badges.hold(_OTHER_BADGE)
        for epc in (_COAT, _SHIRT):
            await stands.reader.hear([Heard(0.0, _RAIL, epc, -50.0)], now_us())
        for name in "123":
            self._tills[name].now = datetime.now(UTC)  # noqa: TID251 - tills have clocks
            self._tills[name].sign_on()
        await asyncio.gather(
            self._post(), self._drop(), self._print(), self._until(self._sell_at_the_desk)
        )

    async def _look_on(self) -> None:
        """Be the cameras that publish all the time: all but the one over the self-checkout."""
        stands = self._stands
        while not self._over:
            now_s = now_us() / 1_000_000
            left, self._left = tuple(self._left), []
            frame = words.axis_frame(_FRAMES, self._stockroom, now_s, left)
            seen = [
                (track, face_words.glimpse(number, self._glances))
                for track, number in self._faces.items()
            ]
            faces = face_words.frame(_FACES, now_s, seen)
            await stands.cameras.say(*words.meraki(_SERIAL, self._desk, now_s), frame, faces)
            await stands.frigate.say(words.frigate_stats("frigate", "shelf-a", 5.0))
            await asyncio.sleep(0.5)

    async def _gate(self) -> None:
        """A coat goes out unpaid; a shirt is paid at the self-checkout and goes out, too."""
        reader = self._stands.reader
        await asyncio.sleep(8)
        loop, began_us = asyncio.get_running_loop(), now_us()
        began_s = loop.time()
        for one in heard([Walk(_COAT), Walk(_SHIRT, begins_s=2.0)], self._dice):
            await asyncio.sleep(max(0.0, began_s + one.at_s - loop.time()))
            await reader.hear([one], began_us)

    async def _door(self) -> None:
        """A stranger comes in, and somebody who is on the list."""
        for track, number in (("t1", _STRANGER), ("t2", WANTED)):
            await asyncio.sleep(2)
            self._faces[track] = number
            await asyncio.sleep(2)
            del self._faces[track]

    async def _kiosk(self) -> None:
        """Two baskets: of the second a bottle is bagged that was not scanned."""
        await self._basket("b1", [("SHIRT-M", _SHIRT)], bagged_g=220, laid=())
        await self._basket("b2", [("COLA-330", "")], bagged_g=345 + 1250, laid=("bottle",))

    async def _basket(
        self,
        basket: str,
        lines: Sequence[tuple[str, str]],
        *,
        bagged_g: int,
        laid: Sequence[str],
    ) -> None:
        stands, loop = self._stands, asyncio.get_running_loop()
        await stands.say_row(do="open", basket=basket)
        for sku, tag in lines:
            told = {"tag": tag} if tag else {}
            await stands.say_row(do="line", basket=basket, article=sku, **told)
        camera = stands.camera
        for label in laid:
            article = Article(label, 0.3, 0.5, 0.3)
            await camera.begin(lay_down(camera.stage, article, _LIES, clear=_LIES)).wait()
        stands.bag.put(loop.time(), 1000 * bagged_g)
        await asyncio.sleep(4)
        await stands.say_row(do="pay", basket=basket)
        await asyncio.sleep(1)
        await stands.say_row(do="close", basket=basket)
        stands.bag.put(loop.time(), -1000 * bagged_g)
        await asyncio.sleep(3)

    async def _sweep(self) -> None:
        """Somebody stops at the shelf and takes six colas at once."""
        stands, loop = self._stands, asyncio.get_running_loop()
        scene = Scene({"front": (0.0, 0.0, 1.0, 1.0)})
        visitor = scene.enter(0.4, 0.8, now_us() / 1_000_000)
        still: list[words.Change] = ["update"] * 10
        changes: Sequence[words.Change] = ["new", *still, "end"]
        for second, change in enumerate(changes):
            at_s = now_us() / 1_000_000
            said = words.frigate_event("frigate", "shelf-a", scene, visitor, change, at_s)
            await stands.frigate.say(said)
            if second == 5:
                stands.shelf.put(loop.time(), -6 * _COLA_MG)
            await asyncio.sleep(1)
        scene.leave(visitor.number)
        await stands.frigate.say(words.frigate_count("frigate", "shelf-a", scene))

    async def _people(self) -> None:
        """Two come into the stockroom on one badge; later one alone on another."""
        await asyncio.sleep(_SETTLES_S)
        for badge, people in ((_BADGE, 2), (_OTHER_BADGE, 1)):
            await self._stands.badges.hold(badge, 3, again_s=0.1)
            for n in range(people):
                self._stockroom.enter(0.3 + 0.3 * n, 0.8, now_us() / 1_000_000)
            await asyncio.sleep(4)
            for number in list(self._stockroom.visitors):
                self._left.append(self._stockroom.leave(number).number)
            await asyncio.sleep(8)

    async def _desk_till(self) -> None:
        """A refund while nobody is at the desk, and one in front of a customer."""
        await asyncio.sleep(4)
        await self._refund()
        await asyncio.sleep(2)
        self._desk.enter(0.5, 0.8, now_us() / 1_000_000)
        await asyncio.sleep(6)
        await self._refund()

    async def _refund(self) -> None:
        till = self._tills["4"]
        till.now = datetime.now(UTC)  # noqa: TID251 - tills have clocks
        begun = len(till.acts)
        till.open()
        till.give_back(ARTICLES[1], refers=401)
        await _due(till.now)
        for told in square_words.notifications(_part(till, begun, end=True)):
            await self._until(partial(self._stands.post_hook, told))

    async def _sell_at_the_desk(self) -> bool:
        till = self._tills["4"]
        till.now = datetime.now(UTC) - timedelta(seconds=15)  # noqa: TID251 - tills have clocks
        begun = len(till.acts)
        till.open()
        till.scan(ARTICLES[1])
        till.pay("card")
        sold = [
            await self._stands.post_hook(told)
            for told in square_words.notifications(_part(till, begun))
        ]
        return all(sold)

    async def _tender(self, name: str, tell: Callable[[], Awaitable[None]]) -> None:
        """Sell at a till, be paid in cash, and take the receipt back; tell it as it happens."""
        till = self._tills[name]
        till.now = datetime.now(UTC)  # noqa: TID251 - tills have clocks
        till.open()
        till.scan(ARTICLES[2])
        till.pay()
        await tell()
        till.post_void(till.number, ARTICLES[2].pence)
        await tell()

    def _news(self, name: str) -> Till:
        """Give what was done at a till and not told yet, which counts as told from now on."""
        till = self._tills[name]
        told, self._told[name] = self._told[name], len(till.acts)
        return _part(till, told)

    async def _post(self) -> None:
        """Post each act of the first till when it is done."""
        for row in json_words.events(self._tills["1"])[self._told["1"] :]:
            await _due(datetime.fromisoformat(row["at"]))
            await self._until(partial(self._stands.post_row, row))
        self._news("1")

    async def _drop(self) -> None:
        """Write a file of each transaction of the second till when it is over."""
        await _due(self._tills["2"].now)
        for log in poslog_words.transactions(self._news("2"), "6"):
            self._dropped += 1
            data = poslog_words.document([log], "6")
            await self._stands.dropper.drop(f"{self._dropped:04}.xml", data)

    async def _print(self) -> None:
        """Print each piece of the third till's receipts when its till prints it."""
        for piece in receipt_words.printed(self._news("3")):
            await _due(piece.at)
            await self._stands.printer.print([piece.data])

    async def _until(self, send: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """Send again until it is taken, as tills do: at first nobody may listen."""
        while not await send():
            await asyncio.sleep(0.2)


async def _due(at: datetime) -> None:
    wait_s = (at - datetime.now(UTC)).total_seconds()  # noqa: TID251 - tills have clocks
    await asyncio.sleep(max(0.0, wait_s))


def _part(till: Till, begin: int, *, end: bool = False) -> Till:
    """Give what was done at a till from an act on; ``end`` where the last receipt ends unpaid."""
    part = Till(till.name, till.cashier)
    part.acts = till.acts[begin:]
    if end:
        last = part.acts[-1]
        part.acts.append(Act("end", last.at, last.number, pence=0))
    return part
