"""By which setups a run began with each store: what its log does not tell, kept beside the setups.

A reload is a message of the log, and so is a start by other files than before. By what a store
began stands in no message, for there is none before its first. It is noted here at each start, and
at each reload for the stores that are heard of later, with how far the stream then reached::

    <folder>/history.jsonl
    {"stores":["s1"],"meaning":"8c1f...09","after":0}
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from aislewatch.errors import UsageError
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_shelf import write_whole

FILE: Final = "history.jsonl"


class Began(msgspec.Struct, frozen=True, kw_only=True):
    """A setup that was put in force.

    Attributes:
        stores: that it is for; empty: every store that events name.
        meaning: of the setup.
        after: the last sequence number of the stream then, of whatever store; 0 where it was empty.
    """

    stores: tuple[str, ...]
    meaning: str
    after: int

    def accepts(self, store: str) -> bool:
        """Say whether it is for a store."""
        return not self.stores or store in self.stores


class SetupHistory:
    """What was put in force, in its order.

    Args:
        folder: of the shelf that keeps the setups.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def note(self, setup: Setup, after: int) -> None:
        """Note that a setup is in force from here on; on disk when this returns."""
        entries = self.entries()
        last = [one.meaning for one in entries if one.stores == setup.stores][-1:]
        if last == [setup.meaning]:
            return
        entries.append(Began(stores=setup.stores, meaning=setup.meaning, after=after))
        write_whole(self._path, msgspec.json.Encoder().encode_lines(entries))

    def entries(self) -> list[Began]:
        """Give all that was noted; nothing where no run has noted anything yet.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            return msgspec.json.Decoder(Began).decode_lines(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            message = f"{self._path} cannot be read: {error.strerror}"
            raise UsageError(message) from None
        except msgspec.MsgspecError:
            message = (
                f"{self._path} is damaged, or another version of Aislewatch wrote it: put it back "
                "from a backup, or take it away, and what was before cannot be replayed as it was"
            )
            raise UsageError(message) from None

    def latest(self, store: str) -> Began | None:
        """Give what was put in force last for a store; None where that is not known."""
        fitting = [one for one in self.entries() if one.accepts(store)]
        return fitting[-1] if fitting else None

    def beginning(self, store: str, sequence: int) -> Began | None:
        """Give by what the messages of a store were first decided on; None where nothing was.

        Args:
            store: its id.
            sequence: of its first message. Where nothing was in force for the store then, it was
                left for what came to be.
        """
        fitting = [one for one in self.entries() if one.accepts(store)]
        before = [one for one in fitting if one.after < sequence]
        return before[-1] if before else fitting[0] if fitting else None
