"""A rule file read the way an author's tools need it: for a store, or for no store in particular.

Without a store nobody can say which named lists there are, so all that a file names are; with one,
its lists, its kinds of event and its values for the rule's parameters count.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.rules.load import load_rule
from aislewatch.rules.macros import MACROS_NAME, PREFIX, Macros
from aislewatch.rules.params import LIST, unquoted
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import Entities, entities_of, mentioned
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import macros_of
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.site_params import names_of, placed

NONE: frozenset[str] = frozenset()
"""What is on a list of which only the name is known."""

_LISTS = re.compile(r"\blists\.([A-Za-z_][A-Za-z0-9_]*)")


def lists_in(text: bytes, file: str = "") -> frozenset[str]:
    """Give the named lists that a rule file speaks of, whether or not it can be read.

    Args:
        text: of the file.
        file: where it lies; what its macros speak of counts, too. Empty for nowhere.
    """
    shown = text.decode("utf-8", "replace")
    named = set(_LISTS.findall(shown))
    if file and PREFIX in shown:
        named |= lists_of(macros_of([file])[file])
    try:
        data: Any = LocatedYaml.parse(shown, "").data
    except FileMistakes:
        return frozenset(named)
    params = data.get("params") if is_mapping(data) else None
    for shape in params.values() if is_mapping(params) else ():
        if is_mapping(shape) and shape.get("select") == LIST and shape.get("default"):
            named.add(unquoted(str(shape["default"])))
    return frozenset(named)


def lists_of(macros: Macros) -> frozenset[str]:
    """Give the named lists that macros speak of."""
    return frozenset(_LISTS.findall(macros.texts))


def all_lists(text: bytes, file: str = "") -> dict[str, frozenset[str]]:
    """Give every list that a rule file speaks of, as :func:`lists_in`, with nothing on it."""
    return dict.fromkeys(sorted(lists_in(text, file)), NONE)


def rules_beside(text: bytes, file: str) -> dict[str, Entities]:
    """Give the rules in the folder of a rule file that speaks of signals, for it to speak of.

    Args:
        text: of the file.
        file: where it lies; rules in it are none beside it.
    """
    if not mentioned(text.decode("utf-8", "replace")):
        return {}
    own = {Path(file).name, MACROS_NAME}
    folder = sorted(path for path in Path(file).parent.glob("*.yml") if path.name not in own)
    return entities_of(path.read_text("utf-8", "replace") for path in folder)


def read_rule(
    text: bytes,
    file: str,
    setup: Setup | None = None,
    *,
    macros: Macros | None = None,
    today: date | None = None,
    zone: str = "UTC",
) -> Rule:
    """Read and check a rule file.

    Args:
        text: the file.
        file: its path, for messages.
        setup: the store that it is for.
        macros: that it may use; those beside it where None.
        today: an exception that ended before it is a mistake; not looked at where None.
        zone: of the shop's days, where all that is known of the store is its ledger.

    Raises:
        FileMistakes: everything that is wrong with it, and with what the store sets for it.
    """
    known = macros if macros is not None else macros_of([file])[file]
    if setup is None:
        return load_rule(
            text,
            file,
            installed_registry(),
            lists=all_lists(text, file),
            beside=rules_beside(text, file),
            macros=known,
            today=today,
            zone=zone,
        )
    try:
        return load_rule(
            text,
            file,
            setup.registry,
            lists=setup.model.lists,
            params=setup.params,
            params_file=str(setup.file),
            names=names_of(setup.model),
            beside=rules_beside(text, file),
            macros=known,
            today=today,
            zone=setup.timezone,
        )
    except FileMistakes as found:
        raise FileMistakes(_placed(found.mistakes, setup.file)) from None


def _placed(mistakes: list[Mistake], store_file: Path) -> list[Mistake]:
    """Give those that a store file is to blame for their places in it."""
    if all(mistake.file != str(store_file) for mistake in mistakes):
        return mistakes
    document = LocatedYaml.parse(store_file.read_text(encoding="utf-8"), str(store_file))
    return [placed(mistake, document) for mistake in mistakes]
