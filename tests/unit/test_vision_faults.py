"""Blind cameras, on drawn pictures: dark, covered, moved and frozen, and what only looks so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aislewatch_plugins.vision import pictures
from aislewatch_plugins.vision.config import FaultsConfig
from aislewatch_plugins.vision.faults import Fault, News, Sight
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.stage import LOOKS, Figure, Lens, Stage

STEP_US = 200_000
SECOND = 5
"""Pictures."""


class Watch:
    """A camera's pictures, five a second, looked at as they are taken."""

    def __init__(self, stage: Stage | None = None, **settings: str) -> None:
        self.stage = stage or acts.aisle(width=128, height=96)
        self.sight = Sight(FaultsConfig.model_validate(settings))
        self.time_us = 0
        self.news: list[News] = []

    def take(self, count: int) -> list[News]:
        """Take so many pictures; give what was told meanwhile."""
        before = len(self.news)
        for _ in range(count):
            self.time_us += STEP_US
            picture = self.stage.picture()
            told = self.sight.look(self.time_us, pictures.thumb(picture), pictures.digest(picture))
            self.news += [] if told is None else [told]
        return self.news[before:]


def lights_off(watch: Watch) -> None:
    watch.stage.light = 0.0


def lens(state: Lens) -> Callable[[Watch], None]:
    def do(watch: Watch) -> None:
        watch.stage.lens = state

    return do


@pytest.mark.parametrize(
    ("fault", "happens", "after"),
    [
        ("dark", lights_off, 2 * SECOND),
        ("covered", lens("covered"), 3 * SECOND),
        ("moved", lens("turned"), 10 * SECOND),
        ("frozen", lens("frozen"), 10 * SECOND),
    ],
)
def test_a_camera_is_blind_after_its_time_since_it_began_and_until_it_is_over(
    fault: Fault, happens: Callable[[Watch], None], after: int
) -> None:
    watch = Watch()
    assert watch.take(10 * SECOND) == []
    began_us = watch.time_us + STEP_US
    happens(watch)
    assert watch.take(after - 1) == []
    (news,) = watch.take(3)
    assert news.fault == fault
    # Of a picture that stands still, the first is still a live one.
    assert news.since_us in {began_us, began_us - STEP_US}
    assert watch.sight.blind == fault
    watch.stage.light, watch.stage.lens = 1.0, "clear"
    assert watch.take(2 * SECOND) == []
    assert [one.fault for one in watch.take(2)] == [None]
    assert watch.sight.blind is None


@pytest.mark.parametrize("happens", [lights_off, lens("covered"), lens("turned"), lens("frozen")])
def test_a_moment_is_no_fault(happens: Callable[[Watch], None]) -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    happens(watch)
    watch.take(SECOND)
    watch.stage.light, watch.stage.lens = 1.0, "clear"
    watch.take(20 * SECOND)
    assert watch.news == []


def test_half_the_light_is_no_fault() -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    watch.stage.light = 0.5
    assert watch.take(20 * SECOND) == []


def test_people_who_stand_before_the_camera_are_no_fault() -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    watch.stage.people += [
        Figure(0.3, 0.5, LOOKS[0], height=1.2),
        Figure(0.7, 0.5, LOOKS[1], height=1.2),
    ]
    assert watch.take(30 * SECOND) == []


def test_a_shelf_that_is_emptied_is_no_fault() -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    watch.stage.articles.clear()
    assert watch.take(30 * SECOND) == []


def test_a_camera_that_was_turned_stays_so_until_somebody_comes() -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    watch.stage.lens = "turned"
    assert [one.fault for one in watch.take(120 * SECOND)] == ["moved"]


def test_a_new_view_is_taken_where_the_shop_says_so() -> None:
    watch = Watch(accept="30s")
    watch.take(10 * SECOND)
    watch.stage.lens = "turned"
    assert [one.fault for one in watch.take(60 * SECOND)] == ["moved", None]


def test_a_view_of_nothing_can_be_dark_or_frozen_only() -> None:
    watch = Watch()
    watch.stage.lens = "covered"  # From the beginning: nobody knows what it should see.
    assert watch.take(30 * SECOND) == []
    assert watch.sight.plain
    watch.stage.light = 0.0
    assert [one.fault for one in watch.take(5 * SECOND)] == ["dark"]


def test_a_camera_that_begins_in_the_dark_learns_its_view_once_there_is_light() -> None:
    watch = Watch()
    watch.stage.light = 0.0
    watch.take(10 * SECOND)
    watch.stage.light = 1.0
    watch.take(20 * SECOND)
    watch.stage.lens = "covered"
    watch.take(5 * SECOND)
    assert [one.fault for one in watch.news] == ["dark", None, "covered"]


def test_of_two_causes_the_one_that_is_left_is_told() -> None:
    watch = Watch()
    watch.take(10 * SECOND)
    watch.stage.light = 0.0
    watch.take(3 * SECOND)
    watch.stage.light, watch.stage.lens = 1.0, "turned"
    watch.take(20 * SECOND)
    assert [one.fault for one in watch.news] == ["dark", None, "moved"]
