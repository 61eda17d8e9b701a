"""``aislewatch rules read``: rules as English sentences."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from rich.text import Text

from aislewatch.authoring.loading import read_rule
from aislewatch.cli import options
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.rule_sentences import page_of
from aislewatch.cli.screen import Screen
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.rules.english import english
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import stamped
from aislewatch.runtime.storefile import read_setup

_WIDEST = 100


def read_rules(
    files: options.RuleFiles,
    store: Annotated[
        Path | None,
        options.store_option("The store they are for: its parameters and its lateness count."),
    ] = None,
    json: options.Json = False,
) -> int:
    """Say in English what rules decide, for review."""
    screen = Screen(json=json)
    setup = read_setup(store) if store is not None else None
    kinds = (setup.registry if setup is not None else installed_registry()).kinds
    mistakes: list[Mistake] = []
    read: list[Rule] = []
    for file, text in rule_files(files).items():
        try:
            read.append(read_rule(text, file, setup))
        except FileMistakes as found:
            mistakes += found.mistakes
    if mistakes:
        raise FileMistakes(mistakes)
    rules = stamped(read)
    lateness_us = setup.lateness_us if setup is not None else None
    told = [english(rule, kinds, lateness_us) for rule in rules]
    for rule, one in zip(rules, told, strict=True):
        width = min(screen.width, _WIDEST)
        screen.show(Text(_heading(rule), "bold"))
        screen.show(*(Text(line) for line in page_of(one, width)), "")
    screen.give(
        {
            "rules": [
                {
                    "file": rule.file,
                    "status": rule.status,
                    "severity": rule.severity,
                    "owner": rule.owner,
                    "version": rule.version,
                    "meaning": rule.meaning,
                    **asdict(one),
                }
                for rule, one in zip(rules, told, strict=True)
            ]
        }
    )
    return 0


def _heading(rule: Rule) -> str:
    version = f", version {rule.version}" if rule.version is not None else ""
    owner = f", of {rule.owner}" if rule.owner else ""
    return f"{rule.id}: {rule.title} ({rule.severity}{version}{owner})"
