"""What figures stand on and before, and how a cheap camera takes it: floors, walls, light, noise.

There are two sorts. A detector learns from figures before the one, and is judged before the other
as well: what it has learned of floors and noise instead of figures is of no use to it there.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator

from aislewatch_sim.pictures.canvas import Canvas, Colour, Grid, Picture
from aislewatch_sim.pictures.figures import shade

_LITTER_MOST: Final = 8


class Surroundings(NamedTuple):
    """A sort of surroundings; all of it is drawn by the generator that is handed in.

    Attributes:
        floor: of a height and a width in pixels.
        wall: the same; also a counter's top.
        clutter: draws so many things that are no figures onto a canvas.
        taken: makes a picture of what was drawn.
        hands_more: so many hands more than elsewhere reach to a shelf or over a counter.
        hands_full: how many of them hold something, and of those how many along the fingers, as
            shares.
        grip_least: how far from the palm the middle of what is held is at least, as a share of the
            hand's length; the nearer, the more of it is hidden.
    """

    floor: Callable[[Generator, int, int], Grid]
    wall: Callable[[Generator, int, int], Grid]
    clutter: Callable[[Canvas, Generator, int], None]
    taken: Callable[[Grid, Generator], Picture]
    hands_more: int = 0
    hands_full: float = 0.5
    grip_least: float = 0.35


def pale(draw: Generator) -> Colour:
    """Draw a colour as walls, floors and boards have it."""
    bright = draw.uniform(150, 250)
    red, green, blue = bright + draw.normal(0.0, 10.0, 3)
    return float(red), float(green), float(blue)


def place(draw: Generator, length: int) -> float:
    """Draw a place along a side of the picture, in pixels."""
    return float(length * draw.uniform(0.02, 0.98))


def angle(draw: Generator) -> float:
    """Draw an angle, in radians."""
    return float(draw.uniform(-pi, pi))


def _tiles(draw: Generator, height: int, width: int) -> Grid:
    floor = _grained(draw, height, width)
    if draw.random() < 0.6:
        pitch = max(2, int(min(height, width) * draw.uniform(0.08, 0.4)))
        lines = floor[0, 0] * np.float32(draw.uniform(0.75, 1.15))
        floor[::pitch] = lines
        floor[:, ::pitch] = lines
    return floor


def _grained(draw: Generator, height: int, width: int) -> Grid:
    coarse = draw.normal(0.0, draw.uniform(0.0, 9.0), (height // 8 + 1, width // 8 + 1, 1))
    grain = np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:height, :width].astype(np.float32)
    return (_flat(draw, height, width) + grain).astype(np.float32)


def _flat(draw: Generator, height: int, width: int) -> Grid:
    colour = np.asarray(shade(pale(draw), draw.uniform(0.25, 1.0)), np.float32)
    return np.broadcast_to(colour, (height, width, 3)).copy()


def _marks(canvas: Canvas, draw: Generator, count: int) -> None:
    """Draw marks on the floor, shadows, paper, stains."""
    for _ in range(count):
        x, y = place(draw, canvas.width), place(draw, canvas.height)
        size = min(canvas.width, canvas.height) * draw.uniform(0.03, 0.3)
        thin = size * draw.uniform(0.1, 1.0)
        kind: Callable[..., None] = canvas.bar if draw.random() < 0.5 else canvas.ellipse
        colour = shade(pale(draw), draw.uniform(0.3, 1.1))
        kind(x, y, size, thin, colour, angle(draw))


def _plainly(pixels: Grid, draw: Generator) -> Picture:
    """Take it with tint, a slope of light, dark corners, gain, some blur, and even noise."""
    height, width = pixels.shape[:2]
    if draw.random() < 0.35:
        pixels = _blurred(pixels)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    along = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    slope = 1.0 + draw.uniform(-0.25, 0.25) * across + draw.uniform(-0.25, 0.25) * along
    corners = 1.0 - draw.uniform(0.0, 0.25) * (across**2 + along**2) / 2
    tint = draw.uniform(0.88, 1.12, 3).astype(np.float32)
    gain = tint * np.float32(draw.uniform(0.5, 1.2))
    lit = pixels * (slope * corners).astype(np.float32) * gain + np.float32(draw.uniform(-8, 12))
    noise = draw.standard_normal(lit.shape, np.float32) * np.float32(draw.uniform(0.0, 7.0))
    taken: Picture = np.clip(lit + noise, 0, 255).astype(np.uint8)
    return taken


def _blurred(pixels: Grid) -> Grid:
    for axis in (0, 1):
        beside = np.roll(pixels, 1, axis) + np.roll(pixels, -1, axis)
        pixels = ((beside + 2.0 * pixels) / 4.0).astype(np.float32)
    return pixels


LEARNED = Surroundings(_tiles, _grained, _marks, _plainly)
"""Plain and grained floors with tiles, papers and stains, even noise."""

BUSY = LEARNED._replace(hands_more=1, hands_full=0.9, grip_least=0.55)
"""The same, where more is taken and laid down, and held so that it is seen."""


def _laid(draw: Generator, height: int, width: int) -> Grid:
    """Lay planks, chequers or terrazzo."""
    floor = _flat(draw, height, width)
    side = min(height, width)
    pitch = max(3, int(side * draw.uniform(0.06, 0.2)))
    rows, columns = np.arange(height)[:, None] // pitch, np.arange(width)[None, :] // pitch
    kind = int(draw.integers(3))
    if kind == 0:
        tones = draw.uniform(0.8, 1.1, width // pitch + 1).astype(np.float32)
        floor *= tones[columns][..., None]
        return floor
    if kind == 1:
        floor[(rows + columns) % 2 == 1] *= np.float32(draw.uniform(0.75, 0.95))
        return floor
    canvas = Canvas(floor)
    for _ in range(120):
        size, tone = side * draw.uniform(0.003, 0.012), draw.uniform(0.4, 1.1)
        x, y = draw.uniform(0, width), draw.uniform(0, height)
        canvas.ellipse(x, y, size, size, shade(pale(draw), tone))
    return canvas.pixels


def _papered(draw: Generator, height: int, width: int) -> Grid:
    """Paper a wall: tones that change slowly from edge to edge, or narrow stripes."""
    wall = _flat(draw, height, width)
    if draw.random() < 0.5:
        along = np.linspace(0.0, 2 * pi * draw.uniform(0.2, 1.0), height, dtype=np.float32)
        tones = 1.0 + draw.uniform(0.05, 0.2) * np.sin(along + draw.uniform(0, 2 * pi))
        wall *= tones[:, None, None].astype(np.float32)
        return wall
    pitch = max(2, int(width * draw.uniform(0.02, 0.06)))
    stripes = np.where(np.arange(width) // pitch % 2, np.float32(draw.uniform(0.85, 0.97)), 1.0)
    wall *= stripes[None, :, None].astype(np.float32)
    return wall


def _litter(canvas: Canvas, draw: Generator, count: int) -> None:
    """Draw cables and rings: tape, cups seen from above."""
    side = min(canvas.width, canvas.height)
    for _ in range(min(count, _LITTER_MOST)):
        x, y = place(draw, canvas.width), place(draw, canvas.height)
        colour = shade(pale(draw), draw.uniform(0.3, 1.1))
        if draw.random() < 0.5:
            to = place(draw, canvas.width), place(draw, canvas.height)
            canvas.limb(x, y, *to, side * draw.uniform(0.004, 0.012), colour)
        else:
            size = side * draw.uniform(0.03, 0.1)
            canvas.ellipse(x, y, size, size, colour)
            inner = 0.7 * size
            canvas.ellipse(x, y, inner, inner, shade(colour, draw.uniform(0.6, 1.2)))


def _poorly(pixels: Grid, draw: Generator) -> Picture:
    """Take it with a curve of light, a lamp's flicker in bands, grain in the dark, dead pixels."""
    height = pixels.shape[0]
    light = np.clip(pixels * np.float32(draw.uniform(0.6, 1.15)) / 255, 0, 1)
    curved = 255 * light ** np.float32(draw.uniform(0.8, 1.3))
    rows = np.arange(height, dtype=np.float32) * np.float32(2 * pi * draw.uniform(1, 5) / height)
    bands = 1.0 + draw.uniform(0.0, 0.08) * np.sin(rows + draw.uniform(0, 2 * pi))
    lit = curved * bands[:, None, None].astype(np.float32)
    # Photons come one by one: noise grows with the root of the light. Of one colour: all three.
    shot = draw.standard_normal((*lit.shape[:2], 1), np.float32) * np.float32(draw.uniform(0, 0.6))
    grainy = lit + shot * np.sqrt(np.maximum(lit, 0.0))
    dead = draw.random(lit.shape[:2]) < draw.uniform(0.0, 0.003)
    grainy[dead] = 255.0 * draw.integers(2)
    taken: Picture = np.clip(grainy, 0, 255).astype(np.uint8)
    return taken


UNLIKE = Surroundings(_laid, _papered, _litter, _poorly)
"""Nothing of those: planks, chequers, stripes, cables, bands of light, noise of another kind."""
