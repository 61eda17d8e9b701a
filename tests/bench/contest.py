"""A contest: each contestant takes a stream in a process of its own, watched and timed.

So nobody's garbage or crash is another's, and one that hangs is ended. What is timed is the
processor time from raw bytes to alarms; defining the rules is timed apart.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import NamedTuple

from question import Alarm, Variant
from stream import Stream

from aislewatch.runtime.collector import calm_collector

PATIENCE_S = 45.0
"""For how long an answer is waited for."""


@dataclass(frozen=True)
class Peer:
    """Who takes part.

    Attributes:
        name: as printed.
        module: where it is.
        maker: the function there that makes it.
        needs: the package that may not be installed.
        rules_max: how many rules it survives.
        why: what more rules do to it.
    """

    name: str
    module: str
    maker: str = "make"
    needs: str | None = None
    rules_max: int | None = None
    why: str = ""

    @property
    def absent(self) -> bool:
        """It is not installed."""
        return self.needs is not None and find_spec(self.needs) is None


ENGINE = Peer("aislewatch", "peers.by_engine")
WITH_LIBRARY = Peer("aislewatch and its library", "peers.by_engine", maker="make_with_library")
LOOP = Peer("by hand", "peers.by_hand")
ORDERED_LOOP = Peer("by hand, with a heap", "peers.by_hand", maker="make_ordered")
BYTEWAX = Peer("bytewax", "peers.by_bytewax", needs="bytewax")
CLIPS = Peer("clipspy", "peers.by_clips", needs="clips")
DURABLE = Peer(
    "durable-rules",
    "peers.by_durable_rules",
    needs="durable",
    rules_max=500,
    why="hangs while some 700 rules are defined",
)
PEERS = (ENGINE, LOOP, ORDERED_LOOP, BYTEWAX, CLIPS, DURABLE)


class Measure(NamedTuple):
    """How one run went.

    Attributes:
        ready_s: processor time until the rules were defined, seconds.
        seconds: processor time from raw bytes to alarms.
        grown_mib: how much the process's peak memory rose over the stream.
        alarms: what was found.
    """

    ready_s: float
    seconds: float
    grown_mib: float
    alarms: list[Alarm]


class Failure(NamedTuple):
    """Why there is no answer."""

    why: str


def measure(peer: Peer, variants: Sequence[Variant], stream: Stream) -> Measure | Failure:
    """Let a peer take a stream in a process of its own."""
    if peer.absent:
        return Failure("not installed")
    if peer.rules_max is not None and len(variants) > peer.rules_max:
        return Failure(f"not tried: {peer.why}")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aislewatch.detect.core", "aislewatch.rules.load"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, peer, variants, stream), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(PATIENCE_S):
            return Failure(f"no answer in {PATIENCE_S:.0f} s")
        told: Measure | Failure = ours.recv()
    except EOFError:
        process.join()
        return Failure(f"its process died ({process.exitcode})")
    else:
        return told
    finally:
        process.kill()
        process.join()
        ours.close()


def _run(connection: Connection, peer: Peer, variants: Sequence[Variant], stream: Stream) -> None:
    calm_collector()  # As an engine does; it is no harm to others.
    make = getattr(importlib.import_module(peer.module), peer.maker)
    try:
        began = time.process_time()
        contestant = make(variants, stream.lateness_us)
        ready_s = time.process_time() - began
        gc.collect()
        before = _peak_mib()
        began = time.process_time()
        contestant.take(stream.raws, stream.clock)
        seconds = time.process_time() - began
    except Exception as error:  # Whatever goes wrong there is what is told of it.
        connection.send(Failure(f"{type(error).__name__}: {error}".splitlines()[0]))
        return
    connection.send(Measure(ready_s, seconds, _peak_mib() - before, contestant.alarms()))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
