"""The demo's devices: what happens in front of them, in the words that each of them has for it.

Every method notes something at a time, in seconds since the day began; the rows come out in the
order in which they are sent.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from aislewatch_sim.demo.goods import Article, Unit
from aislewatch_sim.wire import Line

BEGINS = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
"""A Monday in January, when London's clocks show UTC."""

SCALE_STEP_G = 2
_SCALE_EVERY_S = 5.0
_GATE_EVERY_S = 60.0


class _Device:
    """Rows of one stream, sent when they happened unless they were held up."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, dict[str, Any]]] = []

    def note(self, at_s: float, row: dict[str, Any], *, sent_s: float | None = None) -> None:
        """Note a row that is told at one time and sent then, or later."""
        self._rows.append((at_s if sent_s is None else sent_s, at_s, row))

    def numbered(self, key: str) -> list[Line]:
        """Give the rows in the order of sending, each with a number of its own."""
        rows = sorted(self._rows, key=lambda row: row[:2])
        return [
            Line(sent_s, json.dumps({**row, key: number}).encode())
            for number, (sent_s, _, row) in enumerate(rows, start=1)
        ]


class Kiosk(_Device):
    """A self-checkout kiosk: pad, bagging scale, camera over the queue, till.

    Args:
        dice: the scale trembles and readings scatter.
    """

    def __init__(self, dice: Random) -> None:
        super().__init__()
        self._dice = dice
        self._bag: list[tuple[float, float]] = [(0.0, 0.0)]

    def lay(self, at_s: float, unit: Unit) -> None:
        """Lay something on the pad, which hears its tag."""
        if unit.epc:
            dbm = round(self._dice.uniform(-54, -42), 1)
            self._say(at_s, "pad", tag=unit.epc, dbm=dbm)

    def line(
        self, at_s: float, basket: str, article: Article, *, grams: float, tag: str = ""
    ) -> None:
        """Scan a code; the scanner weighs what is held over it."""
        told: dict[str, Any] = {"article": article.number, "count": 1, "g": round(grams, 1)}
        if tag:
            told["tag"] = tag
        self._say(at_s, "till", do="line", basket=basket, **told)

    def void(self, at_s: float, basket: str, unit: Unit) -> None:
        """Take a line back."""
        told = {"article": unit.article.number, "count": 1, "tag": unit.epc}
        self._say(at_s, "till", do="void", basket=basket, **told)

    def step(self, at_s: float, basket: str, what: str, **more: Any) -> None:
        """Go a step through the till's screens: open, pay, paid, close."""
        self._say(at_s, "till", do=what, basket=basket, **more)

    def bag(self, at_s: float, grams: float) -> None:
        """Put so much on the bagging scale, or take it off; it has settled a second later."""
        self._bag.append((at_s, self._bag[-1][1] + grams))
        self._weigh(at_s + 1)

    def clear(self, at_s: float) -> None:
        """Take everything off the bagging scale."""
        self.bag(at_s, -self._bag[-1][1])

    def queue(self, at_s: float, waiting: int) -> None:
        """So many wait."""
        wait_s = round(waiting * self._dice.uniform(18, 26), 1)
        self._say(at_s, "camera", waiting=waiting, wait_s=wait_s)

    def health(self, at_s: float, word: str) -> None:
        """The till says how it is."""
        self._say(at_s, "till", health=word)

    def lines(self, until_s: float) -> list[Line]:
        """Give all rows of the day; the scale tells what lies on it every few seconds."""
        for tick in range(int(until_s / _SCALE_EVERY_S) + 1):
            self._weigh(tick * _SCALE_EVERY_S)
        return self.numbered("n")

    def _weigh(self, at_s: float) -> None:
        lies = self._bag[bisect_right(self._bag, at_s, key=lambda change: change[0]) - 1][1]
        steps = round((lies + self._dice.uniform(-0.5, 0.5)) / SCALE_STEP_G)
        self._say(at_s, "scale", g=steps * SCALE_STEP_G, settled=True)

    def _say(self, at_s: float, source: str, **row: Any) -> None:
        at = (BEGINS + timedelta(seconds=at_s)).isoformat(timespec="milliseconds")
        self.note(at_s, {"src": source, "at": at.replace("+00:00", "Z"), **row})


class Gate(_Device):
    """The gate at the door."""

    def passage(self, at_s: float, epc: str, *, way: str = "OUT", hits: int = 5) -> None:
        """A tag passes."""
        self._say(at_s, epc=epc, dir=way, hits=hits)

    def lines(self, until_s: float) -> list[Line]:
        """Give all rows of the day, with a sign of life once a minute."""
        for tick in range(int(until_s / _GATE_EVERY_S) + 1):
            self._say(tick * _GATE_EVERY_S, alive=True)
        return self.numbered("seq")

    def _say(self, at_s: float, **row: Any) -> None:
        ts = round((BEGINS.timestamp() + at_s) * 1000)
        self.note(at_s, {"ts": ts, "gate": "gate-1", **row})


class Till(_Device):
    """The till with a cashier, which tells whole receipts."""

    def sale(self, at_s: float, units: list[Unit], *, by: str, sent_s: float | None = None) -> None:
        """Sell; the row goes out when the cashier closes the receipt, or later."""
        lines = [{"barcode": u.article.gtin, "tag": u.epc, "qty": 1} for u in units]
        paid = {"by": by, "pence": sum(unit.article.pence for unit in units)}
        self._say(at_s, sent_s, type="SALE", cashier="C7", lines=lines, paid=paid)

    def lines(self) -> list[Line]:
        """Give all rows of the day."""
        self._say(0.0, None, type="IDLE")
        return self.numbered("receipt")

    def _say(self, at_s: float, sent_s: float | None, **row: Any) -> None:
        time = (BEGINS + timedelta(seconds=at_s)).strftime("%d/%m/%Y %H:%M:%S")
        self.note(at_s, {"till": "till-1", "time": time, **row}, sent_s=sent_s)
