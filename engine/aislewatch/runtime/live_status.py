"""What a run says of itself while it lasts, and at its end: values for a person's screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aislewatch.errors import UsageError
from aislewatch.events.sensor import ClockSkew
from aislewatch.ledger import Head, Ledger, LedgerReader, StoredRecord
from aislewatch.runtime.supervisor import DeviceState

INCIDENT_OPENED = "incident.opened"
STORE_CONFIGURED = "store.configured"


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One device.

    Attributes:
        store: its store; empty where its events belong to many.
        device: its id; of an engine, the ledger's name.
        plugin: its plugin; empty for an engine.
        state: as its supervisor sees it.
        reason: why, in one word.
        detail: why, in a sentence; else what it says of itself.
        attempt: number of its current life.
        failures: how many lives failed.
        pid: of the process that it lives in; 0 where it does not.
        events: handed on since the start.
        refused: what was no event since the start.
        events_per_s: handed on per second, since the snapshot before.
        spooled: events on disk that wait for NATS.
        dropped: events that the spool had no room for.
        clock: how far the device's clock is off; None where that is not known.
    """

    store: str
    device: str
    plugin: str
    state: DeviceState
    reason: str
    detail: str
    attempt: int
    failures: int
    pid: int
    events: int
    refused: int
    events_per_s: float
    spooled: int
    dropped: int
    clock: ClockSkew | None = None


@dataclass(frozen=True, slots=True)
class StoreLine:
    """One store's detection.

    Attributes:
        store: its id.
        committed: sequence number in the stream up to which everything is decided and stored.
        behind: how many sequence numbers that is behind the stream's last event of the store;
            other stores' events are among them.
        head: of its chain.
        incidents: opened in this run.
    """

    store: str
    committed: int
    behind: int
    head: Head
    incidents: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        time_us: when, by the machine's clock.
        nats: address of the server.
        devices: in the order of the store files.
        engine: the process that decides.
        stores: in alphabetical order.
        notes: what a person should know, each in a sentence.
    """

    time_us: int
    nats: str
    devices: tuple[DeviceLine, ...]
    engine: DeviceLine
    stores: tuple[StoreLine, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run that is over.

    Attributes:
        last: the last snapshot.
        completed: every recording was played and decided to its end; False for a run that was
            stopped, or has no end of its own.
        failures: devices and engines that were failed at the end, each in a sentence.
    """

    last: Snapshot
    completed: bool
    failures: tuple[str, ...]


class LedgerTail:
    """Reads what is new in a ledger that another process writes.

    Args:
        path: the ledger; need not be there yet.

    Attributes:
        incidents: by store, how many were opened since the start.
        configured: by store, position of the last record since the start that names what decides.
    """

    def __init__(self, path: Path) -> None:
        self.incidents: dict[str, int] = {}
        self.configured: dict[str, int] = {}
        self._path = path
        self._reader: LedgerReader | None = None
        self._positions: dict[str, int] = {}
        reader = self._opened()
        if reader is not None:  # What an earlier run decided is not new.
            self._positions = {s: reader.head(s).position for s in reader.stores()}

    def new(self) -> Iterator[StoredRecord]:
        """Give the records since the last call, store by store."""
        reader = self._opened()
        if reader is None:
            return
        for store in reader.stores():
            for record in reader.records(store, after=self._positions.get(store, 0)):
                self._positions[store] = record.position
                if record.type == INCIDENT_OPENED:
                    self.incidents[store] = self.incidents.get(store, 0) + 1
                elif record.type == STORE_CONFIGURED:
                    self.configured[store] = record.position
                yield record

    def head(self, store: str) -> Head:
        """Give the head of a store's chain."""
        return self._reader.head(store) if self._reader is not None else Head(0, bytes(32))

    def close(self) -> None:
        """Let go of the ledger."""
        if self._reader is not None:
            self._reader.close()

    def _opened(self) -> LedgerReader | None:
        # A ledger that is just being made is not one yet.
        if self._reader is None and self._path.exists() and self._path.stat().st_size:
            try:
                self._reader = Ledger.read(self._path)
            except UsageError:
                self._reader = None
        return self._reader
