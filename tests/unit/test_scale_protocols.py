"""What scales send, byte for byte, and what the drivers make of it; and of anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch_plugins.scale.decoder import Decoder
from aislewatch_plugins.scale.framing import LONGEST, Framer, without_parity
from aislewatch_plugins.scale.generic import Lines, LinesConfig
from aislewatch_plugins.scale.mt_sics import MtSics
from aislewatch_plugins.scale.nci import Nci
from aislewatch_plugins.scale.reading import Aside, Reading, Refused, Said, Trouble, weighed
from aislewatch_plugins.scale.stream import Stream
from aislewatch_plugins.scale.toledo_8217 import Toledo8217

LINES = LinesConfig.model_validate(
    {
        "lines": r"(?P<state>[A-Z]{1,2}) *(?P<weight>-?[0-9]+,[0-9])? *(?P<unit>k?g)?",
        "stable": ["S"],
        "overload": ["OL"],
        "ask": "P\r\n",
    }
)
DECODERS: dict[str, Callable[[], Decoder]] = {
    "mt-sics": MtSics,
    "toledo-8217": Toledo8217,
    "nci": Nci,
    "stream": Stream,
    "lines": lambda: Lines(LINES),
}
GOOD: dict[str, bytes] = {
    "mt-sics": b"S S     100.00 g\r\n",
    "toledo-8217": b"\x0201.234\r",
    "nci": b"\n01.234KG\r\nS00\r\x03",
    "stream": b"ST,GS,+  4.876kg\r\n",
    "lines": b"S 250,0 g\r\n",
}


def even(data: bytes) -> bytes:
    """Set each top bit by hand: to one where the seven others hold an odd number of ones."""
    return bytes(int(f"{f'{byte:07b}'.count('1') % 2}{byte:07b}", 2) for byte in data)


def heard(decoder: Decoder, data: bytes) -> list[Said]:
    return [*decoder.feed(data), *decoder.expire()]


def words(said: Sequence[Said]) -> list[str]:
    return [one.word if isinstance(one, Trouble) else type(one).__name__ for one in said]


@pytest.mark.parametrize(
    ("raw", "weight_mg", "digit_mg", "stable"),
    [
        # As the MT-SICS reference manual prints it.
        (b"S S     100.00 g\r\n", 100_000, 10, True),
        (b"S D     129.07 g\r\n", 129_070, 10, False),
        (b"S S    -100.00 g\r\n", -100_000, 10, True),
        # The weight takes ten places, whatever the unit.
        (b"S S      0.250 kg\r\n", 250_000, 1_000, True),
        (b"S S       8.11 lb\r\n", 3_678_634, 4_536, True),
        (b"S S          0 g\r\n", 0, 1_000, True),
        (b"S D   12345678 mg\r\n", 12_345_678, 1, False),
    ],
)
def test_mt_sics_weights(raw: bytes, weight_mg: int, digit_mg: int, stable: bool) -> None:
    assert heard(MtSics(), raw) == [Reading(weight_mg, digit_mg, stable)]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"S I\r\n", "busy"),
        (b"S +\r\n", "overload"),
        (b"S -\r\n", "underload"),
        (b"ES\r\n", "rejected"),
        (b"ET\r\n", "rejected"),
        (b"EL\r\n", "rejected"),
        (b'I4 A "0123456789"\r\n', "Aside"),
        (b"ZI S\r\n", "Aside"),
        (b"Z A\r\n", "Aside"),
    ],
)
def test_mt_sics_answers_without_a_weight(raw: bytes, word: str) -> None:
    assert words(heard(MtSics(), raw)) == [word]


def test_a_weight_without_a_unit_is_refused_unless_the_unit_is_said() -> None:
    (refused,) = heard(MtSics(), b"S S     100.00\r\n")
    assert isinstance(refused, Refused)
    assert "unit" in refused.reason
    assert heard(MtSics("g"), b"S S     100.00\r\n") == [Reading(100_000, 10, True)]
    (refused,) = heard(MtSics(), b"S S     100.00 PCS\r\n")
    assert isinstance(refused, Refused)
    assert "'PCS' is no unit of mass" in refused.reason


@pytest.mark.parametrize(
    ("raw", "weight_mg", "digit_mg"),
    [
        # STX, five digits of a kilogram with three decimals, CR.
        (bytes.fromhex("02 30 31 2e 32 33 34 0d"), 1_234_000, 1_000),
        # Two decimals are pounds: 1.50 lb is 680 388.555 mg.
        (bytes.fromhex("02 30 31 2e 35 30 0d"), 680_389, 4_536),
        # An N behind a net weight.
        (bytes.fromhex("02 30 30 2e 32 35 30 4e 0d"), 250_000, 1_000),
    ],
)
def test_8217_weights(raw: bytes, weight_mg: int, digit_mg: int) -> None:
    assert heard(Toledo8217(), raw) == [Reading(weight_mg, digit_mg, True)]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        # Bit 6 is always set: 0x40 is '@'. Bits from 0: moving, over, under, no zero, centre, net.
        (0b1000001, "moving"),
        (0b1000010, "overload"),
        (0b1000011, "overload"),
        (0b1000100, "underload"),
        (0b1000101, "underload"),
        (0b1001000, "fault"),
        (0b1010000, "Aside"),
        (0b1100000, "Aside"),
    ],
)
def test_8217_status(status: int, word: str) -> None:
    assert words(heard(Toledo8217(), b"\x02?" + bytes([status]) + b"\r")) == [word]


def test_an_8217_on_a_line_of_eight_bits_is_read_and_its_parity_checked() -> None:
    raw = bytes.fromhex("82 30 b1 2e b2 33 b4 8d")  # 01.234 with even parity, by hand
    assert raw == even(b"\x0201.234\r")
    assert heard(Toledo8217(), raw) == [Reading(1_234_000, 1_000, True)]
    odd = bytes(byte ^ 0x80 for byte in raw)
    assert heard(Toledo8217(), odd) == [Reading(1_234_000, 1_000, True)]
    wrong = raw.replace(b"\xb1", b"\x31")
    (refused,) = heard(Toledo8217(), wrong)
    assert refused == Refused(wrong, "a character has the wrong parity", 0)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        # LF, six places, unit, CR, LF, S and two status characters, CR, ETX.
        (b"\n01.234KG\r\nS00\r\x03", Reading(1_234_000, 1_000, True)),
        (b"\n00.00LB\r\nS20\r\x03", Reading(0, 4_536, True)),
        # Older bench scales leave the S out; three characters where bit 6 says so.
        (b"\n01.234KG\r\n00\r\x03", Reading(1_234_000, 1_000, True)),
        (b"\n01.234KG\r\nS0p4\r\x03", Reading(1_234_000, 1_000, True)),
    ],
)
def test_nci_weights(raw: bytes, said: Said) -> None:
    assert heard(Nci(), raw) == [said]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"\nS10\r\x03", "moving"),
        (b"\nS01\r\x03", "underload"),
        (b"\nS02\r\x03", "overload"),
        (b"\nS40\r\x03", "fault"),
        (b"\nS80\r\x03", "fault"),
        (b"\nS04\r\x03", "fault"),
        (b"\nS08\r\x03", "fault"),
        (b"\nS00\r\x03", "busy"),
        (b"\n?\r\x03", "rejected"),
        # A weight that the status denies is none.
        (b"\n01.234KG\r\nS10\r\x03", "moving"),
    ],
)
def test_nci_status(raw: bytes, word: str) -> None:
    assert words(heard(Nci(), raw)) == [word]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        # A&D, standard, 17 bytes; with gross or net, 18 bytes.
        (b"ST,+00456.89  g\r\n", Reading(456_890, 10, True)),
        (b"US,-0000012.3   g\r\n", Reading(-12_300, 100, False)),
        (b"ST,GS,+00045.0kg\r\n", Reading(45_000_000, 100_000, True)),
        (b"ST,GS,+  4.876kg\r\n", Reading(4_876_000, 1_000, True)),
        # CAS, 22 bytes: indicator 1, and lamps with bit 7, bit 6 (stable) and bit 2 (gross).
        (b"ST,GS,1\xc4,000013.5 kg\r\n", Reading(13_500_000, 100_000, True)),
        (b"US,NT,1\x82,  -0.250 kg\r\n", Reading(-250_000, 1_000, False)),
        # The lamps may look like a comma or the end of a line's beginning.
        (b"ST,GS,1,,   1.000 kg\r\n", Reading(1_000_000, 1_000, True)),
    ],
)
def test_stream_weights(raw: bytes, said: Said) -> None:
    assert heard(Stream(), raw) == [said]


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"OL,+9999999E+19\r\n", "overload"),
        (b"OL,-9999999E+19\r\n", "underload"),
        (b"OL,GS,1\x84,        kg\r\n", "overload"),
        (b"QT,+00000012 PC\r\n", "Aside"),
        (b"ST,TR,+  0.120kg\r\n", "Aside"),
        (b"ST,GS,+ -4.876kg\r\n", "Refused"),
        (b"ST,GS,+  4.876\r\n", "Refused"),
    ],
)
def test_stream_lines_without_a_weight(raw: bytes, word: str) -> None:
    assert words(heard(Stream(), raw)) == [word]


def test_lines_that_a_pattern_describes() -> None:
    said = heard(Lines(LINES), b"S 250,0 g\r\nU  1,5 kg\r\nOL\r\n\r\nwhat?\r\n")
    assert said[:2] == [Reading(250_000, 100, True), Reading(1_500_000, 100_000, False)]
    assert words(said[2:]) == ["overload", "Refused"]
    silent = LinesConfig(lines=r"(?P<weight>[0-9.]+)", unit="g")
    assert heard(Lines(silent), b"12.5\n") == [Reading(12_500, 100, None)]


@pytest.mark.parametrize(
    ("given_", "mistake"),
    [
        ({"lines": "([0-9]+)"}, "no group 'weight'"),
        ({"lines": "(?P<weigth>[0-9]+)", "unit": "g"}, "a group 'weigth'"),
        ({"lines": "(?P<weight>[0-9]+)"}, "say 'unit:'"),
        ({"lines": "(?P<weight>[0-9]+", "unit": "g"}, "cannot be read: missing )"),
        ({"lines": "(?P<weight>[0-9]+)", "unit": "stone"}, "no unit of mass"),
        ({"lines": "(?P<weight>[0-9]+)", "unit": "g", "stable": ["S"]}, "no group 'state'"),
        ({"lines": r"(?P<weight>(\d+)\2)", "unit": "g"}, "cannot be read"),
    ],
)
def test_a_pattern_that_cannot_serve_is_refused_with_a_reason(
    given_: dict[str, object], mistake: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(mistake)):
        LinesConfig.model_validate(given_)


def test_a_pattern_takes_no_longer_for_lines_made_to_delay_it() -> None:
    config = LinesConfig(lines=r"(?:(?:a*)*)*b(?P<weight>[0-9]+)", unit="g")
    said = heard(Lines(config), b"a" * (LONGEST - 8) + b"\n")
    assert words(said) == ["Refused"]


@pytest.mark.parametrize("name", DECODERS)
@given(pieces=st.lists(st.binary(max_size=200), max_size=8))
def test_no_bytes_break_a_decoder_and_none_is_lost(name: str, pieces: list[bytes]) -> None:
    decoder = DECODERS[name]()
    said = [one for piece in pieces for one in decoder.feed(piece)] + decoder.expire()
    for one in said:
        if isinstance(one, Refused):
            raw = b"".join(pieces)
            assert raw[one.offset : one.offset + len(one.raw)] == one.raw
            assert one.reason


FRAMERS: dict[str, Callable[[], Framer]] = {
    "lines": lambda: Framer(0x0A),
    "begun and ended": lambda: Framer(0x0D, 0x02, mask=0x7F),
    "of several lines": lambda: Framer(0x03, 0x0A, mask=0x7F, again=False),
}
MARKS = st.sampled_from([b"\n", b"\r", b"\x02", b"\x82", b"\x03", b"ab", b"x" * LONGEST])


@pytest.mark.parametrize("shape", FRAMERS)
@given(pieces=st.lists(MARKS | st.binary(max_size=200), max_size=12))
def test_frames_and_noise_together_are_what_came(shape: str, pieces: list[bytes]) -> None:
    framer = FRAMERS[shape]()
    frames = [frame for piece in pieces for frame in framer.feed(piece)] + framer.expire()
    assert b"".join(frame.raw for frame in frames) == b"".join(pieces)
    ends = [frame.offset + len(frame.raw) for frame in frames]
    assert [frame.offset for frame in frames] == [0, *ends][: len(frames)]
    assert all(0 < len(frame.raw) <= LONGEST for frame in frames)


@pytest.mark.parametrize("name", DECODERS)
@given(noise=st.binary(max_size=300))
def test_after_any_noise_the_second_good_frame_is_read(name: str, noise: bytes) -> None:
    good = GOOD[name]
    decoder = DECODERS[name]()
    decoder.feed(noise)
    said = decoder.feed(good * 2)
    fresh = DECODERS[name]().feed(good)
    assert said[-1:] == fresh
    assert isinstance(said[-1], Reading)


@pytest.mark.parametrize("name", DECODERS)
@given(noise=st.binary(max_size=300))
def test_after_a_timeout_the_first_good_frame_is_read(name: str, noise: bytes) -> None:
    decoder = DECODERS[name]()
    heard(decoder, noise)
    assert words(decoder.feed(GOOD[name])) == ["Reading"]


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_frames_are_read_alike_in_whatever_pieces_they_come(name: str, data: st.DataObject) -> None:
    stream = GOOD[name] * 3
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder, said = DECODERS[name](), list[Said]()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        said += decoder.feed(stream[begin:end])
    assert said == DECODERS[name]().feed(stream)
    assert words(said) == ["Reading"] * 3


@pytest.mark.parametrize("name", DECODERS)
def test_every_prefix_of_a_frame_is_cut_off_and_nothing_else(name: str) -> None:
    good = GOOD[name]
    for length in range(1, len(good)):
        said = heard(DECODERS[name](), good[:length])
        assert all(isinstance(one, Refused) for one in said), (length, said)


@pytest.mark.parametrize("name", ["mt-sics", "toledo-8217", "nci", "lines"])
def test_our_own_question_that_comes_back_is_no_fault_of_the_scale(name: str) -> None:
    decoder = DECODERS[name]()
    said = heard(decoder, decoder.request + GOOD[name])
    assert words(said) == ["Reading"]


@pytest.mark.parametrize("name", ["toledo-8217", "nci"])
@given(bit=st.integers(0, 7), place=st.integers(1, 5))
def test_a_flipped_bit_is_seen_where_the_line_has_parity(name: str, bit: int, place: int) -> None:
    raw = bytearray(even(GOOD[name]))
    raw[place] ^= 1 << bit
    assert not any(isinstance(one, Reading) for one in heard(DECODERS[name](), bytes(raw)))


def test_a_line_that_never_ends_is_refused_piece_by_piece() -> None:
    decoder = MtSics()
    said = decoder.feed(b"x" * (3 * LONGEST + 5))
    assert [len(one.raw) for one in said if isinstance(one, Refused)] == [LONGEST] * 3
    assert decoder.feed(b"\r\n" + GOOD["mt-sics"])[-1] == Reading(100_000, 10, True)


def test_no_figure_is_too_long_or_too_heavy_to_be_refused() -> None:
    with pytest.raises(ValueError, match="more than anything weighs"):
        weighed("999999999", "kg", True)
    assert isinstance(heard(MtSics(), b"S S 9999999999999 g\r\n")[0], Refused)


@given(st.binary(max_size=40))
def test_parity_is_taken_off_whole_or_not_at_all(data: bytes) -> None:
    plain = bytes(byte & 0x7F for byte in data)
    assert without_parity(plain) == plain
    assert without_parity(even(plain)) == plain
    assert without_parity(data) in {plain, None}


def test_an_answer_to_another_command_is_passed_over() -> None:
    assert heard(MtSics(), b"TAC A\r\n") == [Aside("TAC A")]
