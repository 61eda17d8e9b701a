"""The camera's twin: its bytes, its stage, and that the bundled model knows what it draws."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import pytest

from aislewatch_plugins.vision.detecting import Detector, DetectorConfig, open_detector
from aislewatch_sim.pictures.canvas import Picture
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.acts import Act
from aislewatch_sim.vision.camera import jpeg, part
from aislewatch_sim.vision.command import main
from aislewatch_sim.vision.recording import pictures, to_folder
from aislewatch_sim.vision.stage import COLOURS, LOOKS, Article, Figure

START_US = 1_772_438_400_000_000


@pytest.fixture(scope="module")
def detector() -> Detector:
    return open_detector(DetectorConfig(backend="litert"), Path())


def test_a_part_of_the_stream_is_written_as_cameras_write_it() -> None:
    assert part(b"\xff\xd8\xff\xd9") == (
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n\r\n\xff\xd8\xff\xd9\r\n"
    )


def test_the_same_seed_gives_the_same_pictures_and_another_gives_others() -> None:
    def film(seed: int) -> bytes:
        stage = acts.aisle(seed, 64, 48)
        taken = pictures(stage, acts.visit(stage, Random(seed), 1))
        return b"".join(jpeg(picture, 80) for picture in taken)

    assert film(3) == film(3)
    assert film(3) != film(4)


def test_no_two_live_pictures_are_the_same_and_frozen_ones_are() -> None:
    stage = acts.aisle(width=64, height=48)
    one, other = stage.picture(), stage.picture()
    assert not np.array_equal(one, other)
    stage.lens = "frozen"
    assert np.array_equal(stage.picture(), other)


def test_each_visit_leaves_the_shelf_full_and_the_aisle_empty() -> None:
    for seed in range(12):
        stage = acts.aisle(seed, 64, 48)
        for _ in acts.visit(stage, Random(seed), seed):
            pass
        assert Counter(one.label for one in stage.articles) == Counter(COLOURS.keys())
        assert stage.people == []


@pytest.mark.parametrize("label", sorted(COLOURS))
def test_the_model_knows_goods_on_the_counter(detector: Detector, label: str) -> None:
    right = wrong = 0
    for x in (0.17, 0.3, 0.5, 0.7, 0.83):
        for seed in range(4):
            stage = acts.kiosk(seed)
            stage.articles.append(Article(label, x, 0.5, 0.28))
            found = [one.label for one in detector.detect(stage.picture())]
            right += found.count(label)
            wrong += len([one for one in found if one in COLOURS and one != label])
    assert right >= 19
    assert wrong <= 1


def seen_at(detector: Detector, picture: Picture, x: float, y: float) -> set[str]:
    """Give the labels of what is found where something is."""
    return {
        one.label
        for one in detector.detect(picture)
        if one.box.x_min < x < one.box.x_max and one.box.y_min < y < one.box.y_max
    }


@pytest.mark.parametrize("label", sorted(COLOURS))
def test_the_model_follows_what_is_taken_from_the_shelf_and_carried(
    detector: Detector, label: str
) -> None:
    seen = other = taken = 0
    for number, look in enumerate(LOOKS):
        stage = acts.aisle(number)
        article = next(one for one in stage.articles if one.label == label)
        who = Figure(article.x - 0.15, 0.64, look)
        stage.people.append(who)
        act = chain(acts.take(stage, who, article), acts.walk(stage, who, [(0.75, 0.66)]))
        for picture in pictures(stage, act):
            if who.holds is None or who.hand is None:
                continue
            found = seen_at(detector, picture, who.hand[0], who.hand[1] - 0.09)
            taken += 1
            seen += label in found
            other += bool(found & (COLOURS.keys() - {label}))
    assert taken > 40
    assert seen / taken >= 0.9
    assert other / taken <= 0.05


@pytest.mark.parametrize("label", sorted(COLOURS))
def test_the_model_follows_what_a_hand_brings_to_the_counter(
    detector: Detector, label: str
) -> None:
    seen = taken = 0
    for seed in range(6):
        stage = acts.kiosk(seed)
        for picture in pictures(stage, acts.scan(stage, label)):
            for one in stage.hands:
                at = one.x, one.y - 0.75 * one.length
                if at[1] < 0.85:
                    taken += 1
                    seen += label in seen_at(detector, picture, *at)
    assert taken > 20
    assert seen / taken >= 0.9


def test_the_model_sees_nothing_where_nothing_is(detector: Detector) -> None:
    found = [
        one
        for seed in range(10)
        for one in detector.detect(acts.kiosk(seed).picture())
        if one.label in COLOURS or one.label == "person"
    ]
    assert len(found) <= 1


def test_the_model_sees_who_walks_through_the_aisle(detector: Detector) -> None:
    seen = taken = 0
    for number, look in enumerate(LOOKS):
        stage = acts.aisle(number)
        who = Figure(0.15, 0.66, look)
        for picture in pictures(stage, acts.walk(stage, who, [(0.85, 0.66)])):
            people = [one for one in detector.detect(picture) if one.label == "person"]
            taken += 1
            seen += any(one.box.x_min < who.x < one.box.x_max for one in people)
            assert len(people) <= 2
    assert seen / taken >= 0.9


def run(*arguments: str, orders: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aislewatch_sim", "vision", *arguments]
    return subprocess.run(
        command, input=orders, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_says_where_it_is_and_does_what_it_is_told() -> None:
    orders = "visit can away\nvisit soap\nlens cover\nlight dim\nlight off\nscan box\nquit\n"
    done = run("--json", "--size", "96x72", orders=orders)
    assert done.returncode == 0, done.stderr
    first, *said = done.stdout.splitlines()
    place = json.loads(first)
    assert place["kind"] == "vision"
    assert place["address"].startswith("http://127.0.0.1:")
    assert said == [
        "somebody comes for the can",
        "say visit WHAT along|back|away; on the shelf: bottle, box, can",
        "the lens is covered",
        "say light on, or light off",
        "the light is off",
        "the box is scanned",
        "ends",
    ]


def test_it_writes_pictures_named_by_their_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cam"
    words = ["--folder", str(folder), "--seconds", "1", "--fps", "4", "--size", "64x48"]
    assert main([*words, "--starts", "2026-03-02T08:00:00Z"], prog="vision") == 0
    assert capsys.readouterr().out == f"4 pictures in {folder}\n"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{START_US + n * 250_000}.jpg" for n in range(4)]


def test_half_a_picture_is_never_in_the_folder(tmp_path: Path) -> None:
    stage = acts.aisle(width=64, height=48)

    def watching() -> Act:
        for _ in acts.still(5):
            whole = [path for path in tmp_path.iterdir() if path.suffix == ".jpg"]
            assert all(path.read_bytes().endswith(b"\xff\xd9") for path in whole)
            yield

    assert to_folder(pictures(stage, watching()), tmp_path, START_US, 10) == 5


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--size", "big"], "is no size"),
        (["--starts", "yesterday"], "is no time"),
        (["--fps", "0"], "is not above 0"),
        (["--tcp", "nowhere"], "is not an address"),
    ],
)
def test_a_mistake_on_its_command_line_is_said(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words, prog="vision")
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


def test_a_video_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--video", str(tmp_path / "no" / "x.avi"), "--seconds", "1", "--size", "64x48"]
    assert main(words, prog="vision") == 2
    assert "cannot be written" in capsys.readouterr().err
