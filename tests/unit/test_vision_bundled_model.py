"""The bundled detector: the file that is shipped, and what it finds in scenes it has never seen.

The floors are a little below what was measured, for kernels differ between processors. They are
those of drawn scenes: nothing here says how it would do in a shop.
"""

import hashlib
import importlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aislewatch_plugins.vision.detecting import (
    Detection,
    Detector,
    DetectorConfig,
    open_detector,
)
from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.judging import Find, Tally, tallied
from aislewatch_sim.pictures.scenes import scene
from aislewatch_sim.pictures.surroundings import LEARNED, UNLIKE
from aislewatch_sim.pictures.training import HELD_OUT

MODELS = files("aislewatch_plugins.vision") / "models"
SIZES = ((240, 320), (480, 640), (360, 640))
SCENES = 150
LEAST = {
    "person": (0.81, 0.78),
    "hand": (0.88, 0.84),
    "basket": (0.89, 0.87),
    "box": (0.91, 0.84),
    "bottle": (0.83, 0.82),
    "can": (0.91, 0.83),
}
"""Precision and recall, by label."""


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


@pytest.fixture(scope="module", params=["like", "unlike"])
def tallies(detector: Detector, request: pytest.FixtureRequest) -> tuple[str, dict[str, Tally]]:
    """What it finds before such surroundings as it has learned from, and before others."""
    around = {"like": LEARNED, "unlike": UNLIKE}[request.param]
    scenes = (
        scene(HELD_OUT + number, *SIZES[number % len(SIZES)], around) for number in range(SCENES)
    )
    judged = ((finds(detector.detect(one.picture)), one.truths) for one in scenes)
    return request.param, tallied(judged)


def finds(detections: Sequence[Detection]) -> list[Find]:
    return [Find(one.label, one.score, Extent(*one.box)) for one in detections]


def shares(tallies: Sequence[Tally]) -> tuple[float, float]:
    """Give precision and recall."""
    hits = sum(int(tally.hit.sum()) for tally in tallies)
    found, there = sum(tally.hit.size for tally in tallies), sum(tally.there for tally in tallies)
    return hits / found, hits / there


def test_it_finds_most_of_what_is_in_scenes_it_has_never_seen(
    tallies: tuple[str, dict[str, Tally]],
) -> None:
    around, by_label = tallies
    precision, recall = shares(list(by_label.values()))
    assert precision > {"like": 0.91, "unlike": 0.89}[around]
    assert recall > {"like": 0.86, "unlike": 0.86}[around]


@pytest.mark.parametrize("label", LABELS)
def test_no_label_is_left_to_the_others(tallies: tuple[str, dict[str, Tally]], label: str) -> None:
    precision, recall = shares([tallies[1][label]])
    assert precision > LEAST[label][0]
    assert recall > LEAST[label][1]


def page_figures(around: str) -> dict[str, tuple[float, float]]:
    """Read from the page, by label, how much of what it finds is there, and the reverse.

    How many things there are stands for precision and recall of ``things``.
    """
    lines = (MODELS / "README.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = next(row[1:] for row in rows if row[1:2] == ["things"])
    right, found = ([float(cell) for cell in row[1:]] for row in rows if row[0].startswith(around))
    return dict(zip(heads, zip(right, found, strict=True), strict=True))


def test_the_page_says_what_is_measured(tallies: tuple[str, dict[str, Tally]]) -> None:
    around, by_label = tallies
    things = float(sum(tally.there for tally in by_label.values()))
    measured = {label: shares([tally]) for label, tally in by_label.items()}
    measured |= {"all": shares(list(by_label.values())), "things": (things, things)}
    said = page_figures(f"{around} ")
    assert said.keys() == measured.keys()
    for label, figures in measured.items():
        assert said[label] == pytest.approx(figures, abs=0.03), label


@pytest.mark.parametrize("coarse", [1, 4])
def test_in_pure_noise_there_is_hardly_anything(detector: Detector, coarse: int) -> None:
    found = 0
    for seed in range(12):
        draw = np.random.default_rng(seed)
        grains = draw.integers(0, 256, (240 // coarse, 320 // coarse, 3), np.uint8)
        noise = np.repeat(np.repeat(grains, coarse, 0), coarse, 1)
        found += len(detector.detect(noise))
    assert found <= 3


@pytest.mark.parametrize("tone", [0, 40, 128, 255])
def test_a_picture_of_nothing_has_nothing_in_it(detector: Detector, tone: int) -> None:
    assert detector.detect(np.full((240, 320, 3), tone, np.uint8)) == []
