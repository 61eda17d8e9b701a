"""Which files of a folder of recordings a feed's are: what it names, or what has their form.

A replay of a folder plays that folder and nothing else. A recording of another month is seldom
called as the store file calls its own; so a feed of whose patterns none finds anything there plays
all files of their form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from glob import escape
from pathlib import Path, PurePath

from aislewatch.errors import UsageError
from aislewatch.runtime.datafolder import VARIABLE


def files_of_feeds(
    folder: Path, wanted: Mapping[str, Sequence[str]], catalogues: Collection[str] = ()
) -> dict[str, list[str]]:
    """Find the files of each feed in a folder of recordings, and nowhere else.

    Args:
        folder: of the recordings.
        wanted: by feed, its patterns as the store file has them.
        catalogues: names of files that are no recordings, whatever form they have.

    Returns:
        By feed, absolute patterns for its plugin to find.

    Raises:
        UsageError: a feed has no files there, or it cannot be told which of several feeds' they
            are; names the pattern.
    """
    inside = {
        feed: [_inside(folder, pattern) for pattern in patterns]
        for feed, patterns in wanted.items()
    }
    found = {
        feed: [f for one in patterns for f in _files(folder, one)]
        for feed, patterns in inside.items()
    }
    named = {file for files in found.values() for file in files}
    given: dict[str, list[str]] = {}
    taken: dict[Path, str] = {}
    for feed, patterns in inside.items():
        if found[feed]:
            # A pattern that finds nothing beside those that do is for the plugin to tell.
            given[feed] = [_absolute(folder, one) for one in patterns]
            continue
        endings = {PurePath(pattern).suffix.lower() for pattern in patterns}
        alike = [
            file
            for file in sorted(folder.iterdir())
            if file.is_file()
            and file.suffix.lower() in endings
            and file not in named
            and file.name not in catalogues
        ]
        if not alike:
            message = (
                f"{folder} holds no recording of feed {feed!r}: no file there is called "
                f"{' or '.join(patterns)}, and none ends in {' or '.join(sorted(endings))}"
            )
            raise UsageError(message)
        twice = next((file for file in alike if file in taken), None)
        if twice is not None:
            message = (
                f"whether {twice} is a recording of feed {taken[twice]!r} or of {feed!r} is not "
                f"told: call it {' or '.join(patterns)} for {feed!r}"
            )
            raise UsageError(message)
        taken |= dict.fromkeys(alike, feed)
        given[feed] = [_absolute(folder, escape(file.name)) for file in alike]
    return given


def _inside(folder: Path, pattern: str) -> str:
    """Give a pattern as one of the folder: that behind ``$data``, or a file's name."""
    rest = pattern.removeprefix(VARIABLE).lstrip("/")
    if pattern.startswith(f"{VARIABLE}/") and _files(folder, rest):
        return rest
    return PurePath(pattern).name


def _files(folder: Path, pattern: str) -> list[Path]:
    if ".." in PurePath(pattern).parts:
        return []
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _absolute(folder: Path, pattern: str) -> str:
    return f"{escape(str(folder.absolute()))}/{pattern}"
