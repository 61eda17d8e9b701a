"""The store file: one file that says what a shop is made of and what is to be detected in it.

::

    store: kiosk-1                    # or [a, b]; or "*": every store that the events name
    timezone: Asia/Colombo
    currency: LKR
    clock: {recording: sentinel}      # or system; with tick: 1s
    lateness: 2s                      # how late an event may come without being late
    rules: [../../rules]              # files or folders
    params: {unpaid-exit: {near: -55dBm}}
    zones: {gate: {kind: exit, name: Main door}}
    devices: {gate-1: {zone: gate, sees: [rfid.crossing]}}
    data: ../../data                  # what $data stands for; --data DIR says otherwise
    products: {file: $data/products.csv, sku: SKU, weight: {from: weight, unit: g}}
    feeds: {sentinel: {plugin: feed, config: {mapping: sentinel.mapping.yml}}}
    known_offenders: {enabled: no}    # see aislewatch.runtime.watchlist_terms
    personal_data: {pseudonyms: yes}  # see aislewatch.runtime.names_terms
    pictures: {retention: 72h}        # see aislewatch.runtime.picture_terms

Paths are relative to the file. Everything that is wrong in it, in its catalogue, in its rules and
in its feeds' configurations is found in one reading and told with its place.
"""

from __future__ import annotations

import os.path
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, cast

from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured, FileMistakes, Mistake, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model import CatalogueProduct, Device, StoreModel, Zone
from aislewatch.events.model_mistakes import did_you_mean, explain
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import Rule
from aislewatch.runtime.catalogue import read_catalogue
from aislewatch.runtime.datafolder import DataFolder
from aislewatch.runtime.discovery import find_sensor, installed_registry, sensor_names
from aislewatch.runtime.recorded_files import files_of_feeds
from aislewatch.runtime.rule_folder import macro_texts, macros_of, rules_in, stamped
from aislewatch.runtime.setup import FeedSetup, RuleTexts, Setup
from aislewatch.runtime.site_params import names_of, placed
from aislewatch.runtime.storefile_model import EVERY_STORE, PRIORS, StoreFile
from aislewatch.runtime.storefile_shape import read_shape


def read_setup(
    path: Path | str,
    *,
    data: Path | None = None,
    events: Path | None = None,
    registry: Registry | None = None,
    shown_only: bool = False,
) -> Setup:
    """Read a store file and everything that it names.

    Args:
        path: the store file.
        data: stands for ``$data`` in place of the folder that the file names.
        events: a folder of recordings: all feeds' files come from there and nowhere else (see
            `aislewatch.runtime.recorded_files`); catalogues are looked for there first.
        registry: the kinds of event that are known; those of this installation if not said.
        shown_only: leave out products and feeds, and so ``$data``: for who only shows what was
            found.

    Raises:
        UsageError: the file cannot be read, or ``events`` holds no recording of a feed.
        FileMistakes: everything that is wrong in it and in what it names.
    """
    path = Path(path)
    document = read_document(path)
    shape = read_shape(document)
    if shape.file is None:
        raise FileMistakes(shape.mistakes)
    written = shape.file
    if shown_only:
        written = written.model_copy(update={"products": None, "feeds": {}})
    reading = _Reading(path, document, written, registry or installed_registry(), shape.dropped)
    setup = reading.read(data, events)
    mistakes = [*shape.mistakes, *reading.mistakes]
    if mistakes:
        raise FileMistakes(mistakes)
    return setup if events is None else _with_recordings_of(setup, written, events)


def simulator_of(path: Path) -> str | None:
    """Give the simulator that a store file names; None too where too little of it can be read.

    Raises:
        UsageError: the file cannot be read.
        FileMistakes: it is no YAML.
    """
    file = read_shape(read_document(path)).file
    return None if file is None else file.simulator


