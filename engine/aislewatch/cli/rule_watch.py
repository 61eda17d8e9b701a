"""``aislewatch rules check --watch``: rules checked again whenever one of their files is saved.

Editors save in many ways: in place, by another file that takes the old one's place, twice in a row.
So a change in a folder only says when to look, and what the files are says whether to act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

from watchfiles import watch

from aislewatch.cli.screen import Screen
from aislewatch.errors import FileMistakes, MistakeError
from aislewatch.rules.lock import LOCK_NAME
from aislewatch.rules.macros import MACROS_NAME
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.rule_folder import lock_path, macros_path, rules_in

_BESIDE: Final = (LOCK_NAME, MACROS_NAME)
"""Files beside rules that need not be there yet."""

_LOOK_MS: Final = 1_000
"""How often to look without being told: what was saved while somebody was at work is not told."""

_SETTLE_MS: Final = 100
"""How long an editor that is saving must have been still."""

Stamps = Mapping[Path, tuple[int, int]]
"""When each file was written last, in nanoseconds, and its size; of those that are there."""


def at_each_save(
    files: Callable[[], Iterable[Path]], act: Callable[[], None], stop: Event | None = None
) -> None:
    """Act at once, and again after each save; returns on Ctrl-C.

    Args:
        files: gives those that matter, and may give others each time; they need not be there.
        act: what to do.
        stop: ends it, too.
    """
    try:
        while stop is None or not stop.is_set():
            _watch_folders(files, act, stop)
    except KeyboardInterrupt:
        return


def checked_files(paths: Sequence[Path], store: Path | None) -> list[Path]:
    """Give the files that checking rules looks at: rules, their macros and locks, the store file.

    Args:
        paths: rule files, or folders of them.
        store: the store file; None for none.
    """
    found = [file for path in paths for file in (rules_in(path) if path.is_dir() else [path])]
    # A folder without rules is looked into all the same: the first may come.
    beside = {folder / name for folder in paths if folder.is_dir() for name in _BESIDE}
    for file in found:
        beside |= {near for near in (lock_path(file), macros_path(file)) if near is not None}
        beside |= {file.parent / name for name in _BESIDE}
    return [*found, *sorted(beside), *([store] if store is not None else [])]


def check_again(screen: Screen, check: Callable[[], object]) -> None:
    """Check on a screen of its own, whatever is wrong with the files."""
    screen.clear()
    try:
        check()
    except FileMistakes as error:
        screen.give({"mistakes": [asdict(mistake) for mistake in error.mistakes]})
        screen.show(str(error))
    except MistakeError as error:
        screen.give({"error": str(error)})
        screen.show(str(error))
    now = datetime.fromtimestamp(SystemClock().now_us() / 1_000_000, UTC).astimezone()
    screen.say(f"checked at {now:%H:%M:%S}, and again at each save; Ctrl-C ends it")


def _watch_folders(
    files: Callable[[], Iterable[Path]], act: Callable[[], None], stop: Event | None
) -> None:
    """Act now and after each save, for as long as the same folders matter."""
    seen = _stamps(files())
    folders = _folders(files())
    act()
    for _ in watch(
        *folders,
        watch_filter=None,
        recursive=False,
        debounce=_SETTLE_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stop,
    ):
        now = _stamps(files())
        if now == seen:
            continue
        if _folders(files()) != folders:
            return
        seen = now
        act()


def _stamps(files: Iterable[Path]) -> Stamps:
    found: dict[Path, tuple[int, int]] = {}
    for file in files:
        try:
            told = file.stat()
        except OSError:
            continue  # Being saved at this moment, or away.
        found[file] = (told.st_mtime_ns, told.st_size)
    return found


def _folders(files: Iterable[Path]) -> list[Path]:
    return sorted({file.absolute().parent for file in files if file.absolute().parent.is_dir()})
