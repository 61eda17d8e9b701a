"""What people do before a camera's twin, picture by picture.

Each act is a generator that changes the stage a little and then yields, once for each picture that
is to be taken; where it ends, the act is over. Acts take no time of their own: how fast they are is
a matter of how many pictures a second are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from aislewatch_sim.vision.stage import LOOKS, Article, Figure, Reaching, Stage

Act = Iterator[None]

PICTURES_A_SECOND: Final = 10
"""What the acts' paces are meant for."""

_STEP: Final = 0.04
"""How far somebody walks between two pictures, as a share of the picture."""

SHELF_Y: Final = 0.13
"""Where goods stand on the shelf along the upper edge."""

_AT_SHELF_Y: Final = 0.64
_PALM_BELOW: Final = 0.08
_STANDING: Final = 0.2


def still(pictures: int) -> Act:
    """Let so many pictures be taken of what there is."""
    for _ in range(pictures):
        yield


def walk(stage: Stage, who: Figure, path: Iterable[tuple[float, float]]) -> Act:
    """Have somebody walk from where they are through places, with what they hold."""
    if who not in stage.people:
        stage.people.append(who)
    for x, y in path:
        while (away := ((x - who.x) ** 2 + (y - who.y) ** 2) ** 0.5) > 1e-6:
            part = min(1.0, _STEP / away)
            dx, dy = part * (x - who.x), part * (y - who.y)
            who.x, who.y = who.x + dx, who.y + dy
            if who.hand is not None:
                who.hand = who.hand[0] + dx, who.hand[1] + dy
            who.stride = abs(who.stride - 0.9) % 1.0
            yield
    who.stride = _STANDING


def leave(stage: Stage, who: Figure, x: float = 1.3) -> Act:
    """Have somebody walk out of the picture."""
    yield from walk(stage, who, [(x, who.y)])
    stage.people.remove(who)


def reach(who: Figure, to: tuple[float, float], pictures: int = 6) -> Act:
    """Have somebody move the hand that they hold out; one that hung down is held out first."""
    began = who.hand or hip(who)
    for picture in range(1, pictures + 1):
        part = picture / pictures
        who.hand = (
            began[0] + (to[0] - began[0]) * part,
            began[1] + (to[1] - began[1]) * part,
        )
        yield


def hip(who: Figure) -> tuple[float, float]:
    """Give where somebody's hand is that hangs down."""
    return who.x + 0.1, who.y + 0.05


def shown(who: Figure) -> tuple[float, float]:
    """Give where somebody holds what they look at."""
    return who.x + 0.2, who.y - 0.18


def to_shelf(stage: Stage, who: Figure, x: float) -> Act:
    """Have somebody walk to the shelf so that the hand is below a place."""
    yield from walk(stage, who, [(x - 0.15, _AT_SHELF_Y)])


def take(stage: Stage, who: Figure, article: Article) -> Act:
    """Have somebody at the shelf take an article, and look at it for a second."""
    yield from reach(who, (article.x, SHELF_Y + _PALM_BELOW))
    yield from still(2)
    stage.articles.remove(article)
    who.holds = article.label
    yield from reach(who, shown(who))
    yield from still(PICTURES_A_SECOND)


def put_back(stage: Stage, who: Figure, x: float) -> Act:
    """Have somebody at the shelf put back what they hold."""
    assert who.holds is not None
    yield from reach(who, (x, SHELF_Y + _PALM_BELOW))
    yield from still(2)
    stage.articles.append(Article(who.holds, x, SHELF_Y))
    who.holds = None
    yield from reach(who, hip(who))
    who.hand = None
    yield from still(PICTURES_A_SECOND)


def conceal(who: Figure) -> Act:
    """Have somebody put what they hold into their jacket, and stand there."""
    yield from reach(who, (who.x + 0.04, who.y + 0.02), 4)
    who.holds = who.hand = None
    yield from still(5)
    yield from reach(who, shown(who), 4)
    yield from still(2 * PICTURES_A_SECOND)
    who.hand = None


def lay_down(stage: Stage, article: Article, pictures: int, clear: int = 2) -> Act:
    """Have an article lie at a kiosk for so many pictures, and none for as many as are clear."""
    stage.articles.append(article)
    yield from still(pictures)
    stage.articles.remove(article)
    yield from still(clear)


def scan(stage: Stage, label: str, pictures: int = 8) -> Act:
    """Have a hand bring an article to the middle of a kiosk, leave it there, and go."""
    one = Reaching(0.5, 1.1, LOOKS[0], holds=label)
    stage.hands.append(one)
    for _ in range(pictures):
        one.y -= 0.5 / pictures
        yield
    stage.hands.remove(one)
    yield from lay_down(stage, Article(label, 0.5, 0.5, 0.26), 2 * pictures)


def visit(stage: Stage, dice: Random, number: int) -> Act:
    """Have somebody come, take something or not, put it back, away or nothing, and go."""
    who = Figure(-0.2, dice.uniform(0.62, 0.7), LOOKS[number % len(LOOKS)])
    yield from walk(stage, who, [(dice.uniform(0.3, 0.6), who.y)])
    wanted = dice.choice([*stage.articles, None])
    if wanted is not None:
        yield from to_shelf(stage, who, wanted.x)
        yield from take(stage, who, wanted)
        does = dice.choice(["back", "away", "along"])
        if does == "back":
            yield from put_back(stage, who, wanted.x)
        elif does == "away":
            yield from conceal(who)
    yield from leave(stage, who)
    if wanted is not None and wanted.label not in {one.label for one in stage.articles}:
        stage.articles.append(wanted)  # Staff fill the shelf while nobody looks.
    yield from still(PICTURES_A_SECOND)


def aisle(seed: int = 1, width: int = 256, height: int = 192) -> Stage:
    """Give an aisle: a shelf along the upper edge with a bottle, a box and a can."""
    goods = [
        Article("bottle", 0.2, SHELF_Y),
        Article("box", 0.5, SHELF_Y),
        Article("can", 0.8, SHELF_Y),
    ]
    return Stage(width, height, seed, articles=goods, shelf=True)


def kiosk(seed: int = 2, width: int = 256, height: int = 192) -> Stage:
    """Give a kiosk's counter seen from above, with nothing on it."""
    return Stage(width, height, seed)