def read_document(path: Path) -> LocatedYaml:
    """Read the values of a store file, whatever they are.

    Raises:
        UsageError: the file cannot be read.
        FileMistakes: it is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"store file {path} cannot be read: {reason}"
        raise UsageError(message) from None
    return LocatedYaml.parse(text, str(path))


def _with_recordings_of(setup: Setup, written: StoreFile, events: Path) -> Setup:
    """Have the feeds that play files play those of a folder."""
    wanted: dict[str, list[str]] = {}
    catalogues = set[str]()
    if written.products is not None:
        catalogues.add(PurePath(written.products.file).name)
    for id_, part in written.feeds.items():
        patterns = part.config.get("files")
        if isinstance(patterns, list):
            wanted[id_] = [str(pattern) for pattern in cast("Sequence[Any]", patterns)]
        named = part.config.get("catalogues")
        if isinstance(named, dict):
            paths = cast("Mapping[str, Any]", named).values()
            catalogues.update(PurePath(str(path)).name for path in paths)
    found = files_of_feeds(events, wanted, catalogues)
    feeds = {
        id_: replace(feed, config={**feed.config, "files": found[id_]}) if id_ in found else feed
        for id_, feed in setup.feeds.items()
    }
    return replace(setup, feeds=feeds)


@dataclass
class _Reading:
    """One reading of a store file; gathers the mistakes."""

    path: Path
    document: LocatedYaml
    written: StoreFile
    registry: Registry
    dropped: frozenset[str]
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    texts: RuleTexts = field(default_factory=RuleTexts)

    def read(self, data: Path | None, events: Path | None) -> Setup:
        written = self.written
        folder = DataFolder(
            self.path.parent,
            [events] if events is not None else [],
            data if data is not None else self._written_data(),
        )
        self._check_names()
        model = StoreModel(
            currency=written.currency or "",
            zones={id_: Zone(id_, part.kind, part.name) for id_, part in written.zones.items()},
            devices={
                id_: Device(id_, part.zone, part.lane, frozenset(part.sees))
                for id_, part in written.devices.items()
            },
            products=self._products(folder),
            lists={name: frozenset(members) for name, members in written.lists.items()},
        )
        every = written.store == [EVERY_STORE]
        rules = self._rules(model)
        return Setup(
            file=self.path,
            stores=() if every else tuple(written.store),
            name=written.name,
            timezone=written.timezone,
            model=model,
            rules=tuple(rules),
            params=written.params,
            registry=self.registry,
            recording=written.clock.recording,
            tick_us=written.clock.tick,
            lateness_us=written.lateness,
            horizon_us=written.horizon,
            ahead_us=written.ahead,
            merge_window_us=written.merge_window,
            span_us=written.span,
            evidence=written.limits.evidence,
            priors_cb={
                type_: int(decibans * 10) for type_, decibans in (PRIORS | written.priors).items()
            },
            feeds=self._feeds(folder),
            texts=self.texts,
            watchlist=written.known_offenders.terms(*self._whose),
            names=written.personal_data.terms(*self._whose),
            pictures=written.pictures.terms,
        )

    @property
    def _whose(self) -> tuple[str, Path]:
        """Whose personal data is kept, and the folder in which."""
        first = self.written.store[0]
        return "any" if first == EVERY_STORE else first, self.path.resolve().parent

    def _mistake(self, place: Sequence[str | int], message: str, **more: Any) -> None:
        self.mistakes.append(self.document.mistake(place, message, **more))

    def _written_data(self) -> Path | None:
        written = self.written.data
        return None if written is None else Path(os.path.normpath(self.path.parent / written))

    def _check_names(self) -> None:
        written = self.written
        if EVERY_STORE in written.store and len(written.store) > 1:
            self._mistake(("store",), f"{EVERY_STORE!r} stands for every store; name no others")
        recording, feeds = written.clock.recording, self._names("feeds")
        if recording is not None and recording not in feeds:
            hint = did_you_mean(recording, feeds, label="feeds")
            message = f"no feed is called {recording!r}"
            self._mistake(("clock", "recording"), message, hint=hint)
        zones = self._names("zones")
        for id_, device in written.devices.items():
            if device.zone is not None and device.zone not in zones:
                hint = did_you_mean(device.zone, zones, label="zones")
                message = f"no zone is called {device.zone!r}"
                self._mistake(("devices", id_, "zone"), message, hint=hint)
            for at, type_ in enumerate(device.sees):
                if type_ not in self.registry.kinds:
                    hint = did_you_mean(type_, self.registry.kinds)
                    message = f"no kind of event is called {type_!r}"
                    self._mistake(("devices", id_, "sees", at), message, hint=hint)

    def _names(self, section: str) -> Collection[str]:
        """Give the keys of a section as they stand in the file, also those that hold mistakes."""
        keys: Collection[str] = self.document.data.get(section) or ()
        return keys

    def _products(self, folder: DataFolder) -> tuple[CatalogueProduct, ...]:
        part = self.written.products
        if part is None or "currency" in self.dropped:
            return ()
        try:
            path = folder.file(part.file)
        except UsageError as error:
            self._mistake(("products", "file"), str(error))
            return ()
        products, mistakes = read_catalogue(part, path, self.document, self.written.currency)
        self.mistakes += mistakes
        return products

    def _rules(self, model: StoreModel) -> list[Rule]:
        if self.dropped & {"rules", "lists", "params"}:
            return []  # What they would be blamed for is not their fault.
        files: dict[Path, None] = {}
        for at, written in enumerate(self.written.rules):
            path = Path(os.path.normpath(self.path.parent / written))
            found = rules_in(path)
            if not found:
                what = "holds no rules (*.yml)" if path.is_dir() else "does not exist"
                self._mistake(("rules", at), f"{path} {what}")
            files |= dict.fromkeys(found)
        texts: dict[str, str] = {}
        for path in files:
            try:
                texts[str(path)] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                self.mistakes.append(Mistake(str(path), 0, 0, f"it cannot be read: {error}"))
        try:
            self.texts = RuleTexts(texts, macro_texts(texts))
            rules = load_rules(
                texts,
                self.registry,
                lists={name: frozenset(members) for name, members in self.written.lists.items()},
                params=self.written.params,
                params_file=self.document.file,
                names=names_of(model),
                macros=macros_of(texts, self.texts.macros),
                zone=self.written.timezone,
            )
            return stamped(rules)
        except FileMistakes as error:
            self.mistakes += [placed(mistake, self.document) for mistake in error.mistakes]
            return []

    def _feeds(self, folder: DataFolder) -> dict[str, FeedSetup]:
        feeds: dict[str, FeedSetup] = {}
        for id_, part in self.written.feeds.items():
            try:
                sensor = find_sensor(part.plugin)
            except DeviceMisconfigured as error:
                hint = did_you_mean(part.plugin, sensor_names(), label="installed")
                self._mistake(("feeds", id_, "plugin"), str(error), hint=hint)
                continue
            try:
                config = folder.fill(part.config)
                sensor.Config.model_validate(config)
            except UsageError as error:
                self._mistake(("feeds", id_, "config"), str(error))
            except ValidationError as error:
                for c in explain(error, sensor.Config, part.config):
                    self._mistake(
                        ("feeds", id_, "config", *c.path),
                        c.message,
                        hint=c.hint,
                        offset=c.offset,
                        length=c.length,
                        on_key=c.on_key,
                    )
            else:
                feeds[id_] = FeedSetup(id_, part.plugin, sensor, config)
        return feeds
