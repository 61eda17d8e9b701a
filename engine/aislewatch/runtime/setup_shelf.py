"""Setups kept as files: what an engine was started or reloaded with, to be read again at any time.

Rule files change while an engine runs, and what it decided must be decided again the same after a
crash. So a run keeps what decides, each setup under the hash of its meaning, and goes by that and
never by what the files say meanwhile. A link for each store file names the one that is in force::

    <folder>/8c1f...09.json
    <folder>/0.link -> 8c1f...09.json

Feeds are not kept: devices take theirs from the run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.model import CatalogueProduct, Device, StoreModel, Zone
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import macros_of
from aislewatch.runtime.setup import RuleTexts, Setup
from aislewatch.runtime.site_params import names_of

FOLDER: Final = "setups"
"""What a run calls the folder, in its own."""

FORMAT: Final = 1
"""Of a kept setup; another one is not read."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What `Setup` holds, without its feeds; rules as the texts that they are read from."""

    format: int
    file: str
    stores: tuple[str, ...]
    name: str
    timezone: str
    recording: str | None
    tick_us: int
    lateness_us: int
    horizon_us: int
    ahead_us: int
    merge_window_us: int
    span_us: int
    evidence: int
    priors_cb: dict[str, int]
    params: dict[str, dict[str, str]]
    currency: str
    zones: tuple[Zone, ...]
    devices: tuple[Device, ...]
    products: tuple[CatalogueProduct, ...]
    lists: dict[str, frozenset[str]]
    rules: dict[str, str]
    macros: dict[str, tuple[str, bytes]]
    versions: dict[str, int]


_FIGURES: Final = (
    *("stores", "name", "timezone", "recording", "tick_us", "lateness_us", "horizon_us"),
    *("ahead_us", "merge_window_us", "span_us", "evidence", "priors_cb", "params"),
)
"""What has one name in a `Setup` and in what is kept of it."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, for its owner only; on disk on return."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


class SetupShelf:
    """Keeps setups in a folder.

    Args:
        folder: made when the first is put there; only its owner may look into it.

    Attributes:
        folder: the one given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Setup] = {}

    def put(self, setup: Setup) -> None:
        """Keep a setup; on disk when this returns."""
        path = self._path(setup.meaning)
        if path.exists():
            return
        write_whole(path, _written(setup))

    def get(self, meaning: str) -> Setup:
        """Give the setup of a meaning.

        Raises:
            UsageError: it is not kept here, or cannot be read as what it was.
        """
        setup = self._read.get(meaning)
        if setup is None:
            setup = self._read[meaning] = self._read_again(meaning)
        return setup

    def put_in_force(self, number: int, setup: Setup) -> None:
        """Keep a setup as the one that is in force for the store file of a number."""
        self.put(setup)
        link, unfinished = self._link(number), self._link(number).with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(self._path(setup.meaning).name)
        unfinished.replace(link)

    def in_force(self, number: int) -> Setup:
        """Give the setup that is in force for the store file of a number.

        Raises:
            UsageError: none is, or it cannot be read as what it was.
        """
        try:
            return self.get(self._link(number).readlink().stem)
        except OSError as error:
            message = f"{self._link(number)} cannot be read: {error.strerror}"
            raise UsageError(message) from None

    def _path(self, meaning: str) -> Path:
        return self.folder / f"{meaning}.json"

    def _link(self, number: int) -> Path:
        return self.folder / f"{number}.link"

    def _read_again(self, meaning: str) -> Setup:
        path = self._path(meaning)
        try:
            setup = _read(path.read_bytes(), installed_registry())
        except OSError as error:
            message = f"the rules that were in force are not kept at {path}: {error.strerror}"
            raise UsageError(message) from None
        except (msgspec.MsgspecError, FileMistakes):
            setup = None
        if setup is None or setup.meaning != meaning:
            message = f"{path} is damaged, or another version of Aislewatch kept it"
            raise UsageError(message)
        return setup


def _written(setup: Setup) -> bytes:
    model = setup.model
    kept = _Kept(
        format=FORMAT,
        file=str(setup.file.resolve()),
        **{name: getattr(setup, name) for name in _FIGURES},
        currency=model.currency,
        zones=tuple(model.zones.values()),
        devices=tuple(model.devices.values()),
        products=model.products,
        lists=dict(model.lists),
        rules=dict(setup.texts.rules),
        macros=dict(setup.texts.macros),
        versions={rule.id: rule.version for rule in setup.rules if rule.version is not None},
    )
    return msgspec.json.encode(kept, order="deterministic")


def _read(raw: bytes, registry: Registry) -> Setup | None:
    """Read what was kept; None where it has another format."""
    kept = msgspec.json.decode(raw, type=_Kept)
    if kept.format != FORMAT:
        return None
    model = StoreModel(
        currency=kept.currency,
        zones={zone.id: zone for zone in kept.zones},
        devices={device.id: device for device in kept.devices},
        products=kept.products,
        lists=kept.lists,
    )
    return Setup(
        file=Path(kept.file),
        **{name: getattr(kept, name) for name in _FIGURES},
        model=model,
        rules=tuple(_rules(kept, model, registry)),
        registry=registry,
        texts=RuleTexts(kept.rules, kept.macros),
    )


def _rules(kept: _Kept, model: StoreModel, registry: Registry) -> list[Rule]:
    rules = load_rules(
        kept.rules,
        registry,
        lists=model.lists,
        params=kept.params,
        names=names_of(model),
        macros=macros_of(kept.rules, kept.macros),
        zone=kept.timezone,
    )
    versions: Mapping[str, int] = kept.versions
    return [replace(rule, version=versions.get(rule.id)) for rule in rules]
