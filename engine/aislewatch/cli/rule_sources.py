"""Where a command finds the rules that an incident's signals are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.loading import all_lists, read_rule
from aislewatch.cli.rule_check import rule_files
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import heard_by, with_signals
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

RulesPath = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE|DIR", help="The rules, where no store file names them."),
]


@dataclass(frozen=True)
class Sources:
    """Rules, and what goes with them.

    Attributes:
        setup: what the store file says; None where none was named.
        rules: by id.
        model: the shop as far as it is known.
        registry: the kinds of event.
    """

    setup: Setup | None
    rules: dict[str, Rule]
    model: StoreModel
    registry: Registry


def read_shop(store: Path | None) -> Setup | None:
    """Read what a store file says for whoever only shows what was found; None without one.

    Raises:
        FileMistakes: everything that is wrong with it.
        UsageError: it cannot be read.
    """
    return read_setup(store, shown_only=True) if store is not None else None


def read_sources(setup: Setup | None, zone: str, *paths: Path | None) -> Sources:
    """Give rules: those of a store file, and those of files and folders, which come first.

    Args:
        setup: what the store file says; None where none was named.
        zone: of the shop's days, as the ledger has it.
        paths: of the files and folders.

    Raises:
        FileMistakes: everything that is wrong with them.
        UsageError: they cannot be read.
    """
    rules = {rule.id: rule for rule in setup.rules} if setup is not None else {}
    texts = rule_files([path for path in paths if path is not None])
    named = [read_rule(text, file, setup, zone=zone) for file, text in texts.items()]
    rules |= {rule.id: rule for rule in named}
    heard = heard_by(rules.values())
    if setup is not None:
        return Sources(setup, rules, setup.model, with_signals(setup.registry, heard))
    lists = {
        name: members
        for file, text in texts.items()
        for name, members in all_lists(text, file).items()
    }
    return Sources(None, rules, StoreModel(lists=lists), with_signals(installed_registry(), heard))
