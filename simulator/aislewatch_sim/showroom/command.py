"""The showroom run by hand: its shop written into a folder, for `aislewatch run` in front of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from aislewatch_sim.byhand import COULD_NOT_RUN, FINE


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A whole shop with a twin of every kind of device, to be watched with `aislewatch run`."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the shop's files")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="end when the day is over")
    parser.add_argument("--json", action="store_true", help="say what was planted as JSON")
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_serve(given))
    except (ImportError, OSError, RuntimeError) as error:
        sys.stderr.write(f"shop: {error}\n")
        return COULD_NOT_RUN


async def _serve(given: argparse.Namespace) -> int:
    # Here, for it needs what its devices need: whoever lists the twins need not have that.
    from aislewatch_sim.showroom import Showroom  # noqa: PLC0415

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has none; Ctrl-C still raises.
            loop.add_signal_handler(stop, ended.set)
    async with Showroom(given.folder, seed=given.seed) as showroom:
        _tell({"store": str(showroom.store)}, given)
        watch = f"aislewatch run {showroom.store} --simulated --ledger {given.folder / 'found.db'}"
        _say(f"The shop is {showroom.store}; watch it from another terminal with\n  {watch}", given)
        playing = asyncio.create_task(showroom.play())
        stopping = asyncio.create_task(ended.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            return FINE
        playing.result()
        told = [asdict(one) for one in showroom.planted]
        _tell({"planted": told}, given)
        _say("The day is over. What was planted:", given)
        for planted in showroom.planted:
            devices = ", ".join(planted.seen_by)
            _say(f"  {planted.type:<22}{planted.what} ({devices})", given)
        if not given.once:
            _say("Ctrl-C ends it.", given)
            await stopping
        stopping.cancel()
    return FINE


def _say(text: str, given: argparse.Namespace) -> None:
    """Say something to a person."""
    if not given.json:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _tell(what: Mapping[str, object], given: argparse.Namespace) -> None:
    """Say something to a script."""
    if given.json:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
