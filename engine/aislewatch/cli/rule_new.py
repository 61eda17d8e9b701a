"""``aislewatch rules new``: a rule of its own, made of a blueprint."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Annotated, NamedTuple

import typer
from rich.text import Text

from aislewatch.authoring.blueprints import (
    Blueprint,
    find_blueprint,
    made_of,
    shipped_blueprints,
    strangers,
)
from aislewatch.authoring.loading import NONE, all_lists, lists_of, rules_beside
from aislewatch.authoring.macro_moves import macros_for, needed_by, with_macros
from aislewatch.authoring.trial import Trial, try_rule
from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.rules.load import load_rule
from aislewatch.rules.macros import read_macros
from aislewatch.rules.model import ParamShape
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.storefile import read_setup

_ID = re.compile(r"[a-z][a-z0-9-]*")
_LIST_WIDTH = 80


def new_rule(
    blueprint: Annotated[
        str,
        typer.Option("--from", metavar="BLUEPRINT", help="A name from --list, or a rule file."),
    ] = "",
    rule: Annotated[str, typer.Option("--id", metavar="ID", help="The new rule's name.")] = "",
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter's value; can be repeated."),
    ] = None,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="What the new rule finds.")
    ] = "",
    owner: Annotated[
        str, typer.Option("--owner", metavar="NAME", help="Who answers for the new rule.")
    ] = "",
    store: Annotated[
        Path | None, options.store_option("The store it is for: must have what is named.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="rules/ID.yml where there is such a folder."),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Write it also where tests fail, to be mended by hand."),
    ] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Show what there is to choose.")] = False,
    json: options.Json = False,
) -> int:
    """Make a rule of a blueprint: a draft in a file of its own, with its tests."""
    screen = Screen(json=json)
    if list_all:
        return _list(screen)
    asked = sys.stdin.isatty() and not json
    if not blueprint and asked:
        blueprint = typer.prompt("blueprint (see --list)", err=True)
    if not blueprint:
        message = "--from is missing; see what there is: aislewatch rules new --list"
        raise UsageError(message)
    chosen = find_blueprint(blueprint)
    given = _values(values or [])
    if not rule and asked:
        rule = typer.prompt("id of the new rule", err=True)
        given = _ask(chosen, given)
    file = _file_of(rule, out)
    text = made_of(chosen, rule, given, title=title, owner=owner, file=str(file))
    if store is not None:
        missing = list(strangers(chosen, given, read_setup(store, shown_only=True)))
        if missing:
            raise UsageError("\n".join(missing))
    macros = _macros(chosen, file)
    trial = _tried(text, file, macros)
    if not trial.passed and not anyway:
        return _refused(screen, trial)
    _write(screen, text, file, macros, trial)
    return 0


def _file_of(rule: str, out: Path | None) -> Path:
    """Give the file that a new rule goes into, which is not there yet."""
    if _ID.fullmatch(rule) is None:
        message = f"--id {rule!r} is no name for a rule; write small letters, digits and '-'"
        raise UsageError(message if rule else "--id is missing: the new rule's name")
    folder = Path("rules" if Path("rules").is_dir() else "")
    file = out if out is not None else folder / f"{rule}.yml"
    if file.exists():
        message = f"{file} is there already; take another --id, or say --out FILE"
        raise UsageError(message)
    return file


class _Macros(NamedTuple):
    """The file of macros that a new rule goes by, as it is and as it has to be."""

    file: Path
    before: str
    text: str
    names: list[str]


def _macros(blueprint: Blueprint, file: Path) -> _Macros:
    needed = needed_by(blueprint.text, blueprint.macros)
    place = macros_for(file)
    before = place.read_text("utf-8") if place.is_file() else ""
    new = with_macros(before, place, needed)
    there = read_macros(before, str(place)).known
    return _Macros(place, before, new, [one.name for one in needed if one.name not in there])


def _refused(screen: Screen, trial: Trial) -> int:
    for mistake in trial.failures:
        screen.show(Text(mistake.render(), "red"))
    message = (
        "the blueprint's tests do not hold with these values, so nothing was written; keep its "
        "values and let the store set them (params), or mend the tests by hand: --anyway"
    )
    screen.say(message)
    screen.give(_json(trial, None))
    return 1


def _write(screen: Screen, text: str, file: Path, macros: _Macros, trial: Trial) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if macros.text != macros.before:
        macros.file.write_bytes(macros.text.encode())
        screen.show(f"{macros.file}: {', '.join(macros.names)}, of which the rule is made")
    file.write_bytes(text.encode())
    failed = sum(bool(missed) for missed in trial.missed)
    tests = f"{count(len(trial.runs) - failed, 'test')} passed"
    screen.show(f"{file}: a draft, {tests}" + (f", {failed} failed" if failed else ""))
    screen.say(f"next: aislewatch rules read {file}")
    screen.give(_json(trial, file))


def _list(screen: Screen) -> int:
    found = shipped_blueprints()
    for made_for_it, heading in ((True, "blueprints"), (False, "rules with parameters")):
        screen.show(Text(heading, "bold"))
        for one in (one for one in found if one.made_for_it is made_for_it):
            params = ", ".join(f"{name}={shape.default}" for name, shape in one.params.items())
            screen.show(Text(f"  {one.name}", "bold"))
            for text, style in ((one.title, ""), (params, "dim")):
                lines = wrap(text, min(screen.width, _LIST_WIDTH) - 6, break_on_hyphens=False)
                screen.show(*(Text(f"      {line}", style) for line in lines))
        screen.show("")
    screen.give(
        {
            "blueprints": [
                {
                    "name": one.name,
                    "title": one.title,
                    "made_for_it": one.made_for_it,
                    "params": {
                        name: shape.model_dump(exclude_none=True)
                        for name, shape in one.params.items()
                    },
                }
                for one in found
            ]
        }
    )
    return 0


def _values(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            message = f"--set {pair} sets nothing; write e.g. --set dwell=3m"
            raise UsageError(message)
        if name.strip() in found:
            message = f"--set {name.strip()} stands here twice"
            raise UsageError(message)
        found[name.strip()] = value.strip()
    return found


def _ask(blueprint: Blueprint, given: Mapping[str, str]) -> dict[str, str]:
    """Ask for the parameters that were not given; nothing changes what is left as it is."""
    asked = dict(given)
    for name, shape in blueprint.params.items():
        if name not in asked:
            typer.echo(_about(shape), err=True)
            answer: str = typer.prompt(name, default=shape.default, err=True)
            if answer != shape.default:
                asked[name] = answer
    return asked


def _about(shape: ParamShape) -> str:
    words = [shape.doc] if shape.doc else []
    if shape.one_of:
        words.append(f"one of {', '.join(shape.one_of)}")
    if shape.min is not None or shape.max is not None:
        words.append(f"{shape.min or '...'} to {shape.max or '...'}")
    return "  " + "; ".join(words)


def _tried(text: str, file: Path, macros: _Macros) -> Trial:
    content = text.encode()
    known = read_macros(macros.text, str(macros.file))
    lists = all_lists(content) | dict.fromkeys(lists_of(known), NONE)
    rule = load_rule(
        content,
        str(file),
        installed_registry(),
        lists=lists,
        beside=rules_beside(content, str(file)),
        macros=known,
    )
    return try_rule(rule, text, installed_registry(), lists, mutate=False)


def _json(trial: Trial, file: Path | None) -> dict[str, object]:
    return {
        "rule": trial.rule.id,
        "file": str(file) if file is not None else None,
        "params": trial.rule.params,
        "tests": [
            {"name": run.case.name, "passed": not missed}
            for run, missed in zip(trial.runs, trial.missed, strict=True)
        ],
    }
