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

import psutil
from question import Alarm, Contestant, Variant
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
        starts: it starts processes, and anew for each stream: what they do counts, and what it
            costs to take an empty stream is taken off.
    """

    name: str
    module: str
    maker: str = "make"
    needs: str | None = None
    rules_max: int | None = None
    why: str = ""
    starts: bool = False

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
FLINK = Peer(
    "flink",
    "peers.by_flink",
    needs="pyflink",
    rules_max=10,
    why="each is an operator; a hundred take minutes",
    starts=True,
)
PEERS = (ENGINE, LOOP, ORDERED_LOOP, BYTEWAX, CLIPS, DURABLE, FLINK)


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
        began = _processor_s(peer)
        contestant = make(variants, stream.lateness_us)
        ready_s = _processor_s(peer) - began
        gc.collect()
        start_s = _taken_s(peer, contestant, [], []) if peer.starts else 0.0
        before = _peak_mib(peer)
        seconds = _taken_s(peer, contestant, stream.raws, stream.clock) - start_s
    except Exception as error:  # Whatever goes wrong there is what is told of it.
        connection.send(Failure(f"{type(error).__name__}: {error}".splitlines()[0]))
        return
    grown_mib = _peak_mib(peer) - before
    connection.send(Measure(ready_s, seconds, grown_mib, contestant.alarms()))


def _taken_s(
    peer: Peer, contestant: Contestant, raws: Sequence[bytes], clock: Sequence[int]
) -> float:
    began = _processor_s(peer)
    contestant.take(raws, clock)
    return _processor_s(peer) - began


def _processor_s(peer: Peer) -> float:
    """Give the processor time of this process, and of those that the peer started."""
    seconds = time.process_time()
    for helper in _helpers(peer):
        times = helper.cpu_times()
        seconds += times.user + times.system
    return seconds


def _peak_mib(peer: Peer) -> float:
    """Give the peak memory of this process, with what those that the peer started use now."""
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return mib + sum(helper.memory_info().rss for helper in _helpers(peer)) / 2**20


def _helpers(peer: Peer) -> list[psutil.Process]:
    # To look for them costs milliseconds, which are not the others'.
    return psutil.Process().children(recursive=True) if peer.starts else []
