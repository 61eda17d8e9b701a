"""A run deletes pictures whose time is over by itself, and says where it cannot."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from aislewatch.devices.pictures import keep, place_of
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Snapshot
from aislewatch.runtime.picture_log import deletions, log_beside, pictures_beside
from aislewatch.runtime.storefile import read_setup

pytestmark = pytest.mark.live

HOUR_NS = 3_600_000_000_000


async def run_until(folder: Path, gone: Path, note: str = "") -> None:
    """Run a shop without devices until a file is gone, or something is said."""
    (folder / "store.yml").write_text("store: s1\npictures: {retention: 2h}\n")
    stop = asyncio.Event()

    def look(snapshot: Snapshot) -> None:
        said = any(note in one for one in snapshot.notes) if note else not gone.exists()
        if said:
            stop.set()

    options = Options(
        ledger=folder / "shop.db", folder=folder / "run", host="inline", snapshot_s=0.05
    )
    async with asyncio.timeout(40):
        store = LiveStore(read_setup(folder / "store.yml"))
        await run([store], options, on_snapshot=look, stop=stop)


def forgotten(folder: Path, age_hours: int) -> str:
    """Keep a picture of which no camera told, so long ago."""
    pictures = pictures_beside(folder / "shop.db")
    sha256 = keep(pictures, f"{age_hours} hours old".encode())
    written_ns = SystemClock().now_us() * 1_000 - age_hours * HOUR_NS
    os.utime(place_of(pictures, sha256), ns=(written_ns, written_ns))
    return sha256


async def test_a_run_deletes_what_is_due_and_leaves_the_rest(tmp_path: Path) -> None:
    pictures = pictures_beside(tmp_path / "shop.db")
    old, young = forgotten(tmp_path, 3), forgotten(tmp_path, 1)
    await run_until(tmp_path, place_of(pictures, old))
    assert place_of(pictures, young).exists()
    (deletion,) = deletions(pictures, "s1").values()
    assert (deletion.entry, deletion.by, deletion.action) == (old, "run", "expired")


async def test_a_run_that_cannot_write_down_a_deletion_says_so_and_deletes_nothing(
    tmp_path: Path,
) -> None:
    pictures = pictures_beside(tmp_path / "shop.db")
    old = forgotten(tmp_path, 3)
    log_beside(pictures).write_bytes(b"this is no ledger")
    note = "pictures whose time is over were not deleted"
    await run_until(tmp_path, place_of(pictures, old), note)
    assert place_of(pictures, old).exists()
