"""Macros taken along: a rule that goes into another folder finds there what it is made of."""

from __future__ import annotations

import re
from pathlib import Path

from aislewatch.errors import UsageError
from aislewatch.events.yaml_edit import scalar
from aislewatch.rules.macros import MACRO, MACROS_NAME, PREFIX, Macro, Macros, read_macros
from aislewatch.runtime.rule_folder import macros_path


def needed_by(text: str, known: Macros) -> list[Macro]:
    """Give the macros that a rule file uses, and those that they use, in the order of their file.

    Args:
        text: of the rule file.
        known: the macros of the folder that it comes from.
    """
    found: set[str] = set()
    asked = [text]
    while asked:
        used = {one.removeprefix(PREFIX) for one in MACRO.findall(asked.pop())}
        new = (used & known.known.keys()) - found
        found |= new
        asked += [known.known[name].text for name in new]
    return [macro for name, macro in known.known.items() if name in found]


def macros_for(file: Path) -> Path:
    """Give the file of macros that a rule file goes by, or would if it were there."""
    return macros_path(file) or file.parent / MACROS_NAME


def with_macros(text: str, file: Path, macros: list[Macro]) -> str:
    """Give the text of a file of macros with further ones in it.

    Args:
        text: the file; empty where there is none.
        file: its path, for messages.
        macros: what it has to hold.

    Raises:
        UsageError: it has another macro of such a name.
    """
    there = read_macros(text, str(file)).known
    lines: list[str] = []
    for macro in macros:
        own = there.get(macro.name)
        if own is None:
            lines += _written(macro)
        elif (_plain(own.text), own.kinds) != (_plain(macro.text), macro.kinds):
            message = (
                f"{file} says something else of {PREFIX}{macro.name} than the file that the rule "
                f"is made of ({_plain(macro.text)}): give one of them another name"
            )
            raise UsageError(message)
    if not lines:
        return text
    before = text if not text or text.endswith("\n") else f"{text}\n"
    return before + "\n".join(lines) + "\n"


def _written(macro: Macro) -> list[str]:
    expression = scalar(_plain(macro.text))
    if not macro.description and not macro.kinds:
        return [f"{macro.name}: {expression}"]
    lines = [f"{macro.name}:", f"  expression: {expression}"]
    if macro.description:
        lines.append(f"  description: {scalar(_plain(macro.description))}")
    if macro.kinds:
        lines.append(f"  for: [{', '.join(macro.kinds)}]")
    return lines


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
