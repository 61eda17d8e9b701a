"""Faces from a service's bytes to a match: a real broker, the driver, a real watchlist."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.events.kinds import DeviceState, Event, PersonMatch, VisionPerson
from aislewatch.events.likeness import Comparer
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch.runtime.watchlist import Watchlist
from aislewatch.runtime.watchlist_guard import Guard
from aislewatch.runtime.watchlist_terms import KnownOffendersPart, Terms
from aislewatch_plugins.camera.config import FacesConfig
from aislewatch_plugins.camera.faces import Faces
from aislewatch_plugins.camera.seen import Face, Person
from aislewatch_plugins.camera.sensor import CameraFaces
from aislewatch_sim.camera import face_words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.faults import Faults

START_S = 1_772_438_400
TOPIC = "faces/door"


class Clock:
    def __init__(self) -> None:
        self.s = START_S

    def now_us(self) -> int:
        return self.s * 1_000_000


class Received:
    def __init__(self) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str, str]] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason, place))
            self._news.notify_all()

    async def reached(self, matches: int = 0, refusals: int = 0) -> None:
        async with self._news:
            await self._news.wait_for(
                lambda: len(self.matches) >= matches and len(self.refusals) >= refusals
            )

    @property
    def matches(self) -> list[PersonMatch]:
        return [event for event in self.found if isinstance(event, PersonMatch)]


class Stand:
    """A camera's plugin that listens, the twin that publishes, and who takes what is told."""

    def __init__(self, plugin: CameraFaces, twin: Publisher, clock: Clock) -> None:
        self.plugin = plugin
        self.twin = twin
        self.clock = clock
        self.received = Received()

    async def see(self, *faces: tuple[str, Sequence[float]], **more: Any) -> None:
        await self.twin.say(face_words.frame(TOPIC, self.clock.s, faces, **more))

    async def marked(self) -> None:
        """Publish what must be refused, and wait until it is: all before it was told by then."""
        refusals = len(self.received.refusals)
        await self.twin.say(face_words.frame(TOPIC, self.clock.s, [])._replace(payload=b"mark"))
        await self.received.reached(refusals=refusals + 1)


def terms(folder: Path) -> Terms:
    part = KnownOffendersPart(
        enabled=True,
        purpose="prevention of repeated theft",
        retention=86_400_000_000,
        threshold=0.6,
        false_match_rate=1e-6,
        four_eyes=False,
    )
    found = part.terms("s", folder)
    assert found is not None
    return found


def enrol(folder: Path, clock: Clock, number: int) -> str:
    entry = Watchlist(terms(folder), clock).enrol(
        [face_words.face(number)],
        model=face_words.MODEL,
        reason="case 2026-117",
        legal_basis="LIA-3",
        by="lp-7",
    )
    return entry.id


@asynccontextmanager
async def stand(
    folder: Path, clock: Clock, watchlist: Comparer | None, **config: Any
) -> AsyncGenerator[Stand]:
    if not brokers():
        pytest.skip("no MQTT broker: install mosquitto, or amqtt of the extra dev")
    (folder / "camera.key").write_bytes(b"a secret of thirty-two bytes, ok")
    async with asyncio.timeout(30), Broker(brokers()[0]) as broker:
        values = {"broker": broker.address, "key_file": "camera.key", "topic": TOPIC, **config}
        plugin = CameraFaces(FacesConfig.model_validate(values))
        context = SensorContext(
            "s", "door", "b1", clock, Random(1), Registry(), str(folder), watchlist=watchlist
        )
        await plugin.open(context)
        async with Publisher("127.0.0.1", broker.port, Faults(Random(1))) as twin:
            found = Stand(plugin, twin, clock)
            run = asyncio.create_task(plugin.run(found.received))
            try:
                yield found
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
                await plugin.close()


@pytest.mark.parametrize("packed", [False, True])
async def test_who_is_on_the_list_is_told_by_an_entry_and_a_stranger_not_at_all(
    tmp_path: Path, packed: bool
) -> None:
    clock, dice = Clock(), Random(1)
    id_ = enrol(tmp_path, clock, 7)
    guard = Guard(terms(tmp_path), clock, "door")
    async with stand(tmp_path, clock, guard, zones={"in": "entrance"}) as shop:
        known, stranger = face_words.glimpse(7, dice), face_words.glimpse(8, dice)
        await shop.see(("t1", stranger), ("t2", known), zone="in", packed=packed)
        await shop.received.reached(matches=1)
        await shop.marked()
        health = shop.plugin.health()
    (match,) = shop.received.matches
    assert (match.watchlist, match.entry, match.zone_id) == ("known-offenders", id_, "entrance")
    assert match.time == START_S * 1_000_000
    assert match.similarity is not None
    assert 0.9 < match.similarity <= 1
    assert match.person.startswith("track-")
    assert "t2" not in match.person
    there = [event for event in shop.received.found if isinstance(event, VisionPerson)]
    assert len({event.person for event in there}) == 2
    assert match.person in {event.person for event in there}
    assert health.detail.endswith("2 faces compared, 1 alike")
    guard.close()


async def test_where_the_shop_has_not_opted_in_faces_are_dropped_and_counted(
    tmp_path: Path,
) -> None:
    clock = Clock()
    enrol(tmp_path, clock, 7)  # A list that lies there is not yet one that is used.
    async with stand(tmp_path, clock, None) as shop:
        for second in range(3):
            clock.s += second
            await shop.see(("t1", face_words.face(7)))
        await shop.marked()
        counts = shop.plugin.diagnostics()
        detail = shop.plugin.health().detail
    assert shop.received.matches == []
    assert (counts["faces"], counts["dropped"], counts["comparing"]) == (3, 3, False)
    assert "3 dropped: no watchlist is kept" in detail


