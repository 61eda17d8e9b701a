"""The showroom run by hand, or by `aislewatch run --simulated`: its shop written into a folder.

With ``--json`` each line of standard output is one object: ``{"store": FILE, "enrol": {...}}`` when
the devices can be reached, ``{"begun": true}`` with the day, ``{"planted": [...]}`` at its end.
With ``--wait`` the day begins at the first line of standard input, when all devices are seen to be
online, and the end of standard input ends everything; without, the day begins some seconds after
somebody has connected to each device.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from aislewatch_sim.byhand import COULD_NOT_RUN, FINE

_SETTLES_S: Final = 3.0
"""How long drivers may take from a device's first word until they are ready for the day."""


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A whole shop with a twin of every kind of device, to be watched with `aislewatch run`."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the shop's files")
    parser.add_argument("--shop", type=Path, help="where they come from; not said: those shipped")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default: %(default)s)")
    parser.add_argument("--wait", action="store_true", help="begin when a line comes on stdin")
    parser.add_argument("--once", action="store_true", help="end when the day is over")
    parser.add_argument("--json", action="store_true", help="say what was planted as JSON")
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_serve(given))
    except ImportError as error:
        hint = "its devices need aislewatch[live,mqtt,serial,vision,faces]"
        sys.stderr.write(f"shop: {error}; {hint}\n")
        return COULD_NOT_RUN
    except (OSError, RuntimeError) as error:
        sys.stderr.write(f"shop: {error}\n")
        return COULD_NOT_RUN


async def _serve(given: argparse.Namespace) -> int:
    # Here, for it needs what its devices need: whoever lists the twins need not have that.
    from aislewatch_sim.camera.face_words import MODEL  # noqa: PLC0415
    from aislewatch_sim.showroom import Showroom  # noqa: PLC0415

    begun, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has none; Ctrl-C still raises.
            loop.add_signal_handler(stop, ended.set)

    if given.wait:
        # A thread that nobody waits for: what it reads may never come.
        orders = (loop, begun, ended)
        threading.Thread(target=_take_orders, args=orders, name="orders", daemon=True).start()

    async def ready() -> None:
        await (begun.wait() if given.wait else asyncio.sleep(_SETTLES_S))
        _tell({"begun": True}, given)
        _say("The day begins.", given)

    async with Showroom(given.folder, seed=given.seed, shop=given.shop) as showroom:
        enrol = {
            "embedding": str(showroom.face),
            "model": MODEL,
            "reason": "to show what is told of somebody on the list",
            "legal_basis": "none needed: the figures are nobody's face",
        }
        _tell({"store": str(showroom.store), "enrol": enrol}, given)
        _introduce(showroom.store, enrol, given)
        playing = asyncio.create_task(showroom.play(ready))
        stopping = asyncio.create_task(ended.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            return FINE
        playing.result()
        _tell({"planted": [asdict(one) for one in showroom.planted]}, given)
        _say("The day is over. What was planted:", given)
        for planted in showroom.planted:
            devices = ", ".join(planted.seen_by)
            _say(f"  {planted.type:<22}{planted.what} ({devices})", given)
        if not given.once:
            _say("Ctrl-C ends it.", given)
            await stopping
        stopping.cancel()
    return FINE


def _take_orders(
    loop: asyncio.AbstractEventLoop, begun: asyncio.Event, ended: asyncio.Event
) -> None:
    """Read standard input to its end: its first line begins the day, its end is the end."""
    with contextlib.suppress(RuntimeError):  # The loop has ended before.
        for _ in sys.stdin:
            loop.call_soon_threadsafe(begun.set)
        loop.call_soon_threadsafe(ended.set)


def _introduce(store: Path, enrol: Mapping[str, str], given: argparse.Namespace) -> None:
    """Tell a person what to type in another terminal."""
    _say(f"The shop is {store}. It compares faces; put one on its list, and watch:", given)
    papers = f'--reason "{enrol["reason"]}" --legal-basis "{enrol["legal_basis"]}"'
    face = f"{enrol['embedding']} --model {enrol['model']}"
    _say(f"  aislewatch watchlist enrol {face} --store {store} {papers}", given)
    ledger = given.folder / "found.db"
    _say(f"  aislewatch run {store} --simulated --ledger {ledger}", given)


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
