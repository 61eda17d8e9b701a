"""What commands for personal data share: the store file alone, who asks, the log of accesses."""

from __future__ import annotations

from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Annotated, Final

import typer

from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import Local
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.quantities import parse_duration_us
from aislewatch.runtime.access_log import Access
from aislewatch.runtime.storefile import read_document
from aislewatch.runtime.storefile_model import EVERY_STORE, StoreFile
from aislewatch.runtime.storefile_shape import read_shape
from aislewatch.runtime.who import pseudonym

StoreOption = Annotated[
    Path, typer.Option("--store", metavar="STORE.yml", help="The store file of the shop.")
]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="WHO",
        help="Who does it; not said: the account at this machine. Kept as a pseudonym.",
    ),
]
Request = Annotated[
    str,
    typer.Option("--request", metavar="NUMBER", help="Of the request; recorded. No name."),
]


_ENTRY_SHOWN: Final = 24
"""Characters of an entry's id: all of any but a picture's hash."""


@dataclass(frozen=True)
class Alone:
    """A store file by itself.

    Attributes:
        path: as it was named.
        file: as written.
    """

    path: Path
    file: StoreFile

    @classmethod
    def read(cls, path: Path) -> Alone:
        """Read a store file alone: a mistake in a rule must keep nobody from erasing.

        Raises:
            UsageError: the file cannot be read.
            FileMistakes: it holds mistakes of its own.
        """
        shape = read_shape(read_document(path))
        if shape.file is None or shape.mistakes:
            raise FileMistakes(shape.mistakes)
        return cls(path, shape.file)

    @property
    def store(self) -> str:
        """Whose data is kept."""
        return self.stores[0] if self.stores else "any"

    @property
    def stores(self) -> tuple[str, ...]:
        """The stores that it describes; none: every store."""
        return () if EVERY_STORE in self.file.store else tuple(self.file.store)

    @property
    def folder(self) -> Path:
        """That relative paths begin from."""
        return self.path.resolve().parent

    @property
    def local(self) -> Local:
        """How the shop writes times."""
        return Local(self.file.timezone)


def duration_us(option: str, text: str) -> int:
    """Read how long, as of an option.

    Raises:
        UsageError: it says none.
    """
    try:
        return parse_duration_us(text)
    except ValueError as error:
        message = f"{option}: {error}"
        raise UsageError(message) from None


def asking(file: Path, by: str) -> str:
    """Give the pseudonym of who asks; its key lies beside the file that they ask for.

    Args:
        file: with the personal data.
        by: who, as they say; empty for the account at this machine.
    """
    return pseudonym(file.parent, by or getuser())


def show_accesses(accesses: list[Access], log: Path, local: Local, *, json: bool) -> None:
    """Show who did what.

    Args:
        accesses: the oldest first.
        log: the ledger in which they stand.
        local: how the shop writes times.
        json: for scripts.
    """
    screen = Screen(json=json)
    rows = table("when", "what", "entry", "by", "what for")
    for one in accesses:
        screen.give(one)
        what = f"{one.action} ({one.reason})" if one.reason else one.action
        if one.action == "held" and one.until_us is not None:
            what = f"{what} until {local.day(one.until_us)}"
        if one.state is not None:
            what = f"{what}, found {one.state}"
        entry = (one.entry or "")[:_ENTRY_SHOWN]
        rows.add_row(local.day(one.time_us), what, entry, one.by, one.purpose)
    screen.show(rows)
    screen.say(f"to prove it: aislewatch ledger verify --ledger {log}")
