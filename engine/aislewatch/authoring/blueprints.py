"""Blueprints: rule files to make rules from, by setting their parameters.

Any rule file with parameters can be one. Those in the shipped folder ``blueprints`` are made for
it: their tests follow the parameters, so that they hold in every rule that is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import aislewatch
from aislewatch.authoring.loading import NONE, all_lists, lists_of, rules_beside
from aislewatch.errors import UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.located import Path as PlaceInFile
from aislewatch.events.model_mistakes import did_you_mean, is_mapping
from aislewatch.events.yaml_edit import replaced, with_key
from aislewatch.rules.load import load_rule
from aislewatch.rules.macros import MACROS_NAME, NO_MACROS, Macros, read_macros
from aislewatch.rules.model import ParamShape, RuleShape
from aislewatch.rules.params import unquoted
from aislewatch.rules.signals import Entities, entities_of, mentioned
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import BLUEPRINTS, macros_of
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.site_params import names_of

_MODELINE: Final = "# yaml-language-server:"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A rule file that rules can be made from.

    Attributes:
        name: what it is called: its rule's id.
        title: its rule's.
        made_for_it: it lies among the blueprints, and not among the rules.
        text: the file.
        params: what can be set.
        beside: rules of whose signals it may speak, with what those are about.
        macros: of the folder that it lies in.
    """

    name: str
    title: str
    made_for_it: bool
    text: str
    params: Mapping[str, ParamShape]
    beside: Mapping[str, Entities] = field(default_factory=dict[str, Entities])
    macros: Macros = NO_MACROS


def shipped_rules() -> Traversable:
    """Give the folder of the rule library that Aislewatch ships."""
    # In a source tree they are where they are edited; a copy beside it would be an old one.
    source = Path(aislewatch.__file__).parents[2] / "rules"
    return source if source.is_dir() else files("aislewatch_rules")


def shipped_blueprints() -> list[Blueprint]:
    """Give every shipped file that rules can be made from: those made for it first."""
    found: list[Blueprint] = []
    for place, made_for_it in _places():
        for file in sorted(place.iterdir(), key=lambda one: one.name):
            if not file.name.endswith(".yml") or file.name == MACROS_NAME:
                continue
            blueprint = _of_folder(file, made_for_it=made_for_it)
            if made_for_it or blueprint.params:
                found.append(blueprint)
    return found


def _places() -> tuple[tuple[Traversable, bool], ...]:
    """Give the folders that are looked into, and whether what lies there is made for it."""
    folder = shipped_rules()
    return (folder / BLUEPRINTS, True), (folder, False)


def _of_folder(file: Traversable, *, made_for_it: bool) -> Blueprint:
    """Read a shipped file with what lies beside it, for blueprints too among the rules."""
    found = read_blueprint(file.read_bytes(), file.name, made_for_it=made_for_it)
    folder = shipped_rules()
    beside: Mapping[str, Entities] = {}
    if mentioned(found.text):
        others = (one for one in folder.iterdir() if one.name.endswith(".yml"))
        own = {file.name, MACROS_NAME}
        beside = entities_of(one.read_text("utf-8") for one in others if one.name not in own)
    macros = folder / MACROS_NAME
    known = read_macros(macros.read_bytes(), MACROS_NAME) if macros.is_file() else NO_MACROS
    return replace(found, beside=beside, macros=known)


