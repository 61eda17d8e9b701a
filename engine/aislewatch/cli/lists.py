"""``aislewatch lists``: put something on a named list, take it off, see what is on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from aislewatch.authoring.why_asked import read_time
from aislewatch.cli import options
from aislewatch.cli.kept_apart import By
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import Local, count
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.ledger import Ledger
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.handover import NobodyRuns, Reach, found_in
from aislewatch.runtime.list_changes import (
    Member,
    Wanted,
    changes_of,
    members_at,
)
from aislewatch.runtime.storefile import read_document
from aislewatch.runtime.storefile_model import EVERY_STORE, StoreFile
from aislewatch.runtime.storefile_shape import read_shape
from aislewatch.runtime.who import pseudonym

app = typer.Typer(no_args_is_help=True)

_SHOWN: Final = 5
"""Values that are named one by one when they were changed."""

ListName = Annotated[
    str, typer.Argument(metavar="NAME", help="The list, as the store file calls it.")
]
Values = Annotated[
    list[str], typer.Argument(metavar="VALUE...", help="What rules look for on the list.")
]
StoreOption = Annotated[
    Path, typer.Option("--store", metavar="STORE.yml", help="The store file that has the list.")
]
Only = Annotated[
    str,
    typer.Option("--only", metavar="STORE", help="Only in this store; not said: in all of them."),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, in a sentence; the ledger keeps it.")
]
NextRun = Annotated[
    bool,
    typer.Option(
        "--next-run", help="Nobody is running: put it into the log, where the next run finds it."
    ),
]


@app.callback()
def lists() -> None:
    """Put something on a named list, take it off, see what is on it.

    Rules read a list as of the time of what they judge: a change counts from now on.
    """


@app.command("add")
def add(
    name: ListName,
    values: Values,
    store: StoreOption,
    folder: options.RunningFolder = options.RUN_FOLDER,
    reason: Reason = "",
    until: Annotated[
        str,
        typer.Option("--until", metavar="TIME", help="When it comes off again by itself."),
    ] = "",
    only: Only = "",
    by: By = "",
    next_run: NextRun = False,
    json: options.Json = False,
) -> int:
    """Put values on a list of the shop that is being run."""
    shop = _Shop.read(store, folder, only)
    shop.require(name)
    now_us = SystemClock().now_us()
    until_us = shop.time(until, now_us) if until else None
    if until_us is not None and until_us <= now_us:
        message = f"--until {until} is past already"
        raise UsageError(message)
    wanted = Wanted(name, values, "add", by, until_us, reason)
    return _change(shop, wanted, now_us, next_run=next_run, json=json)


@app.command("remove")
def remove(
    name: ListName,
    values: Values,
    store: StoreOption,
    folder: options.RunningFolder = options.RUN_FOLDER,
    reason: Reason = "",
    only: Only = "",
    by: By = "",
    next_run: NextRun = False,
    json: options.Json = False,
) -> int:
    """Take values off a list of the shop that is being run, also those of the store file."""
    shop = _Shop.read(store, folder, only)
    shop.require(name)
    wanted = Wanted(name, values, "remove", by, None, reason)
    return _change(shop, wanted, SystemClock().now_us(), next_run=next_run, json=json)


@app.command("show")
def show(
    store: StoreOption,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Only this list; not said: all of them.")
    ] = "",
    ledger: options.LedgerFile = options.LEDGER,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="As it stood then; not said: now.")
    ] = "",
    only: Annotated[str, typer.Option("--only", metavar="STORE", help="Only in this store.")] = "",
    json: options.Json = False,
) -> int:
    """See what is on the lists, since when and why: as the store file and the ledger have it."""
    screen = Screen(json=json)
    shop = _Shop.read(store, options.RUN_FOLDER, only)
    if name:
        shop.require(name)
    now_us = SystemClock().now_us()
    at_us = shop.time(at, now_us) if at else now_us
    written = {
        list_: frozenset(members)
        for list_, members in shop.file.lists.items()
        if not name or list_ == name
    }
    with Ledger.read(ledger) as reader:
        stores = [one for one in reader.stores() if not only or one == only]
        found = {
            one: [m for m in members_at(reader, one, written, at_us) if m.name in written]
            for one in stores
        }
    for one, members in found.items():
        for member in members:
            screen.give(_json(one, member))
        rows = table("list", "value", "since", "until", "by", "why")
        for member in members:
            rows.add_row(*_row(member, shop.local))
        title = f"{one} at {shop.local.day(at_us)} ({shop.local.zone})"
        screen.show(Text(title, "bold"), rows if members else "nothing is on these lists", "")
    if not found:
        screen.show(f"{ledger} knows of no store{f' called {only}' if only else ''} yet.")
    return 0


@dataclass(frozen=True)
class _Shop:
    """A store file with its run."""

    path: Path
    file: StoreFile
    folder: Path
    only: str

    @classmethod
    def read(cls, path: Path, folder: Path, only: str) -> _Shop:
        """Read the store file alone: a mistake in a rule must not keep anybody from a list."""
        shape = read_shape(read_document(path))
        if shape.file is None or shape.mistakes:
            raise FileMistakes(shape.mistakes)
        return cls(path, shape.file, folder, only)

    @property
    def local(self) -> Local:
        return Local(self.file.timezone)

    def require(self, name: str) -> None:
        """See that there is such a list."""
        if name not in self.file.lists:
            hint = did_you_mean(name, self.file.lists, label="there are")
            hint = hint or f"{self.path} has no lists: declare it there as {name}: []"
            message = f"no list is called {name!r}; {hint}"
            raise UsageError(message)

    def time(self, text: str, now_us: int) -> int:
        """Read a time; one without a day is of today."""
        return read_time(text, self.file.timezone, [self.local.moment(now_us).date()])

    def stores(self, running: Reach | None) -> list[str]:
        """Give the stores in which a list is changed."""
        if self.file.clock.recording is not None:
            message = (
                f"the clock of {self.path} is a recording's, so a change made now would lie in its "
                "future; have the recording itself tell list.changed"
            )
            raise UsageError(message)
        if running is not None:
            running.require(self.path)
        stores = self.file.store
        if stores == [EVERY_STORE]:
            if not self.only:
                message = f"{self.path} is for every store: name one with --only STORE"
                raise UsageError(message)
            return [self.only]
        if self.only and self.only not in stores:
            message = f"{self.path} is not of {self.only!r}; {did_you_mean(self.only, stores)}"
            raise UsageError(message)
        return [self.only] if self.only else stores


def _change(shop: _Shop, wanted: Wanted, now_us: int, *, next_run: bool, json: bool) -> int:
    # With it comes what only a live run needs; who looks at a ledger does without.
    from aislewatch.runtime.list_publishing import (  # noqa: PLC0415
        publish_to_folder,
        publish_to_run,
    )

    screen = Screen(json=json)
    try:
        running: Reach | None = found_in(shop.folder)
    except NobodyRuns as error:
        if not next_run:
            message = f"{error}; --next-run puts it into the log, where the next run finds it"
            raise UsageError(message) from None
        running = None
    stores = shop.stores(running)
    wanted = replace(wanted, by=pseudonym(shop.folder, wanted.by or getuser()))
    token = SystemRandom().randbytes(4).hex()
    events = changes_of(wanted, stores, time_us=now_us, token=token)
    if running is not None:
        asyncio.run(publish_to_run(running, events))
    else:
        asyncio.run(publish_to_folder(shop.folder, events))
    for event in events:
        screen.give(event)
    screen.show(Text(_told(wanted, stores, shop.local, now_us)))
    if running is None:
        screen.say(f"nobody is running in {shop.folder}: the next run goes by it")
    return 0


def _told(wanted: Wanted, stores: Sequence[str], local: Local, now_us: int) -> str:
    what = ", ".join(wanted.members) if len(wanted.members) <= _SHOWN else ""
    what = what or count(len(wanted.members), "value")
    done = "put on" if wanted.change == "add" else "taken off"
    ends = f" until {local.day(wanted.until_us)}" if wanted.until_us is not None else ""
    where = ", ".join(stores)
    at = f"{local.day(now_us)}{ends} ({local.zone})"
    return f"{what} {done} {wanted.name} in {where} from {at}, by {wanted.by}"


def _row(member: Member, local: Local) -> list[str]:
    told = member.told
    if told is None:
        return [member.name, member.member, "", "", "", "the store file says so"]
    until = local.day(told.until_us) if told.until_us is not None else ""
    since = local.day(told.time)
    return [member.name, member.member, since, until, told.by or "", told.reason or ""]


def _json(store: str, member: Member) -> dict[str, Any]:
    told = member.told
    return {
        "store": store,
        "list": member.name,
        "member": member.member,
        "since_us": told.time if told is not None else None,
        "until_us": told.until_us if told is not None else None,
        "by": told.by if told is not None else None,
        "reason": told.reason if told is not None else None,
    }
