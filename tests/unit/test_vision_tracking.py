"""Tracks: laws that hold whatever a detector says, and people who cross, hide and leave."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch_plugins.vision.config import TracksConfig
from aislewatch_plugins.vision.detecting import Box, Detection
from aislewatch_plugins.vision.tracking import DETECTIONS_MOST, Tracker, fit

STEP_US = 100_000
KINDS = {"person": "person", "staff": "person", "hand": "hand", "can": "article can"}


def tracker(**settings_of: object) -> Tracker:
    return Tracker(TracksConfig.model_validate(settings_of), KINDS)


def seen(label: str, x: float, y: float, score: float = 0.9, size: float = 0.1) -> Detection:
    return Detection(label, score, Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2))


shares = st.floats(0, 1, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = sorted([draw(shares), draw(shares)]), sorted([draw(shares), draw(shares)])
    return Box(x[0], y[0], x[1], y[1])


detections = st.builds(
    Detection, st.sampled_from(["person", "staff", "hand", "can", "cat"]), shares, boxes()
)
films = st.lists(st.lists(detections, max_size=6), max_size=12)


@settings(deadline=None)
@given(films, st.randoms(use_true_random=False))
def test_the_order_of_detections_means_nothing(
    film: Sequence[Sequence[Detection]], dice: Random
) -> None:
    one, other = tracker(), tracker()
    for picture, found in enumerate(film):
        shuffled = list(found)
        dice.shuffle(shuffled)
        assert repr(one.look(picture * STEP_US, found)) == repr(
            other.look(picture * STEP_US, shuffled)
        )


@settings(deadline=None)
@given(films)
def test_each_detection_is_at_most_one_thing_and_each_thing_is_one_detection(
    film: Sequence[Sequence[Detection]],
) -> None:
    one = tracker(confirm=1, start_score=0)
    for picture, found in enumerate(film):
        time_us = picture * STEP_US
        followed = one.look(time_us, found)
        known = [each for each in found if each.label in KINDS]
        # Nothing is left over: who is not known becomes somebody, and nobody is seen twice.
        assert len(followed.seen) == len(known)
        at = sorted((KINDS[each.label], each.box) for each in known)
        assert sorted((track.kind, track.box) for track in followed.seen) == at


@settings(deadline=None)
@given(films, st.integers(1, 4))
def test_a_number_is_never_used_again_and_what_has_ended_stays_so(
    film: Sequence[Sequence[Detection]], confirm: int
) -> None:
    one = tracker(confirm=confirm, gone="200ms")
    ended: set[int] = set()
    begun: dict[int, int] = {}
    for picture, found in enumerate(film):
        followed = one.look(picture * STEP_US, found)
        for track in followed.seen:
            assert track.number not in ended
            assert begun.setdefault(track.number, track.since_us) == track.since_us
            assert track.pictures >= confirm
            assert 0 <= track.confidence <= 1
        now = {track.number for track in followed.ended}
        assert now.isdisjoint(ended)
        ended |= now
        numbers = [track.number for track in one.tracks]
        assert numbers == sorted(set(numbers))


@given(boxes(), boxes())
def test_how_well_boxes_fit_is_mutual_and_bounded(one: Box, other: Box) -> None:
    assert abs(fit(one, other) - fit(other, one)) < 1e-9
    assert -1 <= fit(one, other) <= 1
    assert fit(one, one) >= fit(one, other) - 1e-9


def test_somebody_who_walks_keeps_their_number() -> None:
    one = tracker()
    numbers = set[int]()
    for picture in range(20):
        followed = one.look(picture * STEP_US, [seen("person", 0.1 + 0.04 * picture, 0.5)])
        numbers |= {track.number for track in followed.seen}
    assert numbers == {1}


def test_two_who_pass_each_other_keep_theirs() -> None:
    one = tracker()
    ways: dict[int, list[float]] = {}
    for picture in range(21):
        left, right = 0.1 + 0.04 * picture, 0.9 - 0.04 * picture
        found = [seen("person", left, 0.45), seen("person", right, 0.55)]
        for track in one.look(picture * STEP_US, found).seen:
            ways.setdefault(track.number, []).append(track.centre[0])
    assert {number: way[-1] > way[0] for number, way in ways.items()} == {1: True, 2: False}


def test_somebody_hidden_for_a_moment_is_found_where_they_must_be() -> None:
    one = tracker(gone="1s")
    followed = None
    for picture in range(20):
        hidden = 8 <= picture < 13
        found = [] if hidden else [seen("person", 0.1 + 0.03 * picture, 0.5)]
        followed = one.look(picture * STEP_US, found)
    assert followed is not None
    assert [track.number for track in followed.seen] == [1]


def test_who_is_gone_for_longer_is_somebody_else() -> None:
    one = tracker(gone="1s", confirm=1)
    one.look(0, [seen("person", 0.5, 0.5)])
    (ended,) = one.look(1_000_001, []).ended
    (anew,) = one.look(1_100_000, [seen("person", 0.5, 0.5)]).seen
    assert (ended.number, anew.number) == (1, 2)


def test_what_is_seen_once_is_nothing_yet() -> None:
    one = tracker(confirm=3)
    counts = [len(one.look(at * STEP_US, [seen("can", 0.5, 0.5)]).seen) for at in range(4)]
    assert counts == [0, 0, 1, 1]


def test_an_unsure_detection_follows_somebody_and_begins_nobody() -> None:
    one = tracker(confirm=1, start_score=0.6)
    assert one.look(0, [seen("person", 0.5, 0.5, score=0.5)]).seen == []
    assert len(one.look(STEP_US, [seen("person", 0.5, 0.5, score=0.7)]).seen) == 1
    assert len(one.look(2 * STEP_US, [seen("person", 0.5, 0.5, score=0.3)]).seen) == 1


def test_somebody_is_what_most_pictures_say_as_surely_as_the_middle_one() -> None:
    one = tracker(confirm=1)
    said = [("person", 0.8), ("staff", 0.9), ("staff", 0.7), ("staff", 0.8), ("person", 0.9)]
    for picture, (label, score) in enumerate(said):
        one.look(picture * STEP_US, [seen(label, 0.5, 0.5, score=score)])
    (track,) = one.tracks
    assert track.label == "staff"
    # Of 0, 0.9, 0.7 and 0.8, which was its best.
    assert abs(track.confidence - 0.75) < 1e-9


def test_one_lucky_picture_makes_nothing_sure() -> None:
    one = tracker(confirm=1)
    for picture, score in enumerate([0.99, 0.6, 0.6, 0.6, 0.6]):
        one.look(picture * STEP_US, [seen("can", 0.5, 0.5, score=score)])
    assert abs(one.tracks[0].confidence - 0.6) < 1e-9


def test_a_picture_full_of_nonsense_is_bounded() -> None:
    one = tracker(confirm=1)
    found = [seen("can", 0.001 * n, 0.5, score=0.7 + 0.0001 * n) for n in range(500)]
    assert len(one.look(0, found).seen) == DETECTIONS_MOST


def test_what_is_taken_down_by_most_of_its_height_has_moved_and_what_trembles_has_not() -> None:
    for away, moved in ((0.03, False), (0.09, True)):
        one = tracker(confirm=1)
        one.look(0, [seen("can", 0.5, 0.2)])
        [track] = one.look(STEP_US, [seen("can", 0.5, 0.2 + away)]).seen
        assert track.moved is moved
