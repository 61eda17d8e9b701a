"""Rule files as they lie in folders: which of them count, and the lock and macros beside them.

A folder ``blueprints`` holds files to make rules from, and no rules of a shop; it counts only where
it is named itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from aislewatch.errors import UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.rules.lock import LOCK_NAME, Lock, read_lock
from aislewatch.rules.macros import MACROS_NAME, NO_MACROS, Macros, read_macros
from aislewatch.rules.rule import Rule

BLUEPRINTS = "blueprints"
"""What a folder of blueprints is called."""


def rules_in(path: Path) -> list[Path]:
    """Give the rule files of a folder and of the folders in it, in order; of a file, itself."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*.yml") if file.name != MACROS_NAME)
    return [file for file in found if BLUEPRINTS not in file.relative_to(path).parts[:-1]]


def lock_path(file: Path) -> Path | None:
    """Give the lock file of a rule file: in its folder, or the nearest one above it.

    None where there is none, and for blueprints, which have no versions.
    """
    folder = file.resolve().parent
    if folder.name == BLUEPRINTS:
        return None
    candidates = (above / LOCK_NAME for above in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def macros_path(file: Path) -> Path | None:
    """Give the file of macros of a rule file: in its folder, or the nearest one above it."""
    folder = file.resolve().parent
    candidates = (above / MACROS_NAME for above in (folder, *folder.parents))
    found = next((path for path in candidates if path.is_file()), None)
    here = Path.cwd()
    return found.relative_to(here) if found is not None and found.is_relative_to(here) else found


def macro_texts(files: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Give the files of macros of rule files, by rule file: path and content; of those with one.

    Raises:
        UsageError: a file of macros cannot be read.
    """

    @cache
    def read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            message = f"the macros in {path} cannot be read: {error.strerror}"
            raise UsageError(message) from None

    places = {file: macros_path(Path(file)) for file in files}
    return {file: (str(path), read(path)) for file, path in places.items() if path is not None}


def macros_of(
    files: Iterable[str], texts: Mapping[str, tuple[str, bytes]] | None = None
) -> dict[str, Macros]:
    """Read the macros of rule files, by rule file; those of one folder are one and the same.

    Args:
        files: the rule files.
        texts: what `macro_texts` gave for them; not said: they are looked for.

    Raises:
        UsageError: a file of macros cannot be read.
    """
    files = list(files)
    found = macro_texts(files) if texts is None else texts
    read = {path: read_macros(text, path) for path, text in set(found.values())}
    return {file: read[found[file][0]] if file in found else NO_MACROS for file in files}


def lock_in(path: Path) -> Lock:
    """Read a lock file; an empty lock where there is none.

    Raises:
        UsageError: it cannot be read.
        FileMistakes: all that is wrong with it.
    """
    if not path.exists():
        return Lock()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"lock file {path} cannot be read: {reason}"
        raise UsageError(message) from None
    return read_lock(LocatedYaml.parse(text, str(path)))


def stamped(rules: Sequence[Rule]) -> list[Rule]:
    """Give rules their versions, as the lock files beside them say.

    Raises:
        UsageError: a lock file cannot be read.
        FileMistakes: all that is wrong with one.
    """
    known = cache(lock_in)
    made: list[Rule] = []
    for rule in rules:
        path = lock_path(Path(rule.file))
        version = known(path).version_of(rule) if path is not None else None
        made.append(replace(rule, version=version))
    return made


def locks_of(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Give rule files by the lock file that is theirs; those without one are left out."""
    found: dict[Path, list[Path]] = {}
    for file in files:
        path = lock_path(file)
        if path is not None:
            found.setdefault(path, []).append(file)
    return found
