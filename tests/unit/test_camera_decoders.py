"""What cameras say, byte by byte after their makers' documentation, and what is made of it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.devices.telling import Refusal
from aislewatch.events.kinds import DeviceState, Event, VisionAction, VisionCount, VisionPerson
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import ClockSkew, SensorContext
from aislewatch_plugins import camera
from aislewatch_plugins.camera.axis import Axis
from aislewatch_plugins.camera.config import (
    AxisConfig,
    CameraConfig,
    FrigateConfig,
    MerakiConfig,
)
from aislewatch_plugins.camera.frigate import Frigate
from aislewatch_plugins.camera.meraki import Meraki
from aislewatch_plugins.camera.payloads import masked, time_of
from aislewatch_plugins.camera.seen import Count, Decoder, Gone, Loitering, Person, Sight
from aislewatch_plugins.camera.sensor import CameraMeraki
from aislewatch_plugins.camera.telling import Teller

ANY = {"broker": "127.0.0.1", "key_file": "k"}
SECRET = b"a secret of thirty-two bytes, ok"
T_US = 1_772_438_400_000_000
SECOND_US = 1_000_000

MERAKI = MerakiConfig.model_validate({**ANY, "serial": "Q2", "zones": {"693": "desk"}})
FRIGATE = FrigateConfig.model_validate(
    {**ANY, "camera": "till", "zones": {"counter": "desk", "wait": "queue"}, "loiter": ["wait"]}
)
AXIS = AxisConfig.model_validate(
    {
        **ANY,
        "topic": "axis/frame",
        "zones": {"desk": [[0, 0], [0.7, 0], [0.7, 1], [0, 1]]},
        "events": "axis/event",
        "availability": {"topic": "axis/here"},
    }
)


class Clock:
    def now_us(self) -> int:
        return T_US


def teller(config: CameraConfig, decoder: Decoder, boot: str = "b1") -> Teller:
    context = SensorContext("s", "cam", boot, Clock(), Random(1), Registry(), ".")
    return Teller(config, context, decoder, SECRET, T_US)


def events(told: Any) -> list[Event]:
    return [one for one in told if isinstance(one, Event)]


def frigate_event(kind: str, *, at_s: float, **after: Any) -> bytes:
    tracked = {
        "id": "1772438390.475377-mxklsc",
        "camera": "till",
        "frame_time": at_s,
        "label": "person",
        "score": 0.79,
        "top_score": 0.95,
        "false_positive": False,
        "current_zones": ["counter"],
        "sub_label": None,
        **after,
    }
    return json.dumps({"type": kind, "before": tracked, "after": tracked}).encode()


def axis_frame(**given: Any) -> bytes:
    box = {"bottom": 0.9853, "left": 0.4499, "right": 0.7473, "top": 0.2365}
    colors = {"upper_clothing_colors": [{"name": "black", "score": 0.66}]}
    human = {"type": "Human", "score": 0.7, **colors}
    one = {"bounding_box": box, "class": human, "object_track_id": "8e65"}
    frame = {"channel_id": 1, "timestamp": "2026-03-02T08:00:00.250000Z", "detections": [one]}
    return json.dumps({**frame, **given}).encode()


@pytest.mark.parametrize(
    ("topic", "payload", "seen"),
    [
        ("693", b'{"ts":1772438400000,"counts":{"person":2}}', [2, "desk"]),
        ("693", b'{"ts":1772438400.0,"counts":{"person":0,"vehicle":1}}', [0, None]),
        ("693", b'{"ts":1772438400000,"counts":{"vehicle":1}}', []),
        ("0", b'{"ts":1772438400000,"counts":{"person":2}}', []),
        ("audio_detections", b"whatever it is", []),
    ],
)
def test_meraki_counts_people_in_the_zones_that_are_ours(
    topic: str, payload: bytes, seen: list[Any]
) -> None:
    found = list(Meraki(MERAKI).read(f"/merakimv/Q2/{topic}", payload))
    if not seen:
        assert found == []
        return
    people, there = seen
    assert found[0] == Count(T_US, people, "desk")
    assert found[1:] == ([Person(T_US, zones=("desk",))] if there else [])


@pytest.mark.parametrize(("lux", "state"), [("33.2", None), ("2", None), ("1.9", "failed")])
def test_meraki_is_blind_below_its_light(lux: str, state: str | None) -> None:
    payload = f'{{"lux":{lux},"ts":1772438400000}}'.encode()
    (sight,) = Meraki(MERAKI).read("/merakimv/Q2/light", payload)
    assert isinstance(sight, Sight)
    assert (sight.state, sight.reason) == (state, "dark" if state else "")


def test_meraki_tells_tracks_where_they_are_wanted() -> None:
    config = MerakiConfig.model_validate({**ANY, "serial": "Q2", "tracks": True})
    raw = b'{"ts":1772438400000,"objects":[{"oid":7,"type":"person","x0":0.1,"confidence":0.9},'
    raw += b'{"oid":8,"type":"vehicle"},{"oid":9,"type":"person","confidence":0.2}]}'
    found = list(Meraki(config).read("/merakimv/Q2/raw_detections", raw))
    assert found == [Person(T_US, "7", confidence=0.9)]
    count = b'{"ts":1772438400000,"counts":{"person":2}}'
    assert list(Meraki(config).read("/merakimv/Q2/0", count)) == [Count(T_US, 2)]


def test_frigate_tells_who_is_in_our_zones_and_when_they_are_not() -> None:
    frigate = Frigate(FRIGATE)
    at_s = T_US / 1e6
    name = "1772438390.475377-mxklsc"

    def read(kind: str, **after: Any) -> list[Any]:
        return list(frigate.read("frigate/events", frigate_event(kind, at_s=at_s, **after)))

    assert read("new") == [Person(T_US, name, ("desk",), 0.79, stays=True)]
    assert read("update", current_zones=["street"]) == [Gone(T_US, name)]
    both = read("update", current_zones=["counter", "wait"])
    assert both == [
        Person(T_US, name, ("desk", "queue"), 0.79, stays=True),
        Loitering(T_US, name, "queue", 0.79),
    ]
    assert len(read("update", current_zones=["wait"])) == 1  # It has been said.
    assert read("end") == [Gone(T_US, name)]
    assert read("new", camera="door") == []
    assert read("new", label="dog") == []
    assert read("new", false_positive=True) == []
    assert read("new", score=0.49) == []


@pytest.mark.parametrize(
    ("topic", "payload", "state", "reason"),
    [
        ("frigate/available", b"online", None, ""),
        ("frigate/available", b"offline", "offline", "frigate-stopped"),
        ("frigate/available", b"stopped", "offline", "frigate-stopped"),
        ("frigate/till/status/detect", b"offline", "failed", "no-picture"),
        ("frigate/till/detect/state", b"OFF", "failed", "detection-off"),
        ("frigate/till/enabled/state", b"ON", None, ""),
        ("frigate/stats", b'{"cameras":{"till":{"camera_fps":0.0}}}', "failed", "no-frames"),
        ("frigate/stats", b'{"cameras":{"till":{"camera_fps":5.1}}}', None, ""),
    ],
)
def test_frigate_says_whether_it_sees(
    topic: str, payload: bytes, state: str | None, reason: str
) -> None:
    *before, sight = Frigate(FRIGATE).read(topic, payload)
    assert isinstance(sight, Sight)
    assert (sight.state, sight.reason) == (state, reason)
    assert before == ([Gone(None)] if state and "stats" not in topic else [])


def test_axis_tells_people_by_their_feet_and_never_their_heads_or_clothes() -> None:
    axis = Axis(AXIS)
    at_us = T_US + 250_000
    person, frame = axis.read("axis/frame", axis_frame())
    assert person == Person(at_us, "8e65", ("desk",), 0.7, stays=True)
    assert frame == Sight("frame", None, time_us=at_us)
    ended = [{"type": "TrackEnded", "object_track_id": "8e65"}]
    assert list(axis.read("axis/frame", axis_frame(detections=[], track_events=ended))) == [
        Gone(at_us, "8e65"),
        frame,
    ]
    head = json.loads(axis_frame())["detections"]
    head[0]["class"]["type"] = "Head"
    assert list(axis.read("axis/frame", axis_frame(detections=head))) == [frame]
    assert list(axis.read("axis/frame", axis_frame(channel_id=2))) == []


def test_axis_that_was_once_sure_of_a_person_stays_so() -> None:
    unclassified = json.loads(axis_frame())["detections"]
    del unclassified[0]["class"]
    frame = axis_frame(detections=unclassified)
    axis = Axis(AXIS)
    assert len(list(axis.read("axis/frame", frame))) == 1
    list(axis.read("axis/frame", axis_frame()))
    assert len(list(axis.read("axis/frame", frame))) == 2
    careful = AXIS.model_copy(update={"unclassified": "person"})
    assert len(list(Axis(careful).read("axis/frame", frame))) == 2


def test_the_older_metadata_of_axis_is_read_as_well() -> None:
    box = {"bottom": 0.89, "left": 0.13, "right": 0.8, "top": 0.6}
    seen = {"track_id": "1", "bounding_box": box, "class": {"type": "Human", "score": 0.6}}
    frame = {
        "timestamp": "2026-03-02T08:00:00Z",
        "observations": [seen],
        "operations": [{"type": "DeleteOperation", "id": "3"}],
    }
    found = list(Axis(AXIS).read("axis/frame", json.dumps({"frame": frame}).encode()))
    assert found[:2] == [Gone(T_US, "3"), Person(T_US, "1", ("desk",), 0.6, stays=True)]


@pytest.mark.parametrize(
    ("name", "data", "state", "reason"),
    [
        ("axis:VideoSource/Tampering", {"tampering": "1"}, "failed", "covered"),
        ("axis:VideoSource/Tampering", {"tampering": "0"}, None, ""),
        ("onvif:VideoSource/GlobalSceneChange/ImagingService", {"State": "1"}, "failed", "moved"),
        ("onvif:VideoSource/ImageTooDark/ImagingService", {"State": True}, "failed", "dark"),
        (
            "onvif:VideoSource/ImageTooBlurry/ImagingService",
            {"State": "true"},
            "degraded",
            "blurred",
        ),
    ],
)
def test_axis_says_what_was_done_to_it(
    name: str, data: dict[str, Any], state: str | None, reason: str
) -> None:
    event = {"topic": name, "timestamp": T_US // 1000, "serial": "A", "message": {"data": data}}
    (sight,) = Axis(AXIS).read(f"axis/event/{name}", json.dumps(event).encode())
    assert isinstance(sight, Sight)
    assert (sight.state, sight.reason, sight.time_us) == (state, reason, T_US)


def test_an_axis_will_is_what_was_set() -> None:
    axis = Axis(AXIS)
    assert list(axis.read("axis/here", b"online")) == [Sight("will", None)]
    assert next(iter(axis.read("axis/here", b"offline"))) == Gone(None)
    with pytest.raises(ValueError, match="neither 'online' nor 'offline'"):
        list(axis.read("axis/here", b"perhaps"))


DECODERS = {
    "/merakimv/Q2/693": MERAKI,
    "/merakimv/Q2/light": MERAKI,
    "frigate/events": FRIGATE,
    "frigate/stats": FRIGATE,
    "frigate/till/person": FRIGATE,
    "frigate/available": FRIGATE,
    "axis/frame": AXIS,
    "axis/event/Tampering": AXIS,
}


def decoder(config: CameraConfig) -> Decoder:
    if isinstance(config, MerakiConfig):
        return Meraki(config)
    return Frigate(config) if isinstance(config, FrigateConfig) else Axis(AXIS)


GOLDEN = {
    "/merakimv/Q2/693": b'{"ts":1772438400000,"counts":{"person":2}}',
    "/merakimv/Q2/light": b'{"lux":33.2,"ts":1772438400000}',
    "frigate/events": frigate_event("new", at_s=T_US / 1e6),
    "axis/frame": axis_frame(),
    "axis/event/Tampering": b'{"topic":"Tampering","message":{"data":{"tampering":"1"}}}',
}


@given(
    topic=st.sampled_from(list(DECODERS)),
    payload=st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
    ).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
)
def test_nothing_that_comes_does_more_than_be_refused(topic: str, payload: bytes) -> None:
    config = DECODERS[topic]
    with contextlib.suppress(ValueError):
        list(decoder(config).read(topic, payload))
    for told in teller(config, decoder(config)).tell(topic, payload, T_US):
        assert isinstance(told, Event | Refusal)


@given(
    topic=st.sampled_from(list(GOLDEN)),
    at=st.integers(0, 10_000),
    byte=st.integers(0, 255),
    cut=st.booleans(),
)
def test_no_damaged_byte_does_more_than_be_refused(
    topic: str, at: int, byte: int, cut: bool
) -> None:
    payload = bytearray(GOLDEN[topic])
    at %= len(payload)
    payload[at] = byte
    config = DECODERS[topic]
    data = bytes(payload[:at] if cut else payload)
    told = list(teller(config, decoder(config)).tell(topic, data, T_US))
    # Whatever else it tells, a refusal is never without the state that says so.
    if any(isinstance(one, Refusal) for one in told):
        assert any(isinstance(one, DeviceState) for one in told)


@given(st.integers(100_000_000, 99_999_999_999))
def test_a_time_is_the_same_in_any_unit(at_s: int) -> None:
    assert {time_of(at_s * unit) for unit in (1, 10**3, 10**6, 10**9)} == {at_s * 10**6}


def test_what_is_refused_is_kept_without_names_plates_and_pictures() -> None:
    payload = b'{"sub_label":["Ann",0.9],"recognized_license_plate":"B-XY 1","image":"/9j/4AAQ'
    kept = masked(payload)
    assert not any(word in kept for word in (b"Ann", b"B-XY", b"/9j"))
    told = list(teller(FRIGATE, Frigate(FRIGATE)).tell("frigate/events", payload, T_US))
    assert isinstance(told[0], Refusal)
    assert told[0].raw == kept
    assert isinstance(told[1], DeviceState)
    assert (told[1].state, told[1].reason) == ("degraded", "refused-row")


def test_somebody_who_stays_is_told_again_and_how_long_they_have_been_there() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    first = events(
        told.tell("frigate/events", frigate_event("new", at_s=T_US / 1e6), T_US + SECOND_US)
    )
    assert [type(event) for event in first] == [DeviceState, VisionPerson]
    assert events(told.advance(T_US + 4 * SECOND_US)) == []
    (again,) = events(told.advance(T_US + 5 * SECOND_US))
    assert isinstance(again, VisionPerson)
    assert (again.zone_id, again.dwell_us) == ("desk", 5 * SECOND_US)
    ended = frigate_event("end", at_s=T_US / 1e6 + 6)
    assert events(told.tell("frigate/events", ended, T_US + 6 * SECOND_US)) == []
    assert events(told.advance(T_US + 60 * SECOND_US)) == []


def people(told: Any) -> list[VisionPerson]:
    return [one for one in told if isinstance(one, VisionPerson)]


def test_somebody_whose_end_frigate_never_told_leaves_when_it_goes_on_without_them() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    list(told.tell("frigate/events", frigate_event("new", at_s=T_US / 1e6), T_US))
    stats = b'{"cameras": {"till": {"camera_fps": 5.0}}}'
    for second in range(1, 181):
        now_us = T_US + second * SECOND_US
        if second % 60 == 0:
            list(told.tell("frigate/stats", stats, now_us))
        assert len(people(told.advance(now_us))) == (second % 5 == 0)
    # Of another camera, and still a sign that Frigate goes on.
    other = frigate_event("new", at_s=T_US / 1e6 + 181, camera="door")
    list(told.tell("frigate/events", other, T_US + 181 * SECOND_US))
    assert events(told.advance(T_US + 185 * SECOND_US)) == []
    assert told.lost == 1
    back = frigate_event("update", at_s=T_US / 1e6 + 186)
    (person,) = people(told.tell("frigate/events", back, T_US + 186 * SECOND_US))
    assert person.dwell_us == 0


def test_somebody_whom_frigate_names_once_a_minute_stays() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    for minute in range(30):
        now_us = T_US + 60 * minute * SECOND_US
        list(told.tell("frigate/events", frigate_event("update", at_s=now_us / 1e6), now_us))
        assert len(people(told.advance(now_us + 5 * SECOND_US))) == 1
    assert told.lost == 0


def test_a_frigate_that_says_nothing_at_all_is_blind_and_has_nobody_leave() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    list(told.tell("frigate/events", frigate_event("new", at_s=T_US / 1e6), T_US))
    last = [told.advance(T_US + second * SECOND_US) for second in range(1, 200)]
    states = [one for some in last for one in some if isinstance(one, DeviceState)]
    assert [(one.state, one.reason, one.time) for one in states] == [("offline", "silent", T_US)]
    assert told.lost == 0


@pytest.mark.parametrize(("unseen", "there"), [("60s", [True, False]), ("0s", [True, True])])
def test_somebody_whose_end_an_axis_camera_never_told_leaves_by_its_frames(
    unseen: str, there: list[bool]
) -> None:
    config = AxisConfig.model_validate({**ANY, "topic": "axis/frame", "unseen": unseen})
    told = teller(config, Axis(config))
    list(told.tell("axis/frame", axis_frame(), T_US))
    found: list[bool] = []
    for second in (60, 70):
        at = f"2026-03-02T08:01:{second - 60:02}.250000Z"
        now_us = T_US + second * SECOND_US
        list(told.tell("axis/frame", axis_frame(timestamp=at, detections=[]), now_us))
        found.append(bool(people(told.advance(now_us + 5 * SECOND_US))))
    assert found == there


def test_somebody_in_an_offline_camera_is_nobody() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    list(told.tell("frigate/events", frigate_event("new", at_s=T_US / 1e6), T_US))
    list(told.tell("frigate/available", b"offline", T_US))
    assert events(told.advance(T_US + 60 * SECOND_US)) == []


def test_loitering_is_told_where_frigate_was_told_what_it_is() -> None:
    told = teller(FRIGATE, Frigate(FRIGATE))
    payload = frigate_event("update", at_s=T_US / 1e6, current_zones=["wait"])
    action = events(told.tell("frigate/events", payload, T_US))[-1]
    assert isinstance(action, VisionAction)
    assert (action.action, action.zone_id) == ("loiter", "queue")


@pytest.mark.parametrize("off_s", [-3600, -11, 11, 3600])
def test_a_camera_of_another_time_is_blind_until_its_clock_is_set(off_s: int) -> None:
    told = teller(MERAKI, Meraki(MERAKI))

    def counts(at_us: int, people: int) -> bytes:
        return json.dumps({"ts": at_us // 1000, "counts": {"person": people}}).encode()

    topic = "/merakimv/Q2/693"
    wrong = list(told.tell(topic, counts(T_US + off_s * SECOND_US, 1), T_US))
    assert isinstance(wrong[0], Refusal)
    assert "NTP" in wrong[0].reason
    assert isinstance(wrong[1], DeviceState)
    assert (wrong[1].state, wrong[1].reason) == ("failed", "clock-skew")
    assert told.skew == ClockSkew(off_s * SECOND_US, MERAKI.skew, told=True)
    assert told.skew is not None
    assert told.skew.wrong
    right = list(told.tell(topic, counts(T_US, 1), T_US))
    assert isinstance(right[0], DeviceState)
    assert right[0].state == "online"
    assert isinstance(right[1], VisionCount)


def test_a_camera_that_says_the_same_for_ever_has_not_said_anything() -> None:
    told = teller(MERAKI, Meraki(MERAKI))
    payload = b'{"ts":1772438400000,"counts":{"person":0}}'
    for second in range(50):
        list(told.tell("/merakimv/Q2/693", payload, T_US + second * SECOND_US))
    assert (told.repeats, told.refused) == (49, 0)
    (state,) = events(told.advance(T_US + 61 * SECOND_US))
    assert isinstance(state, DeviceState)
    assert (state.state, state.reason) == ("offline", "silent")
    assert state.time == T_US  # From when on nobody knows what it saw.


def test_nobody_can_be_followed_from_one_opening_to_the_next() -> None:
    payload = frigate_event("new", at_s=T_US / 1e6)
    names = {
        event.person
        for boot in ("b1", "b1", "b2")
        for event in events(
            teller(FRIGATE, Frigate(FRIGATE), boot).tell("frigate/events", payload, T_US)
        )
        if isinstance(event, VisionPerson)
    }
    assert len(names) == 2
    assert not any("mxklsc" in str(name) for name in names)


@pytest.mark.parametrize(
    ("model", "given", "says"),
    [
        (MerakiConfig, {"serial": "+"}, "other topics"),
        (MerakiConfig, {"serial": "Q2", "broker": "a b"}, "not a broker's address"),
        (MerakiConfig, {"serial": "Q2", "password_file": "p"}, "say whose"),
        (MerakiConfig, {"serial": "Q2", "tracks": True, "zones": {"1": "a"}}, "leave out"),
        (MerakiConfig, {"serial": "Q2", "tls": {"cert_file": "c"}}, "needs its key"),
        (FrigateConfig, {"camera": "till", "loiter": ["x"]}, "not in 'zones'"),
        (AxisConfig, {"topic": "t", "zones": {"a": [[0, 0], [1, 1]]}}, "at least 3"),
        (AxisConfig, {"topic": "t", "zones": {"a": [[0, 0], [2, 0], [1, 1]]}}, "less than or"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(
    model: type[CameraConfig], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        model.model_validate({**ANY, **given})


def test_the_readme_shows_a_store_file_whose_camera_can_be_configured() -> None:
    readme = Path(camera.__file__).with_name("README.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(readme.split("```yaml\n")[1].split("```")[0])
    feed = shown["feeds"]["desk-camera"]
    assert feed["plugin"] == CameraMeraki.descriptor.name
    assert MerakiConfig.model_validate(feed["config"]).address == ("mqtt.shop.lan", 1883, "")
    for model in (MerakiConfig, FrigateConfig, AxisConfig):
        told = [name for name in model.model_fields if f"`{name}" not in readme]
        assert told == []
