"""The supervisor: which states follow which, how long it waits, when it says that it failed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.runtime.supervisor import TRANSITIONS, Change, DeviceState, Policy, Supervisor

SECOND = 1_000_000
POLICY = Policy()


def supervisor(draw: float = 0.999_999) -> Supervisor:
    return Supervisor(POLICY, lambda: draw)


def fail(watched: Supervisor, at: int) -> Change | None:
    watched.begin(at)
    return watched.fail(at, "refused", "the device refused the connection")


def test_a_connection_alone_leaves_a_device_starting() -> None:
    watched = supervisor()
    watched.begin(0)
    watched.beat(7, 1 * SECOND)

    assert watched.state == "starting"
    assert watched.proved() == Change("online")
    assert watched.proved() is None


def test_pauses_double_and_are_spread_over_their_second_half() -> None:
    longest, shortest = supervisor(), supervisor(draw=0.0)
    at = 0
    for seconds in (1, 2, 4, 8):
        fail(longest, at)
        fail(shortest, at)
        assert longest.retry_at_us is not None
        assert seconds * SECOND - 20 < longest.retry_at_us - at <= seconds * SECOND
        assert shortest.retry_at_us == at + seconds * SECOND // 2
        assert longest.state == "offline"
        at += SECOND


def test_five_failures_within_a_minute_mean_failed_and_the_text_says_why() -> None:
    watched = supervisor()
    changes = [fail(watched, at * SECOND) for at in (0, 14, 28, 42, 56)]

    assert changes[0] == Change("offline", "refused", "the device refused the connection")
    assert changes[1:4] == [None, None, None]
    assert changes[4] == Change(
        "failed",
        "refused",
        "5 failures within 60 s, the last: the device refused the connection",
    )
    assert not watched.ended, "it is tried again, once a minute"


def test_five_failures_in_more_than_a_minute_do_not_mean_failed() -> None:
    watched = supervisor()
    for at in (0, 15, 30, 45, 60):
        fail(watched, at * SECOND)

    assert watched.state == "offline"
    assert watched.failures == 5


def test_a_failed_device_is_tried_once_a_minute_and_said_once() -> None:
    watched = supervisor(draw=0.0)
    for at in range(5):
        fail(watched, at * SECOND)
    assert watched.retry_at_us == (4 + 30) * SECOND

    assert fail(watched, 40 * SECOND) is None
    assert watched.retry_at_us == (40 + 30) * SECOND
    watched.begin(70 * SECOND)
    assert watched.state == "failed", "an attempt proves nothing"
    assert watched.proved() == Change("online")


def test_a_wrong_configuration_is_not_tried_again() -> None:
    watched = supervisor()
    watched.begin(0)

    change = watched.fail(0, "misconfigured", "there is no port 70000", final=True)

    assert change == Change("failed", "misconfigured", "there is no port 70000")
    assert watched.ended
    assert watched.retry_at_us is None


def test_a_heartbeat_that_stands_still_is_a_hang() -> None:
    watched = supervisor()
    watched.begin(100 * SECOND)
    watched.beat(1, 101 * SECOND)
    watched.beat(1, 116 * SECOND)

    assert not watched.hangs(116 * SECOND)
    assert watched.hangs(116 * SECOND + 1)
    watched.beat(2, 117 * SECOND)
    assert not watched.hangs(131 * SECOND)


def test_a_life_that_has_not_begun_to_beat_may_wait_for_others_that_start_with_it() -> None:
    watched = supervisor()
    watched.begin(100 * SECOND)

    assert not watched.hangs(220 * SECOND)
    assert watched.hangs(220 * SECOND + 1)
    watched.beat(1, 215 * SECOND)
    assert watched.hangs(230 * SECOND + 1)


def test_a_process_that_answers_and_does_not_beat_yet_is_still_starting() -> None:
    watched = supervisor()
    watched.begin(100 * SECOND)
    watched.beat(0, 110 * SECOND)

    assert not watched.hangs(230 * SECOND)
    assert watched.hangs(230 * SECOND + 1)


def test_what_does_not_run_does_not_hang() -> None:
    watched = supervisor()
    assert not watched.hangs(10**12)
    fail(watched, 0)
    assert not watched.hangs(10**12)


def test_a_stopped_device_is_never_started_again() -> None:
    watched = supervisor()
    watched.begin(0)

    assert watched.stop("asked") == Change("stopped", "asked")
    assert watched.stop("asked") is None
    assert watched.ended
    with pytest.raises(AssertionError):
        watched.begin(1)


def test_a_failed_device_that_is_stopped_stays_failed_and_is_not_tried_again() -> None:
    watched = supervisor()
    for at in range(5):
        fail(watched, at)

    assert watched.stop("asked") is None
    assert watched.state == "failed"
    assert watched.ended


def test_only_an_online_device_can_be_strained() -> None:
    watched = supervisor()
    watched.begin(0)
    assert watched.strained("link", "the link is down") is None
    watched.proved()
    assert watched.strained("link", "the link is down") == Change(
        "degraded", "link", "the link is down"
    )
    assert watched.proved() == Change("online")


@given(
    st.lists(st.sampled_from(["prove", "strain", "fail", "final", "wait"]), max_size=60),
    st.randoms(),
)
def test_whatever_happens_states_follow_the_table_and_a_way_on_is_always_known(
    happenings: list[str], dice: Random
) -> None:
    watched = Supervisor(POLICY, dice.random)
    now = 0
    seen: list[DeviceState] = [watched.state]
    for happening in happenings:
        if watched.ended:
            break
        if watched.retry_at_us is not None or watched.attempt == 0:
            due = watched.retry_at_us or now
            pause = due - now
            assert 0 <= pause <= POLICY.failed_pause_us
            if watched.state == "failed":
                assert pause >= POLICY.failed_pause_us // 2, "never a crash loop"
            now = due
            watched.begin(now)
        now += dice.randrange(3 * SECOND)
        match happening:
            case "prove":
                change = watched.proved()
            case "strain":
                change = watched.strained("x", "y")
            case "wait":
                change = None
            case _:
                change = watched.fail(now, "x", "y", final=happening == "final")
        if change is not None:
            assert change.state in TRANSITIONS[seen[-1]]
            seen.append(change.state)
        assert watched.state == seen[-1]
        if happening == "final":
            assert watched.ended


@given(st.randoms())
def test_a_crash_loop_slows_down_to_one_attempt_in_half_a_minute(dice: Random) -> None:
    watched = Supervisor(POLICY, dice.random)
    now = attempts = 0
    while now < 3600 * SECOND:
        fail(watched, now)
        attempts += 1
        assert watched.retry_at_us is not None
        now = watched.retry_at_us

    assert attempts <= 5 + 3600 // 30 + 1
