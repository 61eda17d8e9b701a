"""What a cashier does at a till, before any till has words for it.

A :class:`Till` notes acts in the order in which they are done; the writers beside this module put
them into the words of one kind of till each. The same dice give the same shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

OPENS = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
"""A Monday in January, when London's clocks show UTC."""


@dataclass(frozen=True, slots=True)
class Article:
    """Something that is sold.

    Attributes:
        code: its barcode, 13 digits.
        name: as a receipt prints it.
        pence: price of one.
    """

    code: str
    name: str
    pence: int


ARTICLES = (
    Article("5000112637922", "COLA 330ML", 95),
    Article("4006381333931", "MARKER BLACK", 249),
    Article("5901234123457", "OLIVE OIL 1L", 1099),
    Article("9780201379624", "PAPERBACK", 1499),
    Article("7622210449283", "CHOCOLATE 100G", 180),
)


CARDS = (
    "V0010013019096000000AB7C2Q1ZP",
    "sq-1-hPdOWQm1XJ3x8Lk0vB7nTzYf2RcGsEaU",
    "tok_9fK2LmQ84xWvB1nD",
)
"""Payment providers' tokens for three customers' cards."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done at a till.

    Attributes:
        what: open, line, void-line, price, discount, age, unknown, total, pay, end, suspend,
            resume, return, post-void, no-sale, drawer, sign-on, sign-off.
        at: when.
        number: of the receipt; 0 outside of one.
        line: of the receipt's line, from 1; the line that a void takes back.
        article: that it is about.
        units: of it.
        pence: the amount: paid, given back, taken off, or the new price of one.
        method: cash or card.
        refers: number of the receipt that it goes back to.
        years: the age that was asked for.
        card: the payment provider's token for the card that pays.
    """

    what: str
    at: datetime
    number: int = 0
    line: int = 0
    article: Article | None = None
    units: int = 1
    pence: int = 0
    method: str = "cash"
    refers: int = 0
    years: int = 0
    card: str = ""


