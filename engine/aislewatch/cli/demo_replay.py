"""The demo's day decided on a second time, from the archive of its event stream."""

from __future__ import annotations

from pathlib import Path

from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup


def replayed_heads(setup: Setup, archive: Path, ledger: Path) -> dict[str, bytes]:
    """Replay an archive into a new ledger; gives each chain's head."""
    summary = replay(setup, archive, ledger, clock=SystemClock())
    return {name: store.head.hash for name, store in summary.stores.items()}
