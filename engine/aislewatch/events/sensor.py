"""The sensor contract: what a plugin is, and what its host gives it.

A plugin is a plain object: no Ray, NATS or database in sight. It is made from its configuration,
opened, run until its source ends or it is cancelled, and closed. Everything it needs of the world
comes through the context, so that a test can hand it a clock of its own and a recording.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import BaseModel

from aislewatch.events.kinds import Event
from aislewatch.events.likeness import Comparer
from aislewatch.events.registry import Registry

if TYPE_CHECKING:
    from random import Random


class Clock(Protocol):
    """Tells the time; the host's, a recording's or a test's."""

    def now_us(self) -> int:
        """Give microseconds since 1970-01-01 UTC; never less than it gave before."""
        ...


class Emit(Protocol):
    """Where a plugin's findings go. Safe to await: waiting is how the bus says "slower"."""

    async def events(self, batch: Sequence[Event]) -> None:
        """Hand over events in the order they were seen. Returns once they cannot be lost."""
        ...

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        """Hand over what a device sent that is no event.

        Args:
            raw: exactly what came.
            reason: one sentence.
            place: what refused it: a JSON path, a mapping file's line, a byte offset.
            device: which device sent it, or the plugin's own id where that cannot be told.
        """
        ...


class Hear(Protocol):
    """Gives a plugin what others at its store tell, as a camera is asked for a picture at a sale.

    What is heard is a reason to look, and nothing to judge by: judging is for rules.
    """

    def __call__(self, *types: str) -> AsyncIterator[Event]:
        """Give each event of some types, in the order of the log, without end.

        It begins with what comes from now on. A later life of the device begins where the one
        before stopped, with the event that it had not come back from: so what others told while
        the device was down is heard late, and not by nobody; after a week without a life it
        begins anew. Whoever does not ask for the next one for long misses none: they wait in the
        log.

        Args:
            types: such as ``pos.tender``.
        """
        ...


@dataclass(frozen=True, slots=True)
class SensorContext:
    """What a host gives a plugin when it opens it.

    Attributes:
        store: the store's id; every event carries it.
        device: the id under which the plugin was configured.
        boot: tells one opening from the next; part of the ids of events that have no own.
        clock: the time.
        random: for jitter; seeded by the host.
        registry: the kinds of event of this installation.
        folder: absolute path that relative paths of the configuration start from.
        simulated: a simulator stands behind the plugin; its events must say so.
        watchlist: compares faces; None where the shop has not opted in. Then what describes a face
            is dropped where it comes in.
        hear: gives what others at the store tell; None where there is no store, as on a bench.
        pictures: absolute path of the folder in which pictures are kept as evidence, each under its
            hash; empty where none are kept. See `aislewatch.devices.pictures`.
    """

    store: str
    device: str
    boot: str
    clock: Clock
    random: Random
    registry: Registry
    folder: str
    simulated: bool = False
    watchlist: Comparer | None = None
    hear: Hear | None = None
    pictures: str = ""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a plugin says of itself without a device.

    Attributes:
        name: as in the entry point.
        title: for people.
        emits: the types of event that it can emit; empty where the configuration decides.
        faces: it may ask the context's watchlist.
    """

    name: str
    title: str
    emits: tuple[str, ...] = ()
    faces: bool = False


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a probe learned of the device without disturbing it.

    Attributes:
        reachable: it answered, or its source could be opened.
        detail: one sentence for the person who wires it.
        facts: model, firmware, address and the like; no secrets.
    """

    reachable: bool
    detail: str
    facts: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for devices of a kind.

    Attributes:
        settings: what the person who looks knows already, under the names of the plugin's settings:
            ``address=10.0.0.0/24``, ``port=/dev/ttyUSB0``. Empty: only what can be known without
            sending anything to anybody.
        folder: absolute path that relative paths start from.
    """

    settings: Mapping[str, str]
    folder: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that may be one of a kind, as it would stand in a store file.

    Attributes:
        device: a name for it, of letters, digits and hyphens.
        config: settings with which the plugin could be made, as they are written in a store file.
        detail: what was seen of it, in a sentence; what a person must still look at.
        sure: it has answered in its protocol; else it only could be one.
    """

    device: str
    config: Mapping[str, object]
    detail: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """How far a device's clock is from the host's.

    Attributes:
        ahead_us: how far it is ahead; negative where it is behind.
        limit_us: further off than this it is wrong.
        device: whose clock, where many devices speak through the plugin; else empty.
        told: the plugin tells a wrong clock itself, as a state of its device; else its host does.
    """

    ahead_us: int
    limit_us: int
    device: str = ""
    told: bool = False

    @property
    def wrong(self) -> bool:
        """It is further off than it may be."""
        return abs(self.ahead_us) > self.limit_us

    def __str__(self) -> str:
        """Say it in a sentence.

        >>> str(ClockSkew(-12_300_000, 2_000_000))
        'its clock is 12.3 s behind ours, and 2 s are allowed'
        """
        whose = f"the clock of {self.device}" if self.device else "its clock"
        way = "ahead of" if self.ahead_us > 0 else "behind"
        off = f"{whose} is {abs(self.ahead_us) / 1_000_000:.1f} s {way} ours"
        return f"{off}, and {self.limit_us / 1_000_000:g} s are allowed" if self.wrong else off


@dataclass(frozen=True, slots=True)
class Health:
    """How a plugin is doing now.

    Attributes:
        connected: the link to its device stands.
        frames: messages decoded since it was opened.
        refused: messages refused since it was opened.
        detail: one sentence.
        clock: how far the device's clock is off; None where it has none, or has not told its time.
    """

    connected: bool
    frames: int
    refused: int
    detail: str = ""
    clock: ClockSkew | None = None


class SensorPlugin(ABC):
    """One kind of device.

    A subclass sets ``Config`` (a pydantic model) and ``descriptor`` and takes the configuration as
    its only argument. The host calls, in this order and never two at once: ``open``, ``run``,
    ``close``; ``probe`` only before ``open``; ``health`` and ``diagnostics`` at any time.
    """

    Config: ClassVar[type[BaseModel]]
    descriptor: ClassVar[Descriptor]

    @classmethod
    async def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Give devices of this kind, each as soon as it is found; ends when all was looked at.

        Nobody is spoken to whom the search does not name. The host bounds the time.

        Raises:
            DeviceMisconfigured: the search names something that cannot be looked at.
            DeviceNotReady: what it names is not there.
        """
        del search
        nothing: tuple[Candidate, ...] = ()
        for candidate in nothing:
            yield candidate

    @abstractmethod
    async def probe(self) -> DeviceInfo:
        """Look whether the device is there, without disturbing it."""

    @abstractmethod
    async def open(self, context: SensorContext) -> None:
        """Make ready: connect, listen, open files.

        Raises:
            DeviceNotReady: trying again later may help.
            DeviceMisconfigured: it cannot.
        """

    @abstractmethod
    async def run(self, emit: Emit) -> None:
        """Read the device until it is cancelled.

        Returning means that the source has ended for good, as a recording does.

        Raises:
            DeviceNotReady: the link broke; the host closes, waits and opens again.
            DeviceMisconfigured: it cannot go on until a person has changed something.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the device, within two seconds, also after a failed ``open`` and twice."""

    @abstractmethod
    def health(self) -> Health:
        """Say how it is doing; must not block."""

    def diagnostics(self) -> dict[str, object]:
        """Give what helps a person who looks for a fault; secrets are left out."""
        return {}
