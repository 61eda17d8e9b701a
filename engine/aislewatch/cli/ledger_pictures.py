"""Whether the pictures that a ledger names are what was kept, as ``ledger verify`` tells it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import LedgerDamaged
from aislewatch.ledger import LedgerReader
from aislewatch.runtime.picture_check import PictureCheck, check_pictures, unnamed_in


@dataclass(frozen=True)
class Looked:
    """What looking at pictures found.

    Attributes:
        folder: where they are.
        checks: of the stores whose ledger names any.
        unnamed: files that no record of the ledger names, or none yet.
    """

    folder: Path
    checks: Sequence[PictureCheck]
    unnamed: int

    @property
    def sound(self) -> bool:
        """Whether every picture is as the records say."""
        return all(check.sound for check in self.checks)

    def json(self) -> dict[str, Any]:
        """Give it for scripts."""
        return {"folder": str(self.folder), "stores": self.checks, "unnamed": self.unnamed}

    def show(self, screen: Screen) -> None:
        """Show it; nothing where there are no pictures."""
        for check in self.checks:
            said = [f"{check.whole:,} as kept", f"{check.deleted:,} deleted on record"]
            if not check.sound:
                said.append(count(check.fault_count, "fault"))
            line = f"{check.store}: {count(check.named, 'picture')}: {', '.join(said)}"
            screen.show(Text(line, "" if check.sound else "bold red"))
            for fault in check.faults:
                screen.show(Text(f"{check.store} picture: {fault.kind}: {fault.message}"))
            hidden = check.fault_count - len(check.faults)
            if hidden:
                screen.show(f"{check.store}: and {count(hidden, 'more fault')}")
        if self.unnamed:
            files = count(self.unnamed, "file")
            screen.say(f"{files} in {self.folder} that no record names; privacy purge deletes them")
        if not self.sound and not self.folder.exists():
            screen.say(
                f"there is no folder {self.folder}: a replay has no pictures of its own, and a "
                "ledger that was copied has left them behind; say --pictures FOLDER or "
                "--no-pictures"
            )


def look_at_pictures(
    reader: LedgerReader, stores: Sequence[str], folder: Path, screen: Screen
) -> Looked:
    """Look at each picture that a ledger names.

    Args:
        reader: of the ledger.
        stores: whose pictures; none: they are left out.
        folder: where they are.
        screen: for the progress.
    """
    checks: list[PictureCheck] = []
    with screen.progress("looking at pictures") as step:
        for store in stores:

            def progress(done: int, total: int, store: str = store) -> None:
                step(done, total, store)

            check = check_pictures(reader, store, folder, progress)
            if check.named or check.faults:
                checks.append(check)
    unnamed = 0
    if stores:
        with suppress(LedgerDamaged):  # Said already, of the store whose record it is.
            unnamed = unnamed_in(reader, folder)
    return Looked(folder, checks, unnamed)
