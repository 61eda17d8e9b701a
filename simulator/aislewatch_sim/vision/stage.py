"""What stands before a camera's twin, and the lens before it: people, goods, light, and tampering.

The stage is drawn anew for each picture, with the figures of :mod:`aislewatch_sim.pictures`. Places
are shares of the picture from its top left. The same dice give the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import cos, pi, sin
from random import Random
from typing import Final, Literal

import numpy as np

from aislewatch_sim.pictures.canvas import Canvas, Colour, Grid, Picture
from aislewatch_sim.pictures.figures import (
    DRAW_PRODUCT,
    Look,
    basket,
    hand,
    person_from_front,
    shade,
)

Lens = Literal["clear", "covered", "turned", "frozen"]

COLOURS: Final[dict[str, Colour]] = {
    "box": (205.0, 60.0, 50.0),
    "bottle": (40.0, 130.0, 70.0),
    "can": (45.0, 80.0, 190.0),
}
"""By article."""

LOOKS: Final = (
    Look((60.0, 90.0, 170.0), (50.0, 50.0, 60.0), (240.0, 195.0, 160.0), (70.0, 45.0, 25.0)),
    Look((180.0, 60.0, 60.0), (40.0, 45.0, 70.0), (165.0, 110.0, 75.0), (30.0, 24.0, 20.0)),
    Look((70.0, 140.0, 90.0), (80.0, 70.0, 60.0), (255.0, 219.0, 190.0), (150.0, 110.0, 60.0)),
)
"""How those look who come, one after another."""

_SHOWN: Final = 0.22
"""Height of what somebody holds who is seen whole, as a share of the picture's height."""

_GRIP: Final = 0.75
"""How far above the palm the middle of what is held is, as a share of the hand's length."""

_HELD: Final = 1.2
"""Height of what is held, as a share of the hand's length."""

_TILES: Final = 8
"""From the picture's upper edge to its lower one."""

_ELSEWHERE: Final = 1_000
"""What is added to the seed of a floor for the floor that a turned camera sees."""

_DARK: Final = 0.03
_COVER: Final = (96.0, 88.0, 80.0)


@dataclass
class Article:
    """Something that is sold.

    Attributes:
        label: ``box``, ``bottle`` or ``can``.
        x, y: of its middle.
        height: as a share of the picture's height.
        turn: in radians; 0 stands upright.
    """

    label: str
    x: float
    y: float
    height: float = 0.22
    turn: float = 0.0


@dataclass
class Figure:
    """Somebody seen from the front.

    Attributes:
        x, y: of their middle.
        look: how they look.
        hand: where the hand is that they hold out; None where both hang down.
        holds: what is in it.
        height: from head to foot, as a share of the picture's height.
        stride: how far the feet are apart, 0 to 1.
    """

    x: float
    y: float
    look: Look
    hand: tuple[float, float] | None = None
    holds: str | None = None
    height: float = 0.6
    stride: float = 0.2


@dataclass
class Reaching:
    """A hand that comes into a picture taken from close by.

    Attributes:
        x, y: of the palm.
        look: whose it is.
        turn: where it points, in radians; 0 points up the picture.
        holds: what it holds.
        length: from wrist to fingertips, as a share of the picture's height.
    """

    x: float
    y: float
    look: Look
    turn: float = 0.0
    holds: str | None = None
    length: float = 0.2


