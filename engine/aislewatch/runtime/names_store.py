"""Whose a pseudonym is: a file from which anybody can be taken without a trace.

A number is kept as a keyed digest, and its pseudonym is drawn by lot: without this file nothing
leads from one to the other, however many numbers somebody tries.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from aislewatch.runtime.erasable import ErasableFile

_FORMAT: Final = 1
_KEY_BYTES: Final = 32
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_LETTERS_OF_A_NAME: Final = 12
USED_US: Final = 86_400_000_000
"""When a name was used is kept by the day: nobody needs to know it better."""

_TABLES: Final = (
    "CREATE TABLE secret (key BLOB NOT NULL) STRICT",
    """CREATE TABLE name (
    kind TEXT NOT NULL, digest BLOB NOT NULL, pseudonym TEXT NOT NULL UNIQUE,
    used_us INTEGER NOT NULL, PRIMARY KEY (kind, digest)
) STRICT""",
)


class NamesFile(ErasableFile):
    """The file of names, opened; see :class:`aislewatch.runtime.erasable.ErasableFile`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "a file of names", _TABLES, _FORMAT)
        self._key = self._secret()

    def name(self, kind: str, text: str, now_us: int) -> str:
        """Give somebody's pseudonym; a new one where there is none.

        A pseudonym is its own: what a device has heard of others at its store, and tells again,
        names the same person still.

        Args:
            kind: what the text names: a cashier, a customer.
            text: the number.
            now_us: the time.
        """
        digest = self._digest(kind, text)
        found = self._row(kind, digest)
        if found is None and self._is_pseudonym(kind, text):
            return text
        if found is None:
            drawn = "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_OF_A_NAME))
            self.base.execute(
                # Another process may have been quicker: then its draw stands.
                "INSERT OR IGNORE INTO name VALUES (?, ?, ?, ?)",
                (kind, digest, f"{kind}-{drawn}", now_us - now_us % USED_US),
            )
            found = self._row(kind, digest)
            assert found is not None
        pseudonym, used_us = found
        if now_us >= used_us + USED_US:
            self.base.execute(
                "UPDATE name SET used_us = ? WHERE kind = ? AND digest = ?",
                (now_us - now_us % USED_US, kind, digest),
            )
        return pseudonym

    def find(self, kind: str, text: str) -> str | None:
        """Give somebody's pseudonym; None where they have none."""
        found = self._row(kind, self._digest(kind, text))
        return None if found is None else found[0]

    def unused_since(self, time_us: int) -> list[str]:
        """Give the pseudonyms that were not used since some time."""
        rows = self.base.execute(
            "SELECT pseudonym FROM name WHERE used_us < ? ORDER BY pseudonym", (time_us,)
        )
        return [pseudonym for (pseudonym,) in rows]

    def erase(self, pseudonym: str) -> None:
        """Forget whose a pseudonym is; inside of a `change`."""
        self.base.execute("DELETE FROM name WHERE pseudonym = ?", (pseudonym,))

    def _row(self, kind: str, digest: bytes) -> tuple[str, int] | None:
        row: tuple[str, int] | None = self.base.execute(
            "SELECT pseudonym, used_us FROM name WHERE kind = ? AND digest = ?", (kind, digest)
        ).fetchone()
        return row

    def _is_pseudonym(self, kind: str, text: str) -> bool:
        row = self.base.execute(
            "SELECT 1 FROM name WHERE kind = ? AND pseudonym = ?", (kind, text)
        ).fetchone()
        return row is not None

    def _digest(self, kind: str, text: str) -> bytes:
        return hashlib.blake2b(f"{kind}\0{text}".encode(), digest_size=32, key=self._key).digest()

    def _secret(self) -> bytes:
        with self.change():
            row = self.base.execute("SELECT key FROM secret").fetchone()
            if row is None:
                key = secrets.token_bytes(_KEY_BYTES)
                self.base.execute("INSERT INTO secret VALUES (?)", (key,))
                return key
        found: bytes = row[0]
        return found
