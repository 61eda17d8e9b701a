"""What a model's outputs mean: two families of detectors, known by the shapes of their outputs.

*Found boxes* have four outputs, made by ``TFLite_Detection_PostProcess``: boxes (y_min, x_min,
y_max, x_max), classes, scores and a count. SSD MobileNet, SSDLite MobileDet and EfficientDet-Lite
end in it, in one of three orders. *Peaks* have two: a map of scores for each label over a grid, and
in each cell where in it the middle is and the square roots of the box's width and height, once for
all labels or for each. The bundled model has those, for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aislewatch_plugins.vision.detecting import Box, Detection

Numbers = NDArray[np.float32]
Decode = Callable[[Sequence[Numbers], float], list[Detection]]
"""From the outputs in the model's order and the least score to detections, some of them doubled."""

_BOX: Final = 4


def decoder(details: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Decode:
    """Say how a model's outputs are read.

    Args:
        details: the interpreter's, of the outputs.
        labels: by the model's numbers.

    Raises:
        ValueError: the outputs are of neither family, or the labels are too few; a sentence.
    """
    shapes = [tuple(int(side) for side in one["shape"]) for one in details]
    if len(shapes) == 2 and all(len(shape) == 4 for shape in shapes):
        return _peaks_decoder(shapes, labels)
    if len(shapes) == 4:
        return _found_decoder(shapes, labels)
    message = "its outputs are those of no detector that is understood"
    raise ValueError(message)


def real(values: NDArray[Any], details: Mapping[str, Any]) -> Numbers:
    """Give what integers of a quantised tensor stand for; floats as they are."""
    scale, zero = details["quantization"]
    if np.issubdtype(values.dtype, np.floating) or not scale:
        return values.astype(np.float32)
    return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)


def without_doubles(found: Sequence[Detection], overlap_most: float) -> list[Detection]:
    """Keep of boxes of one label that overlap the surest; order by score, then by place.

    Args:
        found: in any order.
        overlap_most: the share of their union that two boxes of one label may have in common.
    """
    kept: list[Detection] = []
    for one in sorted(found, key=lambda one: (-one.score, one.label, one.box)):
        others = (other.box for other in kept if other.label == one.label)
        if all(overlap(one.box, box) <= overlap_most for box in others):
            kept.append(one)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Give the share of their union that two boxes have in common.

    >>> overlap(Box(0.0, 0.0, 0.5, 1.0), Box(0.25, 0.0, 0.75, 1.0))
    0.3333333333333333
    """
    across = min(one.x_max, other.x_max) - max(one.x_min, other.x_min)
    along = min(one.y_max, other.y_max) - max(one.y_min, other.y_min)
    if across <= 0 or along <= 0:
        return 0.0
    both = across * along
    return both / (_area(one) + _area(other) - both)


def _area(box: Box) -> float:
    return (box.x_max - box.x_min) * (box.y_max - box.y_min)


def _peaks_decoder(shapes: Sequence[tuple[int, ...]], labels: Sequence[str]) -> Decode:
    grids = {shape[1:3] for shape in shapes}
    depths = [shape[3] for shape in shapes]
    # Four numbers are those of all labels, or there are four for each.
    ways = [at for at in (0, 1) if depths[at] in {_BOX, _BOX * depths[1 - at]}]
    if len(ways) == 2:
        ways = [at for at in ways if depths[1 - at] == len(labels)]
    if len(grids) != 1 or len(ways) != 1:
        message = "its two outputs are no map of scores with boxes of four numbers"
        raise ValueError(message)
    boxes_at = ways[0]
    if depths[1 - boxes_at] != len(labels):
        message = f"it tells {depths[1 - boxes_at]} labels apart, and {len(labels)} are listed"
        raise ValueError(message)

    def decode(outputs: Sequence[Numbers], score_least: float) -> list[Detection]:
        return _peaks(outputs[1 - boxes_at][0], outputs[boxes_at][0], labels, score_least)

    return decode


def _peaks(
    scores: Numbers, boxes: Numbers, labels: Sequence[str], score_least: float
) -> list[Detection]:
    rows, columns = scores.shape[:2]
    by_label = np.broadcast_to(
        boxes.reshape(rows, columns, -1, _BOX), (rows, columns, len(labels), _BOX)
    )
    padded = np.pad(scores, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    around = [padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    tops = (scores >= score_least) & (scores >= np.max(around, axis=0))
    found: list[Detection] = []
    for row, column, number in np.argwhere(tops).tolist():
        across, along, root_width, root_height = by_label[row, column, number].tolist()
        x, y = (column + across) / columns, (row + along) / rows
        half_width, half_height = root_width**2 / 2, root_height**2 / 2
        edges = (x - half_width, y - half_height, x + half_width, y + half_height)
        _keep(found, labels[number], scores[row, column, number], edges)
    return found


def _found_decoder(shapes: Sequence[tuple[int, ...]], labels: Sequence[str]) -> Decode:
    ranks = [len(shape) for shape in shapes]
    orders = {
        (3, 2, 2, 1): (0, 1, 2, 3),  # SSD, as TensorFlow 1 exports it.
        (2, 3, 1, 2): (1, 3, 0, 2),  # EfficientDet-Lite, as TensorFlow 2 does.
        (1, 2, 2, 3): (3, 2, 1, 0),  # The same, by the names output_0 to output_3.
    }
    order = orders.get((ranks[0], ranks[1], ranks[2], ranks[3]))
    if order is None or shapes[order[0]][2] != _BOX:
        message = "its four outputs are not boxes, classes, scores and a count in any known order"
        raise ValueError(message)

    def decode(outputs: Sequence[Numbers], score_least: float) -> list[Detection]:
        boxes, classes, scores, count = (outputs[place] for place in order)
        found: list[Detection] = []
        told = min(max(0, int(np.nan_to_num(count[0]))), scores.shape[1])
        for box, number, score in zip(
            boxes[0, :told].tolist(), classes[0, :told].tolist(), scores[0, :told], strict=True
        ):
            if score >= score_least:
                y_min, x_min, y_max, x_max = box
                _keep(found, _named(number, labels), score, (x_min, y_min, x_max, y_max))
        return found

    return decode


def _named(number: float, labels: Sequence[str]) -> str:
    """Name a class, also one that the list of labels leaves out."""
    if not np.isfinite(number):
        return "class unknown"
    place = int(number)
    return (labels[place] if 0 <= place < len(labels) else "") or f"class {place}"


def _keep(
    found: list[Detection],
    label: str,
    score: np.float32,
    edges: tuple[float, float, float, float],
) -> None:
    """Keep a detection whose box has an area; a broken device's numbers give none."""
    if not np.isfinite((float(score), *edges)).all():
        return
    box = Box(*(min(1.0, max(0.0, edge)) for edge in edges))
    if box.x_min < box.x_max and box.y_min < box.y_max:
        found.append(Detection(label, min(1.0, float(score)), box))
