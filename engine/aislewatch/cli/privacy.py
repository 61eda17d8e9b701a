"""``aislewatch privacy``: what is kept of a person, and how they are forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.kept_apart import By, Request, StoreOption, duration_us, show_accesses
from aislewatch.cli.privacy_pictures import DIGITS_SHOWN, Concerning, picture_table
from aislewatch.cli.privacy_shop import KINDS, Found, PrivacyShop
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.picture_log import log_beside

app = typer.Typer(no_args_is_help=True)

Kind = Annotated[
    str, typer.Argument(metavar="KIND", help=f"What the number names: {', '.join(KINDS)}.")
]
Number = Annotated[
    str,
    typer.Argument(
        metavar="NUMBER",
        help="The number, as the shop's own systems know it; of a picture, its hash.",
    ),
]


@app.callback()
def privacy() -> None:
    """See what is kept of a person, and have them forgotten.

    Where a store file says 'personal_data: {pseudonyms: yes}', numbers of people leave no device's
    process; whose a pseudonym is stands in one file, from which anybody can be erased. Ledger and
    archive stay as they are, and sound, and lead to nobody any more. Pictures that were kept as
    evidence are files beside the ledger, and are found and deleted here, too.
    """


@app.command("find")
def find(
    kind: Kind,
    number: Number,
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    request: Request = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """See under which pseudonym somebody is known, what the ledger has of it, and what pictures."""
    shop = PrivacyShop.read(store, ledger, by)
    screen = Screen(json=json)
    found = shop.find(kind, number, screen)
    for chain, pictures in _by_store(found.pictures).items():
        shop.picture_log(chain).shown(shop.asks_pictures, pictures, request)
    screen.give(
        {
            "kind": kind,
            "pseudonym": found.name,
            "held": [one._asdict() for one in found.held],
            "pictures": [one.json() for one in found.pictures],
        }
    )
    local = shop.alone.local
    if found.name is not None:
        screen.show(Text(f"{kind} {number} is {found.name}"))
        _show_held(screen, found, local, ledger)
    if found.pictures:
        screen.show(picture_table(found.pictures, local))
        screen.say(f"the files are in {shop.pictures}, each called by its hash")
    return 0


@app.command("erase")
def erase(
    kind: Kind,
    number: Number,
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    request: Request = "",
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence",
            help="Also pictures that an incident rests on, or that are held; else those stay.",
        ),
    ] = False,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Leave pictures as they are.")
    ] = False,
    by: By = "",
    json: options.Json = False,
) -> int:
    """Forget who somebody is, and delete the pictures that concern them.

    Their pseudonym stays in the records and is nobody's. Pictures that an incident rests on, or
    that are held for a case, stay where --evidence does not say otherwise; then this ends with 1.
    """
    shop = PrivacyShop.read(store, ledger, by)
    if not no_pictures and not ledger.exists():
        message = (
            f"there is no ledger {ledger}: name it with --ledger, so that pictures of {kind} "
            f"{number} are found while somebody knows whose they are; or say --no-pictures"
        )
        raise UsageError(message)
    screen = Screen(json=json)
    found = shop.find(kind, number, screen)
    there = [] if no_pictures else [one for one in found.pictures if one.is_there]
    stay = [] if evidence else [one for one in there if one.is_evidence]
    go = [one.kept.sha256 for one in there if one not in stay]
    deleted = shop.keeper.erase(go, shop.asks_pictures, request) if go else []
    if found.name is not None:
        shop.names.erase(kind, number, shop.asks_names, request or None)
    screen.give(
        {
            "kind": kind,
            "pseudonym": found.name,
            "action": "erased",
            "by": shop.asks_names if found.name is not None else shop.asks_pictures,
            "pictures": deleted,
            "kept": [one.json() for one in stay],
        }
    )
    if found.name is not None:
        told = "is nobody's from now on; if they come again, they are somebody new"
        screen.show(Text(f"{found.name} {told}"))
    if not no_pictures:
        screen.show(f"{count(len(deleted), 'picture')} deleted")
    if stay:
        screen.show(picture_table(stay, shop.alone.local))
        _say_what_stays(screen, stay, store, ledger)
    return 1 if stay else 0


@app.command("hold")
def hold(
    kind: Kind,
    number: Number,
    store: StoreOption,
    keep: Annotated[
        str, typer.Option("--keep", metavar="DURATION", help="How long from now on, as 365d.")
    ],
    ledger: options.LedgerFile = options.LEDGER,
    request: Request = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """Keep pictures for a case at law, past the terms of the store file; recorded."""
    shop = PrivacyShop.read(store, ledger, by)
    until_us = SystemClock().now_us() + duration_us("--keep", keep)
    screen = Screen(json=json)
    pictures = [one for one in shop.find(kind, number, screen).pictures if one.is_there]
    for chain, some in _by_store(pictures).items():
        shop.picture_log(chain).held(shop.asks_pictures, some, until_us, request)
    screen.give({"held": [one.kept.sha256 for one in pictures], "until_us": until_us})
    until = shop.alone.local.day(until_us)
    screen.show(f"{count(len(pictures), 'picture')} held until {until} ({shop.alone.local.zone})")
    return 0


@app.command("release")
def release(
    kind: Kind,
    number: Number,
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    request: Request = "",
    by: By = "",
    json: options.Json = False,
) -> int:
    """Let pictures that were held go by the terms of the store file again; recorded."""
    shop = PrivacyShop.read(store, ledger, by)
    screen = Screen(json=json)
    found = shop.find(kind, number, screen).pictures
    pictures = [one for one in found if one.held_until_us is not None]
    for chain, some in _by_store(pictures).items():
        shop.picture_log(chain).released(shop.asks_pictures, some, request)
    screen.give({"released": [one.kept.sha256 for one in pictures]})
    screen.show(f"{count(len(pictures), 'picture')} released")
    return 0


@app.command("purge")
def purge(
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    by: By = "",
    json: options.Json = False,
) -> int:
    """Forget whoever was not heard of for as long as the store file says, and delete old pictures.

    A run does it by itself, once an hour.
    """
    shop = PrivacyShop.read(store, ledger, by)
    over: list[str] = []
    deleted: list[str] = []
    by_whom: str | None = None
    if shop.pictures.exists():
        by_whom = shop.asks_pictures
        deleted = shop.keeper.purge(by_whom)
    if shop.keeps_names:
        by_whom = shop.asks_names
        over = shop.names.purge(by_whom)
    screen = Screen(json=json)
    screen.give({"expired": over, "pictures": deleted, "by": by_whom})
    screen.show(f"{count(len(over), 'name')} forgotten, {count(len(deleted), 'picture')} deleted")
    return 0


@app.command("access")
def access(
    store: StoreOption,
    ledger: options.LedgerFile = options.LEDGER,
    by: By = "",
    json: options.Json = False,
) -> int:
    """See who looked somebody up or had them forgotten. This look is recorded as well."""
    shop = PrivacyShop.read(store, ledger, by)
    local, logged = shop.alone.local, shop.logged_stores()
    if shop.keeps_names or not logged:
        accesses = shop.names.accesses(shop.asks_names)
        show_accesses(accesses, shop.terms.log, local, json=json)
    for one in logged:
        accesses = shop.picture_log(one).reviewed(shop.asks_pictures)
        show_accesses(accesses, log_beside(shop.pictures), local, json=json)
    return 0


def _show_held(screen: Screen, found: Found, local: Local, ledger: Path) -> None:
    rows = table("store", "record", "records", "first", "last", right=["records"])
    for one in found.held:
        first, last = local.day(one.first_us), local.day(one.last_us)
        rows.add_row(one.store, one.type, f"{one.records:,}", first, last)
    nothing = "the ledger has nothing of it" if ledger.exists() else f"there is no ledger {ledger}"
    screen.show(rows if found.held else nothing)


def _say_what_stays(screen: Screen, stay: list[Concerning], store: Path, ledger: Path) -> None:
    one = stay[0].kept.sha256[:DIGITS_SHOWN]
    screen.say(
        f"{count(len(stay), 'picture')} stayed: incidents rest on them, or they are held, and "
        "claims may rest on them. When that is over: aislewatch privacy erase picture "
        f"{one} --evidence --store {store} --ledger {ledger}"
    )


def _by_store(pictures: Iterable[Concerning]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in pictures:
        found.setdefault(one.kept.store, []).append(one.kept.sha256)
    return found
