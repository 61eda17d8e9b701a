"""What a camera saw as events: who is there, how many, and whether it could see. Pure.

A track is known by a pseudonym that lasts for one opening: it is made with the shop's secret and
the opening's name, so that nobody can follow a person from day to day. Somebody who stays is told
again every few seconds, for rules ask whether anybody was seen *within* a while.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from aislewatch.devices.clock import ClockWatch
from aislewatch.devices.pseudonym import pseudonym
from aislewatch.devices.telling import Envelopes, Refusal, Told
from aislewatch.events.kinds import (
    Event,
    PersonMatch,
    TimedBy,
    VisionAction,
    VisionCount,
    VisionPerson,
    VisionSnapshot,
)
from aislewatch.events.sensor import ClockSkew, SensorContext
from aislewatch_plugins.camera.config import CameraConfig
from aislewatch_plugins.camera.likenesses import Likenesses
from aislewatch_plugins.camera.payloads import masked
from aislewatch_plugins.camera.seen import (
    Count,
    Decoder,
    Face,
    Gone,
    Loitering,
    Person,
    Seen,
    Sight,
)
from aislewatch_plugins.camera.snapshot import Picture
from aislewatch_plugins.camera.standing import Faults, Standing

_REMEMBERED: Final = 4_096
_CLOCK: Final = "clock"
_PICTURES: Final = "pictures"
_GONE_US: Final = 30_000_000
"""A track whose end no camera tells has ended when it was not seen for so long."""


class _Stay(NamedTuple):
    since_us: int
    told_us: int
    last: Person


def track_name(track: str, boot: str, device: str, key: bytes) -> str:
    """Give the pseudonym of a track.

    >>> track_name("1607123955.475377-mxklsc", "b1", "desk-camera", b"sixteen bytes of")
    'track-f049e319c977ab3d'
    """
    named = "\0".join((device, boot, track)).encode("utf-8", errors="surrogatepass")
    return pseudonym("track", named, key)


class Teller:
    """Tells what one camera says; one for each opening.

    Args:
        config: of the camera.
        context: of the opening.
        decoder: of the vendor.
        secret: what pseudonyms are made with.
        now_us: when it was opened.
        likenesses: compares faces; None for a camera that tells none. What a camera of faces sends
            and nobody can read goes to the dead letter without its content: it may hold a face.

    Attributes:
        frames: how many messages were understood.
        refused: how many were not.
        repeats: how many had come before.
        lost: how many tracks have ended because nothing named them any more.
    """

    def __init__(
        self,
        config: CameraConfig,
        context: SensorContext,
        decoder: Decoder,
        secret: bytes,
        now_us: int,
        likenesses: Likenesses | None = None,
    ) -> None:
        self.frames = self.refused = self.repeats = self.lost = 0
        self._config = config
        self._context = context
        self._decoder = decoder
        self._secret = secret
        self._likenesses = likenesses
        self._heard_us = self._state_us = self._feed_us = now_us
        self._faults = Faults()
        self._stays: dict[tuple[str | None, str | None], _Stay] = {}
        self._counts: dict[str | None, tuple[int, int]] = {}
        self._recent: dict[bytes, None] = {}
        self._envelopes = Envelopes(context)
        self._clock = ClockWatch(config.skew, told=True)

    @property
    def skew(self) -> ClockSkew | None:
        """How far the camera's clock is off; None until it has told its time."""
        return self._clock.skew

    def tell(
        self, topic: str, payload: bytes, now_us: int, *, retained: bool = False
    ) -> Iterator[Told]:
        """Tell one message.

        Args:
            topic: where it came.
            payload: what came.
            now_us: the time.
            retained: the broker had kept it: it says how things are, and not what happens now.
        """
        try:
            # All of it first: half a frame would be half the people.
            found: list[Seen] = list(self._decoder.read(topic, payload))
            if retained:
                found = [seen for seen in found if isinstance(seen, Sight) and not seen.time_us]
            off_us = self._off_us(found, now_us)
        except ValueError as error:
            yield from self._refuse(topic, payload, str(error), now_us)
            return
        timed = any(seen.time_us for seen in found)
        if timed and self._came_before(topic, payload):
            # Sent again, or a camera whose picture stands still: no sign of life.
            self.repeats += 1
            return
        if timed:
            self._clock.take(now_us + off_us, now_us)
        if abs(off_us) > self._config.skew:
            yield from self._wrong_clock(topic, payload, off_us, now_us)
            return
        self.frames += 1
        # What the broker had kept does not show that the camera is alive.
        if not retained:
            self._heard_us = now_us
            times_us = [seen.time_us for seen in found if seen.time_us]
            self._feed_us = max(self._feed_us, *(times_us or [now_us]))
            self._faults.take(Sight("silence", None))
        if timed:
            self._faults.take(Sight(_CLOCK, None))
        for seen in found:
            if isinstance(seen, Sight):
                self._faults.take(seen)
        if found or not retained:
            yield from self._news(self._faults.news(), now_us)
        for seen in found:
            yield from self._one(seen)

    def advance(self, now_us: int) -> Iterator[Told]:
        """Tell what is known by now because nothing more came."""
        silence_us = self._config.silence
        if silence_us and now_us - self._heard_us > silence_us:
            detail = f"nothing has come from it for {silence_us // 1_000_000} s"
            self._stays.clear()
            self._faults.take(Sight("silence", "offline", "silent", detail))
            # It is known now, and what was not seen since then was not seen by anybody.
            yield from self._news(self._faults.news(), max(self._heard_us, self._state_us))
        if self._faults.blind:
            return
        for key, stay in list(self._stays.items()):
            if self._has_gone(stay.last, now_us):
                del self._stays[key]
            elif stay.last.stays and now_us - stay.told_us >= self._config.again:
                yield from self._person(stay.last, now_us, "arrival")

    def _has_gone(self, last: Person, now_us: int) -> bool:
        """Say whether somebody has gone without a word.

        By the feed's own time where the camera says who goes: while nothing comes from it, nobody
        is missing in what comes.
        """
        if not last.stays:
            return now_us - last.time_us > _GONE_US
        unseen_us = self._config.unseen
        gone = 0 < unseen_us < self._feed_us - last.time_us
        self.lost += gone
        return gone

    def pictured(self, cause: Event, picture: Picture, now_us: int) -> Iterator[Told]:
        """Tell a picture that was kept.

        Args:
            cause: what it was taken for.
            picture: the picture.
            now_us: the time; the picture's own is what it was asked for.
        """
        self._faults.take(Sight(_PICTURES, None))
        yield from self._news(self._faults.news(), now_us)
        yield VisionSnapshot(
            **self._envelopes.at(now_us, "arrival"),
            lane=getattr(cause, "lane", None),
            picture=picture.sha256,
            size_bytes=picture.size_bytes,
            taken_us=picture.time_us,
            cause=cause.id,
            receipt=getattr(cause, "receipt", None),
            # So that a picture is found when one of them asks what is kept of them.
            cashier=getattr(cause, "cashier", None),
            customer=getattr(cause, "customer", None),
        )

    def not_pictured(self, reason: str, now_us: int) -> Iterator[Told]:
        """Tell that a picture could not be had; what the camera sees, it sees all the same."""
        self._faults.take(Sight(_PICTURES, "degraded", "no-picture", reason))
        yield from self._news(self._faults.news(), now_us)

    def _one(self, seen: Seen) -> Iterator[Told]:
        match seen:
            case Person():
                yield from self._person(seen, seen.time_us)
            case Count():
                yield from self._count(seen)
            case Loitering():
                yield VisionAction(
                    **self._envelopes.at(seen.time_us),
                    action="loiter",
                    person=self._name(seen.track),
                    zone_id=seen.zone,
                    confidence=seen.confidence,
                )
            case Gone():
                self._forget(seen.track)
            case Face():
                yield from self._face(seen)
            case Sight():
                pass  # Taken before, for who is seen is seen by a camera that sees.

    def _person(
        self, seen: Person, time_us: int, timed_by: TimedBy | None = None
    ) -> Iterator[Told]:
        zones: tuple[str | None, ...] = seen.zones or (None,)
        if seen.track is not None:  # It may have left a zone for another.
            for key in [key for key in self._stays if key[0] == seen.track and key[1] not in zones]:
                del self._stays[key]
        for zone in zones:
            key = (seen.track, zone)
            stay = self._stays.get(key)
            if stay is not None and 0 <= time_us - stay.told_us < self._config.again:
                self._stays[key] = stay._replace(last=seen)
                continue
            since_us = time_us if stay is None else min(stay.since_us, time_us)
            if stay is None and len(self._stays) >= _REMEMBERED:
                del self._stays[next(iter(self._stays))]
            self._stays[key] = _Stay(since_us, time_us, seen)
            known = seen.track is not None
            yield VisionPerson(
                **self._envelopes.at(time_us, timed_by),
                person=self._name(seen.track),
                zone_id=zone,
                dwell_us=time_us - since_us if known else None,
                confidence=seen.confidence,
            )

    def _count(self, seen: Count) -> Iterator[Told]:
        people, told_us = self._counts.get(seen.zone, (-1, 0))
        if people == seen.people and 0 <= seen.time_us - told_us < self._config.again:
            return
        self._counts[seen.zone] = (seen.people, seen.time_us)
        envelope = self._envelopes.at(seen.time_us)
        yield VisionCount(**envelope, units=seen.people, what="people", zone_id=seen.zone)

    def _face(self, seen: Face) -> Iterator[Told]:
        assert self._likenesses is not None
        try:
            likeness = self._likenesses.told(seen)
        except ValueError as error:
            self.refused += 1
            yield Refusal(b"", f"an embedding of {seen.model}: {error}", "faces")
            return
        if likeness is not None:
            yield PersonMatch(
                **self._envelopes.at(seen.time_us),
                person=track_name(
                    seen.track, self._context.boot, self._context.device, self._secret
                ),
                watchlist=likeness.watchlist,
                entry=likeness.entry,
                similarity=likeness.similarity,
                zone_id=seen.zone,
            )

    def _shown(self, payload: bytes) -> bytes:
        if self._likenesses is None:
            return masked(payload)
        return f"{len(payload)} bytes, left out because they may hold a face".encode()

    def _forget(self, track: str | None) -> None:
        for key in [key for key in self._stays if track in {None, key[0]}]:
            del self._stays[key]

    def _came_before(self, topic: str, payload: bytes) -> bool:
        text = topic.encode("utf-8", errors="surrogatepass")
        digest = hashlib.blake2b(text + b"\0" + payload, digest_size=16).digest()
        if digest in self._recent:
            return True
        self._recent[digest] = None
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        return False

    def _off_us(self, found: list[Seen], now_us: int) -> int:
        times_us = [seen.time_us for seen in found if seen.time_us]
        return max((time_us - now_us for time_us in times_us), key=abs, default=0)

    def _wrong_clock(self, topic: str, payload: bytes, off_us: int, now_us: int) -> Iterator[Told]:
        way = "ahead" if off_us > 0 else "behind"
        reason = f"its time is {abs(off_us) / 1_000_000:.1f} s {way} of ours; set its NTP server"
        self.refused += 1
        self._stays.clear()
        yield Refusal(self._shown(payload), reason, f"topic {topic}")
        detail = "it tells another time than ours"
        self._faults.take(Sight(_CLOCK, "failed", "clock-skew", detail))
        yield from self._news(self._faults.news(), now_us)

    def _refuse(self, topic: str, payload: bytes, reason: str, now_us: int) -> Iterator[Told]:
        self.refused += 1
        yield Refusal(self._shown(payload), reason, f"topic {topic}")
        yield from self._news(self._faults.refused(reason), now_us)
        if self._faults.blind:
            yield from self._news(self._faults.news(), now_us)

    def _news(self, standing: Standing | None, time_us: int) -> Iterator[Told]:
        if standing is not None:
            state, reason, detail = standing
            self._state_us = time_us
            yield self._envelopes.state(time_us, state, reason, detail)

    def _name(self, track: str | None) -> str | None:
        if track is None:
            return None
        return track_name(track, self._context.boot, self._context.device, self._secret)
