"""What an editor is told of a store, read in spite of what is wrong in it.

Whoever asks for help with files has some that are not finished. What is mistaken in a store file is
told and left out; rules are only asked for their names.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aislewatch.detect.incidents import STRONG
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model import Zone
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.rules.schema_help import Site
from aislewatch.runtime.rule_folder import macros_of, rules_in
from aislewatch.runtime.storefile import read_document
from aislewatch.runtime.storefile_model import StoreFile
from aislewatch.runtime.storefile_shape import read_shape


def editor_site(store: Path | None, rules: Mapping[str, bytes]) -> tuple[Site, list[Mistake]]:
    """Read what a schema offers of a store and of rules.

    Args:
        store: its file; the rules that it names count, too.
        rules: further rule files, by path.

    Returns:
        What is offered, and the mistakes in the store file's shape.

    Raises:
        UsageError: the store file cannot be read.
        FileMistakes: it is no YAML, or too little of it is a store file.
    """
    if store is None:
        signals = dict(_signals(rules.values()))
        return Site(macros=_macros(rules), signals=signals, strong=STRONG), []
    written, mistakes = _read(store)
    texts = {**_rules_of(store, written), **rules}
    site = Site(
        zones={id_: Zone(id_, zone.kind, zone.name) for id_, zone in written.zones.items()},
        sees={id_: tuple(device.sees) for id_, device in written.devices.items()},
        lists=tuple(written.lists),
        macros=_macros(texts),
        signals=dict(_signals(texts.values())),
        strong=STRONG,
    )
    return site, mistakes


def _read(store: Path) -> tuple[StoreFile, list[Mistake]]:
    shape = read_shape(read_document(store))
    if shape.file is None:
        raise FileMistakes(shape.mistakes)
    return shape.file, shape.mistakes


def _rules_of(store: Path, written: StoreFile) -> dict[str, bytes]:
    """Read the rule files that a store names, those that are there."""
    texts: dict[str, bytes] = {}
    for named in written.rules:
        path = Path(os.path.normpath(store.parent / named))
        texts |= {str(file): file.read_bytes() for file in rules_in(path)}
    return texts


def _macros(rules: Iterable[str]) -> dict[str, str]:
    """Give what the macros beside rule files stand for, those that can be read."""
    return {
        macro.name: ": ".join(filter(None, (macro.description, f"`{macro.text.strip()}`")))
        for macros in macros_of(rules).values()
        for macro in macros.known.values()
        if not macro.flaws
    }


def _signals(texts: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Give id and title of every rule that has an id, however unfinished it is."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            data: Any = LocatedYaml.parse(text.decode("utf-8", "replace"), "").data
        except FileMistakes:
            continue
        if is_mapping(data) and isinstance(data.get("id"), str):
            found[data["id"]] = str(data.get("title") or "")
    yield from sorted(found.items())