async def test_who_is_erased_while_the_camera_runs_is_not_told_again(tmp_path: Path) -> None:
    clock = Clock()
    id_ = enrol(tmp_path, clock, 7)
    guard = Guard(terms(tmp_path), clock, "door")
    async with stand(tmp_path, clock, guard) as shop:
        await shop.see(("t1", face_words.face(7)))
        await shop.received.reached(matches=1)
        Watchlist(terms(tmp_path), clock).erase(id_, "lp-9")
        clock.s += 1
        await shop.see(("t2", face_words.face(7)))
        await shop.marked()
    assert len(shop.received.matches) == 1
    guard.close()


async def test_one_track_is_told_once_a_minute_and_another_track_at_once(tmp_path: Path) -> None:
    clock = Clock()
    enrol(tmp_path, clock, 7)
    guard = Guard(terms(tmp_path), clock, "door")
    async with stand(tmp_path, clock, guard) as shop:
        for second, track in [(0, "t1"), (1, "t1"), (59, "t1"), (60, "t1"), (61, "t2")]:
            clock.s = START_S + second
            await shop.see((track, face_words.face(7)))
            await shop.marked()
    times = [(match.time // 1_000_000) - START_S for match in shop.received.matches]
    assert times == [0, 60, 61]
    guard.close()


async def test_nothing_of_a_face_gets_out_whatever_becomes_of_the_message(tmp_path: Path) -> None:
    clock = Clock()
    enrol(tmp_path, clock, 7)
    guard = Guard(terms(tmp_path), clock, "door")
    figures = face_words.face(7)
    whole = face_words.frame(TOPIC, START_S, [("t1", figures)])
    text = json.dumps({"faces": [{"embedding": figures, "track": "t1", "model": 5}]})
    async with stand(tmp_path, clock, guard) as shop:
        late = face_words.frame(TOPIC, START_S - 3600, [("t1", figures)])
        short = face_words.frame(TOPIC, START_S, [("t3", figures[:64])])
        broken = [whole.payload[:-40], whole.payload[90:], text.encode(), b"\xff" + whole.payload]
        for words in (whole, late, short, *(whole._replace(payload=one) for one in broken)):
            await shop.twin.say(words)
        await shop.received.reached(matches=1, refusals=2 + len(broken))
        told = repr((shop.received.refusals, shop.plugin.health(), shop.plugin.diagnostics()))
        told += "".join(msgspec.json.encode(event).decode() for event in shop.received.found)
    for figure in figures:
        assert str(abs(figure)) not in told
        assert str(abs(figure)).removeprefix("0")[:6] not in told
    reasons = [reason for _, reason, _ in shop.received.refusals]
    assert any("it has 64 figures, those of its model 128" in reason for reason in reasons)
    assert any("s behind of ours" in reason for reason in reasons)
    states = [event for event in shop.received.found if isinstance(event, DeviceState)]
    assert {state.reason for state in states if state.reason} == {"clock-skew", "refused-row"}
    guard.close()


# The decoder -------------------------------------------------------------------------------------

CONFIG = FacesConfig(broker="b", key_file="k", topic=TOPIC)


def test_a_golden_message_is_read_to_the_letter() -> None:
    listed = (
        b'{"at": "2026-03-02T08:00:00.250Z", "faces": [{"track": "17", "model": "m", '
        b'"quality": 0.83, "zone": "door", "embedding": [1.0, -0.5]}]}'
    )
    packed = (
        b'{"at": 1772438400.25, "faces": [{"track": "17", "model": "m", '
        b'"embedding": "AACAPwAAAL8="}]}'
    )
    at_us = START_S * 1_000_000 + 250_000
    somebody = Person(at_us, "17")
    told = list(Faces(CONFIG).read(TOPIC, listed))
    assert told == [somebody, Face(at_us, "17", "m", [1.0, -0.5], 0.83)]
    told = list(Faces(CONFIG).read(TOPIC, packed))
    assert told == [somebody, Face(at_us, "17", "m", array("f", [1.0, -0.5]))]
    zoned = CONFIG.model_copy(update={"zones": {"door": "entrance"}})
    there, face = Faces(zoned).read(TOPIC, listed)
    assert isinstance(there, Person)
    assert isinstance(face, Face)
    assert (there.zones, face.zone) == (("entrance",), "entrance")
    assert list(Faces(CONFIG).read("another/topic", listed)) == []
    assert list(Faces(CONFIG).read(TOPIC, b'{"at": 1772438400, "faces": []}')) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"embedding": []},
        {"embedding": ""},
        {"embedding": "AAA"},
        {"embedding": "AACAPwAA"},
        {"embedding": "not base64!"},
        {"embedding": ["0.5"]},
        {"embedding": [0.5] * 8193},
        {"quality": 1.5},
        {"track": ""},
        {"model": None},
    ],
)
def test_a_face_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    face = {"track": "17", "model": "m", "embedding": [0.5]} | wrong
    with pytest.raises(ValueError, match=r"."):
        list(Faces(CONFIG).read(TOPIC, json.dumps({"at": START_S, "faces": [face]}).encode()))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_never_crash(payload: bytes) -> None:
    with suppress(ValueError):
        assert all(isinstance(seen, Face | Person) for seen in Faces(CONFIG).read(TOPIC, payload))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(JSON, JSON, JSON)
def test_any_json_in_any_place_is_read_or_refused(at: Any, embedding: Any, quality: Any) -> None:
    face = {"track": "1", "model": "m", "embedding": embedding, "quality": quality}
    payload = json.dumps({"at": at, "faces": [face]}).encode()
    with suppress(ValueError):
        assert all(isinstance(seen, Face | Person) for seen in Faces(CONFIG).read(TOPIC, payload))
