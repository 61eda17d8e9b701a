"""Hints of what people do with goods: picked from a shelf, put back, or put away. Pure.

A camera sees an article where it was not before, or no longer where it was; the rest is inference,
and is told as what it is: with a confidence, and never where it cannot be told apart.

* *pick*: an article that lay on a shelf is in somebody's hands outside of it; or, weaker, an
  article comes into view in the hand of somebody whose hand was at that shelf a moment before.
* *return*: an article that was in hands lies on a shelf, and no hand is at it.
* *conceal*: an article that was in somebody's hands is seen no longer, while that person is, away
  from shelf and picture's edge, and no basket or trolley is there that it could be in. An arm
  before it, or a turned back, looks the same for a while: who waits longer (``unseen``) is wrong
  less often.

The confidence is the product of how sure the article was seen, how well it was in that person's
reach, and what was inferred instead of seen. It compares hints; it is no probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from aislewatch.devices.outline import inside
from aislewatch_plugins.vision.config import HintsConfig, Point
from aislewatch_plugins.vision.detecting import Box
from aislewatch_plugins.vision.findings import Action, Doing
from aislewatch_plugins.vision.holding import Hold, hold_of, person_of, wider
from aislewatch_plugins.vision.tracking import Track, fit, overlap
from aislewatch_plugins.vision.zones import Zones

_NO_HAND: Final = 0.7
"""Of what is inferred without a hand that is seen to do it."""

_UNSEEN_START: Final = 0.8
"""Of a pick whose article was not seen on the shelf."""

_EDGE: Final = 0.02
"""So near the picture's edge, what vanishes may have left the picture, as a share of it."""

_CARRIER: Final = 0.15
"""How far around a basket what vanishes may be in it, as a share of its width."""

_SAME_LEAST: Final = -0.3
"""Distance-IoU from which an article that appears may be the one that has just vanished."""


class Scene(NamedTuple):
    """What is in one picture, as tracks.

    Attributes:
        articles: seen now.
        ended: articles that are over.
        hands, carriers: seen now.
        people: seen now or a moment ago.
    """

    articles: Sequence[Track]
    ended: Sequence[Track]
    hands: Sequence[Track]
    people: Sequence[Track]
    carriers: Sequence[Track]


@dataclass(slots=True)
class _Article:
    """What is known of one article.

    Attributes:
        track: the article.
        hold: how it was held last.
        shelf: where it lies, if it was seen to lie on one.
        held_since_us: outside of shelves and in hands since then.
        lies_since_us: on a shelf and in no hand since then.
        carried: it was in hands outside of shelves for long enough.
        person: who held it last.
    """

    track: Track
    hold: Hold
    shelf: str | None = None
    held_since_us: int | None = None
    lies_since_us: int | None = None
    carried: bool = False
    person: int | None = None


class _Vanished(NamedTuple):
    """An article that was carried and is no longer seen."""

    label: str
    person: int
    box: Box
    seen_us: int
    confidence: float


class _Reach(NamedTuple):
    """A hand was at a shelf, from when to when."""

    shelf: str
    since_us: int
    until_us: int


