"""Decoders on bytes that nobody meant: a little in every run, and by coverage in the soak."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import targets
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch_plugins.llrp.framing import Splitter

FUZZ = Path(__file__).parent / "fuzz_decoder.py"
SECONDS = 30
"""For each decoder in the soak; run the program by hand for longer."""

TARGETS = {target.name: target for target in targets.targets()}


@st.composite
def bent(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Give what a bad line makes of something good."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 16)))
        data[at:to] = draw(st.binary(max_size=16))
    return bytes(data[: targets.LONGEST])


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_break_a_decoder_or_deafen_it(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)

    @settings(max_examples=60, deadline=None)
    @given(st.one_of(st.binary(max_size=400), bent(list(target.seeds))))
    def holds(data: bytes) -> None:
        target.run(data)

    holds()


def test_a_target_notices_a_decoder_that_is_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    # Takes the length that a broken head claims at its word, as careless readers do.
    def credulous(splitter: Splitter) -> bool:
        del splitter
        return False

    monkeypatch.setattr(Splitter, "_holds_two", credulous)
    damaged = bytes([9]) + bytes.fromhex("043d0000ffff00000000")
    with pytest.raises(AssertionError, match="deaf"):
        TARGETS["llrp"].run(damaged)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="Atheris is not installed: extra fuzz"
)
@pytest.mark.parametrize("name", TARGETS)
def test_fuzzing_by_coverage_finds_nothing(name: str, tmp_path: Path) -> None:
    words = [str(FUZZ), name, "--seconds", str(SECONDS), "--findings", str(tmp_path)]
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    found = {path.name: path.read_bytes().hex() for path in tmp_path.iterdir()}
    assert (ran.returncode, found) == (0, {}), ran.stderr[-4_000:]
    executed = next(line for line in ran.stderr.splitlines() if "number_of_executed_units" in line)
    assert int(executed.split()[-1]) > 100
