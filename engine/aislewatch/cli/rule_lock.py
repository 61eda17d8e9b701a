"""``aislewatch rules lock``: what each rule means and which version that is, in a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from aislewatch.authoring.locking import lock_warnings, read_all
from aislewatch.cli import options
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.rules.lock import LOCK_NAME, Difference, differences, updated, written
from aislewatch.rules.rule import Status
from aislewatch.runtime.rule_folder import lock_in


def lock_rules(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="The rules' folder.", show_default=True)
    ] = Path("rules"),
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; say where the lock is not up to date."),
    ] = False,
    json: options.Json = False,
) -> int:
    """Write down what each rule means, so that a change is seen and has a number."""
    screen = Screen(json=json)
    if not folder.is_dir():
        message = f"{folder} is no folder"
        raise UsageError(message)
    texts = rule_files([folder])
    rules = read_all(texts)
    path = folder / LOCK_NAME
    before = lock_in(path)
    changes = list(differences(before, rules))
    if check:
        for warning in lock_warnings(rules, texts, [folder]) if path.exists() else ():
            screen.show(Text(warning.render()))
    else:
        text = written(updated(before, rules))
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
        rows = [(one.rule, _shown(one)) for one in changes]
        screen.show(*(Text(line) for line in (aligned(rows) if rows else ())))
    screen.show(_verdict(path, len(rules), len(changes), check=check))
    screen.give({"file": str(path), "changes": [asdict(one) for one in changes]})
    return 1 if check and changes else 0


def _shown(change: Difference) -> str:
    if change.now is None:
        return f"{_as_locked(change.was)} -> gone"
    return f"{_as_locked(change.was)} -> {_as_locked(change.now)}"


def _as_locked(entry: tuple[int, Status] | None) -> str:
    return "new" if entry is None else f"version {entry[0]}, {entry[1]}"


def _verdict(path: Path, rules: int, changes: int, *, check: bool) -> str:
    if not changes:
        return f"{path}: {count(rules, 'rule')}, up to date"
    if check:
        what = f"not up to date in {count(changes, 'place')}" if path.exists() else "not there yet"
        return f"{path}: {what}; write it with: aislewatch rules lock {path.parent}"
    return f"{path}: {count(rules, 'rule')}, {count(changes, 'change')} written"