class Hints:
    """Infers what is done with goods in one camera's pictures.

    Args:
        config: what is worth telling.
        shelves: by zone, its outline.
        margin: how far out of a shelf an article must be to have left it.
    """

    def __init__(
        self, config: HintsConfig, shelves: Mapping[str, Sequence[Point]], margin: float
    ) -> None:
        self._config = config
        self._shelves = dict(shelves)
        self._places = Zones(shelves, margin)
        self._articles: dict[int, _Article] = {}
        self._vanished: list[_Vanished] = []
        self._reaches: dict[int | None, _Reach] = {}
        self._empty_since_us: dict[int, int] = {}
        self._hands_seen = False

    def look(self, time_us: int, scene: Scene) -> list[Doing]:
        """Take one picture; give what is understood now."""
        self._watch_hands(time_us, scene)
        told: list[Doing] = []
        for track in scene.articles:
            told += self._look_at(track, time_us, scene)
        for track in scene.ended:
            self._lose(track, scene)
        told += self._missed(time_us, scene)
        self._forget(time_us)
        return [doing for doing in told if doing.confidence >= self._config.sure]

    def end(self) -> None:
        """Forget everything: what was seen before the camera was blind explains nothing after."""
        for number in list(self._articles):
            self._places.forget(number)
        self._articles.clear()
        self._vanished.clear()
        self._reaches.clear()
        self._empty_since_us.clear()

    def _watch_hands(self, time_us: int, scene: Scene) -> None:
        # Where the detector finds none, no hand says nothing.
        self._hands_seen = self._hands_seen or bool(scene.hands)
        for hand in scene.hands:
            who = person_of(hand.box, scene.people)
            for shelf, outline in self._shelves.items():
                if inside(hand.centre, outline):
                    last = self._reaches.get(who)
                    again = last is not None and last.shelf == shelf
                    fresh = again and last and time_us - last.until_us <= self._config.reach
                    since_us = last.since_us if fresh and last else time_us
                    self._reaches[who] = _Reach(shelf, since_us, time_us)
            touched = any(overlap(hand.box, article.box) > 0 for article in scene.articles)
            if who is not None and not touched:
                self._empty_since_us[who] = time_us

    def _look_at(self, track: Track, time_us: int, scene: Scene) -> Iterator[Doing]:
        hold = hold_of(track, scene.hands, scene.people)
        known = self._articles.get(track.number)
        if known is None:
            known = self._articles[track.number] = _Article(track, hold)
            known.carried = self._found_again(track)
        known.hold = hold
        known.person = known.person if hold.person is None else hold.person
        self._places.look(time_us, {track.number: track.centre})
        stay = next(iter(self._places.at(track.number)), None)
        if stay is None:
            known.lies_since_us = None
            yield from self._outside(known, time_us)
        else:
            known.held_since_us = None
            yield from self._on_shelf(known, stay.zone, time_us)

    def _outside(self, known: _Article, time_us: int) -> Iterator[Doing]:
        if not known.hold.held:
            known.held_since_us = None
            return
        if known.held_since_us is None:
            known.held_since_us = time_us
        since_us = known.held_since_us
        if time_us - since_us < self._config.settle or (known.carried and known.shelf is None):
            return
        shelf, inferred = known.shelf, 1.0
        if shelf is None:
            # An arm that is held out may show a hand that is in nobody's box.
            reach = self._reaches.get(known.hold.person) or self._reaches.get(None)
            # Only what appeared since the hand went there can come from there.
            if (
                reach is not None
                and reach.since_us <= known.track.since_us
                and since_us - reach.until_us <= self._config.reach
            ):
                shelf, inferred = reach.shelf, _UNSEEN_START
        known.carried, known.shelf = True, None
        if shelf is not None:
            yield self._doing("pick", known, shelf, since_us, inferred)

    def _on_shelf(self, known: _Article, shelf: str, time_us: int) -> Iterator[Doing]:
        if known.hold.hand or (known.carried and known.hold.held and self._hands_seen):
            # In a hand, or before somebody whose hand is hidden: it does not lie there yet.
            known.lies_since_us = None
            return
        if known.lies_since_us is None:
            known.lies_since_us = time_us
        since_us = known.lies_since_us
        if not known.carried:
            known.shelf = shelf
        elif time_us - since_us >= self._config.settle:
            known.carried, known.shelf = False, shelf
            yield self._doing("return", known, shelf, since_us, 1.0)

    def _doing(
        self, action: Action, known: _Article, shelf: str, time_us: int, inferred: float
    ) -> Doing:
        hold, track = known.hold, known.track
        seen = inferred if hold.hand or action == "return" else inferred * _NO_HAND
        return Doing(time_us, action, known.person, shelf, track.label, seen * track.confidence)

    def _found_again(self, track: Track) -> bool:
        """Tell whether an article that appears is one that had vanished; it was carried then."""
        for one in self._vanished:
            if one.label == track.label and fit(one.box, track.box) >= _SAME_LEAST:
                self._vanished.remove(one)
                return True
        return False

    def _lose(self, track: Track, scene: Scene) -> None:
        known = self._articles.pop(track.number, None)
        where = self._places.at(track.number)
        self._places.forget(track.number)
        if known is None or not known.carried or known.hold.person is None:
            return
        hidden = any(overlap(wider(c.box, _CARRIER), track.box) > 0 for c in scene.carriers)
        box = track.box
        at_edge = min(box.x_min, box.y_min, 1 - box.x_max, 1 - box.y_max) < _EDGE
        if not where and not hidden and not at_edge:
            sure = track.confidence * known.hold.within
            self._vanished.append(
                _Vanished(track.label, known.hold.person, box, track.seen_us, sure)
            )

    def _forget(self, time_us: int) -> None:
        """Forget what can bear on nothing any more: thousands of people pass in a day."""
        until_us = time_us - self._config.reach - 2 * self._config.settle
        for who in [who for who, reach in self._reaches.items() if reach.until_us < until_us]:
            del self._reaches[who]
        empty_us = time_us - 2 * self._config.unseen
        for who in [who for who, at_us in self._empty_since_us.items() if at_us < empty_us]:
            del self._empty_since_us[who]

    def _missed(self, time_us: int, scene: Scene) -> Iterable[Doing]:
        """Give what has been unseen for long enough while its holder was seen."""
        people = {who.number: who for who in scene.people}
        for one in list(self._vanished):
            if time_us - one.seen_us < self._config.unseen:
                continue
            who = people.get(one.person)
            if who is None:
                # Hidden for a picture, or gone with what they held: wait as long again, no longer.
                if time_us - one.seen_us >= 2 * self._config.unseen:
                    self._vanished.remove(one)
                continue
            self._vanished.remove(one)
            hand = self._empty_since_us.get(one.person, 0) > one.seen_us
            sure = one.confidence * (1.0 if hand else _NO_HAND)
            yield Doing(one.seen_us, "conceal", one.person, None, one.label, sure)
