"""Badge frames as bytes, as badges, and as events."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aislewatch.devices.pseudonym import pseudonym
from aislewatch.devices.telling import Refusal, Told
from aislewatch.events.kinds import BadgeRead, DeviceState
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins import badge
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Badge, Nonsense, Splitter
from aislewatch_plugins.badge.telling import Teller

CODE = bytes.fromhex("62E3086CED")
# STX, "62E3086CED", "08" = 62^E3^08^6C^ED, ETX.
SHORT = bytes.fromhex("02 36324533303836434544 3038 03")
LONG = bytes.fromhex("02 36324533303836434544 3038 0D0A 03")
SECRET = b"sixteen bytes of"
SECOND = 1_000_000
NOW = 1_772_438_400 * SECOND


def split(*chunks: bytes) -> list[Badge | Nonsense]:
    splitter = Splitter()
    came = [one for chunk in chunks for one in splitter.feed(chunk)]
    left = splitter.end()
    return came if left is None else [*came, left]


@pytest.mark.parametrize("frame", [SHORT, LONG, SHORT.lower()], ids=["14", "16", "lower case"])
def test_the_known_badge_has_its_right_number(frame: bytes) -> None:
    (badge,) = split(frame)
    assert badge == Badge(CODE)
    assert isinstance(badge, Badge)
    assert badge.number == 3_808_980_205


def test_frames_cut_at_every_byte_and_merged_are_the_same_badges() -> None:
    line = SHORT + LONG + SHORT + b"\r\n" + LONG
    assert split(*(line[at : at + 1] for at in range(len(line)))) == [Badge(CODE)] * 4
    assert split(line) == [Badge(CODE)] * 4


def test_a_wrong_checksum_is_refused_without_the_number() -> None:
    (nonsense,) = split(SHORT.replace(b"08\x03", b"09\x03"))
    assert nonsense == Nonsense(
        b"\x02############\x03", "the checksum is 09, and the digits give 08"
    )


@pytest.mark.parametrize("end", [b"", b"\x03", b"\r", b"\r\n", b"\r\r", b"\xff"])
@pytest.mark.parametrize("kept", range(13))
def test_the_first_whole_frame_after_half_a_one_is_read(kept: int, end: bytes) -> None:
    came = split(SHORT[: 1 + kept] + end + LONG)
    if kept == 12 and end == b"\x03":
        assert came == [Badge(CODE), Badge(CODE)]
    else:
        assert isinstance(came[0], Nonsense)
        assert came[1:] == [Badge(CODE)]


@settings(max_examples=400)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([SHORT, LONG, b"\x02", b"\x0262E3"])))
@example([b"\x02" * 40])
def test_no_bytes_crash_the_reading_and_the_next_frame_is_read(pieces: list[bytes]) -> None:
    came = split(*pieces, b"\x00", SHORT)
    assert came[-1] == Badge(CODE)
    told = sum(len(one.data) if isinstance(one, Nonsense) else 14 for one in came)
    assert told <= sum(map(len, pieces)) + 1 + len(SHORT)


@given(st.binary(min_size=5, max_size=5))
def test_any_badge_is_read_and_a_turned_bit_is_never_another_badge(code: bytes) -> None:
    check = 0
    for byte in code:
        check ^= byte
    frame = b"\x02" + code.hex().upper().encode() + f"{check:02X}".encode() + b"\x03"
    assert split(frame) == [Badge(code)]
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        # 0x20 turns an upper case digit into a lower case one, which is the same digit.
        assert all(one == Badge(code) or isinstance(one, Nonsense) for one in split(bytes(damaged)))


# Events ------------------------------------------------------------------------------------------


class FixedClock:
    def now_us(self) -> int:
        return NOW


def teller(**given: Any) -> Teller:
    config = BadgeConfig.model_validate({"port": "x", "key_file": "k"} | given)
    context = SensorContext("s", "door", "b", FixedClock(), Random(1), Registry(), "/", True)
    return Teller(config, context, SECRET)


def badges(told: list[Told]) -> list[BadgeRead]:
    return [one for one in told if isinstance(one, BadgeRead)]


def states(told: list[Told]) -> list[tuple[str, str | None]]:
    return [(one.state, one.reason) for one in told if isinstance(one, DeviceState)]


def test_a_badge_is_told_by_its_pseudonym_and_never_by_its_number() -> None:
    (event,) = teller().tell(Badge(CODE), NOW)
    assert isinstance(event, BadgeRead)
    assert (event.badge, event.role, event.time) == (pseudonym("badge", CODE, SECRET), "staff", NOW)
    assert event.simulated
    assert "62E3086CED" not in str(event).upper()
    assert str(int.from_bytes(CODE[1:])) not in str(event)


def test_a_pseudonym_is_the_badge_s_own_and_the_secret_s() -> None:
    other = CODE[:-1] + b"\x00"
    names = {
        pseudonym("badge", code, secret) for code in (CODE, other) for secret in (SECRET, b"x" * 99)
    }
    assert len(names) == 4
    assert pseudonym("badge", CODE, SECRET) == pseudonym("badge", CODE, SECRET)


def test_a_badge_that_is_held_is_told_once_and_after_a_pause_again() -> None:
    one = teller(hold="2s")
    told: list[Told] = []
    for after_s in (0, 1, 2, 3, 5.1):
        told += one.tell(Badge(CODE), NOW + round(after_s * SECOND))
    assert [event.time - NOW for event in badges(told)] == [0, 5.1 * SECOND]


def test_two_badges_at_once_are_two() -> None:
    one = teller()
    told = [*one.tell(Badge(CODE), NOW), *one.tell(Badge(bytes(5)), NOW)]
    assert len({event.badge for event in badges(told)}) == 2


def test_a_badge_that_lies_on_the_reader_is_told_and_so_is_its_end() -> None:
    one = teller(stuck_after="5m", hold="3s")
    told: list[Told] = []
    for second in range(400):
        told += one.tell(Badge(CODE), NOW + second * SECOND)
    assert len(badges(told)) == 1
    assert states(told) == [("degraded", "stuck-badge")]
    assert states(list(one.advance(NOW + 404 * SECOND))) == [("online", None)]


def test_what_is_no_badge_blurs_the_reader_until_the_next_one() -> None:
    one = teller()
    told = [*one.tell(Nonsense(b"?", "why"), NOW), *one.tell(Badge(CODE), NOW + 1)]
    assert told[0] == Refusal(b"?", "why", "the line")
    assert states(told) == [("degraded", "refused-row"), ("online", None)]
    assert (one.badges, one.refused) == (1, 1)


def test_the_readme_s_example_is_a_configuration() -> None:
    readme = Path(str(badge.__file__)).with_name("README.md").read_text(encoding="utf-8")
    block = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)[0]
    config = yaml.safe_load(block)["feeds"]["door-badges"]["config"]
    assert BadgeConfig.model_validate(config).key_file == "badge.key"
