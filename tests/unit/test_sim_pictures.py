"""Drawn pictures: the same seed, the same scene, and a truth that fits what was drawn."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch_sim.pictures.canvas import Canvas
from aislewatch_sim.pictures.figures import (
    DRAW_PRODUCT,
    LABELS,
    PRODUCTS,
    Look,
    basket,
    hand,
    person_from_above,
    person_from_front,
)
from aislewatch_sim.pictures.scenes import scene
from aislewatch_sim.pictures.targets import CELLS, CHANNELS, targets
from aislewatch_sim.pictures.training import make, reduced

LOOK = Look((10.0, 200.0, 90.0), (90.0, 10.0, 10.0), (250.0, 200.0, 180.0), (60.0, 30.0, 20.0))
RED = (220.0, 20.0, 20.0)

places = st.floats(-20, 120)
sizes = st.floats(8, 60)
turns = st.floats(-3.2, 3.2)


def blank(height: int = 90, width: int = 120) -> Canvas:
    return Canvas(np.zeros((height, width, 3), np.float32))


def draw(kind: str, canvas: Canvas, x: float, y: float, size: float, turn: float) -> int:
    if kind == "above":
        return person_from_above(canvas, x, y, size, turn, LOOK, 0.7)
    if kind == "front":
        return person_from_front(canvas, x, y, size, 0.5, LOOK)
    if kind == "basket":
        return basket(canvas, x, y, size, turn, RED)
    return DRAW_PRODUCT[kind](canvas, x, y, size, turn, RED)


@pytest.mark.parametrize("seed", range(8))
def test_a_seed_gives_one_scene(seed: int) -> None:
    once, again = scene(seed, 60, 80), scene(seed, 60, 80)
    assert once.picture.tobytes() == again.picture.tobytes()
    assert once.truths == again.truths
    assert scene(seed + 1000, 60, 80).picture.tobytes() != once.picture.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 40))
def test_all_that_is_told_of_a_scene_is_in_the_picture(seed: int) -> None:
    drawn = scene(seed, 60, 80)
    assert drawn.picture.shape == (60, 80, 3)
    assert drawn.picture.dtype == np.uint8
    for truth in drawn.truths:
        extent = truth.extent
        assert truth.label in LABELS
        assert 0 <= extent.x_min < extent.x_max <= 1
        assert 0 <= extent.y_min < extent.y_max <= 1


def test_every_label_is_drawn_somewhere() -> None:
    told = {truth.label for seed in range(60) for truth in scene(seed, 60, 80).truths}
    assert told == set(LABELS)


@given(st.sampled_from(["above", "front", "basket", *PRODUCTS]), places, places, sizes, turns)
def test_nothing_is_drawn_outside_of_a_figures_box(
    kind: str, x: float, y: float, size: float, turn: float
) -> None:
    canvas = blank()
    extent = canvas.extent(draw(kind, canvas, x, y, size, turn))
    rows, columns = np.nonzero(canvas.pixels.max(axis=2) > 1)
    if rows.size:
        # But for soft edges, which are wider at the ends of what is long and thin.
        assert columns.min() >= extent.x_min * 120 - 4
        assert columns.max() <= extent.x_max * 120 + 3
        assert rows.min() >= extent.y_min * 90 - 4
        assert rows.max() <= extent.y_max * 90 + 3


def test_a_hand_is_told_without_its_sleeve() -> None:
    canvas = blank()
    extent = canvas.extent(hand(canvas, 60, 40, 20, 0.0, LOOK))
    assert extent.y_max * 90 < 40 + 20
    assert canvas.pixels[85, 60].max() > 0


def test_a_figure_is_as_visible_as_it_is_in_the_picture_and_not_hidden() -> None:
    canvas = blank()
    whole = draw("box", canvas, 30, 45, 40, 0.0)
    assert canvas.visible(whole) == 1.0
    half = draw("box", canvas, 120, 45, 40, 0.0)
    assert canvas.visible(half) == pytest.approx(0.5, abs=0.05)
    away = draw("box", canvas, 300, 45, 40, 0.0)
    assert canvas.visible(away) == 0.0
    draw("can", canvas, 30, 25, 40, 0.0)
    assert 0.2 < canvas.visible(whole) < 0.8
    canvas.bar(30, 45, 60, 60, RED)
    assert canvas.visible(whole) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 100), st.integers(16, 100), st.integers(0, 99))
def test_a_picture_is_squeezed_as_the_detector_squeezes_it(
    height: int, width: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    ours = reduced(picture, 16).astype(int)
    theirs = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_a_model_is_taught_a_peak_at_each_middle() -> None:
    truths = scene(3, 60, 80).truths
    taught = targets(truths)
    assert taught.shape == (CELLS, CELLS, CHANNELS)
    assert taught.min() >= 0
    assert taught.max() <= 1
    peaks = int(np.count_nonzero(taught[..., -1]))
    assert 0 < peaks <= len(truths)


@pytest.mark.slow
def test_training_twice_on_one_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed: the extra `train` brings it")
    once = make(tmp_path / "once", count=32, epochs=1)
    again = make(tmp_path / "again", count=32, epochs=1)
    other = make(tmp_path / "other", count=32, epochs=1, seed=1)
    assert once == again != other
    assert {path.name for path in (tmp_path / "once").iterdir()} == {
        "scenes.tflite",
        "scenes.labels.txt",
        "scenes.sha256",
    }
