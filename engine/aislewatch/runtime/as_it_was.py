"""What a run decided by, as its folder tells: what each store began with, and was reloaded to.

With it a replay of the run's archive goes over to other rules where the run did, and comes to the
run's own ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from aislewatch.errors import UsageError
from aislewatch.events.kinds import StoreReloaded
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import CLOCK_DEVICE
from aislewatch.runtime.archive_line import StreamMessage, store_of
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_history import SetupHistory
from aislewatch.runtime.setup_shelf import FOLDER, SetupShelf


class RunPast:
    """The setups of a run that is over.

    Args:
        folder: the run's.

    Raises:
        UsageError: no run has kept there by what its stores began.

    Attributes:
        folder: the one given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shelf = SetupShelf(folder / FOLDER)
        self._history = SetupHistory(self._shelf.folder)
        self._entries = self._history.entries()
        if not self._entries:
            what = (
                "it does not tell by which rules the run began"
                if self._shelf.folder.is_dir()
                else "no run has kept its rules there"
            )
            message = (
                f"{folder}: {what}, so nobody can decide as it was; name the --folder of the run, "
                "or the one beside its ledger, or replay by the rules at hand"
            )
            raise UsageError(message)

    def shown(self) -> Setup:
        """Give a setup for what all of a run's have in common to people: its time zone, its money.

        Raises:
            UsageError: it is gone.
        """
        return self.kept(self._entries[-1].meaning)

    def beginning(self, store: str, sequence: int) -> Setup | None:
        """Give by what a store began; None where it was none of the run's.

        Args:
            store: its id.
            sequence: of its first message.

        Raises:
            UsageError: it is gone.
        """
        began = self._history.beginning(store, sequence)
        if began is None:
            return None
        return self._kept(began.meaning, f"which {store} began with at {sequence}")

    def kept(self, meaning: str) -> Setup:
        """Give the setup of a meaning.

        Raises:
            UsageError: it is gone.
        """
        return self._kept(meaning, "of the run")

    def require_all(self, messages: Iterable[StreamMessage]) -> None:
        """See that what the reloads among some messages name is there.

        Raises:
            UsageError: something is gone; says what, and where it was gone over to.
        """
        for message in messages:
            if message.subject.endswith(_RELOADED):
                with suppress(msgspec.MsgspecError):  # What is no event is refused as it was.
                    told = msgspec.json.decode(message.payload, type=_Reloaded)
                    use = f"which {store_of(message.subject)} went over to at {message.sequence}"
                    self._kept(told.meaning, use)

    def _kept(self, meaning: str, use: str) -> Setup:
        try:
            return self._shelf.get(meaning)
        except UsageError as error:
            message = (
                f"{error}; these are the rules {use}, and without them nobody can decide as it was"
            )
            raise UsageError(message) from None


_RELOADED = f".{CLOCK_DEVICE}.{type_of(StoreReloaded)}"


class _Reloaded(msgspec.Struct):
    meaning: str