def read_blueprint(content: bytes, file: str, *, made_for_it: bool = False) -> Blueprint:
    """Read a rule file as a blueprint.

    Raises:
        UsageError: it is not UTF-8.
        FileMistakes: it has not the shape of a rule file.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        message = f"{file} is not UTF-8 text"
        raise UsageError(message) from None
    shape = LocatedYaml.parse(text, file).validate(RuleShape)
    params = {
        name: one if isinstance(one, ParamShape) else ParamShape.model_validate({"default": one})
        for name, one in shape.params.items()
    }
    return Blueprint(shape.id, shape.title, made_for_it, text, params)


def find_blueprint(name: str) -> Blueprint:
    """Find a blueprint by the path of its file, or by its name among those that are shipped.

    Raises:
        UsageError: there is none.
        FileMistakes: the file has not the shape of a rule file.
    """
    path = Path(name)
    if path.suffix in {".yml", ".yaml"}:
        try:
            content = path.read_bytes()
        except OSError as error:
            message = f"blueprint {name} cannot be read: {error.strerror}"
            raise UsageError(message) from None
        found = read_blueprint(content, name, made_for_it=True)
        beside = rules_beside(content, name)
        return replace(found, beside=beside, macros=macros_of([name])[name])
    for place, made_for_it in _places():
        file = place / f"{name}.yml"
        if file.is_file():
            return _of_folder(file, made_for_it=made_for_it)
    hint = did_you_mean(name, [one.name for one in shipped_blueprints()])
    message = f"no blueprint is called {name!r}; {hint or 'see: aislewatch rules new --list'}"
    raise UsageError(message)


def made_of(
    blueprint: Blueprint,
    rule: str,
    values: Mapping[str, str],
    *,
    title: str = "",
    owner: str = "",
    file: str,
) -> str:
    """Give the text of a new rule: the blueprint's, a draft, with its own name and values.

    Args:
        blueprint: what it is made of.
        rule: its id.
        values: of parameters, as an author writes them.
        title: its own; the blueprint's where empty.
        owner: who answers for it; the blueprint's where empty.
        file: where it will lie, for messages.

    Raises:
        UsageError: a value is for no parameter.
        FileMistakes: a value is not one that its parameter can have, or the blueprint is wrong.
    """
    for name in values:
        if name not in blueprint.params:
            hint = did_you_mean(name, blueprint.params, label="parameters")
            message = f"{blueprint.name} has no parameter {name!r}; {hint}".rstrip("; ")
            raise UsageError(message)
    _check_values(blueprint, values)
    data: Any = LocatedYaml.parse(blueprint.text, file).data
    edits: dict[PlaceInFile, str] = {("id",): rule}
    for name, value in values.items():
        declared = is_mapping(data["params"][name])
        edits[("params", name, "default") if declared else ("params", name)] = value
    if title:
        edits["title",] = title
    text = replaced(blueprint.text, file, edits)
    if owner:
        text = with_key(text, file, "owner", owner, behind="title")
    return _told_of(with_key(text, file, "status", "draft", behind="title"), blueprint.name)


def _check_values(blueprint: Blueprint, values: Mapping[str, str]) -> None:
    """Refuse values as a store's would be refused: what is wrong is the value, not the file."""
    content = blueprint.text.encode()
    named = dict.fromkeys(map(unquoted, values.values()), NONE)
    load_rule(
        content,
        blueprint.name,
        installed_registry(),
        lists=all_lists(content) | dict.fromkeys(lists_of(blueprint.macros), NONE) | named,
        beside=blueprint.beside,
        macros=blueprint.macros,
        params={blueprint.name: values},
        params_file="--set",
    )


def strangers(blueprint: Blueprint, values: Mapping[str, str], setup: Setup) -> Iterator[str]:
    """Say which values name something that a store does not have.

    Args:
        blueprint: what the values are for.
        values: of its parameters; the defaults count for those that are not there.
        setup: the store.
    """
    names = {**names_of(setup.model), "list": frozenset(setup.model.lists)}
    for name, shape in blueprint.params.items():
        known = names.get(shape.select or "")
        value = unquoted(values.get(name, shape.default))
        if known is not None and value not in known:
            hint = did_you_mean(value, known, label="there are") or "it has none"
            yield f"{setup.file} has no {shape.select} {value!r} for {name}; {hint}"


def _told_of(text: str, blueprint: str) -> str:
    """Say in the first line, or behind the one for editors, what a rule was made of."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    newline = "\r\n" if "\r\n" in body else "\n"
    at = body.find("\n") + 1 if body.startswith(_MODELINE) else 0
    return f"{mark}{body[:at]}# Made of the blueprint {blueprint}.{newline}{body[at:]}"
