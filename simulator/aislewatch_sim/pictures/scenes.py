"""Scenes drawn at random, with the truth of what is in them: aisles, shelves and counters.

A scene is made from one seed and its sort of surroundings. What is mostly hidden, or mostly out of
the picture, is drawn and left out of the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin
from typing import Final

import numpy as np
from numpy.random import Generator

from aislewatch_sim.pictures.canvas import Canvas, Colour, Extent, Picture
from aislewatch_sim.pictures.figures import (
    DRAW_PRODUCT,
    PRODUCTS,
    Look,
    basket,
    hand,
    person_from_above,
    person_from_front,
    shade,
)
from aislewatch_sim.pictures.surroundings import LEARNED, Surroundings, angle, pale, place

_VISIBLE_LEAST: Final = 0.45
_CLUTTER: Final = (0, 1, 2, 4, 8, 24)
"""How many things that are no figures may be in a scene."""

_SKINS: Final[tuple[Colour, ...]] = (
    (255, 219, 190), (240, 195, 160), (214, 160, 120), (165, 110, 75), (110, 70, 48), (75, 48, 35),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """One thing that is to be seen in a scene.

    Attributes:
        label: one of `figures.LABELS`.
        extent: where, within the picture.
    """

    label: str
    extent: Extent


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        picture: height x width x 3.
        truths: from the back to the front.
    """

    picture: Picture
    truths: tuple[Truth, ...]


def scene(seed: int, height: int, width: int, around: Surroundings = LEARNED) -> Scene:
    """Draw the scene of a seed.

    Args:
        seed: the same seed gives the same bytes.
        height: of the picture, in pixels.
        width: the same.
        around: what figures stand on and before, and how it is taken.
    """
    draw = np.random.default_rng(seed)
    kinds = (_aisle_from_above, _aisle_from_front, _shelf, _counter)
    kind = kinds[int(draw.integers(len(kinds)))] if draw.random() < 0.97 else _nothing
    canvas, drawn = kind(draw, height, width, around)
    truths = tuple(
        Truth(label, canvas.extent(figure).clipped())
        for label, figure in drawn
        if canvas.visible(figure) >= _VISIBLE_LEAST
    )
    return Scene(around.taken(canvas.pixels, draw), truths)


_Drawn = list[tuple[str, int]]


def _aisle_from_above(
    draw: Generator, height: int, width: int, around: Surroundings
) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(around.floor(draw, height, width))
    side = min(height, width)
    around.clutter(canvas, draw, int(draw.choice(_CLUTTER)))
    drawn: _Drawn = []
    for _ in range(int(draw.integers(3))):
        x, y = place(draw, width), place(draw, height)
        size = side * draw.uniform(0.14, 0.34)
        drawn.append(("basket", basket(canvas, x, y, size, angle(draw), _strong(draw))))
        if draw.random() < 0.4:
            drawn.append(_product(canvas, draw, x, y, size * draw.uniform(0.35, 0.5)))
    for _ in range(int(draw.integers(4))):
        x, y = place(draw, width), place(draw, height)
        size, reach = side * draw.uniform(0.2, 0.5), draw.choice([0.0, draw.uniform(0.0, 1.0)])
        turn, look = angle(draw), _look(draw)
        figure = person_from_above(canvas, x, y, size, turn, look, float(reach))
        drawn.append(("person", figure))
        if reach > 0.5 and draw.random() < 0.5:
            ahead, beside = size * (0.3 + 0.75 * float(reach)), 0.4 * size
            at = (
                x + beside * cos(turn) + ahead * sin(turn),
                y + beside * sin(turn) - ahead * cos(turn),
            )
            drawn.append(_product(canvas, draw, *at, size * draw.uniform(0.3, 0.5)))
    return canvas, drawn


