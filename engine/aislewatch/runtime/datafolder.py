"""``$data`` in a store file: data that lies elsewhere, at another place on every machine."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aislewatch.errors import UsageError

VARIABLE = "$data"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """What ``$data`` stands for at the beginning of a path.

    Attributes:
        base: folder that other paths begin from.
        first: folders that are looked into first, for catalogues; recordings that a command names a
            folder for come from there alone (`aislewatch.runtime.recorded_files`).
        last: the folder that it stands for otherwise; None where none is known.
    """

    base: Path
    first: Sequence[Path] = ()
    last: Path | None = None

    def file(self, written: str) -> Path:
        """Give the path of a file that the store file names.

        Raises:
            UsageError: it begins with ``$data``, and nothing says where that is.
        """
        return Path(self._filled(written)) if _is_ours(written) else self._plain(written)

    def fill(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Give a configuration with ``$data`` filled in wherever a text begins with it.

        Raises:
            UsageError: nothing says where ``$data`` is.
        """
        return {key: self._filled(value) for key, value in config.items()}

    def _plain(self, written: str) -> Path:
        return Path(os.path.normpath(self.base / written))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.fill(cast("dict[str, Any]", value))
        if isinstance(value, list):
            return [self._filled(item) for item in cast("Sequence[Any]", value)]
        if not isinstance(value, str) or not _is_ours(value):
            return value
        rest = value.removeprefix(VARIABLE).lstrip("/")
        places = [*self.first, *([self.last] if self.last is not None else [])]
        if not places:
            message = f"nothing says where {VARIABLE} is: write 'data: folder', or give --data DIR"
            raise UsageError(message)
        there = (place for place in places if next(place.glob(rest or "*"), None) is not None)
        return str((next(there, places[-1]) / rest).absolute())


def _is_ours(written: str) -> bool:
    return written == VARIABLE or written.startswith(f"{VARIABLE}/")
