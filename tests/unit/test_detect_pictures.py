"""A picture that was kept is on record, in time or late, whatever the rules make of it."""

import msgspec

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ClockTick, Event, VisionSnapshot
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry

SECOND = 1_000_000
NOW = 1_772_438_400 * SECOND
PICTURE = VisionSnapshot(
    id="cam/b/1",
    store="s",
    device="cam",
    time=NOW,
    picture="a" * 64,
    size_bytes=12_345,
    taken_us=NOW - 4 * SECOND,
    cause="till/9",
    receipt="r9",
)


def ticks(*times_s: int) -> list[Event]:
    return [
        ClockTick(id=f"clock/{at}", store="s", device="clock", time=NOW + at * SECOND)
        for at in times_s
    ]


def records(events: list[Event]) -> list[Record]:
    core = Core(Settings("s"), StoreModel(), [], Registry())
    return [one for one in core.step(events) if one.type != "store.configured"]


def test_a_picture_is_on_record_with_its_hash_and_what_it_was_taken_for() -> None:
    (record,) = records([*ticks(-1), PICTURE, *ticks(5)])
    assert (record.type, record.stream, record.time) == ("picture.kept", "picture/" + "a" * 64, NOW)
    told = msgspec.json.decode(record.payload)["event"]
    assert (told["picture"], told["cause"], told["receipt"]) == ("a" * 64, "till/9", "r9")


def test_a_picture_that_comes_late_is_on_record_too_and_said_to_be_late() -> None:
    told = records([*ticks(-1, 60), PICTURE, *ticks(61)])
    assert [one.type for one in told] == ["event.late", "picture.kept"]


def test_a_picture_that_is_sent_again_is_on_record_once() -> None:
    again = msgspec.structs.replace(PICTURE)
    told = records([*ticks(-1), PICTURE, again, *ticks(5), msgspec.structs.replace(PICTURE)])
    assert [one.type for one in told] == ["picture.kept"]