def _aisle_from_front(
    draw: Generator, height: int, width: int, around: Surroundings
) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(around.floor(draw, height, width))
    far = shade(pale(draw), draw.uniform(0.6, 1.0))
    canvas.bar(width / 2, 0.0, width, height * draw.uniform(0.3, 1.0), far)
    around.clutter(canvas, draw, int(draw.choice(_CLUTTER)))
    drawn: _Drawn = []
    if draw.random() < 0.35:
        drawn += _far_shelf(canvas, draw)
    for _ in range(int(draw.integers(4))):
        tall = height * draw.uniform(0.3, 0.95)
        x, y = place(draw, width), height * draw.uniform(0.35, 0.75)
        look = _look(draw)
        drawn.append(("person", person_from_front(canvas, x, y, tall, draw.uniform(0, 1), look)))
        if draw.random() < 0.35:
            at = x + tall * draw.uniform(-0.25, 0.25), y + tall * draw.uniform(0.0, 0.2)
            size = tall * draw.uniform(0.2, 0.3)
            turn = draw.uniform(-0.3, 0.3)
            drawn.append(("basket", basket(canvas, *at, size, turn, _strong(draw))))
        if draw.random() < 0.5:
            drawn += _held_out(canvas, draw, x, y, tall, look)
    return canvas, drawn


def _far_shelf(canvas: Canvas, draw: Generator) -> _Drawn:
    """Draw a shelf along the upper edge, with goods on it."""
    board = canvas.height * draw.uniform(0.15, 0.35)
    tone = shade(pale(draw), draw.uniform(0.5, 1.0))
    canvas.bar(canvas.width / 2, board / 2, canvas.width, board, tone)
    canvas.bar(canvas.width / 2, board, canvas.width, 0.08 * board, shade(tone, 0.65))
    tall = board * draw.uniform(0.45, 0.9)
    drawn: _Drawn = []
    x = tall * draw.uniform(0.3, 3.0)
    while x < canvas.width:
        drawn.append(_product(canvas, draw, x, 0.52 * board, tall, _upright(draw)))
        x += tall * draw.uniform(0.7, 3.0)
    return drawn


def _held_out(
    canvas: Canvas, draw: Generator, x: float, y: float, tall: float, look: Look
) -> _Drawn:
    """Draw an arm that somebody seen from the front holds out, or before them, with goods in it."""
    side = draw.choice([-1.0, 1.0])
    palm = x + side * tall * draw.uniform(0.0, 0.45), y + tall * draw.uniform(-0.6, 0.1)
    canvas.limb(
        x + side * 0.13 * tall, y - 0.26 * tall, *palm, 0.035 * tall, shade(look.clothes, 0.85)
    )
    canvas.ellipse(*palm, 0.035 * tall, 0.04 * tall, look.skin)
    if draw.random() < 0.15:
        return []
    size = tall * draw.uniform(0.2, 0.42)
    at = palm[0], palm[1] - size * draw.uniform(0.2, 0.5)
    return [_product(canvas, draw, *at, size, _upright(draw))]


def _shelf(draw: Generator, height: int, width: int, around: Surroundings) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(around.wall(draw, height, width))
    drawn: _Drawn = []
    rows = int(draw.integers(1, 4))
    pitch = height / rows
    board = shade(pale(draw), draw.uniform(0.4, 1.0))
    for row in range(rows):
        foot = (row + 1) * pitch - 0.06 * pitch
        canvas.bar(width / 2, foot + 0.04 * pitch, width, 0.08 * pitch, board)
        tall = min(pitch * draw.uniform(0.45, 0.75), 0.34 * height)
        x = tall * draw.uniform(0.3, 0.9)
        while x < width:
            if draw.random() < 0.7:
                drawn.append(_product(canvas, draw, x, foot - tall / 2, tall, _upright(draw)))
            x += tall * draw.uniform(0.62, 1.1)
    for _ in range(int(draw.integers(3)) + around.hands_more):
        drawn += _reaching(canvas, draw, around)
    return canvas, drawn


