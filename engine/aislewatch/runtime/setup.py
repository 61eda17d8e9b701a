"""What a store file says, read and checked: everything that an engine or a replay needs to start.

Made by :mod:`aislewatch.runtime.storefile`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.errors import UsageError
from aislewatch.events.model import StoreModel
from aislewatch.events.record import canonical_json
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorPlugin
from aislewatch.rules.rule import Rule
from aislewatch.runtime.names_terms import NamesTerms
from aislewatch.runtime.picture_terms import PictureTerms
from aislewatch.runtime.watchlist_terms import Terms


@dataclass(frozen=True, slots=True)
class FeedSetup:
    """One plugin instance of a store file.

    Attributes:
        id: the device id under which it runs.
        plugin: name of its entry point.
        sensor: the class behind it.
        config: as its ``Config`` reads it; paths that began with ``$data`` are absolute.
    """

    id: str
    plugin: str
    sensor: type[SensorPlugin]
    config: Mapping[str, Any]

    def make(self) -> SensorPlugin:
        """Make the plugin, not yet opened."""
        return self.sensor(self.sensor.Config.model_validate(self.config))  # type: ignore[call-arg]  # The contract's one argument, which no abstract class can declare.


@dataclass(frozen=True, slots=True)
class RuleTexts:
    """The files that the rules of a store were read from.

    Attributes:
        rules: text by path, in the order of reading.
        macros: by rule file, path and content of the file of macros beside it, where there is one.
    """

    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    macros: Mapping[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])


@dataclass(frozen=True)
class Setup:
    """A store file, read and checked.

    Attributes:
        file: the store file.
        stores: ids of the stores that it describes; empty: every store that events name.
        name: for people.
        timezone: IANA name.
        model: what the shop is made of; the same for all its stores.
        rules: checked, with the site's parameters.
        params: what the site sets for rules' parameters, by rule.
        registry: the kinds of event of this installation.
        recording: id of the feed whose events wind the clock on; None: the machine's clock.
        tick_us: interval of the clock's ticks.
        lateness_us, horizon_us, ahead_us, merge_window_us, span_us, priors_cb, evidence: see
            :class:`aislewatch.detect.settings.Settings`.
        feeds: by id.
        texts: what the rules were read from.
        watchlist: on what terms faces are compared; None where they are not.
        names: on what terms people's numbers are exchanged for pseudonyms; None where they are not.
        pictures: for how long they are kept.
    """

    file: Path
    stores: tuple[str, ...]
    name: str
    timezone: str
    model: StoreModel
    rules: tuple[Rule, ...]
    params: Mapping[str, Mapping[str, str]]
    registry: Registry
    recording: str | None
    tick_us: int
    lateness_us: int
    horizon_us: int
    ahead_us: int
    merge_window_us: int
    span_us: int
    priors_cb: Mapping[str, int]
    evidence: int = Settings("").evidence
    feeds: Mapping[str, FeedSetup] = field(default_factory=dict[str, FeedSetup])
    texts: RuleTexts = field(default_factory=RuleTexts)
    watchlist: Terms | None = None
    names: NamesTerms | None = None
    pictures: PictureTerms = field(default_factory=PictureTerms)

    @property
    def folder(self) -> Path:
        """Absolute path of the folder that relative paths in the store file begin from."""
        return self.file.resolve().parent

    def accepts(self, store: str) -> bool:
        """Say whether a store is one of those that the file describes."""
        return not self.stores or store in self.stores

    def settings(self, store: str) -> Settings:
        """Give one store's figures."""
        return Settings(
            store=store,
            lateness_us=self.lateness_us,
            horizon_us=self.horizon_us,
            ahead_us=self.ahead_us,
            merge_window_us=self.merge_window_us,
            span_us=self.span_us,
            evidence=self.evidence,
            priors_cb=self.priors_cb,
            timezone=self.timezone,
        )

    def core(self, store: str, snapshot: bytes | None = None) -> Core:
        """Make a store's core, new or as it was."""
        return Core(self.settings(store), self.model, self.rules, self.registry, snapshot)

    @cached_property
    def meaning(self) -> str:
        """SHA-256 of everything in the file that changes what is told, hexadecimal."""
        # Versions decide nothing, but signals tell them, and must tell them again the same.
        versions = sorted([rule.id, rule.version] for rule in self.rules if rule.version)
        content = {"decided_by": self.decided_by, "versions": versions}
        return hashlib.sha256(canonical_json(content)).hexdigest()

    @cached_property
    def decided_by(self) -> str:
        """SHA-256 of everything in the file that changes what is decided, hexadecimal."""
        content = {
            "settings": self.settings("")._asdict(),
            "model": self.model.hash,
            "rules": sorted([rule.id, rule.status, rule.meaning] for rule in self.rules),
        }
        return hashlib.sha256(canonical_json(content)).hexdigest()

    def with_feed(self, feed_id: str, config: Mapping[str, Any]) -> Setup:
        """Give this setup with another configuration of one feed.

        Raises:
            UsageError: there is no such feed.
        """
        feed = self.feeds.get(feed_id)
        if feed is None:
            message = f"{self.file} has no feed {feed_id!r}; it has {', '.join(self.feeds)}"
            raise UsageError(message)
        return replace(self, feeds={**self.feeds, feed_id: replace(feed, config=config)})
