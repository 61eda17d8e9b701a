"""What a model's numbers mean, and that no numbers at all make nonsense of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aislewatch_plugins.vision.detecting import Box, Detection
from aislewatch_plugins.vision.outputs import decoder, overlap, real, without_doubles
from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import Truth
from aislewatch_sim.pictures.targets import CELLS, targets


def details(*shapes: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{"shape": np.array(shape), "dtype": np.float32} for shape in shapes]


COUNT = len(LABELS)
PEAKS = decoder(details((1, CELLS, CELLS, 4 * COUNT), (1, CELLS, CELLS, COUNT)), LABELS)
SMALL = decoder(details((1, 3, 3, 4), (1, 3, 3, COUNT)), LABELS)
SMALL_EACH = decoder(details((1, 3, 3, 4 * COUNT), (1, 3, 3, COUNT)), LABELS)
FOUND = decoder(details((1, 6, 4), (1, 6), (1, 6), (1,)), ["a", "b"])

edges = st.integers(0, 64).map(lambda part: part / 64)


def box(x: float, y: float, width: float, height: float) -> Box:
    return Box(x, y, min(1.0, x + width), min(1.0, y + height))


boxes = st.builds(
    box,
    *(st.integers(0, 60).map(lambda part: part / 64),) * 2,
    *(st.integers(2, 40).map(lambda part: part / 64),) * 2,
)
detections = st.builds(
    Detection, st.sampled_from(["a", "b"]), st.integers(0, 8).map(lambda part: part / 8), boxes
)
anything = st.floats(width=32)


@st.composite
def apart(draw: st.DrawFn) -> list[Truth]:
    """Things whose middles lie in cells that do not touch."""
    cells = draw(st.sets(st.tuples(*(st.integers(0, CELLS // 2 - 1),) * 2), max_size=6))
    truths: list[Truth] = []
    for column, row in sorted(cells):
        x, y = (2 * column + draw(edges)) / CELLS, (2 * row + draw(edges)) / CELLS
        half = st.integers(1, 64).map(lambda part: part / 200)
        width, height = min(draw(half), x, 1 - x), min(draw(half), y, 1 - y)
        if width > 0 and height > 0:
            extent = Extent(x - width, y - height, x + width, y + height)
            truths.append(Truth(draw(st.sampled_from(LABELS)), extent))
    return truths


def read(truths: list[Truth]) -> list[Detection]:
    """Read what a model would answer that answers as it is taught."""
    taught = targets(truths)
    return PEAKS([taught.boxes.reshape(1, CELLS, CELLS, -1), taught.peaks[None]], 0.999)


@given(apart())
def test_what_a_model_is_taught_is_what_is_read_from_it(truths: list[Truth]) -> None:
    found = read(truths)
    assert len(found) == len(truths)
    for truth in truths:
        [same] = [one for one in found if np.allclose(one.box, truth.extent, atol=1e-4)]
        assert same.label == truth.label


def test_a_bottle_in_the_middle_of_a_basket_hides_neither() -> None:
    truths = [
        Truth("basket", Extent(0.25, 0.25, 0.75, 0.75)),
        Truth("bottle", Extent(0.45, 0.375, 0.55, 0.625)),
    ]
    found = {one.label: one.box for one in read(truths)}
    assert found.keys() == {"basket", "bottle"}
    for truth in truths:
        assert np.allclose(found[truth.label], truth.extent, atol=1e-4)


@pytest.mark.parametrize("boxes_first", [True, False])
def test_boxes_are_told_from_scores_by_how_many_labels_are_listed(boxes_first: bool) -> None:
    # Four scores and four boxes of four numbers, or sixteen scores and one box.
    sides = [(1, 1, 1, 16), (1, 1, 1, 4)]
    sides = sides if boxes_first else sides[::-1]
    values = [np.full(side, 0.25, np.float32) for side in sides]
    four = decoder(details(*sides), ["a", "b", "c", "d"])
    assert [one.label for one in four(values, 0.2)] == ["a", "b", "c", "d"]
    sixteen = decoder(details(*sides), [f"l{number}" for number in range(16)])
    assert len(sixteen(values, 0.2)) == 16


@given(
    arrays(np.float32, (1, 3, 3, 6), elements=anything),
    arrays(np.float32, (1, 3, 3, 24), elements=anything),
)
def test_no_map_of_scores_makes_nonsense(
    scores: np.ndarray[Any, Any], boxes: np.ndarray[Any, Any]
) -> None:
    assert_sound(SMALL([boxes[..., :4], scores], 0.0), LABELS)
    assert_sound(SMALL_EACH([boxes, scores], 0.0), LABELS)


@given(
    arrays(np.float32, (1, 6, 4), elements=anything),
    arrays(np.float32, (2, 1, 6), elements=anything),
    arrays(np.float32, (1,), elements=anything),
)
def test_no_found_boxes_make_nonsense(
    corners: np.ndarray[Any, Any], pair: np.ndarray[Any, Any], count: np.ndarray[Any, Any]
) -> None:
    assert_sound(FOUND([corners, pair[0], pair[1], count], 0.0), ["a", "b", "class"])


def assert_sound(found: Sequence[Detection], labels: Sequence[str]) -> None:
    for one in found:
        assert one.label.split()[0] in labels
        assert 0.0 <= one.score <= 1.0
        assert 0.0 <= one.box.x_min < one.box.x_max <= 1.0
        assert 0.0 <= one.box.y_min < one.box.y_max <= 1.0


def test_only_as_many_boxes_as_are_counted_are_read() -> None:
    corners = np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (1, 6, 1))
    ones, zeros = np.ones((1, 6), np.float32), np.zeros((1, 6), np.float32)
    found = FOUND([corners, zeros, ones, np.array([2], np.float32)], 0.5)
    assert [one.label for one in found] == ["a", "a"]
    assert np.allclose(found[0].box, Box(0.2, 0.1, 0.4, 0.3))


@given(st.lists(detections, max_size=12), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_of_doubles_the_surest_stays_and_nothing_else_goes(
    found: list[Detection], most: float
) -> None:
    kept = without_doubles(found, most)
    assert without_doubles(kept, most) == kept
    assert without_doubles(found[::-1], most) == kept
    assert [one.score for one in kept] == sorted((one.score for one in kept), reverse=True)
    for one in found:
        beside = [other for other in kept if other.label == one.label]
        assert one in kept or any(
            other.score >= one.score and overlap(one.box, other.box) > most for other in beside
        )


@given(boxes, boxes)
def test_an_overlap_is_a_share_and_the_same_from_both_sides(one: Box, other: Box) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert 0.0 <= overlap(one, other) <= 1.0 + 1e-9
    assert overlap(one, one) == pytest.approx(1.0)


def test_quantised_numbers_are_made_real() -> None:
    values = np.array([0, 128, 255], np.uint8)
    assert real(values, {"quantization": (0.5, 128)}).tolist() == [-64.0, 0.0, 63.5]
    assert real(values, {"quantization": (0.0, 0)}).tolist() == [0.0, 128.0, 255.0]
    given = np.array([0.25], np.float32)
    assert real(given, {"quantization": (0.5, 3)}).tolist() == [0.25]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(1, 10)], "no detector that is understood"),
        ([(1, 8, 8, 4), (1, 4, 4, 2)], "no map of scores"),
        ([(1, 8, 8, 4), (1, 8, 8, 4)], "no map of scores"),
        ([(1, 8, 8, 4), (1, 8, 8, 3)], "3 labels apart, and 2 are listed"),
        ([(1, 8, 8, 3), (1, 8, 8, 12)], "3 labels apart, and 2 are listed"),
        ([(1, 8, 8, 4), (1, 8, 8, 16)], "no map of scores"),
        ([(1, 8, 8, 6), (1, 8, 8, 2)], "no map of scores"),
        ([(1, 6), (1, 6), (1, 6, 4), (1,)], "in any known order"),
        ([(1, 6, 5), (1, 6), (1, 6), (1,)], "in any known order"),
    ],
)
def test_outputs_that_are_not_understood_are_refused(
    shapes: list[tuple[int, ...]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        decoder(details(*shapes), ["a", "b"])
