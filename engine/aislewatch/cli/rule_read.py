"""``aislewatch rules read``: rules as English sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from aislewatch.authoring.loading import read_rule
from aislewatch.cli import options
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.screen import Screen
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.rules.english import English, Statement, english
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import stamped
from aislewatch.runtime.storefile import read_setup

_WIDEST = 100


def read_rules(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Rule files, or folders of them.")
    ],
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="STORE.yml",
            help="The store they are for: its parameters and its lateness count.",
        ),
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
        screen.show(*(Text(line) for line in page(one, width)), "")
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


def page(told: English, width: int = _WIDEST) -> list[str]:
    """Set a rule's sentences in lines of a width."""
    lines = _wrapped(told.when, width, "")
    if told.match:
        lines.append("It holds where (what is unknown meets no condition)")
        lines += _numbered(told.match, width, "  ", "{}.")
    if told.unless:
        lines.append("and nothing excuses it:")
        for excuse in told.unless:
            lines += _wrapped(excuse, width, "  - ", "    ")
    for need in told.requires:
        lines += _wrapped(need, width, "")
    lines += _wrapped(told.answers, width, "")
    for sentence in told.then:
        lines += _wrapped(sentence, width, "")
    if told.params:
        facts = ", ".join(f"{name} = {written}" for name, written in told.params.items())
        lines += _wrapped(f"Parameters: {facts}.", width, "", "  ")
    for type_, doc in told.events.items():
        lines += _wrapped(f"{type_}: {doc}", width, "  ", "      ")
    return lines


def _numbered(
    statements: tuple[Statement, ...], width: int, indent: str, mark: str
) -> Iterator[str]:
    for number, statement in enumerate(statements, 1):
        name = mark.format(number if mark == "{}." else chr(ord("a") + number - 1))
        yield from _wrapped(statement.text, width, f"{indent}{name} ", f"{indent}   ")
        if statement.parts:
            yield from _numbered(statement.parts, width, f"{indent}   ", "{})")


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _heading(rule: Rule) -> str:
    version = f", version {rule.version}" if rule.version is not None else ""
    owner = f", of {rule.owner}" if rule.owner else ""
    return f"{rule.id}: {rule.title} ({rule.severity}{version}{owner})"
