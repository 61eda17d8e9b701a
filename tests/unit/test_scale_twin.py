"""What the twins of scales say, byte for byte, and how their pans swing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch_sim.scale.pan import Build, Pan, Shown
from aislewatch_sim.scale.twin import VOICES
from aislewatch_sim.scale.voices import (
    MtSics,
    Nci,
    Toledo8217,
    and_18,
    and_standard,
    cas_22,
    figure,
    plain_line,
)

NOW = 100.0


def pan(grams: float, *, build: Build | None = None) -> Pan:
    made = Pan(build or Build(), Random(1))
    made.put(0, grams * 1000)
    return made


def moving(grams: float) -> Pan:
    made = pan(grams)
    made.put(NOW - 0.1, 500_000)
    return made


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"SI\r\n", [b"S S        250 g\r\n"]),
        (b"SI\r\nSI\r\n", [b"S S        250 g\r\n"] * 2),
        (b"@\r\n", [b'I4 A "0123456789"\r\n']),
        (b"S", []),
        (b"si\r\n", [b"ES\r\n"]),
        (b"ZI\r\nSI\r\n", [b"ZI S\r\n", b"S S          0 g\r\n"]),
        (b"T\r\nSI\r\n", [b"T S        250 g\r\n", b"S S          0 g\r\n"]),
    ],
)
def test_mt_sics(asked: bytes, said: list[bytes]) -> None:
    assert MtSics(pan(250)).hear(asked, NOW) == said


def test_mt_sics_in_motion_and_out_of_range() -> None:
    (answer,) = MtSics(moving(250)).hear(b"SI\r\n", NOW)
    assert answer.startswith(b"S D ")
    assert MtSics(pan(16_000)).hear(b"SI\r\n", NOW) == [b"S +\r\n"]
    assert MtSics(pan(-100)).hear(b"SI\r\n", NOW) == [b"S -\r\n"]


def test_mt_sics_repeats_until_it_is_asked_otherwise_and_keeps_an_s_waiting() -> None:
    voice = MtSics(moving(250))
    assert voice.hear(b"SIR\r\n", NOW) == []
    assert len([look for look in range(10) if voice.look(NOW + look / 20)]) == 5
    voice.hear(b"SI\r\n", NOW + 1)
    assert voice.look(NOW + 2) == []
    waiting = MtSics(moving(250))
    assert waiting.hear(b"S\r\n", NOW) == []
    assert waiting.look(NOW + 0.01) == []
    assert waiting.look(NOW + 4) == [b"S S        750 g\r\n"]


@pytest.mark.parametrize(
    ("grams", "asked", "said"),
    [
        (1234, b"W", [b"\x0201.234\r"]),
        (0, b"W", [b"\x0200.000\r"]),
        (1234, b"Z", [b"\x02?\x50\r"]),  # 0x50: always 1, centre of zero
        (1234, b"TW", [b"\x02?\x60\r", b"\x0200.000N\r"]),  # 0x60: always 1, net
        (16_000, b"W", [b"\x02?\x42\r"]),
        (-100, b"W", [b"\x02?\x44\r"]),
        (0, b"EhiF", [b"\x02E\r", b"h", b"i", b"\x02F\r"]),
        (0, b"?", []),
    ],
)
def test_toledo_8217(grams: float, asked: bytes, said: list[bytes]) -> None:
    assert Toledo8217(pan(grams)).hear(asked, NOW) == said


def test_an_8217_in_motion_keeps_its_weight_to_itself_and_one_in_pounds_has_two_decimals() -> None:
    assert Toledo8217(moving(250)).hear(b"W", NOW) == [b"\x02?\x41\r"]
    assert Toledo8217(pan(680.388), pounds=True).hear(b"W", NOW) == [b"\x0201.50\r"]


@pytest.mark.parametrize(
    ("grams", "asked", "said"),
    [
        (1234, b"W\r", b"\n01.234KG\r\nS00\r\x03"),
        (0, b"W\r", b"\n00.000KG\r\nS20\r\x03"),
        (1234, b"S\r", b"\nS00\r\x03"),
        (16_000, b"W\r", b"\nS02\r\x03"),
        (-100, b"W\r", b"\nS01\r\x03"),
        (0, b"Q\r", b"\n?\r\x03"),
    ],
)
def test_nci(grams: float, asked: bytes, said: bytes) -> None:
    assert Nci(pan(grams)).hear(asked, NOW) == [said]
    assert Nci(moving(250)).hear(b"W\r", NOW) == [b"\nS10\r\x03"]


SHOWN = Shown(4_876_000, 4_876_000, 1_000, stable=True, over=False, under=False, net=False)
BELOW = Shown(-250_000, 0, 1_000, stable=False, over=False, under=False, net=True)
OVER = Shown(16_000_000, 16_000_000, 1_000, stable=False, over=True, under=False, net=False)


@pytest.mark.parametrize(
    ("form", "length", "shown", "line"),
    [
        (cas_22, 22, SHOWN, b"ST,GS,1\xc4,   4.876 kg\r\n"),
        (cas_22, 22, BELOW, b"US,NT,1\x83,  -0.250 kg\r\n"),
        (cas_22, 22, OVER, b"OL,GS,1\x84,  16.000 kg\r\n"),
        (and_18, 18, SHOWN, b"ST,GS,+  4.876kg\r\n"),
        (and_18, 18, BELOW, b"US,NT,-  0.250kg\r\n"),
        (and_standard, 17, SHOWN, b"ST,+04876.00  g\r\n"),
        (and_standard, 17, OVER, b"OL,+9999999E+19\r\n"),
        (plain_line, 16, SHOWN, b"WT    4876,0 g\r\n"),
    ],
)
def test_lines_of_indicators(
    form: Callable[[Shown], bytes], length: int, shown: Shown, line: bytes
) -> None:
    assert form(shown) == line
    assert len(line) == length


@pytest.mark.parametrize("name", VOICES)
@given(pieces=st.lists(st.binary(max_size=40), max_size=6))
def test_no_question_breaks_a_voice(name: str, pieces: list[bytes]) -> None:
    voice = VOICES[name](pan(250))
    frames = [frame for piece in pieces for frame in voice.hear(piece, NOW)]
    assert all(frame for frame in [*frames, *voice.look(NOW)])


@given(st.integers(-(10**9), 10**9), st.sampled_from([1, 1_000, 453_592, 10**6]), st.integers(0, 3))
def test_a_figure_is_never_off_by_more_than_half_of_its_last_digit(
    mg: int, per: int, decimals: int
) -> None:
    text = figure(mg, per, decimals)
    assert abs(float(text) * per - mg) <= per / 10**decimals / 2 + abs(mg) * 1e-9 + 1e-6
    assert text.count("-") <= 1


def test_a_load_overshoots_and_rings_out() -> None:
    scale = pan(0)
    scale.put(NOW, 1_000_000)
    shown = [scale.shown(NOW + tick / 100) for tick in range(300)]
    assert max(one.weight_mg for one in shown) > 1_200_000
    assert shown[-1].weight_mg == 1_000_000
    unrest = [at for at, one in enumerate(shown) if not one.stable]
    assert unrest == list(range(unrest[0], unrest[-1] + 1))
    assert unrest[0] < 5
    assert 50 < unrest[-1] < 200


def test_a_hand_trembles_and_goes() -> None:
    scale = pan(250)
    scale.touch(NOW, 500_000, 1.0)
    during = [scale.shown(NOW + tick / 50) for tick in range(50)]
    after = [scale.shown(NOW + 1 + tick / 50) for tick in range(50)]
    assert len({one.weight_mg for one in during}) > 10
    assert sum(one.stable for one in during[25:]) < 5
    assert after[-1].weight_mg == 250_000
    assert after[-1].stable


def test_the_same_dice_give_the_same_day() -> None:
    def day() -> list[int]:
        scale = pan(250, build=Build(noise_mg=2_000, drift_mg_per_h=60_000))
        return [scale.shown(tick / 10).weight_mg for tick in range(600)]

    assert day() == day()
    assert len(set(day())) > 3
