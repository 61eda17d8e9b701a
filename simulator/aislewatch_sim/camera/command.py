"""A camera's twin run by hand: somebody walks in, stays a while and leaves, again and again."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random

import aiomqtt

from aislewatch_sim import byhand
from aislewatch_sim.camera import face_words, words
from aislewatch_sim.camera.scene import Scene, Visitor
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.camera.words import Words

_ZONE = "desk"
_STAYS = 5
"""For so many steps somebody is there, and for so many nobody."""


def steps(vendor: str, camera: str, scene: Scene, dark_from: int) -> Iterator[list[Words]]:
    """Give what the camera says at each step.

    Args:
        vendor: ``meraki``, ``frigate``, ``axis`` or ``faces``.
        camera: its serial, its name in Frigate, or its topic.
        scene: that it looks at; somebody comes and goes.
        dark_from: from this step on it is covered; 0 is never.
    """
    step = 0
    dice = Random("glimpses")  # No face's own figures are drawn from it.
    while True:
        now_s = datetime.now(UTC).timestamp()  # noqa: TID251 - a camera has a clock
        step += 1
        scene.covered = bool(dark_from) and step >= dark_from
        came = left = None
        if step % (2 * _STAYS) == 1:
            came = scene.enter(0.3, 0.8, now_s)
        elif step % (2 * _STAYS) == _STAYS + 1:
            left = scene.leave(next(iter(scene.visitors)))
        if vendor == "meraki":
            yield words.meraki(f"/merakimv/{camera}", scene, now_s)
        elif vendor == "faces":
            seen = [(str(one), face_words.glimpse(one, dice)) for one in scene.visitors]
            yield [face_words.frame(camera, now_s, [] if scene.covered else seen)]
        elif vendor == "axis":
            gone = () if left is None else (left.number,)
            said = [words.axis_frame(camera, scene, now_s, gone)]
            if dark_from and step == dark_from:
                said.append(words.axis_tampering(f"{camera}/event", "T1", now_s, active=True))
            yield said
        else:
            fps = 0.0 if scene.covered else 5.0
            said = [words.frigate_stats("frigate", camera, fps)]
            changes: list[tuple[Visitor | None, words.Change]] = [(came, "new"), (left, "end")]
            said += [
                words.frigate_event("frigate", camera, scene, visitor, change, now_s)
                for visitor, change in changes
                if visitor is not None
            ]
            yield [*said, words.frigate_count("frigate", camera, scene)]


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A camera that analyses for itself, publishing to a broker."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    parser.add_argument("--broker", required=True, metavar="HOST:PORT", help="where to")
    parser.add_argument(
        "--vendor", choices=("meraki", "frigate", "axis", "faces"), default="meraki"
    )
    parser.add_argument(
        "--camera",
        default="Q2XX-TWIN-0001",
        help="serial, name in Frigate, or topic of Axis or faces (default: %(default)s)",
    )
    parser.add_argument("--steps", type=int, default=0, help="then stop (default: never)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds from step to step")
    parser.add_argument("--covered-from", type=int, default=0, help="step from which it is covered")
    byhand.add_faults(parser)
    given = parser.parse_args(arguments)
    try:
        host, port = byhand.address(given.broker)
    except ValueError as error:
        parser.error(str(error))

    async def play() -> int:
        scene = Scene({_ZONE: (0.0, 0.0, 0.5, 1.0)})
        count = 0
        faults = byhand.faults_of(given, Random(given.seed))
        will = words.frigate_available("frigate", "offline") if given.vendor == "frigate" else None
        async with Publisher(host, port, faults, will=will) as publisher:
            if will is not None:
                await publisher.say(words.frigate_available("frigate", "online"))
            for said in steps(given.vendor, given.camera, scene, given.covered_from):
                await publisher.say(*said)
                count += len(said)
                given.steps -= 1
                if given.steps == 0:
                    return count
                await asyncio.sleep(given.pause)
        return count

    try:
        count = asyncio.run(play())
    except KeyboardInterrupt:
        return byhand.FINE
    except aiomqtt.MqttError as error:
        sys.stderr.write(f"camera: the broker at {given.broker} cannot be used: {error}\n")
        return byhand.COULD_NOT_RUN
    sys.stdout.write(f"{count} messages published\n")
    return byhand.FINE