@dataclass
class Stage:
    """See the module.

    Attributes:
        width, height: of its pictures, in pixels.
        seed: of the floor and of the camera's noise.
        people, hands, articles: who and what is there.
        baskets: of the shop, by place.
        light: 1 is all of it, 0 none but what comes through the window.
        lens: what was done to the camera.
        shelf: a shelf's board runs along the picture's upper edge.
    """

    width: int = 256
    height: int = 192
    seed: int = 1
    people: list[Figure] = field(default_factory=list[Figure])
    hands: list[Reaching] = field(default_factory=list[Reaching])
    articles: list[Article] = field(default_factory=list[Article])
    baskets: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    light: float = 1.0
    lens: Lens = "clear"
    shelf: bool = False
    _pictures: int = 0
    _last: Picture | None = None

    def picture(self) -> Picture:
        """Take a picture: height x width x 3 bytes, red, green, blue."""
        if self.lens == "frozen" and self._last is not None:
            return self._last
        self._pictures += 1
        self._last = self._photographed(self._drawn())
        return self._last

    def _drawn(self) -> Grid:
        if self.lens == "covered":
            return np.broadcast_to(
                np.asarray(_COVER, np.float32), (self.height, self.width, 3)
            ).copy()
        floor = _floor(self.seed, self.width, self.height)
        if self.lens == "turned":
            elsewhere = _floor(self.seed + _ELSEWHERE, self.width, self.height)
            return np.roll(elsewhere, (self.height // 17, self.width // 13), (0, 1))
        canvas = Canvas(floor)
        if self.shelf:
            board = 0.25 * self.height
            canvas.bar(self.width / 2, board / 2, self.width, board, (176.0, 158.0, 132.0))
            canvas.bar(self.width / 2, board, self.width, 0.02 * self.height, (110.0, 96.0, 80.0))
        for x, y in self.baskets:
            basket(canvas, x * self.width, y * self.height, 0.24 * self.height, 0.4, (190, 40, 40))
        for one in self.articles:
            self._article(canvas, one.label, (one.x, one.y), one.height, one.turn)
        for who in self.people:
            self._person(canvas, who)
        for reaching in self.hands:
            self._hand(canvas, reaching)
        return canvas.pixels

    def _person(self, canvas: Canvas, who: Figure) -> None:
        x, y, tall = who.x * self.width, who.y * self.height, who.height * self.height
        person_from_front(canvas, x, y, tall, who.stride, who.look)
        if who.hand is None:
            return
        palm = who.hand[0] * self.width, who.hand[1] * self.height
        sleeve = shade(who.look.clothes, 0.85)
        canvas.limb(x + 0.13 * tall, y - 0.26 * tall, *palm, 0.035 * tall, sleeve)
        canvas.ellipse(*palm, 0.035 * tall, 0.04 * tall, who.look.skin)
        if who.holds is not None:
            at = who.hand[0], who.hand[1] - 0.4 * _SHOWN
            self._article(canvas, who.holds, at, _SHOWN, 0.0)

    def _hand(self, canvas: Canvas, one: Reaching) -> None:
        x, y, length = one.x * self.width, one.y * self.height, one.length * self.height
        if one.holds is not None:
            away = _GRIP * length
            at = (
                (x + away * sin(one.turn)) / self.width,
                (y - away * cos(one.turn)) / self.height,
            )
            self._article(canvas, one.holds, at, _HELD * one.length, one.turn)
        hand(canvas, x, y, length, one.turn, one.look)

    def _article(
        self, canvas: Canvas, label: str, at: tuple[float, float], height: float, turn: float
    ) -> None:
        x, y = at[0] * self.width, at[1] * self.height
        DRAW_PRODUCT[label](canvas, x, y, height * self.height, turn, COLOURS[label])

    def _photographed(self, pixels: Grid) -> Picture:
        draw = np.random.default_rng((self.seed, self._pictures))
        lit = pixels * np.float32(max(_DARK, self.light))
        noisy = lit + draw.normal(0.0, 1.5, lit.shape).astype(np.float32)
        taken: Picture = np.clip(noisy, 0, 255).astype(np.uint8)
        return taken


@lru_cache(maxsize=8)
def _floor(seed: int, width: int, height: int) -> Grid:
    """Draw the floor: tiles, and marks on them, so that there is something to see."""
    dice = Random(seed)
    pixels = np.full((height, width, 3), (196.0, 190.0, 180.0), np.float32)
    tile = max(2, height // _TILES)
    pixels[::tile] *= np.float32(0.8)
    pixels[:, ::tile] *= np.float32(0.8)
    canvas = Canvas(pixels)
    for _ in range(24):
        x, y = dice.uniform(0, width), dice.uniform(0, height)
        size, tone = dice.uniform(0.04, 0.14) * height, dice.uniform(90, 160)
        canvas.bar(x, y, size, 0.4 * size, (tone, tone, tone), dice.uniform(-pi, pi))
    return canvas.pixels
