"""What looking at pictures costs, from a camera's JPEG to events, as jobs to time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final

from plugin_jobs import Answer, Job, context_at

from aislewatch.events.kinds import Event
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Detector, DetectorConfig, open_detector
from aislewatch_plugins.vision.sources import Shot

_START_US: Final = 1_768_208_400_000_000
_FPS: Final = 10
_KEY: Final = b"a secret of thirty-two bytes, ok"


def picture_jobs(scale: int) -> Iterator[Job]:
    """Give the job; none where what they need is not installed.

    Args:
        scale: as for :func:`plugin_jobs.jobs`.
    """
    if find_spec("cv2") is None or find_spec("numpy") is None:
        return
    # Both need the extra `vision`.
    from aislewatch_plugins.vision.looking import Looker  # noqa: PLC0415
    from aislewatch_plugins.vision.telling import Teller  # noqa: PLC0415
    from aislewatch_sim.vision import acts  # noqa: PLC0415
    from aislewatch_sim.vision.camera import jpeg  # noqa: PLC0415

    stage, dice = acts.aisle(), Random(1)
    taken: list[bytes] = []
    while len(taken) < 10 * scale:
        visit = acts.visit(stage, dice, number=len(taken))
        taken += [jpeg(stage.picture(), 70) for _ in visit]

    def look() -> Answer:
        told = 0
        teller = Teller(_AISLE, context_at(_START_US), _KEY, recorded=True)
        looker = Looker(_AISLE, _detector(), teller)
        for number, picture in enumerate(taken):
            time_us = _START_US + number * 1_000_000 // _FPS
            came = looker.look(Shot(time_us, picture), time_us)
            told += sum(isinstance(one, Event) for one in came)
        return Answer(teller.pictures, told)

    size = sum(map(len, taken))
    yield Job("vision", "frames", len(taken), size, _FPS, look)


@cache
def _detector() -> Detector:
    return open_detector(DetectorConfig(), Path())


_ANY: Final[dict[str, Any]] = {"source": {"kind": "folder", "path": "."}, "key_file": "k"}
_AISLE: Final = VisionConfig.model_validate(
    {
        **_ANY,
        "every": "0s",
        "products": {"box": {}, "bottle": {}, "can": {}},
        "zones": {
            "A3": {"outline": [[0, 0], [1, 0], [1, 0.25], [0, 0.25]], "use": "shelf"},
            "aisle": {"outline": [[0, 0.25], [1, 0.25], [1, 1], [0, 1]]},
        },
    }
)
