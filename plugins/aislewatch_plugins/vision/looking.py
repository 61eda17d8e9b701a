"""One picture from bytes to events: decoded, judged, its things detected, followed and told.

It blocks for as long as decoding and the detector take, and is called for one picture at a time, in
order. The time is the picture's: the same pictures give the same events.
"""

from __future__ import annotations

from aislewatch.devices.telling import Told
from aislewatch_plugins.vision import pictures
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Detector
from aislewatch_plugins.vision.faults import Fault, Sight
from aislewatch_plugins.vision.sources import Broken, Came
from aislewatch_plugins.vision.telling import Teller
from aislewatch_plugins.vision.watching import Watcher


class Looker:
    """Looks at one camera's pictures; one for each opening.

    Args:
        config: of the camera.
        detector: finds things in a picture.
        teller: makes events.

    Attributes:
        skipped: pictures that came sooner after another than is asked for.
    """

    def __init__(self, config: VisionConfig, detector: Detector, teller: Teller) -> None:
        self.skipped = 0
        self._every_us = config.every
        self._detector = detector
        self._teller = teller
        self._sight = Sight(config.faults)
        self._watcher = Watcher(config)
        self._last_us = -1
        self._due_us = 0
        self._digest = b""

    @property
    def blind(self) -> Fault | None:
        """What keeps the camera from seeing."""
        return self._sight.blind

    @property
    def plain(self) -> bool:
        """The view has too little in it to tell whether it is covered or moved."""
        return self._sight.plain

    @property
    def tracks(self) -> int:
        """How many things are followed now."""
        return self._watcher.tracks

    def look(self, came: Came, now_us: int) -> list[Told]:
        """Take what came; give what is to be told of it.

        Args:
            came: a picture, or what is none.
            now_us: when it came, for what is none.

        Raises:
            DeviceNotReady: the detector's device failed.
        """
        if isinstance(came, Broken):
            # A recording's clock is its pictures'; nobody else's says when this one was taken.
            time_us = max(0, self._last_us) if self._teller.recorded else now_us
            return self._teller.refuse(came.size, came.reason, came.place, time_us)
        time_us = came.time_us
        if time_us <= self._last_us or time_us < self._due_us:
            self.skipped += 1
            return []
        # Due by its own beat: pictures that tremble in time are not left out for it.
        self._due_us = max(self._due_us + self._every_us, time_us - self._every_us // 2)
        try:
            picture = came.picture
            if isinstance(picture, bytes):
                picture = pictures.decoded(picture)
        except ValueError as error:
            assert isinstance(came.picture, bytes)
            return self._teller.refuse(len(came.picture), str(error), "a picture", time_us)
        self._last_us = time_us
        return self._seen(time_us, picture)

    def _seen(self, time_us: int, picture: pictures.Picture) -> list[Told]:
        told = self._teller.whole(time_us)
        digest = pictures.digest(picture)
        same, self._digest = digest == self._digest, digest
        news = self._sight.look(time_us, pictures.thumb(picture), digest)
        if news is not None:
            told += self._teller.sight(news)
            self._watcher.end()
        # The same picture again says nothing of now, and a covered one nothing of the shop.
        if same or self._sight.blind is not None or self._sight.doubtful:
            return told
        found = self._watcher.look(time_us, self._detector.detect(picture))
        return [*told, *(self._teller.tell(one) for one in found)]
