"""The lock file held against the rules it is for: what it does not say of them, where and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from aislewatch.authoring.loading import NONE, lists_in, lists_of
from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.rules.load import load_rules
from aislewatch.rules.lock import LOCK_NAME, Difference, differences
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import lock_in, locks_of, macros_of


def read_all(texts: Mapping[str, bytes]) -> list[Rule]:
    """Read the rules of a folder, whatever lists they name.

    Raises:
        FileMistakes: everything that is wrong with them, and two of one name.
    """
    macros = macros_of(texts)
    named = {name: NONE for text in texts.values() for name in lists_in(text)}
    named |= {name: NONE for one in macros.values() for name in lists_of(one)}
    return load_rules(texts, installed_registry(), lists=named, macros=macros)


def lock_warnings(
    rules: Sequence[Rule], texts: Mapping[str, bytes], folders: Collection[Path]
) -> list[Mistake]:
    """Say where the lock files beside some rules are not what the rules are.

    Args:
        rules: checked.
        texts: their files, by path.
        folders: those of which all rules are there, so that a lock that holds more is wrong.

    Raises:
        UsageError: a lock file cannot be read.
        FileMistakes: all that is wrong with one.
    """
    whole = {folder.resolve() for folder in folders}
    by_file = {Path(rule.file): rule for rule in rules}
    found: list[Mistake] = []
    for path, files in locks_of(by_file).items():
        lock, here = lock_in(path), [by_file[file] for file in files]
        for difference in differences(lock, here):
            if difference.what != "gone":
                (rule,) = (one for one in here if one.id == difference.rule)
                found.append(_at_rule(rule, texts[rule.file], difference, path))
            elif path.parent in whole:
                found.append(_at_entry(path, difference))
    return found


def _at_rule(rule: Rule, text: bytes, difference: Difference, path: Path) -> Mistake:
    was, now = difference.was, difference.now
    assert now is not None
    key = "id"
    if was is None:
        message = f"{LOCK_NAME} does not know this rule"
    elif difference.what == "meaning":
        message = f"the rule is another than version {was[0]}, which {LOCK_NAME} still holds"
    else:
        key, message = "status", f"the status is {now[1]}, {LOCK_NAME} says {was[1]}"
    place = LocatedYaml.parse(text.decode(), rule.file)
    hint = f"aislewatch rules lock {_shown(path.parent)}"
    return place.mistake((key,), message, hint=hint, severity="warning")


def _at_entry(path: Path, difference: Difference) -> Mistake:
    document = LocatedYaml.parse(path.read_text(encoding="utf-8"), _shown(path))
    message = f"there is no rule {difference.rule!r} any more"
    hint = f"aislewatch rules lock {_shown(path.parent)}"
    place = ("rules", difference.rule)
    return document.mistake(place, message, hint=hint, on_key=True, severity="warning")


def _shown(path: Path) -> str:
    """Give a path as short as it can be written here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
