"""Who holds what in one picture: which hand is whose, and in whose hands an article is. Pure.

A detector finds a person, a hand and an article, and says nothing of their belonging together. That
is told by where they are: a hand is of the person whose box it is in, an article is held by the
hand that it touches, or else by the person in whose box it is, or in whose reach it has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from aislewatch_plugins.vision.detecting import Box
from aislewatch_plugins.vision.tracking import Track, area, centre_of, overlap

_ARM: Final = 0.75
"""How far beyond a person's box their hands reach, as a share of the box's width."""

_GRIP: Final = 0.25
"""How far an article may be from a hand that holds it, as a share of the hand's width."""


class Hold(NamedTuple):
    """How an article is held.

    Attributes:
        person: by whom; None where nobody is in reach.
        hand: a hand touches it.
        within: share of the article's box that is inside of the person's.
    """

    person: int | None
    hand: bool
    within: float

    @property
    def held(self) -> bool:
        """Somebody has it, or at least a hand does."""
        return self.hand or self.person is not None


def wider(box: Box, by: float) -> Box:
    """Give a box that is wider to each side by a share of its width.

    >>> wider(Box(0.25, 0.25, 0.75, 0.5), 0.5)
    Box(x_min=0.0, y_min=0.0, x_max=1.0, y_max=0.75)
    """
    more = by * (box.x_max - box.x_min)
    return Box(box.x_min - more, box.y_min - more, box.x_max + more, box.y_max + more)


def person_of(box: Box, people: Iterable[Track]) -> int | None:
    """Give whose hand or article this is: of those in reach, who is nearest."""
    x, y = centre_of(box)
    near = [
        ((x - who.centre[0]) ** 2 + (y - who.centre[1]) ** 2, who.number)
        for who in people
        if _within((x, y), wider(who.box, _ARM))
    ]
    return min(near)[1] if near else None


def hold_of(article: Track, hands: Sequence[Track], people: Sequence[Track]) -> Hold:
    """Tell how an article is held in one picture."""
    touching = [hand for hand in hands if overlap(wider(hand.box, _GRIP), article.box) > 0]
    boxes = [hand.box for hand in touching] or [article.box]
    owners = [person_of(box, people) for box in boxes]
    person = next((owner for owner in owners if owner is not None), None)
    if not touching and person is not None and not article.moved:
        # Without a hand to show for it, what never moved is held only before somebody's body.
        body = next(who.box for who in people if who.number == person)
        if not _within(article.centre, body):
            person = None
    body_box = next((who.box for who in people if who.number == person), None)
    size = area(article.box)
    within = 0.0
    if body_box is not None and size > 0:
        within = overlap(wider(body_box, _ARM), article.box) / size
    return Hold(person, bool(touching), within)


def _within(point: tuple[float, float], box: Box) -> bool:
    return box.x_min <= point[0] <= box.x_max and box.y_min <= point[1] <= box.y_max
