"""Cameras' twins on a bench, behind a broker of their own: each act lets somebody be seen.

The cable that can be pulled is the one between the driver and the broker.
"""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import aiomqtt

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.camera import face_words, words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.door import Door
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.camera.words import Words
from aislewatch_sim.faults import Fault
from aislewatch_sim.ports import Port, TcpPort

_SECRET: Final = "a secret of thirty-two bytes, ok"
_EPOCH_S: Final = 1_772_438_400
_NAME: Final = "bench"


class CameraBench(TwinBench):
    """See the module; a subclass says what one maker's camera says.

    Args:
        folder: for the file with the shop's secret.
        seed: of the faults.
    """

    secrets = (_SECRET,)
    recovery_s = 20.0
    """Dripping, each byte is a message of its own, and what comes behind it waits."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(seed)
        # MQTT goes over TCP, whose checksum lets no turned bit through.
        self.faults = [fault.value for fault in Fault if fault not in {Fault.FLIP, Fault.PARITY}]
        (folder / "cameras.key").write_text(_SECRET)
        self.scene = Scene({"front": (0.0, 0.0, 1.0, 1.0)})
        self._broker = Broker(next(iter(brokers()), "mosquitto"))
        self._port = TcpPort(Door("127.0.0.1", self._broker.port).serve)
        self._camera: Publisher | None = None
        self._now_ms = 0

    @property
    def port(self) -> Port:
        """The way to the broker."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """The broker's address, the secret's file, and which camera it is."""
        return {"broker": self._port.address, "key_file": "cameras.key", **self.own}

    @property
    @abstractmethod
    def own(self) -> Mapping[str, Any]:
        """What only this maker's cameras are told."""

    @abstractmethod
    def told(self, now_ms: int) -> tuple[Sequence[Words], Mapping[str, object]]:
        """Change the scene; give what the camera says of it, and what an event must hold.

        Args:
            now_ms: milliseconds since 1970.
        """

    async def act(self) -> Mapping[str, object]:
        """Let somebody be seen."""
        # No two acts are of one millisecond.
        self._now_ms = max(self._now_ms + 1, 1000 * _EPOCH_S + time.monotonic_ns() // 1_000_000)
        said, expected = self.told(self._now_ms)
        self.errands.begin(lambda: self._say(said))
        return expected

    async def _say(self, said: Sequence[Words]) -> None:
        assert self._camera is not None
        with contextlib.suppress(aiomqtt.MqttError):  # Its own line has just been dropped.
            await self._camera.say(*said)

    async def __aenter__(self) -> Self:
        await self._broker.start()
        try:
            self._camera = Publisher("127.0.0.1", self._broker.port, self.menu)
            await self._camera.__aenter__()
            return await super().__aenter__()
        except BaseException:
            await self._broker.__aexit__(None, None, None)
            raise

    async def __aexit__(self, *raised: object) -> None:
        await super().__aexit__(*raised)
        if self._camera is not None:
            await self._camera.__aexit__(*raised)
        await self._broker.__aexit__(*raised)


class MerakiBench(CameraBench):
    """A Meraki MV: each act changes how many people it counts."""

    @property
    def own(self) -> Mapping[str, Any]:
        """Its serial."""
        return {"serial": _NAME}

    def told(self, now_ms: int) -> tuple[Sequence[Words], Mapping[str, object]]:
        """Let one more come into the view."""
        self.scene.enter(0.5, 0.8, now_ms / 1000)
        counts = words.meraki(f"/merakimv/{_NAME}", self.scene, now_ms / 1000)[:1]
        return counts, {"type": "vision.count", "units": len(self.scene.visitors)}


class FrigateBench(CameraBench):
    """A camera behind Frigate: each act has somebody else enter a zone and stay."""

    @property
    def own(self) -> Mapping[str, Any]:
        """Its name in Frigate, and a zone in which people loiter."""
        return {"camera": _NAME, "zones": {"front": "desk"}, "loiter": ["front"]}

    def told(self, now_ms: int) -> tuple[Sequence[Words], Mapping[str, object]]:
        """Let somebody enter; the one before has left."""
        visitor = self.scene.enter(0.5, 0.8, now_ms / 1000)
        said = words.frigate_event("frigate", _NAME, self.scene, visitor, "new", now_ms / 1000)
        self.scene.leave(visitor.number)
        return [said], {"type": "vision.action", "time": 1000 * now_ms}


class AxisBench(CameraBench):
    """An Axis camera: each act has somebody else in one of its pictures."""

    @property
    def own(self) -> Mapping[str, Any]:
        """Its topic."""
        return {"topic": _NAME}

    def told(self, now_ms: int) -> tuple[Sequence[Words], Mapping[str, object]]:
        """Let somebody be in the picture whom nobody has seen before, and gone in the next."""
        visitor = self.scene.enter(0.5, 0.8, now_ms / 1000)
        there = words.axis_frame(_NAME, self.scene, now_ms / 1000)
        number = self.scene.leave(visitor.number).number
        gone = words.axis_frame(_NAME, self.scene, now_ms / 1000, (number,))
        return [there, gone], {"type": "vision.person", "time": 1000 * now_ms}


class FacesBench(CameraBench):
    """A service that makes embeddings: each act has another face before the camera."""

    @property
    def own(self) -> Mapping[str, Any]:
        """Its topic."""
        return {"topic": _NAME}

    def told(self, now_ms: int) -> tuple[Sequence[Words], Mapping[str, object]]:
        """Let somebody be seen whom nobody has seen before, and gone in the next picture."""
        number = self.scene.leave(self.scene.enter(0.5, 0.8, now_ms / 1000).number).number
        # Short: with some faults each byte is a message of its own.
        seen = (str(number), face_words.face(number)[:4])
        said = face_words.frame(_NAME, now_ms / 1000, [seen], packed=True)
        return [said], {"type": "vision.person", "time": 1000 * now_ms}
