"""From raw JSON bytes to signals on one core, beside a hand-written loop that does the same job.

Run with ``just bench detect``. Prints figures; asserts answers, never times. The loop runs twice:
with the decoder's checks alone, and with all that the engine makes of a message, which refuses tag
codes that are not hexadecimal.
"""

from __future__ import annotations

import gc
import json
import re
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec
import question
import stream

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, PosItem, RfidRead
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules
from aislewatch.runtime.collector import calm_collector

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BATCH = 1000
Answer = TypeVar("Answer")


def by_hand(raws: list[bytes], *, checked: bool) -> set[tuple[str, int]]:
    """Do the job with a decoder and a dictionary: no order, no lateness, no evidence, no reason.

    Args:
        raws: the events.
        checked: refuse, as the engine does, a tag code that is not hexadecimal.
    """
    decode = msgspec.json.Decoder(RfidRead | PosItem).decode
    hexadecimal = re.compile(r"[0-9A-Fa-f]+").fullmatch
    shelf: dict[str, int] = {}
    found: set[tuple[str, int]] = set()
    for raw in raws:
        event = decode(raw)
        epc = event.epc
        if epc is None or (checked and hexadecimal(epc) is None):
            continue
        if isinstance(event, RfidRead):
            if event.zone_kind == "shelf":
                shelf[epc] = event.time
            elif event.zone_kind == "exit" and (event.rssi_dbm or -99) > -60:
                since = shelf.get(epc)
                if since is not None and event.time - since <= 43_200_000_000:
                    found.add((epc, event.time))
        else:
            shelf.pop(epc, None)
    return found


def by_engine(raws: list[bytes], rule: str, registry: Registry) -> list[Record]:
    """Do the job with the core, fed in batches of the bus, with a tick of the clock each."""
    lists = {"open_transfers": frozenset[str]()}
    rules = load_rules({rule: Path(rule).read_text()}, registry, lists=lists)
    # One event a second: a batch of the bus spans a quarter of an hour of the recording.
    settings = Settings(store="1", ahead_us=3_600_000_000)
    core = Core(settings, StoreModel(lists=lists), rules, registry)
    decode = Codec(registry).decode_all
    records: list[Record] = []
    now = 0
    for at in range(0, len(raws), BATCH):
        batch: list[Event] = decode(raws[at : at + BATCH])
        now = batch[-1].time
        batch.append(ClockTick(id=f"clock/1/{at}", store="1", device="clock", time=now))
        records += core.step(batch)
    end = ClockTick(id="clock/1/end", store="1", device="clock", time=now, final=True)
    return records + core.step([end])


def signals(records: list[Record]) -> set[tuple[str, int]]:
    """Give what the engine raised in the form of the truth."""
    return {
        (dict(json.loads(record.payload)["about"])["epc"], record.time)
        for record in records
        if record.type == "signal.raised"
    }


def timed(job: Callable[[], Answer]) -> tuple[float, Answer]:
    """Give the processor seconds that a job takes, and its answer."""
    gc.collect()
    # One core is asked for; a neighbour is not.
    start = time.process_time()
    answer = job()
    return time.process_time() - start, answer


def main(events: int = 200_000, rounds: int = 5) -> None:
    """Print the figures."""
    calm_collector()  # As an engine does.
    registry = Registry()
    steps = stream.shoplifting(events, Random(1))
    raws = stream.as_json(steps)
    alarms = question.brute_force(steps, question.of_zones(1))
    truth = {(alarm.epc, alarm.time) for alarm in alarms}
    rule = str(ROOT / "rules" / "unpaid-exit.yml")
    loops: dict[bool, list[float]] = {False: [], True: []}
    engine: list[float] = []
    for _ in range(rounds):
        for checked, loop in loops.items():
            seconds, answer = timed(partial(by_hand, raws, checked=checked))
            loop.append(seconds)
            assert answer == truth, "the loop's answer is wrong"
        seconds, records = timed(lambda: by_engine(raws, rule, registry))
        engine.append(seconds)
        assert signals(records) == truth, "the engine's answer is wrong"
    print(f"{events:,} events, {len(truth):,} true matches, {len(raws[0])}-byte JSON")
    for checked, loop in loops.items():
        name = "loop, with the same checks" if checked else "loop, decode alone"
        print(f"  {name:<29}{events / statistics.median(loop):>12,.0f} events/s")
    print(f"  {'engine':<29}{events / statistics.median(engine):>12,.0f} events/s")
    for checked, loop in loops.items():
        name = "engine / loop with checks" if checked else "engine / loop, decode alone"
        ratio = statistics.median(e / b for e, b in zip(engine, loop, strict=True))
        print(f"  {name:<29}{ratio:>12.2f} x the time (median of {rounds} pairs)")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  {'peak memory':<29}{memory:>12,} MiB")


if __name__ == "__main__":
    main()
