"""Scenes drawn at random, with the truth of what is in them: aisles, shelves, counters, and light.

A scene is made from one seed and nothing else. What is mostly hidden, or mostly out of the picture,
is drawn and left out of the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Final

import numpy as np
from numpy.random import Generator

from aislewatch_sim.pictures.canvas import Canvas, Colour, Extent, Grid, Picture
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

_VISIBLE_LEAST: Final = 0.45
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


def scene(seed: int, height: int, width: int) -> Scene:
    """Draw the scene of a seed.

    Args:
        seed: the same seed gives the same bytes.
        height: of the picture, in pixels.
        width: the same.
    """
    draw = np.random.default_rng(seed)
    kinds = (_aisle_from_above, _aisle_from_front, _shelf, _counter)
    canvas, drawn = kinds[int(draw.integers(len(kinds)))](draw, height, width)
    truths = tuple(
        Truth(label, canvas.extent(figure).clipped())
        for label, figure in drawn
        if canvas.visible(figure) >= _VISIBLE_LEAST
    )
    return Scene(_photographed(canvas.pixels, draw), truths)


_Drawn = list[tuple[str, int]]


def _aisle_from_above(draw: Generator, height: int, width: int) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(_floor(draw, height, width))
    side = min(height, width)
    _clutter(canvas, draw, int(draw.integers(5)))
    drawn: _Drawn = []
    for _ in range(int(draw.integers(3))):
        x, y = _place(draw, width), _place(draw, height)
        size = side * draw.uniform(0.14, 0.34)
        drawn.append(("basket", basket(canvas, x, y, size, _turn(draw), _strong(draw))))
        if draw.random() < 0.4:
            drawn.append(_product(canvas, draw, x, y, size * draw.uniform(0.35, 0.5)))
    for _ in range(int(draw.integers(4))):
        x, y = _place(draw, width), _place(draw, height)
        size, reach = side * draw.uniform(0.2, 0.5), draw.choice([0.0, draw.uniform(0.0, 1.0)])
        drawn.append(
            (
                "person",
                person_from_above(canvas, x, y, size, _turn(draw), _look(draw), float(reach)),
            )
        )
    return canvas, drawn


def _aisle_from_front(draw: Generator, height: int, width: int) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(_floor(draw, height, width))
    far = shade(_pale(draw), draw.uniform(0.6, 1.0))
    canvas.bar(width / 2, 0.0, width, height * draw.uniform(0.3, 1.0), far)
    _clutter(canvas, draw, int(draw.integers(5)))
    drawn: _Drawn = []
    for _ in range(int(draw.integers(4))):
        tall = height * draw.uniform(0.3, 0.95)
        x, y = _place(draw, width), height * draw.uniform(0.35, 0.75)
        look = _look(draw)
        drawn.append(("person", person_from_front(canvas, x, y, tall, draw.uniform(0, 1), look)))
        if draw.random() < 0.35:
            at = x + tall * draw.uniform(-0.25, 0.25), y + tall * draw.uniform(0.0, 0.2)
            size = tall * draw.uniform(0.2, 0.3)
            turn = draw.uniform(-0.3, 0.3)
            drawn.append(("basket", basket(canvas, *at, size, turn, _strong(draw))))
    return canvas, drawn


def _shelf(draw: Generator, height: int, width: int) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(_plain(draw, height, width))
    drawn: _Drawn = []
    rows = int(draw.integers(1, 4))
    pitch = height / rows
    board = shade(_pale(draw), draw.uniform(0.4, 1.0))
    for row in range(rows):
        foot = (row + 1) * pitch - 0.06 * pitch
        canvas.bar(width / 2, foot + 0.04 * pitch, width, 0.08 * pitch, board)
        tall = min(pitch * draw.uniform(0.45, 0.75), 0.34 * height)
        x = tall * draw.uniform(0.3, 0.9)
        while x < width:
            if draw.random() < 0.7:
                drawn.append(_product(canvas, draw, x, foot - tall / 2, tall, upright=True))
            x += tall * draw.uniform(0.62, 1.1)
    for _ in range(int(draw.integers(3))):
        drawn.extend(_reaching(canvas, draw, height, width))
    return canvas, drawn


def _counter(draw: Generator, height: int, width: int) -> tuple[Canvas, _Drawn]:
    canvas = Canvas(_plain(draw, height, width))
    _clutter(canvas, draw, int(draw.integers(6)))
    drawn: _Drawn = []
    side = min(height, width)
    if draw.random() < 0.3:
        at = _place(draw, width), _place(draw, height)
        size = side * draw.uniform(0.25, 0.5)
        drawn.append(("basket", basket(canvas, *at, size, _turn(draw), _strong(draw))))
    for _ in range(int(draw.integers(6))):
        at = _place(draw, width), _place(draw, height)
        drawn.append(_product(canvas, draw, *at, side * draw.uniform(0.11, 0.34)))
    for _ in range(int(draw.integers(3))):
        drawn.extend(_reaching(canvas, draw, height, width))
    return canvas, drawn


def _reaching(canvas: Canvas, draw: Generator, height: int, width: int) -> _Drawn:
    """Draw a hand, and often something in it."""
    x, y = width * draw.uniform(0.12, 0.88), height * draw.uniform(0.12, 0.88)
    length, turn = min(height, width) * draw.uniform(0.13, 0.3), _turn(draw)
    held: _Drawn = []
    if draw.random() < 0.5:
        away = length * draw.uniform(0.35, 0.6)
        at = x + away * np.sin(turn), y - away * np.cos(turn)
        held.append(_product(canvas, draw, *at, length * draw.uniform(0.7, 1.2)))
    return [*held, ("hand", hand(canvas, x, y, length, turn, _look(draw)))]


def _product(
    canvas: Canvas, draw: Generator, x: float, y: float, height: float, *, upright: bool = False
) -> tuple[str, int]:
    label = PRODUCTS[int(draw.integers(len(PRODUCTS)))]
    turn = draw.uniform(-0.06, 0.06) if upright else draw.choice([0.0, _turn(draw)])
    return label, DRAW_PRODUCT[label](canvas, x, y, height, float(turn), _strong(draw))


def _clutter(canvas: Canvas, draw: Generator, count: int) -> None:
    """Draw what is none of the labels: marks on the floor, shadows, paper, stains."""
    for _ in range(count):
        x, y = _place(draw, canvas.width), _place(draw, canvas.height)
        size = min(canvas.width, canvas.height) * draw.uniform(0.03, 0.3)
        thin = size * draw.uniform(0.1, 1.0)
        kind: Callable[..., None] = canvas.bar if draw.random() < 0.5 else canvas.ellipse
        colour = shade(_pale(draw), draw.uniform(0.3, 1.1))
        kind(x, y, size, thin, colour, _turn(draw))


def _floor(draw: Generator, height: int, width: int) -> Grid:
    floor = _plain(draw, height, width)
    if draw.random() < 0.6:
        pitch = int(min(height, width) * draw.uniform(0.08, 0.4))
        lines = floor[0, 0] * np.float32(draw.uniform(0.75, 1.15))
        floor[:: max(2, pitch)] = lines
        floor[:, :: max(2, pitch)] = lines
    return floor


def _plain(draw: Generator, height: int, width: int) -> Grid:
    colour = np.asarray(shade(_pale(draw), draw.uniform(0.25, 1.0)), np.float32)
    coarse = draw.normal(0.0, draw.uniform(0.0, 9.0), (height // 8 + 1, width // 8 + 1, 1))
    grain = np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:height, :width].astype(np.float32)
    return (np.broadcast_to(colour, (height, width, 3)) + grain).astype(np.float32)


def _photographed(pixels: Grid, draw: Generator) -> Picture:
    """Light the scene, and take it with a cheap camera: tint, slope, gain, blur and noise."""
    height, width = pixels.shape[:2]
    if draw.random() < 0.35:
        pixels = _blurred(pixels)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    along = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    slope = 1.0 + draw.uniform(-0.25, 0.25) * across + draw.uniform(-0.25, 0.25) * along
    corners = 1.0 - draw.uniform(0.0, 0.25) * (across**2 + along**2) / 2
    tint = draw.uniform(0.88, 1.12, 3)
    lit = pixels * slope * corners * (tint * draw.uniform(0.5, 1.2)) + draw.uniform(-8, 12)
    noisy = lit + draw.normal(0.0, draw.uniform(0.0, 7.0), lit.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _blurred(pixels: Grid) -> Grid:
    for axis in (0, 1):
        beside = np.roll(pixels, 1, axis) + np.roll(pixels, -1, axis)
        pixels = ((beside + 2.0 * pixels) / 4.0).astype(np.float32)
    return pixels


def _look(draw: Generator) -> Look:
    skin = _SKINS[int(draw.integers(len(_SKINS)))]
    hair = [(30, 24, 20), (70, 45, 25), (150, 110, 60), (180, 178, 175), (120, 55, 30)]
    clothes = _strong(draw) if draw.random() < 0.6 else shade(_pale(draw), draw.uniform(0.15, 1.0))
    trousers = shade(_pale(draw), draw.uniform(0.15, 0.7))
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


def _pale(draw: Generator) -> Colour:
    """Draw a colour as walls, floors and boards have it."""
    bright = draw.uniform(150, 250)
    red, green, blue = bright + draw.normal(0.0, 10.0, 3)
    return float(red), float(green), float(blue)


def _place(draw: Generator, length: int) -> float:
    return float(length * draw.uniform(0.02, 0.98))


def _turn(draw: Generator) -> float:
    return float(draw.uniform(-pi, pi))
