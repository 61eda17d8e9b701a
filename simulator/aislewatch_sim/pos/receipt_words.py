"""A till's acts as what it sends its receipt printer: ESC/POS.

Lines come when they are rung up, as on older tills; the cut when the receipt is over. The drawer is
kicked when cash is taken, and for a no-sale, of which nothing is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from typing import NamedTuple

from aislewatch_sim.pos.till import Act, Article, Till

INIT = b"\x1b@"
KICK = b"\x1bp\x00\x19\xfa"
CUT = b"\x1dV\x42\x00"
_CP858 = b"\x1bt\x13"
_BOLD, _LIGHT = b"\x1bE\x01", b"\x1bE\x00"
_WIDTH = 40

PATTERNS = (files("aislewatch_sim.pos") / "till.patterns.yml").read_text(encoding="utf-8")
"""A patterns file for these receipts, as an integrator would write it."""


class Printed(NamedTuple):
    """Bytes that go to the printer in one piece.

    Attributes:
        at: when.
        data: the bytes.
    """

    at: datetime
    data: bytes


def printed(till: Till) -> list[Printed]:
    """Give what this till sends its printer, in order."""
    return [piece for act in till.acts for piece in _pieces(till, act)]


def receipts(till: Till) -> list[bytes]:
    """Give the same put together to whole receipts; a kick alone is one, too."""
    found: list[bytes] = []
    rest = b""
    for piece in printed(till):
        rest += piece.data
        if piece.data.endswith(CUT) or rest == KICK:
            found.append(rest)
            rest = b""
    return found


def _pieces(till: Till, act: Act) -> Iterator[Printed]:
    if act.what in {"drawer", "no-sale"}:
        yield Printed(act.at, KICK)
        return
    ends = act.what in {"end", "suspend", "post-void", "sign-on", "sign-off"}
    if act.what in {"open", "resume", "post-void", "sign-on", "sign-off"}:
        yield Printed(act.at, _head(till, act))
    lines = b"".join(_line(text) for text in _lines(act))
    feed = b"\x1bd\x03" + CUT if ends else b""
    if lines or feed:
        yield Printed(act.at, lines + feed)


def _head(till: Till, act: Act) -> bytes:
    lines = [b"\x1ba\x01", _BOLD, _line("CORNER SHOP"), _LIGHT, _logo(), b"\x1ba\x00"]
    if act.number:
        lines.append(_line(f"RECEIPT {act.number}  CASHIER {till.cashier}"))
    if act.what == "resume":
        lines.append(_line(f"RESUMED {act.refers}"))
    return INIT + _CP858 + b"".join(lines)


def _logo() -> bytes:
    """Give a small picture whose bytes look like letters, commands and line ends."""
    picture = bytes(range(0x08, 0x28)) * 4
    return b"\x1dv0\x00" + bytes([4, 0, len(picture) // 4, 0]) + picture


def _lines(act: Act) -> Sequence[str]:
    amount = _amount(act.pence)
    match act.what:
        case "age":
            return [f"AGE {act.years} CHECKED"]
        case "total":
            return [_right("TOTAL", amount)]
        case "pay" if act.pence < 0:
            return [_right("PAID OUT", _amount(-act.pence))]
        case "pay":
            card = " ************1111" if act.method == "card" else ""
            return [_right(act.method.upper() + card, amount)]
        case "suspend":
            return ["SUSPENDED"]
        case "post-void":
            return [_right(f"POST VOID OF {act.refers}", amount)]
        case "sign-on" | "sign-off":
            return [act.what.replace("-", " ").upper()]
        case _:
            return _goods(act, act.article) if act.article is not None else []


def _goods(act: Act, article: Article) -> Sequence[str]:
    code, amount = article.code, _amount(act.pence)
    whole = _amount(act.pence * act.units)
    match act.what:
        case "line":
            return [f"{code} {article.name}", _right(f"  {act.units} x {amount}", whole)]
        case "void-line":
            return [_right(f"VOID {act.units} x {code} ", f"-{whole}")]
        case "return":
            refers = f"OF {act.refers} " if act.refers else ""
            return [_right(f"RETURN {code} {refers}", f"-{amount}")]
        case "price":
            return [_right(f"NEW PRICE {code} ", amount)]
        case "discount":
            return [_right(f"DISCOUNT {code} WAS {_amount(article.pence)} ", f"-{amount}")]
        case _:
            return [f"UNKNOWN {code}"]


def _right(text: str, amount: str) -> str:
    return text + amount.rjust(max(_WIDTH - len(text), len(amount) + 1))


def _line(text: str) -> bytes:
    return text.encode("cp858") + b"\n"


def _amount(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"
