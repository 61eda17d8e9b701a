"""What the plugins cost: rates of every decoder, and a gate's load through the whole path.

Run with ``just bench plugins``; ``--help`` tells what can be set. The machine may be shared: the
decoders' figures are of processor time, and the ratios between them mean more than each alone.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from itertools import chain
from pathlib import Path

import detector_figures
import gate_load
import picture_jobs
import plugin_jobs

from aislewatch.runtime.collector import calm_collector
from aislewatch.runtime.live_options import HostName


def decoders(scale: int, rounds: int) -> None:
    """Print a line for each plugin: bytes in, events counted out, on one core."""
    print("From a device's bytes to events, one core")
    print(f"  {'':<22}{'':>17}{'':>9}{'CPU of one device':>36}")
    for job in chain(plugin_jobs.jobs(scale), picture_jobs.picture_jobs(scale)):
        seconds: list[float] = []
        for _ in range(rounds):
            since = time.process_time()
            answer = job.work()
            seconds.append(time.process_time() - since)
            assert answer.units == job.units, f"{job.name} understood {answer} of {job.units}"
        took_s = statistics.median(seconds)
        each_s = took_s / job.units
        busy = f"{100 * job.busy * each_s:.2f} % at {job.busy:,g} {job.unit}/s"
        rate = f"{1 / each_s:>10,.0f} {job.unit}/s"
        print(f"  {job.name:<22}{rate:<23}{job.size / took_s / 1e6:>6.2f} MB/s   {busy}")


def gate(per_s: int, seconds: float, host: HostName) -> None:
    """Print what became of a gate's reads between the reader and the ledger's disk."""
    print(
        f"A gate at {per_s:,} reads/s for {seconds:g} s through NATS into the ledger, host {host}"
    )
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(gate_load.load(Path(folder), per_s=per_s, seconds=seconds, host=host))
    print(f"  reported by the twin    {found.reported:>10,}")
    print(f"  in the ledger           {found.stored:>10,}")
    print(f"  lost                    {found.lost:>10,}")
    print(f"  twice, or of no read    {found.surplus:>10,}")
    asked = gate_load.LATENESS_S + gate_load.TICK_S
    print(f"  from the reader's time of a read to its record on disk, of which {asked:g} s are")
    print("  waited on purpose (lateness and the next tick):")
    for name, share in (("p50", 0.5), ("p99", 0.99), ("all", 1.0)):
        print(f"    {name:<22}{found.delay_s(share):>8.3f} s")
    print("  processor time, of one core:")
    for part, cpu_s in found.cpu.items():
        print(f"    {part:<22}{100 * cpu_s / found.seconds:>8.1f} %")
    assert found.reported == per_s * seconds, "the twin did not report all it was to"
    assert found.lost == found.surplus == 0, "reads were lost, or told twice"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scale", type=int, default=100, help="how much each decoder is given")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken")
    parser.add_argument("--looks", type=int, default=300, help="of a detector, at each size")
    parser.add_argument("--reads", type=int, default=1000, help="of the gate, a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the gate; 0 leaves it out")
    parser.add_argument("--host", choices=("ray", "inline"), default="ray", help="as of `run`")
    given = parser.parse_args()
    calm_collector()  # As an engine does.
    decoders(given.scale, given.rounds)
    for line in detector_figures.lines(given.looks):
        print(line)
    if given.seconds:
        gate(given.reads, given.seconds, given.host)


if __name__ == "__main__":
    main()
