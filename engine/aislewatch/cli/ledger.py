"""``aislewatch ledger``: what was written down, and whether it still is what was written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.ledger_pictures import look_at_pictures
from aislewatch.cli.places import Places
from aislewatch.cli.record_words import gist, record_json
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger, LedgerReader, StoredRecord, Verification, verify
from aislewatch.runtime.picture_log import pictures_beside

app = typer.Typer(no_args_is_help=True)

Only = Annotated[str, typer.Option("--only", metavar="STORE", help="Only this store's chain.")]

POLL_S = 0.5


@app.command("verify")
def verify_chains(
    ledger: options.LedgerFile = options.LEDGER,
    only: Only = "",
    head: Annotated[
        str,
        typer.Option(
            "--head",
            metavar="HASH",
            help="A head that was kept elsewhere; the chain must hold it. Proves that nothing was "
            "cut off at its end, or written anew.",
        ),
    ] = "",
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="FOLDER",
            help="Where its pictures are; not said: LEDGER.pictures beside it.",
        ),
    ] = None,
    no_pictures: Annotated[
        bool,
        typer.Option(
            "--no-pictures",
            help="Leave the pictures out: of a replay, or of a ledger that was copied alone.",
        ),
    ] = False,
    json: options.Json = False,
) -> int:
    """Hash every chain again and name each record that is not what was written.

    Each picture that was kept as evidence is hashed again, too: it is what was kept, or it was
    deleted on record.
    """
    if pictures is not None and no_pictures:
        message = "say either --pictures FOLDER or --no-pictures"
        raise UsageError(message)
    screen = Screen(json=json)
    folder = pictures or pictures_beside(ledger)
    with Ledger.read(ledger) as reader:
        found = list(_verify(reader, only, _hash(head), screen))
        stores = [] if no_pictures else _stores(reader, only)
        looked = look_at_pictures(reader, stores, folder, screen)
    sound = looked.sound and all(v.sound for v in found)
    screen.give(
        {
            "ledger": str(ledger),
            "sound": sound,
            "chains": found_json(found),
            "pictures": None if no_pictures else looked.json(),
        }
    )
    show_verification(screen, found)
    if not no_pictures:
        looked.show(screen)
    return 0 if sound else 1


@app.command("tail")
def tail(
    ledger: options.LedgerFile = options.LEDGER,
    only: Only = "",
    number: Annotated[int, typer.Option("-n", "--number", min=0, help="So many records.")] = 20,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is written from now on.")
    ] = False,
    store: options.StoreFile = None,
    json: options.Json = False,
) -> None:
    """Show the last records of every chain."""
    screen = Screen(json=json)
    said: Local | None = None
    if store is not None:
        from aislewatch.runtime.storefile import read_setup  # noqa: PLC0415 - reads rules, too

        setup = read_setup(store, shown_only=True)
        said = Local(setup.timezone, setup.model.currency)
    with Ledger.read(ledger) as reader:
        places = Places.of(reader, said)
        stores = _stores(reader, only)
        seen = {name: max(0, reader.head(name).position - number) for name in stores}
        while True:
            for name in stores:
                for record in reader.records(name, after=seen[name]):
                    seen[name] = record.position
                    places.take(record)
                    _show_record(screen, record, places(name))
            if not follow:
                return
            time.sleep(POLL_S)
            stores = _stores(reader, only)
            seen = {name: seen.get(name, 0) for name in stores}


def show_verification(screen: Screen, found: list[Verification]) -> None:
    """Show what verifying chains found."""
    rows = [
        (v.store, f"{v.head.position:,}", "sound" if v.sound else "DAMAGED", v.head.hash.hex())
        for v in found
    ]
    heading, *lines = aligned([("store", "records", "", "head"), *rows], right=[1])
    screen.show(Text(heading, "bold"))
    for line, verification in zip(lines, found, strict=True):
        screen.show(Text(line, "" if verification.sound else "bold red"))
    for verification in found:
        for fault in verification.faults:
            line = f"{verification.store} record {fault.position}: {fault.kind}: {fault.message}"
            screen.show(Text(line))
        hidden = verification.fault_count - len(verification.faults)
        if hidden:
            screen.show(f"{verification.store}: and {count(hidden, 'more fault')}")


def found_json(found: list[Verification]) -> list[dict[str, Any]]:
    """Give what verifying chains found, for scripts."""
    return [
        {
            "store": v.store,
            "sound": v.sound,
            "records": v.head.position,
            "head": v.head.hash.hex(),
            "fault_count": v.fault_count,
            "faults": v.faults,
        }
        for v in found
    ]


def _verify(
    reader: LedgerReader, only: str, expected: bytes | None, screen: Screen
) -> Iterator[Verification]:
    stores = _stores(reader, only)
    if expected is not None and len(stores) != 1:
        message = "a head belongs to one chain: say which with --only STORE"
        raise UsageError(message)
    with screen.progress("verifying") as step:
        for store in stores:

            def progress(done: int, total: int, store: str = store) -> None:
                step(done, total, store)

            yield verify(reader, store, expected_head=expected, progress=progress)


def _stores(reader: LedgerReader, only: str) -> list[str]:
    stores = reader.stores()
    if only and only not in stores:
        message = f"{reader.path.name} has no chain of {only!r}; it has {', '.join(stores)}"
        raise UsageError(message)
    return [only] if only else stores


def _hash(text: str) -> bytes | None:
    try:
        read = bytes.fromhex(text)
    except ValueError:
        read = b"?"
    if text and len(read) != 32:
        message = f"{text!r} is no head: a head is 64 hexadecimal digits"
        raise UsageError(message)
    return read or None


def _show_record(screen: Screen, record: StoredRecord, local: Local) -> None:
    screen.give(record_json(record))
    screen.show(
        Text.assemble(
            (f"{record.store} {record.position:>6}  {local.day(record.time)}  ", "dim"),
            f"{record.type:<22}  {record.stream}",
            (f"  {gist(record, local)}", "dim"),
        )
    )
