"""The figures of a shop as a camera shows them: people, hands, baskets, boxes, bottles and cans.

Each function draws one figure about a point and gives its number on the canvas. Lengths are in
pixels, so that a figure keeps its shape whatever the picture's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final

from aislewatch_sim.pictures.canvas import Canvas, Colour

LABELS: Final = ("person", "hand", "basket", "box", "bottle", "can")
"""What there is to be seen, in the order of the model's outputs."""

PRODUCTS: Final = LABELS[3:]
"""What of it is sold."""


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks.

    Attributes:
        clothes: of the upper body.
        trousers: of the legs.
        skin: of face and hands.
        hair: of the head from above.
    """

    clothes: Colour
    trousers: Colour
    skin: Colour
    hair: Colour


def shade(colour: Colour, share: float) -> Colour:
    """Give a colour darker (below 1) or lighter (above 1).

    >>> shade((100.0, 200.0, 40.0), 0.5)
    (50.0, 100.0, 20.0)
    """
    red, green, blue = colour
    return min(255.0, red * share), min(255.0, green * share), min(255.0, blue * share)


def person_from_above(
    canvas: Canvas, x: float, y: float, width: float, turn: float, look: Look, reach: float = 0.0
) -> int:
    """Draw somebody seen from the ceiling: shoulders, head, and an arm held out.

    Args:
        canvas: to draw on.
        x: of the head.
        y: of the head.
        width: of the shoulders.
        turn: 0 looks up the picture; grows clockwise.
        look: how they look.
        reach: how far the right arm is held out, 0 to 1.

    Returns:
        The figure's number; a hand is part of it.
    """
    figure = canvas.begin()
    ahead, beside = (sin(turn), -cos(turn)), (cos(turn), sin(turn))
    for side in (-1, 1):
        out = 0.12 + (0.75 * reach if side > 0 else 0.0)
        shoulder = (x + side * 0.40 * width * beside[0], y + side * 0.40 * width * beside[1])
        palm = (shoulder[0] + out * width * ahead[0], shoulder[1] + out * width * ahead[1])
        canvas.limb(*shoulder, *palm, 0.10 * width, shade(look.clothes, 0.85))
        canvas.ellipse(*palm, 0.09 * width, 0.09 * width, look.skin)
    canvas.ellipse(x, y, 0.50 * width, 0.24 * width, look.clothes, turn)
    canvas.ellipse(x, y, 0.19 * width, 0.22 * width, look.hair, turn)
    nose = (x + 0.17 * width * ahead[0], y + 0.17 * width * ahead[1])
    canvas.ellipse(*nose, 0.10 * width, 0.07 * width, look.skin, turn)
    canvas.end()
    return figure


def person_from_front(
    canvas: Canvas, x: float, y: float, height: float, stride: float, look: Look
) -> int:
    """Draw somebody seen from the side of the room: head, trunk, arms and legs.

    Args:
        canvas: to draw on.
        x: of the middle.
        y: of the middle.
        height: from head to foot.
        stride: how far the feet are apart, 0 to 1.
        look: how they look.

    Returns:
        The figure's number.
    """
    figure = canvas.begin()
    top = y - height / 2
    spread = 0.04 * height + 0.10 * height * stride
    for side in (-1, 1):
        hip, foot = (x + side * 0.06 * height, top + 0.54 * height), x + side * spread
        canvas.limb(*hip, foot, top + 0.96 * height, 0.045 * height, look.trousers)
        shoulder = (x + side * 0.13 * height, top + 0.24 * height)
        palm = (x + side * (0.16 * height + 0.4 * spread), top + 0.50 * height)
        canvas.limb(*shoulder, *palm, 0.035 * height, shade(look.clothes, 0.85))
        canvas.ellipse(*palm, 0.035 * height, 0.04 * height, look.skin)
    canvas.bar(x, top + 0.37 * height, 0.26 * height, 0.36 * height, look.clothes)
    canvas.ellipse(x, top + 0.09 * height, 0.070 * height, 0.090 * height, look.skin)
    canvas.ellipse(x, top + 0.05 * height, 0.075 * height, 0.055 * height, look.hair)
    canvas.end()
    return figure


def hand(canvas: Canvas, x: float, y: float, length: float, turn: float, look: Look) -> int:
    """Draw a hand that reaches, with the sleeve that it comes out of.

    Args:
        canvas: to draw on.
        x: of the palm.
        y: of the palm.
        length: from wrist to fingertips.
        turn: 0 reaches up the picture; grows clockwise.
        look: whose it is.

    Returns:
        The figure's number; the sleeve is scenery.
    """
    ahead, beside = (sin(turn), -cos(turn)), (cos(turn), sin(turn))

    def at(along: float, across: float) -> tuple[float, float]:
        return (
            x + length * (along * ahead[0] + across * beside[0]),
            y + length * (along * ahead[1] + across * beside[1]),
        )

    canvas.limb(*at(-0.75, 0.0), *at(-2.6, 0.0), 0.30 * length, look.clothes)
    canvas.limb(*at(-0.3, 0.0), *at(-0.75, 0.0), 0.20 * length, shade(look.skin, 0.95))
    figure = canvas.begin()
    canvas.ellipse(x, y, 0.27 * length, 0.33 * length, look.skin, turn)
    for across in (-0.20, -0.07, 0.07, 0.20):
        tip = 0.58 - 1.5 * across * across
        canvas.limb(*at(0.15, across), *at(tip, across * 1.3), 0.065 * length, look.skin)
    canvas.limb(*at(-0.05, -0.22), *at(0.22, -0.42), 0.07 * length, look.skin)
    canvas.end()
    return figure


def basket(canvas: Canvas, x: float, y: float, width: float, turn: float, colour: Colour) -> int:
    """Draw a shopping basket: a rim, a mesh that is seen through, and a handle across.

    Args:
        canvas: to draw on.
        x: of the middle.
        y: of the middle.
        width: of the longer side.
        turn: clockwise.
        colour: of the plastic.

    Returns:
        The figure's number.
    """
    figure = canvas.begin()
    height = 0.66 * width
    canvas.bar(x, y, width, height, colour, turn)
    canvas.bar(x, y, 0.86 * width, 0.80 * height, shade(colour, 0.45), turn)
    c, s = cos(turn), sin(turn)
    for share in (-0.3, -0.1, 0.1, 0.3):
        at = (x + share * width * c, y + share * width * s)
        canvas.bar(*at, 0.035 * width, 0.80 * height, shade(colour, 0.8), turn)
    for share in (-0.2, 0.2):
        at = (x - share * height * s, y + share * height * c)
        canvas.bar(*at, 0.86 * width, 0.035 * width, shade(colour, 0.8), turn)
    canvas.bar(x, y, 0.07 * width, 1.02 * height, shade(colour, 1.3), turn)
    canvas.end()
    return figure


def box(canvas: Canvas, x: float, y: float, height: float, turn: float, colour: Colour) -> int:
    """Draw a carton with a printed panel; as `bottle`."""
    figure = canvas.begin()
    width = 0.72 * height
    canvas.bar(x, y, width, height, colour, turn)
    c, s = cos(turn), sin(turn)
    canvas.bar(
        x + 0.14 * height * s, y - 0.14 * height * c, 0.66 * width, 0.34 * height,
        (245.0, 242.0, 235.0), turn,
    )  # fmt: skip
    canvas.bar(
        x - 0.26 * height * s, y + 0.26 * height * c, 0.80 * width, 0.12 * height,
        shade(colour, 0.55), turn,
    )  # fmt: skip
    canvas.end()
    return figure


def bottle(canvas: Canvas, x: float, y: float, height: float, turn: float, colour: Colour) -> int:
    """Draw a bottle: body, neck, cap and label.

    Args:
        canvas: to draw on.
        x: of the middle.
        y: of the middle.
        height: from bottom to cap.
        turn: 0 stands upright; grows clockwise.
        colour: of what is in it.

    Returns:
        The figure's number.
    """
    figure = canvas.begin()
    up = (sin(turn), -cos(turn))

    def at(along: float) -> tuple[float, float]:
        return x + along * height * up[0], y + along * height * up[1]

    canvas.limb(*at(0.10), *at(0.38), 0.065 * height, shade(colour, 1.15))
    canvas.bar(*at(-0.19), 0.34 * height, 0.62 * height, colour, turn)
    canvas.ellipse(*at(0.12), 0.17 * height, 0.12 * height, colour, turn)
    canvas.bar(*at(-0.20), 0.34 * height, 0.24 * height, (240.0, 238.0, 225.0), turn)
    canvas.bar(*at(0.45), 0.16 * height, 0.10 * height, shade(colour, 0.5), turn)
    canvas.end()
    return figure


def can(canvas: Canvas, x: float, y: float, height: float, turn: float, colour: Colour) -> int:
    """Draw a drink's can: a metal lid and foot, and a band between; as `bottle`."""
    figure = canvas.begin()
    metal = (200.0, 204.0, 210.0)
    up = (sin(turn), -cos(turn))
    canvas.bar(x, y, 0.58 * height, 0.86 * height, colour, turn)
    for along, tone in ((-0.43, 0.75), (0.43, 1.1)):
        end = (x + along * height * up[0], y + along * height * up[1])
        canvas.ellipse(*end, 0.29 * height, 0.08 * height, shade(metal, tone), turn)
    canvas.ellipse(x, y, 0.17 * height, 0.24 * height, shade(colour, 1.7), turn + pi / 5)
    canvas.end()
    return figure


DRAW_PRODUCT: Final = {"box": box, "bottle": bottle, "can": can}
"""By label."""