def _counter(
    draw: Generator, height: int, width: int, around: Surroundings
) -> tuple[Canvas, _Drawn]:
    top = around.wall if draw.random() < 0.5 else around.floor
    canvas = Canvas(top(draw, height, width))
    around.clutter(canvas, draw, int(draw.choice(_CLUTTER)))
    drawn: _Drawn = []
    side = min(height, width)
    if draw.random() < 0.3:
        at = place(draw, width), place(draw, height)
        size = side * draw.uniform(0.25, 0.5)
        drawn.append(("basket", basket(canvas, *at, size, angle(draw), _strong(draw))))
    for _ in range(int(draw.integers(6))):
        at = place(draw, width), place(draw, height)
        drawn.append(_product(canvas, draw, *at, side * draw.uniform(0.11, 0.34)))
    for _ in range(int(draw.integers(3)) + around.hands_more):
        drawn += _reaching(canvas, draw, around)
    return canvas, drawn


def _nothing(
    draw: Generator, height: int, width: int, around: Surroundings
) -> tuple[Canvas, _Drawn]:
    """Draw a camera that sees noise, fine or coarse, faint or nothing else."""
    coarse = int(draw.integers(1, 9))
    shape = height // coarse + 1, width // coarse + 1, int(draw.choice([1, 3]))
    grains = draw.standard_normal(shape, np.float32) * np.float32(draw.uniform(5.0, 110.0))
    noise = np.repeat(np.repeat(grains, coarse, 0), coarse, 1)[:height, :width]
    canvas = Canvas((around.wall(draw, height, width) + noise).astype(np.float32))
    around.clutter(canvas, draw, int(draw.integers(8)))
    return canvas, []


def _reaching(canvas: Canvas, draw: Generator, around: Surroundings) -> _Drawn:
    """Draw a hand, and often something in it."""
    x, y = canvas.width * draw.uniform(0.12, 0.88), canvas.height * draw.uniform(0.12, 0.88)
    length = min(canvas.height, canvas.width) * draw.uniform(0.13, 0.3)
    turn = angle(draw)
    held: _Drawn = []
    if draw.random() < around.hands_full:
        away = length * draw.uniform(around.grip_least, 0.8)
        at = x + away * sin(turn), y - away * cos(turn)
        along = turn if draw.random() < around.hands_full else None
        held.append(_product(canvas, draw, *at, length * draw.uniform(0.7, 1.2), along))
    return [*held, ("hand", hand(canvas, x, y, length, turn, _look(draw)))]


def _product(
    canvas: Canvas, draw: Generator, x: float, y: float, height: float, turn: float | None = None
) -> tuple[str, int]:
    """Draw something that is sold; standing or lying anyhow where no turn is said."""
    label = PRODUCTS[int(draw.integers(len(PRODUCTS)))]
    if turn is None:
        turn = float(draw.choice([0.0, angle(draw)]))
    return label, DRAW_PRODUCT[label](canvas, x, y, height, turn, _strong(draw))


def _upright(draw: Generator) -> float:
    """Draw the angle of what stands, in radians."""
    return float(draw.uniform(-0.06, 0.06))


def _look(draw: Generator) -> Look:
    skin = _SKINS[int(draw.integers(len(_SKINS)))]
    hair = [(30, 24, 20), (70, 45, 25), (150, 110, 60), (180, 178, 175), (120, 55, 30)]
    clothes = _strong(draw) if draw.random() < 0.6 else shade(pale(draw), draw.uniform(0.15, 1.0))
    trousers = shade(pale(draw), draw.uniform(0.15, 0.7))
    red, green, blue = hair[int(draw.integers(len(hair)))]
    return Look(clothes, trousers, skin, (float(red), float(green), float(blue)))


def _strong(draw: Generator) -> Colour:
    """Draw a colour as packages and clothes have it: any hue, mostly saturated."""
    hue = draw.uniform(0.0, 6.0)
    vivid, bright = draw.uniform(0.45, 1.0), draw.uniform(0.35, 1.0) * 255
    red, green, blue = (
        bright * (1 - vivid * min(1.0, max(0.0, 2 - abs((hue + turn) % 6 - 3))))
        for turn in (0.0, 4.0, 2.0)
    )
    return float(red), float(green), float(blue)
