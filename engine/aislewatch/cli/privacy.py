"""``aislewatch privacy``: what is kept of a person, and how they are forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.kept_apart import (
    By,
    Request,
    StoreOption,
    asking,
    read_alone,
    show_accesses,
)
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.ledger import Ledger, LedgerReader
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.names import Names
from aislewatch.runtime.names_emit import KINDS
from aislewatch.runtime.names_terms import NamesTerms
from aislewatch.runtime.storefile_model import StoreFile

app = typer.Typer(no_args_is_help=True)

Kind = Annotated[
    str, typer.Argument(metavar="KIND", help=f"What the number names: {', '.join(KINDS)}.")
]
Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="The number, as the shop's own systems know it.")
]


@app.callback()
def privacy() -> None:
    """See what is kept of a person, and have them forgotten.

    Where a store file says 'personal_data: {pseudonyms: yes}', numbers of people leave no device's
    process; whose a pseudonym is stands in one file, from which anybody can be erased. Ledger and
    archive stay as they are, and sound, and lead to nobody any more.
    """


@app.command("find")
def find(
    kind: Kind,
    number: Number,
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    by: By = "",
    json: options.Json = False,
) -> int:
    """See under which pseudonym somebody is known, and what the ledger has of it."""
    shop = _Shop.read(store, by)
    shop.require(kind)
    name = shop.names.find(kind, number, shop.who)
    screen = Screen(json=json)
    held: list[_Held] = []
    if ledger.exists():
        with Ledger.read(ledger) as reader, screen.progress("reading the ledger") as step:
            for at, chain in enumerate(stores := reader.stores()):
                step(at, len(stores), chain)
                held += _held(reader, chain, name)
    screen.give({"kind": kind, "pseudonym": name, "held": [one._asdict() for one in held]})
    screen.show(Text(f"{kind} {number} is {name}"))
    rows = table("store", "record", "records", "first", "last", right=["records"])
    for one in held:
        first, last = shop.local.day(one.first_us), shop.local.day(one.last_us)
        rows.add_row(one.store, one.type, f"{one.records:,}", first, last)
    nothing = "the ledger has nothing of it" if ledger.exists() else f"there is no ledger {ledger}"
    screen.show(rows if held else nothing)
    return 0


@app.command("erase")
def erase(
    kind: Kind,
    number: Number,
    store: StoreOption,
    request: Request = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """Forget who somebody is. Their pseudonym stays in the records and is nobody's."""
    shop = _Shop.read(store, by)
    shop.require(kind)
    name = shop.names.erase(kind, number, shop.who, request or None)
    screen = Screen(json=json)
    screen.give({"kind": kind, "pseudonym": name, "action": "erased", "by": shop.who})
    screen.show(Text(f"{name} is nobody's from now on; if they come again, they are somebody new"))
    return 0


@app.command("purge")
def purge(store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """Forget whoever was not heard of for as long as the store file says. A run does it, too."""
    shop = _Shop.read(store, by)
    over = shop.names.purge(shop.who)
    screen = Screen(json=json)
    screen.give({"expired": over, "by": shop.who})
    screen.show(f"{count(len(over), 'name')} forgotten")
    return 0


@app.command("access")
def access(store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """See who looked somebody up or had them forgotten. This look is recorded as well."""
    shop = _Shop.read(store, by)
    show_accesses(shop.names.accesses(shop.who), shop.terms.log, shop.local, json=json)
    return 0


@dataclass(frozen=True)
class _Shop:
    """A store file with its names, and who asks."""

    file: StoreFile
    terms: NamesTerms
    who: str

    @classmethod
    def read(cls, path: Path, by: str) -> _Shop:
        """Read the store file, and see that names are kept."""
        alone = read_alone(path)
        terms = alone.file.personal_data.kept(alone.store, alone.folder)
        file = Path(terms.file)
        if not file.exists():
            message = (
                f"no names are kept for {path}: say 'personal_data: {{pseudonyms: yes}}' in it "
                "and run it; until then numbers of people go as the devices tell them"
            )
            raise UsageError(message)
        return cls(alone.file, terms, asking(file, by))

    @property
    def names(self) -> Names:
        return Names(self.terms, SystemClock())

    @property
    def local(self) -> Local:
        return Local(self.file.timezone)

    def require(self, kind: str) -> None:
        """See that names of a kind are kept."""
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS, label="there are")
            message = f"{kind!r} is no kind of name; {hint}"
            raise UsageError(message)


class _Held(NamedTuple):
    """What a store's chain has of a pseudonym: records of one type."""

    store: str
    type: str
    records: int
    first_us: int
    last_us: int


def _held(reader: LedgerReader, store: str, name: str) -> list[_Held]:
    found: dict[str, _Held] = {}
    wanted = name.encode()
    for record in reader.records(store):
        if wanted not in record.payload and name not in record.stream:
            continue
        held = found.get(record.type)
        if held is None:
            found[record.type] = _Held(store, record.type, 1, record.time, record.time)
            continue
        first, last = min(held.first_us, record.time), max(held.last_us, record.time)
        found[record.type] = held._replace(records=held.records + 1, first_us=first, last_us=last)
    return [found[type_] for type_ in sorted(found)]
