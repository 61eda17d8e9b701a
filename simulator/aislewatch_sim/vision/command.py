"""A camera's twin on the command line; see ``aislewatch sim device vision --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from aislewatch_sim import byhand
from aislewatch_sim.byhand import Order
from aislewatch_sim.ports import Port
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.acts import Act
from aislewatch_sim.vision.camera import Camera
from aislewatch_sim.vision.recording import pictures, to_folder, to_video
from aislewatch_sim.vision.stage import COLOURS, LOOKS, Figure, Lens, Stage

_LENSES: Final[dict[str, Lens]] = {
    "clear": "clear",
    "cover": "covered",
    "turn": "turned",
    "freeze": "frozen",
}


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A camera whose pictures others look at: MJPEG over HTTP, a folder of pictures, or a video."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    byhand.add_options(parser, pty=False)
    parser.add_argument("--view", choices=("aisle", "kiosk"), default="aisle")
    parser.add_argument("--fps", type=_positive, default=10.0, help="pictures a second")
    parser.add_argument("--size", type=_size, default=(256, 192), help="as 256x192")
    parser.add_argument("--visits", action="store_true", help="somebody comes again and again")
    written = parser.add_mutually_exclusive_group()
    written.add_argument("--folder", type=Path, help="write pictures there instead of serving")
    written.add_argument("--video", type=Path, help="write a video (.avi) instead of serving")
    parser.add_argument("--seconds", type=_positive, default=60.0, help="of what is written")
    parser.add_argument("--starts", type=_instant, help="when that begins (default: now)")
    given = parser.parse_args(arguments)
    dice = Random(given.seed)
    width, height = given.size
    make = acts.aisle if given.view == "aisle" else acts.kiosk
    stage = make(given.seed, width, height)
    if given.folder is not None or given.video is not None:
        return _written(given, stage, dice)
    faults = byhand.faults_of(given, dice)
    camera = Camera(stage, faults, given.fps)
    try:
        port = byhand.port_of(given, camera.serve)
    except ValueError as error:
        parser.error(str(error))
    playing = _Playing(camera, port)
    if given.visits:
        camera.begin(_visits(stage, dice))
    return byhand.run(playing, faults, _orders(camera), kind="vision", as_json=given.json)


def _written(given: argparse.Namespace, stage: Stage, dice: Random) -> int:
    count = round(given.seconds * given.fps)
    going_on = _visits(stage, dice) if given.view == "aisle" else _scans(stage, dice)
    taken = pictures(stage, (None for _, _ in zip(range(count), going_on, strict=False)))
    starts = given.starts or datetime.now(UTC)  # noqa: TID251 - a camera has a clock
    try:
        if given.folder is not None:
            count = to_folder(taken, given.folder, round(starts.timestamp() * 1_000_000), given.fps)
        else:
            count = to_video(taken, given.video, given.fps)
    except OSError as error:
        sys.stderr.write(f"vision: {error}\n")
        return byhand.COULD_NOT_RUN
    sys.stdout.write(f"{count} pictures in {given.folder or given.video}\n")
    return byhand.FINE


def _visits(stage: Stage, dice: Random) -> Act:
    number = 0
    while True:
        number += 1
        yield from acts.visit(stage, dice, number)


def _scans(stage: Stage, dice: Random) -> Iterator[None]:
    while True:
        yield from acts.scan(stage, dice.choice(sorted(COLOURS)))
        yield from acts.still(acts.PICTURES_A_SECOND)


class _Playing(Port):
    """A camera's port, with the camera going on for as long as it is served."""

    def __init__(self, camera: Camera, port: Port) -> None:
        self.camera = camera
        self._port = port
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Of the stream."""
        return f"http://{self._port.address}/video.mjpg"

    async def __aenter__(self) -> _Playing:
        await self._port.__aenter__()
        self._task = asyncio.create_task(self.camera.play())
        return self

    async def __aexit__(self, *arguments: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._port.__aexit__(None, None, None)

    async def drop(self) -> None:
        """Drop every line."""
        await self._port.drop()


def _orders(camera: Camera) -> dict[str, Order]:
    stage = camera.stage

    def light(words: Sequence[str]) -> str:
        if words not in (["on"], ["off"]):
            message = "say light on, or light off"
            raise ValueError(message)
        stage.light = 1.0 if words == ["on"] else 0.0
        return f"the light is {words[0]}"

    def lens(words: Sequence[str]) -> str:
        found = _LENSES.get(words[0]) if len(words) == 1 else None
        if found is None:
            message = f"say one of: {', '.join(f'lens {name}' for name in _LENSES)}"
            raise ValueError(message)
        stage.lens = found
        return f"the lens is {found}"

    def visit(words: Sequence[str]) -> str:
        what = words[0] if words else "nothing"
        does = words[1] if len(words) > 1 else "along"
        article = next((one for one in stage.articles if one.label == what), None)
        if does not in {"along", "back", "away"} or (article is None and what != "nothing"):
            goods = ", ".join(one.label for one in stage.articles) or "nothing"
            message = f"say visit WHAT along|back|away; on the shelf: {goods}"
            raise ValueError(message)
        camera.begin(_visit(stage, what, does))
        return "somebody comes" if article is None else f"somebody comes for the {what}"

    def scan(words: Sequence[str]) -> str:
        what = words[0] if words else ""
        if what not in COLOURS:
            message = f"say scan with one of: {', '.join(COLOURS)}"
            raise ValueError(message)
        camera.begin(acts.scan(stage, what))
        return f"the {what} is scanned"

    return {
        "visit": Order("visit WHAT along|back|away: take it, and keep, return or hide it", visit),
        "scan": Order("scan WHAT: somebody lays it on a kiosk's counter", scan),
        "light": Order("light on|off", light),
        "lens": Order("lens clear|cover|turn|freeze: what is done to the camera", lens),
    }


def _visit(stage: Stage, what: str, does: str) -> Act:
    who = Figure(-0.2, 0.66, LOOKS[0])
    yield from acts.walk(stage, who, [(0.4, 0.66)])
    article = next((one for one in stage.articles if one.label == what), None)
    if article is not None:
        yield from acts.to_shelf(stage, who, article.x)
        yield from acts.take(stage, who, article)
        if does == "back":
            yield from acts.put_back(stage, who, article.x)
        elif does == "away":
            yield from acts.conceal(who)
    yield from acts.leave(stage, who)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100_000:
        message = f"{text} is not above 0"
        raise argparse.ArgumentTypeError(message)
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 32 <= int(width) <= 4096) or not (
        32 <= int(height) <= 4096
    ):
        message = f"{text!r} is no size; write it as 256x192"
        raise argparse.ArgumentTypeError(message)
    return int(width), int(height)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        message = f"{text!r} is no time; write it as 2026-03-02T08:00:00Z"
        raise argparse.ArgumentTypeError(message)
    return at
