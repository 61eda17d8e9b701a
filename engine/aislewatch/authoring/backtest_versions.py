"""Which version a rule is held against: the one in force, another file, or one of the history.

``live`` is the version in force: the store's own rule of that id, and where the file at hand is
that rule, the file as it was last committed to git.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from aislewatch.authoring.backtest_hits import HIT_RECORDS, HitBook, Raised
from aislewatch.authoring.loading import read_rule
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.ledger import Ledger
from aislewatch.rules.macros import MACROS_NAME, NO_MACROS, Macros, read_macros
from aislewatch.rules.rule import Rule
from aislewatch.runtime.setup import Setup

LIVE: Final = "live"


class Against(NamedTuple):
    """What a rule is held against.

    Attributes:
        name: for people.
        rule: that version; None where it did not exist.
    """

    name: str
    rule: Rule | None


def version_of(setup: Setup, rule: Rule, against: str) -> Against:
    """Find what a rule is held against.

    Args:
        setup: of the shop.
        rule: the rule at hand; its ``file`` is a path.
        against: ``live``, a rule file, a folder that holds a rule of this id, or a git revision.

    Raises:
        UsageError: it cannot be found.
        FileMistakes: that version cannot be read any more.
    """
    file, path = Path(rule.file), Path(against)
    if against == LIVE:
        for own in setup.rules:
            if own.id == rule.id and not _same_file(Path(own.file), file):
                return Against(own.file, own)
        return _committed(setup, file, "HEAD")
    if path.is_dir():
        return Against(*_of_folder(setup, rule.id, path))
    if path.is_file():
        return Against(against, read_rule(path.read_bytes(), against, setup))
    return _committed(setup, file, against)


def past_of(ledger: Path, rule: str, zone: str) -> dict[str, Raised]:
    """Give what a rule really raised, by store, as a ledger tells it.

    Args:
        ledger: the file.
        rule: the rule's id.
        zone: the stores' time zone.

    Raises:
        UsageError: there is no such file.
        LedgerError: it cannot be read.
    """
    found: dict[str, Raised] = {}
    with Ledger.read(ledger) as reader:
        for store in reader.stores():
            book = HitBook(store, rule, zone)
            for record in reader.records(store, types=HIT_RECORDS):
                book.take(record)
            found[store] = book.raised()
    return found


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _of_folder(setup: Setup, rule: str, folder: Path) -> tuple[str, Rule]:
    for path in sorted(folder.rglob("*.yml")):
        text = path.read_bytes()
        try:
            document = LocatedYaml.parse(text.decode(), str(path))
        except (FileMistakes, UnicodeDecodeError):
            continue  # Another rule's mistakes are not what is asked for.
        data: object = document.data
        if is_mapping(data) and data.get("id") == rule:
            return str(path), read_rule(text, str(path), setup)
    message = f"{folder} holds no rule {rule!r}"
    raise UsageError(message)


def _committed(setup: Setup, file: Path, revision: str) -> Against:
    git = _git(file.resolve().parent)
    try:
        git("rev-parse", "--git-dir")
    except UsageError as error:
        message = f"nobody can say which version of {file} is in force: {error}; name it: "
        hint = "--against FILE, or --against FOLDER"
        raise UsageError(message + hint) from None
    try:
        commit = git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except UsageError:
        message = (
            f"--against {revision}: there is no such file or folder, and git knows no such revision"
        )
        raise UsageError(message) from None
    name = f"{revision} ({commit.decode().strip()[:9]})"
    try:
        text = git("show", f"{commit.decode().strip()}:./{file.name}")
    except UsageError:
        return Against(name, None)
    macros = _committed_macros(git, commit.decode().strip(), revision, file)
    return Against(name, read_rule(text, f"{revision}:{file}", setup, macros=macros))


def _committed_macros(git: Callable[..., bytes], commit: str, revision: str, file: Path) -> Macros:
    """Give the macros that a file went by then: those in its folder, or the nearest above it."""
    prefix = git("rev-parse", "--show-prefix").decode().strip()
    folder = PurePosixPath(prefix)
    for above in (folder, *folder.parents):
        path = str(above / MACROS_NAME)
        try:
            text = git("show", f"{commit}:{path}")
        except UsageError:
            continue
        return read_macros(text, f"{revision}:{path}")
    return NO_MACROS


def _git(folder: Path) -> Callable[..., bytes]:
    def run(*words: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, check=False
            )
        except FileNotFoundError:
            message = "git is not installed"
            raise UsageError(message) from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            message = lines[0].removeprefix("fatal: ") if lines else "git says nothing"
            raise UsageError(message)
        return done.stdout

    return run
