"""The bundled detector: the file that is shipped, and what it finds in scenes it has never seen.

The floors are a little below what was measured, for kernels differ between processors. They are
those of drawn scenes: nothing here says how it would do in a shop.
"""

import hashlib
import importlib
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aislewatch_plugins.vision.detecting import (
    Box,
    Detection,
    Detector,
    DetectorConfig,
    open_detector,
)
from aislewatch_plugins.vision.outputs import overlap
from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import Truth, scene
from aislewatch_sim.pictures.training import HELD_OUT

MODELS = files("aislewatch_plugins.vision") / "models"
SIZES = ((240, 320), (480, 640), (360, 640))
SCENES = 120


@pytest.fixture(scope="module")
def detector() -> Detector:
    return open_detector(DetectorConfig(backend="litert"), Path())


def test_the_shipped_file_is_small_and_is_the_one_that_its_hash_names() -> None:
    content = (MODELS / "scenes.tflite").read_bytes()
    digest, name = (MODELS / "scenes.sha256").read_text("ascii").split()
    assert (name, digest) == ("scenes.tflite", hashlib.sha256(content).hexdigest())
    assert len(content) < 1 << 20


def test_its_labels_are_what_the_scenes_are_drawn_of(detector: Detector) -> None:
    assert tuple(detector.labels) == LABELS


def test_it_computes_with_integers_alone() -> None:
    package: Any = importlib.import_module("ai_edge_litert.interpreter")  # It has no types.
    loaded = package.Interpreter(model_content=(MODELS / "scenes.tflite").read_bytes())
    kinds = {one["dtype"] for one in loaded.get_tensor_details()}
    assert kinds <= {np.int8, np.uint8, np.int32}


def matched(found: list[Detection], truths: tuple[Truth, ...]) -> Counter[tuple[str, str]]:
    """Count hits, false finds and misses by label; a hit shares half of the union."""
    left = list(truths)
    counts: Counter[tuple[str, str]] = Counter()
    for one in found:
        same = [truth for truth in left if truth.label == one.label]
        best = max(same, key=lambda truth: overlap(one.box, Box(*truth.extent)), default=None)
        if best is not None and overlap(one.box, Box(*best.extent)) >= 0.5:
            left.remove(best)
            counts[one.label, "hit"] += 1
        else:
            counts[one.label, "false"] += 1
    counts.update((truth.label, "missed") for truth in left)
    return counts


def test_a_match_counts_hits_false_finds_and_misses() -> None:
    here, there = Extent(0.0, 0.0, 0.5, 0.5), Extent(0.5, 0.5, 1.0, 1.0)
    found = [
        Detection("can", 0.9, Box(0.0, 0.0, 0.5, 0.4)),
        Detection("can", 0.8, Box(0.0, 0.0, 0.5, 0.5)),
        Detection("box", 0.7, Box(*there)),
    ]
    counts = matched(found, (Truth("can", here), Truth("can", there)))
    assert counts == {
        ("can", "hit"): 1,
        ("can", "false"): 1,
        ("can", "missed"): 1,
        ("box", "false"): 1,
    }


@pytest.fixture(scope="module")
def counts(detector: Detector) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for number in range(SCENES):
        drawn = scene(HELD_OUT + number, *SIZES[number % len(SIZES)])
        counts += matched(detector.detect(drawn.picture), drawn.truths)
    return counts


def shares(counts: Counter[tuple[str, str]], labels: tuple[str, ...]) -> tuple[float, float]:
    """Give precision and recall."""
    hits, false, missed = (
        sum(counts[label, what] for label in labels) for what in ("hit", "false", "missed")
    )
    return hits / (hits + false), hits / (hits + missed)


def test_it_finds_most_of_what_is_in_scenes_it_has_never_seen(
    counts: Counter[tuple[str, str]],
) -> None:
    precision, recall = shares(counts, LABELS)
    assert precision > 0.88
    assert recall > 0.71


@pytest.mark.parametrize(
    ("label", "precision_least", "recall_least"),
    [
        ("person", 0.72, 0.54),
        ("hand", 0.77, 0.48),
        ("basket", 0.87, 0.78),
        ("box", 0.93, 0.77),
        ("bottle", 0.88, 0.70),
        ("can", 0.91, 0.78),
    ],
)
def test_no_label_is_left_to_the_others(
    counts: Counter[tuple[str, str]], label: str, precision_least: float, recall_least: float
) -> None:
    precision, recall = shares(counts, (label,))
    assert precision > precision_least
    assert recall > recall_least


@pytest.mark.parametrize("tone", [0, 40, 128, 255])
def test_a_picture_of_nothing_has_nothing_in_it(detector: Detector, tone: int) -> None:
    assert detector.detect(np.full((240, 320, 3), tone, np.uint8)) == []
