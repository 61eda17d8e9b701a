"""The demo's morning: who comes, what they do, and what of it was planted.

The kiosk serves one after the other. Most pay. What a thief does is written in the same words as
what an honest customer does, so the difference is in the goods alone, as in a shop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from aislewatch_sim.demo.devices import Gate, Kiosk, Till
from aislewatch_sim.demo.goods import Unit, make_unit, read_articles
from aislewatch_sim.wire import Line

ENDS_S = 2400.0


@dataclass(frozen=True, slots=True)
class Planted:
    """Something that really happened and that the devices can tell.

    Attributes:
        what: in a few words.
        type: the type of incident that it is.
        about: what it is about, by kind of entity: tags, a basket, a lane.
        explained: the explanation comes later in the day, so nothing of it must remain.
    """

    what: str
    type: str
    about: dict[str, list[str]]
    explained: bool = False


@dataclass(frozen=True)
class Day:
    """A day as the devices tell it, and as it was.

    Attributes:
        lines: by link, in the order in which they are sent.
        planted: the ground truth; nothing else happened that anybody should look at.
        refused: how many of the lines are damaged.
    """

    lines: dict[str, list[Line]]
    planted: Sequence[Planted]
    refused: int


def make_day(seed: int) -> Day:
    """Make the day; the same seed gives the same day to the byte."""
    script = _Script(Random(seed))
    script.play()
    lines = {
        "kiosk": script.kiosk.lines(ENDS_S),
        "gate": _damaged(script.gate.lines(ENDS_S)),
        "till": script.till.lines(),
    }
    return Day(lines, tuple(script.planted), refused=1)


def _damaged(lines: list[Line]) -> list[Line]:
    """Cut one sign of life short, as a loose plug does."""
    at = next(at for at, line in enumerate(lines) if line.at_s >= 1000 and b"alive" in line.data)
    return [*lines[:at], lines[at]._replace(data=lines[at].data[:31]), *lines[at + 1 :]]


@dataclass
class _Script:
    dice: Random
    planted: list[Planted] = field(default_factory=list[Planted])
    served: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        self.articles = read_articles()
        self.kiosk = Kiosk(self.dice)
        self.gate = Gate()
        self.till = Till()

    def play(self) -> None:
        self._somebody_pays(40, "COFFEE-250", "CHOC-100")
        self._somebody_hides_an_article(190)
        self.till.sale(300, [jeans := self.unit("JEANS-32")], by="CARD")
        self.gate.passage(352, jeans.epc)
        self._somebody_bags_first(380)
        self._somebody_walks_out(515)
        self._somebody_scans_a_cheaper_code(590)
        self._somebody_bags_without_scanning(770)
        self._somebody_swaps_the_contents(940)
        self._somebody_changes_their_mind(1110)
        self._many_walk_out_at_once(1250)
        self.till.sale(1330, [shirt := self.unit("SHIRT-M")], by="CASH")
        self.gate.passage(1401, shirt.epc, hits=9)
        self.gate.passage(1470, "E2801160600002A1B3C4D5E6")  # A badge of some other house.
        self._somebody_pays(1420, "RAZOR-8", "PASTA-500", "APPLE-1K")
        self._a_queue_builds_up(1590)
        self._a_sale_is_told_late(1800)
        self._the_kiosk_crashes(1980)
        self._somebody_pays(2180, "WINE-750", "CHOC-100")

    # Honest customers ----------------------------------------------------------------------------

    def _somebody_pays(self, at: float, *numbers: str) -> None:
        basket, at = self._begin(at)
        units = [self.unit(number) for number in numbers]
        for unit in units:
            at = self._scan_and_bag(at, basket, unit)
        self._pay_and_leave(at, basket, units)

    def _somebody_bags_first(self, at: float) -> None:
        """Fill the bag, then scan out of it: the balance is right when it comes to paying."""
        basket, at = self._begin(at)
        units = [self.unit("WINE-750"), self.unit("PASTA-500")]
        for unit in units:
            at += self._pause()
            self.kiosk.bag(at, unit.grams)
        for unit in units:
            at = self._scan(at + 2, basket, unit)
        self._pay_and_leave(at, basket, units)

    def _somebody_changes_their_mind(self, at: float) -> None:
        basket, at = self._begin(at)
        kept, left = self.unit("COFFEE-250"), self.unit("COFFEE-250")
        at = self._scan_and_bag(at, basket, kept)
        at = self._scan_and_bag(at, basket, left)
        at += self._pause()
        self.kiosk.void(at, basket, left)
        self.kiosk.bag(at + 2, -left.grams)
        self._pay_and_leave(at + 4, basket, [kept])

    def _a_sale_is_told_late(self, at: float) -> None:
        """The cashier's line hangs for some minutes; the customer is long gone when it is back."""
        coat = self.unit("COAT-L")
        self.till.sale(at, [coat], by="CARD", sent_s=at + 450)
        self.gate.passage(at + 66, coat.epc)
        self._plant(
            "a paid coat whose sale is told late", "theft.exit", explained=True, epc=[coat.epc]
        )

    def _the_kiosk_crashes(self, at: float) -> None:
        """Somebody lays razors on the pad of a till that has crashed, and gives up."""
        self.kiosk.health(at, "crashed")
        self.kiosk.lay(at + 40, self.unit("RAZOR-8"))
        self.kiosk.health(at + 120, "ok")

    # Everybody else ------------------------------------------------------------------------------

    def _somebody_hides_an_article(self, at: float) -> None:
        basket, at = self._begin(at)
        hidden, paid = self.unit("PERFUME-50"), self.unit("CHOC-100")
        self.kiosk.lay(at + 2, hidden)
        at = self._scan_and_bag(at + 8, basket, paid)
        self._pay_and_leave(at, basket, [paid, hidden])
        self._plant("perfume past the scanner", "theft.scan-avoidance", epc=[hidden.epc])

    def _somebody_walks_out(self, at: float) -> None:
        jacket = self.unit("JACKET-M")
        self.gate.passage(at, jacket.epc, hits=14)
        self._plant("a jacket out of the door", "theft.exit", epc=[jacket.epc])

    def _somebody_scans_a_cheaper_code(self, at: float) -> None:
        basket, at = self._begin(at)
        steak = self.unit("STEAK-500")
        at += self._pause()
        self.kiosk.lay(at, steak)
        self.kiosk.line(at + 0.8, basket, self.articles["MINCE-500"], grams=steak.grams)
        self.kiosk.bag(at + 3, steak.grams)
        at = self._scan_and_bag(at + 5, basket, self.unit("PASTA-500"))
        self._pay_and_leave(at, basket, [steak])
        self._plant("steak at the price of mince", "fraud.barcode-switch", epc=[steak.epc])

    def _somebody_bags_without_scanning(self, at: float) -> None:
        basket, at = self._begin(at)
        at = self._scan_and_bag(at, basket, self.unit("PASTA-500"))
        at += self._pause()
        self.kiosk.bag(at, self.unit("APPLE-1K").grams)
        at = self._scan_and_bag(at, basket, self.unit("CHOC-100"))
        self._pay_and_leave(at, basket, [])
        self._plant("apples in the bag, not scanned", "theft.self-checkout", basket=[basket])

    def _somebody_swaps_the_contents(self, at: float) -> None:
        basket, at = self._begin(at)
        chocolate, heavy = self.articles["CHOC-100"], 480.0
        at += self._pause()
        self.kiosk.line(at, basket, chocolate, grams=heavy)
        self.kiosk.bag(at + 3, heavy)
        self._pay_and_leave(at + 5, basket, [])
        self._plant(
            "something heavy under a chocolate's code", "fraud.weight-mismatch", basket=[basket]
        )

    def _many_walk_out_at_once(self, at: float) -> None:
        units = [self.unit(number) for number in ("SHIRT-M", "SHIRT-M", "JEANS-32") for _ in "ab"]
        for unit in units:
            at += self.dice.uniform(0.2, 0.9)
            self.gate.passage(at, unit.epc, hits=self.dice.randrange(3, 12))
        self._plant("a bag of six tags out of the door", "theft.exit", epc=[u.epc for u in units])

    def _a_queue_builds_up(self, at: float) -> None:
        # The camera counts all day, and sees little of note but now.
        busy = [6, 7, 8, 7, 6]
        for tick in range(int(ENDS_S / 30)):
            moment = tick * 30.0
            rush = int((moment - at) // 30)
            waiting = busy[rush] if 0 <= rush < len(busy) else self.dice.randrange(0, 5)
            self.kiosk.queue(moment, waiting)
        self._plant("a queue in front of the kiosk", "operations.queue", lane=["kiosk-1"])

    # What all of them do -------------------------------------------------------------------------

    def unit(self, number: str) -> Unit:
        """Take one piece off the shelf."""
        self.made += 1
        serial = 1_000_000 + 977 * self.made
        return make_unit(self.articles[number], serial, self.dice.uniform(-0.01, 0.01))

    def _begin(self, at: float) -> tuple[str, float]:
        self.served += 1
        basket = f"K1-{self.served:04}"
        self.kiosk.step(at, basket, "open")
        return basket, at + 2

    def _scan(self, at: float, basket: str, unit: Unit) -> float:
        at += self._pause()
        self.kiosk.lay(at, unit)
        at += self.dice.uniform(0.4, 1.2)
        self.kiosk.line(at, basket, unit.article, grams=unit.grams, tag=unit.epc)
        return at

    def _scan_and_bag(self, at: float, basket: str, unit: Unit) -> float:
        at = self._scan(at, basket, unit) + 2
        self.kiosk.bag(at, unit.grams)
        return at

    def _pay_and_leave(self, at: float, basket: str, carried: Sequence[Unit]) -> None:
        at += self._pause()
        self.kiosk.step(at, basket, "pay")
        self.kiosk.step(at + 9, basket, "paid", by="C")
        self.kiosk.step(at + 10, basket, "close")
        self.kiosk.clear(at + 14)
        for unit in carried:
            if unit.epc:
                self.gate.passage(at + 14 + self.dice.uniform(15, 30), unit.epc)

    def _pause(self) -> float:
        return self.dice.uniform(6, 11)

    def _plant(self, what: str, type_: str, *, explained: bool = False, **about: list[str]) -> None:
        self.planted.append(Planted(what, type_, about, explained))
