"""What to run, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Literal

from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.picture_log import pictures_beside
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.supervisor import Policy

HostName = Literal["ray", "inline"]


@dataclass(frozen=True, slots=True)
class LiveStore:
    """A store file to run.

    Attributes:
        setup: as it was read.
        data, events: with which it was read; see `aislewatch.runtime.storefile`.
    """

    setup: Setup
    data: Path | None = None
    events: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run.

    Attributes:
        ledger: the file; made if need be.
        folder: for NATS's streams and the spools; made if need be. What is in it is taken up.
        host: where plugins and the engine run.
        nats: address of a server of the operator's own; empty for one of ours.
        credentials: for that server.
        system: a user of that server's system account, who can prove that it is durable.
        simulated: a simulator stands behind the devices.
        policy: of the supervisors.
        dice: draws secrets, jitter, and the plugins' seeds.
        snapshot_s: how often `on_snapshot` is called.
    """

    ledger: Path
    folder: Path
    host: HostName = "ray"
    nats: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    system: Credentials | None = None
    simulated: bool = False
    policy: Policy = field(default_factory=Policy)
    dice: Random = field(default_factory=SystemRandom)
    snapshot_s: float = 1.0

    @property
    def pictures(self) -> Path:
        """Where pictures are kept as evidence: beside the ledger, which holds their hashes."""
        return pictures_beside(self.ledger)