class Till:
    """Notes what is done at one till.

    Args:
        name: what the till calls itself.
        cashier: number of who is signed on.
        opens: when the first act is done.
        first: number of the first receipt.
    """

    def __init__(
        self, name: str = "3", cashier: str = "207", opens: datetime = OPENS, first: int = 101
    ) -> None:
        self.name = name
        self.cashier = cashier
        self.now = opens
        self.acts: list[Act] = []
        self._next = first
        self._number = 0
        self._lines: list[Act] = []
        self._due = 0

    @property
    def number(self) -> int:
        """The receipt that is open, or was open last."""
        return self._number

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def sign_on(self) -> None:
        """Sign on."""
        self._do("sign-on", number=0)

    def sign_off(self) -> None:
        """Sign off."""
        self._do("sign-off", number=0)

    def no_sale(self) -> None:
        """Open the drawer without a sale."""
        self._do("no-sale", number=0)

    def open(self) -> int:
        """Begin a receipt; gives its number."""
        self._begin("open")
        return self._number

    def scan(self, article: Article, units: int = 1) -> int:
        """Scan an article; gives the line's number."""
        self._due += article.pence * units
        return self._line("line", article=article, units=units, pence=article.pence)

    def give_back(self, article: Article, refers: int = 0) -> int:
        """Take an article back; gives the line's number."""
        self._due -= article.pence
        return self._line("return", article=article, pence=article.pence, refers=refers)

    def void(self, line: int) -> None:
        """Take a line back."""
        was = self._lines[line - 1]
        assert was.article is not None
        self._due -= was.pence * was.units
        self._do("void-line", line=line, article=was.article, units=was.units, pence=was.pence)

    def price(self, line: int, pence: int) -> None:
        """Give one unit of a line another price by hand."""
        was = self._lines[line - 1]
        assert was.article is not None
        self._due += (pence - was.pence) * was.units
        self._do("price", line=line, article=was.article, units=was.units, pence=pence)

    def discount(self, line: int, pence: int) -> None:
        """Take so much off a line by hand."""
        was = self._lines[line - 1]
        self._due -= pence
        self._do("discount", line=line, article=was.article, units=was.units, pence=pence)

    def ask_age(self, years: int) -> None:
        """Ask how old the customer is; old enough."""
        self._do("age", years=years)

    def scan_unknown(self, article: Article) -> None:
        """Scan a code that the till does not know."""
        self._do("unknown", article=article)

    def pay(self, method: str = "cash", card: str = "") -> None:
        """Pay what is due, or pay it out, and end the receipt.

        Args:
            method: cash or card.
            card: the payment provider's token for the card, where the till is given one.
        """
        self._do("total", pence=self._due)
        self.wait(8)
        if method == "cash":
            self._do("drawer")
        self._do("pay", pence=self._due, method=method, card=card)
        self.wait(2)
        self._do("end", pence=self._due)

    def suspend(self) -> int:
        """Set the receipt aside; gives its number."""
        self._do("suspend")
        return self._number

    def resume(self, number: int) -> None:
        """Go on with a receipt that was set aside, under a number of its own."""
        self._begin("resume", refers=number)

    def post_void(self, number: int, pence: int) -> None:
        """Take a receipt back that was paid."""
        self._begin("post-void", refers=number, pence=pence)

    def _begin(self, what: str, *, refers: int = 0, pence: int = 0) -> None:
        self._number, self._next = self._next, self._next + 1
        self._lines, self._due = [], 0
        self._do(what, refers=refers, pence=pence)

    def _line(
        self, what: str, *, article: Article, pence: int, units: int = 1, refers: int = 0
    ) -> int:
        line = len(self._lines) + 1
        self._do(what, line=line, article=article, units=units, pence=pence, refers=refers)
        self._lines.append(self.acts[-1])
        return line

    def _do(
        self,
        what: str,
        *,
        number: int | None = None,
        line: int = 0,
        article: Article | None = None,
        units: int = 1,
        pence: int = 0,
        method: str = "cash",
        refers: int = 0,
        years: int = 0,
        card: str = "",
    ) -> None:
        number = self._number if number is None else number
        self.acts.append(
            Act(what, self.now, number, line, article, units, pence, method, refers, years, card)
        )
        self.wait(1)


def shift(dice: Random, *, till: str = "3", baskets: int = 6, opens: datetime = OPENS) -> Till:
    """Play a shift in which each thing that a till can tell happens at least once.

    Args:
        dice: what is bought.
        till: what the till calls itself.
        baskets: ordinary ones beside.
        opens: when it begins.
    """
    played = Till(till, opens=opens)
    played.sign_on()
    for _ in range(baskets):
        played.open()
        for _ in range(dice.randint(1, 5)):
            played.scan(dice.choice(ARTICLES), dice.choice((1, 1, 1, 2)))
        method = dice.choice(("cash", "card"))
        played.pay(method, CARDS[played.number % len(CARDS)] if method == "card" else "")
        played.wait(dice.randint(10, 60))
    _odd_baskets(played)
    played.wait(20)
    played.no_sale()
    played.wait(30)
    played.sign_off()
    return played


def _odd_baskets(till: Till) -> None:
    cola, marker, oil, book, bar = ARTICLES
    till.open()
    till.scan(cola)
    till.void(till.scan(marker))
    till.price(till.scan(oil), 500)
    till.discount(till.scan(book), 400)
    till.ask_age(18)
    till.scan_unknown(Article("4000000000006", "", 0))
    till.pay("card")
    sold = till.number
    till.open()
    till.give_back(marker, refers=sold)
    till.pay()
    till.open()
    till.scan(bar)
    aside = till.suspend()
    till.wait(60)
    till.resume(aside)
    till.scan(bar)
    till.pay()
    till.wait(5)
    till.post_void(till.number, bar.pence)
