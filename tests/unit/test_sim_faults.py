"""What happens to a twin's frames: which bytes arrive, when, and whether the line holds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch_sim.faults import (
    BURST_FRAMES,
    Act,
    Fault,
    Faults,
    HangUp,
    Pause,
    Send,
    even_parity,
    perform,
)

FRAME = b"S S     250.00 g\r\n"


def struck(fault: Fault, frame: bytes = FRAME, seed: int = 1) -> list[Act]:
    faults = Faults(Random(seed))
    faults.strike(fault)
    return faults.sent(frame)


def arrived(acts: list[Act]) -> bytes:
    return b"".join(act.data for act in acts if isinstance(act, Send))


def test_without_a_fault_the_frame_goes_out_as_it_is() -> None:
    assert Faults(Random(1)).sent(FRAME) == [Send(FRAME)]


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_that_was_ordered_hits_that_frame_and_no_other(fault: Fault) -> None:
    faults = Faults(Random(1))
    faults.strike(fault)
    first = faults.sent(FRAME)
    assert fault.meaning
    held = FRAME if fault is Fault.MERGE else b""
    assert faults.sent(FRAME) == [Send(held + FRAME)]
    assert first != [Send(FRAME)] or fault in {Fault.STALE, Fault.ECHO}  # Nothing came before.


@given(st.integers(0, 1000), st.binary(min_size=1, max_size=40))
def test_a_cut_or_dropped_frame_loses_its_end(seed: int, frame: bytes) -> None:
    cut, dropped = struck(Fault.CUT, frame, seed), struck(Fault.DROP, frame, seed)
    assert frame.startswith(arrived(cut))
    assert len(arrived(cut)) < len(frame)
    assert dropped[-1] == HangUp()
    assert len(arrived(dropped)) < len(frame)


@given(st.integers(0, 1000), st.binary(min_size=1, max_size=40))
def test_a_flip_changes_exactly_one_bit(seed: int, frame: bytes) -> None:
    got = arrived(struck(Fault.FLIP, frame, seed))
    assert sum((a ^ b).bit_count() for a, b in zip(got, frame, strict=True)) == 1


def test_what_is_written_in_pieces_is_still_the_whole_frame() -> None:
    split, drip = struck(Fault.SPLIT), struck(Fault.DRIP)
    assert (arrived(split), len(split)) == (FRAME, len(FRAME))
    assert arrived(drip) == FRAME
    assert sum(isinstance(act, Pause) for act in drip) == len(FRAME)


def test_repeats_come_in_one_piece() -> None:
    assert struck(Fault.DUPLICATE) == [Send(FRAME * 2)]
    assert struck(Fault.BURST) == [Send(FRAME * BURST_FRAMES)]


def test_an_echo_sends_back_what_was_asked_and_a_stale_frame_is_the_one_before() -> None:
    faults = Faults(Random(1))
    faults.heard(b"SI\r\n")
    faults.strike(Fault.ECHO)
    assert faults.sent(b"one") == [Send(b"SI\r\none")]
    faults.strike(Fault.STALE)
    assert faults.sent(b"two") == [Send(b"one")]


def test_silence_sends_nothing_and_delay_waits() -> None:
    assert struck(Fault.SILENCE) == []
    assert struck(Fault.DELAY) == [Pause(1.0), Send(FRAME)]


def test_parity_is_even_over_all_eight_bits() -> None:
    assert all(byte.bit_count() % 2 == 0 for byte in even_parity(bytes(range(128))))
    assert bytes(byte & 0x7F for byte in even_parity(FRAME)) == FRAME


def test_the_same_dice_give_the_same_acts() -> None:
    def run() -> list[list[Act]]:
        faults = Faults(Random(7), {Fault.CUT: 0.3, Fault.GARBAGE: 0.3})
        return [faults.sent(FRAME) for _ in range(50)]

    assert run() == run()
    hit = sum(acts != [Send(FRAME)] for acts in run())
    assert 10 < hit < 40


def test_a_chance_of_nothing_ends_a_fault() -> None:
    faults = Faults(Random(1), {Fault.SILENCE: 1.0})
    assert faults.sent(FRAME) == []
    faults.set(Fault.SILENCE, 0)
    assert faults.sent(FRAME) == [Send(FRAME)]


async def test_after_hanging_up_nothing_more_is_written() -> None:
    done: list[bytes] = []

    class Sink:
        async def write(self, data: bytes) -> None:
            done.append(data)

        async def hang_up(self) -> None:
            done.append(b"(hung up)")

    await perform([Send(b"a"), HangUp(), Send(b"b")], Sink())
    assert done == [b"a", b"(hung up)"]
