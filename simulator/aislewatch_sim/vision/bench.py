"""A camera's twin on a bench: each act lays an article on a kiosk's counter for a moment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.faults import Faults
from aislewatch_sim.ports import Port, TcpPort
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.acts import Act
from aislewatch_sim.vision.camera import Camera
from aislewatch_sim.vision.stage import COLOURS, Article

_SECRET: Final = "a secret of thirty-two bytes, ok"
_PASSWORD: Final = "correct horse battery staple"
_FPS: Final = 25.0
_LIES: Final = 5
"""Pictures for which an article lies there; a driver may want to be sure of it first."""

_PLACES: Final[dict[str, float]] = {"left": 0.17, "middle": 0.5, "right": 0.83}
"""Parts of the counter, and where the middle of each is."""


class VisionBench(TwinBench):
    """See the module.

    Args:
        folder: for the shop's secret and the camera's password.
        seed: of the faults.
    """

    secrets = (_SECRET, _PASSWORD)
    recovery_s = 45.0
    """Dripping, a picture takes seconds: it has thousands of bytes."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(seed)
        self.menu = Faults(Random(seed), late_s=0.05, drip_s=0.0005)
        (folder / "cameras.key").write_text(_SECRET)
        self._password = folder / "camera.password"
        self._password.write_text(_PASSWORD)
        stage = acts.kiosk(width=160, height=120)
        self.camera = Camera(stage, self.menu, _FPS, quality=50, login=f"viewer:{_PASSWORD}")
        self._port = TcpPort(self.camera.serve)
        self._acts = 0
        self._articles: deque[Article] = deque()
        self._playing: asyncio.Task[None] | None = None

    @property
    def port(self) -> Port:
        """The camera's own socket."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """The counter in three zones, and articles that are sure after three pictures."""
        zones = {
            name: {"outline": [[x, 0.0], [x + w, 0.0], [x + w, 1.0], [x, 1.0]], "use": "kiosk"}
            for name, x, w in (("left", 0.0, 0.33), ("middle", 0.33, 0.34), ("right", 0.67, 0.33))
        }
        return {
            "source": {
                "kind": "mjpeg",
                "url": f"http://{self._port.address}/video.mjpg",
                "user": "viewer",
                "password_file": str(self._password),
                "silence": "2s",
            },
            "key_file": "cameras.key",
            "products": {label: {} for label in COLOURS},
            "zones": zones,
            "every": "0s",
            # A bottle in the middle of pictures this small scores just what begins a track.
            "tracks": {"gone": "150ms", "start_score": 0.5},
        }

    async def act(self) -> Mapping[str, object]:
        """Have an article laid down, behind those that are to be laid down before it."""
        label = sorted(COLOURS)[self._acts % len(COLOURS)]
        zone = sorted(_PLACES)[self._acts // len(COLOURS) % len(_PLACES)]
        self._acts += 1
        self._articles.append(Article(label, _PLACES[zone], 0.5, 0.28))
        return {"type": "vision.item", "product_class": label, "zone_id": zone}

    def _counter(self) -> Act:
        """Lay down one article after another, for ever."""
        while True:
            if self._articles:
                yield from acts.lay_down(self.camera.stage, self._articles.popleft(), _LIES)
            else:
                yield

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.camera.begin(self._counter())
        self._playing = asyncio.create_task(self.camera.play(), name="the twin's camera")
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._playing is not None
        self._playing.cancel()
        await asyncio.gather(self._playing, return_exceptions=True)
        await super().__aexit__(*raised)
