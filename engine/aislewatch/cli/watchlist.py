"""``aislewatch watchlist``: whom the shop wants to know again, and who had to do with that list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.kept_apart import (
    Alone,
    By,
    Request,
    StoreOption,
    asking,
    duration_us,
    show_accesses,
)
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.watchlist_face import read_embeddings
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.watchlist import Watchlist
from aislewatch.runtime.watchlist_match import wrong_a_day
from aislewatch.runtime.watchlist_store import Entry
from aislewatch.runtime.watchlist_terms import Terms

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ENTRY", help="The entry's id, as 'show' tells it.")]


@app.callback()
def watchlist() -> None:
    """Keep the list of known offenders, in a shop whose store file has opted in.

    The list is a file of its own, which its owner alone can read. Every command leaves a record of
    who did what, in a ledger beside it; no face is ever in a ledger.
    """


@app.command("enrol")
def enrol(
    embedding: Annotated[
        Path,
        typer.Argument(
            metavar="EMBEDDING.json",
            help="The face, as the service gives it: a list of figures, or several; - reads them "
            "from standard input.",
        ),
    ],
    store: StoreOption,
    model: Annotated[str, typer.Option("--model", help="What made the embedding.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why this person.")],
    legal_basis: Annotated[
        str, typer.Option("--legal-basis", metavar="TEXT", help="What allows it.")
    ],
    keep: Annotated[
        str,
        typer.Option(
            "--keep", metavar="DURATION", help="How long; not said: as long as the file allows."
        ),
    ] = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """Put somebody on the list."""
    shop = _Shop.read(store, by)
    shop.require_opted_in()
    entry = shop.list.enrol(
        read_embeddings(embedding),
        model=model,
        reason=reason,
        legal_basis=legal_basis,
        by=shop.who,
        keep_us=duration_us("--keep", keep) if keep else None,
    )
    screen = Screen(json=json)
    screen.give(entry)
    until = shop.local.day(entry.until_us)
    screen.show(Text(f"{entry.id} enrolled by {shop.who} until {until} ({shop.local.zone})"))
    if entry.counts_from_us is None:
        screen.say(
            f"it counts when somebody else has typed: aislewatch watchlist approve {entry.id} "
            f"--store {store}"
        )
    if str(embedding) != "-":
        screen.say(f"{embedding} still holds the face: delete it")
    return 0


@app.command("approve")
def approve(id_: Id, store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """Have an entry count, as a second person."""
    shop = _Shop.read(store, by)
    shop.require_opted_in()
    screen = Screen(json=json)
    screen.give(shop.list.approve(id_, shop.who))
    screen.show(Text(f"{id_} approved by {shop.who}; it counts from now on"))
    return 0


@app.command("show")
def show(
    store: StoreOption,
    id_: Annotated[
        str, typer.Argument(metavar="[ENTRY]", help="Only this entry, with all its papers.")
    ] = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """See who is on the list, and how often it will be wrong. The look is recorded."""
    shop = _Shop.read(store, by)
    entries = shop.list.entries(shop.who, id_ or None)
    screen = Screen(json=json)
    for entry in entries:
        screen.give(entry)
    if id_:
        (entry,) = entries
        rows = table(show_header=False)
        for name, value in _papers(entry, shop.local):
            rows.add_row(name, value)
        screen.show(rows)
        return 0
    rows = table("entry", "model", "state", "until", "enrolled by", "approved by")
    for entry in entries:
        state = _state(entry, shop.now_us)
        until = shop.local.day(entry.until_us)
        rows.add_row(
            entry.id, entry.model, state, until, entry.enrolled_by, entry.approved_by or ""
        )
    screen.show(rows if entries else "nobody is on the list")
    counting = sum(_state(entry, shop.now_us) == "counts" for entry in entries)
    screen.say(_how_wrong(shop, counting))
    return 0


@app.command("remove")
def remove(id_: Id, store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """Take somebody off: the face is deleted, the papers stay until the entry would have ended."""
    shop = _Shop.read(store, by)
    shop.list.remove(id_, shop.who)
    return _done(json, "removed", id_, shop.who, f"{id_} is not compared with any more")


@app.command("erase")
def erase(
    id_: Id,
    store: StoreOption,
    request: Request = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """Erase all that is known of an entry, as the person whom it concerns may ask."""
    shop = _Shop.read(store, by)
    shop.list.erase(id_, shop.who, request or None)
    return _done(json, "erased", id_, shop.who, f"nothing of {id_} is kept but that it was erased")


@app.command("purge")
def purge(store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """Erase every entry that has ended. A run does it by itself, once an hour."""
    shop = _Shop.read(store, by)
    over = shop.list.purge(shop.who)
    screen = Screen(json=json)
    screen.give({"expired": over, "by": shop.who})
    screen.show(f"{count(len(over), 'entry', 'entries')} erased")
    return 0


@app.command("access")
def access(store: StoreOption, by: By = "", json: options.Json = False) -> int:
    """See who did what with the list, and when. This look is recorded as well."""
    shop = _Shop.read(store, by)
    show_accesses(shop.list.accesses(shop.who), shop.terms.log, shop.local, json=json)
    return 0


@dataclass(frozen=True)
class _Shop:
    """A store file with its list, and who asks."""

    alone: Alone
    terms: Terms
    who: str
    now_us: int

    @classmethod
    def read(cls, path: Path, by: str) -> _Shop:
        """Read the store file, and see that there is a list or may be one."""
        alone = Alone.read(path)
        terms = alone.file.known_offenders.kept(alone.store, alone.folder)
        file = Path(terms.file)
        if not alone.file.known_offenders.enabled and not file.exists():
            raise UsageError(_OFF.format(path))
        return cls(alone, terms, asking(file, by), SystemClock().now_us())

    @property
    def list(self) -> Watchlist:
        return Watchlist(self.terms, SystemClock())

    @property
    def local(self) -> Local:
        return self.alone.local

    def require_opted_in(self) -> None:
        """See that the shop compares faces."""
        if not self.alone.file.known_offenders.enabled:
            raise UsageError(_OFF.format(self.alone.path))


_OFF = (
    "{} does not compare faces: say so under known_offenders, with enabled, purpose, retention, "
    "threshold and false_match_rate"
)


def _done(json: bool, action: str, id_: str, by: str, said: str) -> int:
    screen = Screen(json=json)
    screen.give({"entry": id_, "action": action, "by": by})
    screen.show(Text(said))
    return 0


def _state(entry: Entry, now_us: int) -> str:
    if entry.removed_us is not None:
        return "removed"
    if entry.until_us <= now_us:
        return "ended"
    return "waits for approval" if entry.counts_from_us is None else "counts"


def _papers(entry: Entry, local: Local) -> list[tuple[str, str]]:
    def day(time_us: int | None) -> str:
        return local.day(time_us) if time_us is not None else ""

    return [
        ("entry", entry.id),
        ("purpose", entry.purpose),
        ("reason", entry.reason),
        ("legal basis", entry.legal_basis),
        ("model", entry.model),
        ("embeddings", str(entry.embeddings)),
        ("enrolled", f"{day(entry.enrolled_us)} by {entry.enrolled_by}"),
        ("approved by", entry.approved_by or ""),
        ("counts from", day(entry.counts_from_us)),
        ("until", day(entry.until_us)),
        ("removed", day(entry.removed_us)),
    ]


def _how_wrong(shop: _Shop, entries: int) -> str:
    """Say how many strangers a day are taken for somebody on the list."""
    visitors = shop.alone.file.known_offenders.visitors
    if not shop.alone.file.known_offenders.enabled:
        return "faces are not compared: known_offenders is switched off"
    rate = shop.terms.false_match_rate
    per = wrong_a_day(rate, entries, visitors or 1000)
    whom = f"{visitors} visitors a day" if visitors is not None else "every 1000 visitors"
    return (
        f"of {whom} {per:.2g} will be taken for one of {count(entries, 'entry', 'entries')} that "
        f"count: that is {rate:g} for each pair of strangers at {shop.terms.threshold:g}, as the "
        "maker says; measure it in the shop"
    )
