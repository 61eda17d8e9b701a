"""Drawn pictures: the same seed, the same scene, and a truth that fits what was drawn."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch_sim.pictures.canvas import Canvas, Extent
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
from aislewatch_sim.pictures.scenes import Truth, scene
from aislewatch_sim.pictures.surroundings import LEARNED, UNLIKE, Surroundings
from aislewatch_sim.pictures.targets import CELLS, targets
from aislewatch_sim.pictures.training import Round, make, mirrored, reduced

LOOK = Look((10.0, 200.0, 90.0), (90.0, 10.0, 10.0), (250.0, 200.0, 180.0), (60.0, 30.0, 20.0))
RED = (220.0, 20.0, 20.0)
BRIEFLY = (Round(32, 1, 3e-3, busy=False), Round(32, 1, 1e-3, busy=True))
"""Two rounds of training, each scene once."""

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


@pytest.mark.parametrize("around", [LEARNED, UNLIKE])
@pytest.mark.parametrize("seed", range(8))
def test_a_seed_gives_one_scene(seed: int, around: Surroundings) -> None:
    once, again = scene(seed, 60, 80, around), scene(seed, 60, 80, around)
    assert once.picture.tobytes() == again.picture.tobytes()
    assert once.truths == again.truths
    assert scene(seed + 1000, 60, 80, around).picture.tobytes() != once.picture.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 40), st.sampled_from([LEARNED, UNLIKE]))
def test_all_that_is_told_of_a_scene_is_in_the_picture(seed: int, around: Surroundings) -> None:
    drawn = scene(seed, 60, 80, around)
    assert drawn.picture.shape == (60, 80, 3)
    assert drawn.picture.dtype == np.uint8
    for truth in drawn.truths:
        extent = truth.extent
        assert truth.label in LABELS
        assert 0 <= extent.x_min < extent.x_max <= 1
        assert 0 <= extent.y_min < extent.y_max <= 1


@pytest.mark.parametrize("around", [LEARNED, UNLIKE])
def test_floors_and_walls_are_of_many_tones_and_none_is_out_of_range(around: Surroundings) -> None:
    tones: set[int] = set()
    for seed in range(20):
        draw = np.random.default_rng(seed)
        for pixels in (around.floor(draw, 30, 40), around.wall(draw, 40, 30)):
            assert np.isfinite(pixels).all()
            picture = around.taken(pixels, draw)
            assert picture.shape == pixels.shape
            tones.add(int(picture.mean()) // 16)
    assert len(tones) > 4


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


def test_a_model_is_taught_a_peak_and_a_box_at_each_middle() -> None:
    truths = [truth for seed in range(40) for truth in scene(seed, 60, 80).truths]
    for truth in truths:
        taught = targets([truth])
        label = LABELS.index(truth.label)
        [[row, column]] = np.argwhere(taught.peaks[..., label] == 1)
        assert np.argwhere(taught.weights == 1).tolist() == [[row, column, label]]
        x, y, root_width, root_height = taught.boxes[row, column, label].tolist()
        extent = truth.extent
        assert (column + x) / CELLS == pytest.approx((extent.x_min + extent.x_max) / 2, abs=1e-6)
        assert (row + y) / CELLS == pytest.approx((extent.y_min + extent.y_max) / 2, abs=1e-6)
        assert root_width**2 == pytest.approx(extent.x_max - extent.x_min, abs=1e-5)
        assert root_height**2 == pytest.approx(extent.y_max - extent.y_min, abs=1e-5)
        assert set(np.unique(taught.peaks[..., [n for n in range(6) if n != label]])) == {0.0}


def test_a_box_beside_a_middle_counts_less_and_says_where_it_is_nearest() -> None:
    taught = targets([Truth("can", Extent(0.5, 0.5, 0.6, 0.7))])  # Its middle: cell 22, 24.
    can = LABELS.index("can")
    assert taught.weights[24, 22, can] == 1
    assert np.count_nonzero(taught.weights) == 9
    assert taught.weights.sum() < 4
    assert taught.boxes[24, 21, can, 0] == 1
    assert taught.boxes[24, 23, can, 0] == 0
    sizes = taught.boxes[23:26, 21:24, can, 2:]
    assert np.allclose(sizes, sizes[1, 1])


def test_in_a_mirror_left_is_right_and_twice_is_as_before() -> None:
    truths = scene(3, 60, 80).truths
    once, twice = mirrored(truths), mirrored(mirrored(truths))
    assert [one.label for one in twice] == [one.label for one in truths]
    for one, again, turned in zip(truths, twice, once, strict=True):
        assert np.allclose(one.extent, again.extent)
        assert turned.extent.x_min == pytest.approx(1 - one.extent.x_max)


@pytest.mark.slow
def test_training_twice_on_one_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed: the extra `train` brings it")
    once = make(tmp_path / "once", rounds=BRIEFLY, choosing=8)
    again = make(tmp_path / "again", rounds=BRIEFLY, choosing=8)
    other = make(tmp_path / "other", rounds=BRIEFLY, choosing=8, seed=1)
    assert once == again != other
    assert {path.name for path in (tmp_path / "once").iterdir()} == {
        "scenes.tflite",
        "scenes.labels.txt",
        "scenes.sha256",
    }
