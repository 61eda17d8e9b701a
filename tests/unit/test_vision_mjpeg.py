"""Motion JPEG over HTTP: what cameras send, byte for byte, and what bad lines make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch_plugins.vision.mjpeg import (
    PART_BYTES_MOST,
    Jpeg,
    Nonsense,
    Splitter,
    boundary_of,
)

PICTURE = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + b"\x00" * 7 + b"\xff\xd9"
OTHER = PICTURE[:-3] + b"\x01\xff\xd9"


def part(data: bytes, *, length: int | None = None) -> bytes:
    said = f"Content-Length: {len(data) if length is None else length}\r\n"
    return b"--frame\r\nContent-Type: image/jpeg\r\n" + said.encode() + b"\r\n" + data + b"\r\n"


def pieces(data: bytes, at: Iterable[int]) -> list[bytes]:
    cuts = [0, *sorted(cut % (len(data) + 1) for cut in at), len(data)]
    return [data[a:b] for a, b in pairwise(cuts)]


def cut(*chunks: bytes) -> list[Jpeg | Nonsense]:
    splitter = Splitter(b"--frame")
    return [came for chunk in chunks for came in splitter.feed(chunk)]


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_it_does_not_matter_how_the_bytes_arrive(at: Sequence[int]) -> None:
    stream = part(PICTURE) + part(OTHER) + part(PICTURE)
    assert cut(*pieces(stream, at)) == [Jpeg(PICTURE), Jpeg(OTHER), Jpeg(PICTURE)]


def test_a_picture_is_given_when_its_last_byte_is_there() -> None:
    whole = part(PICTURE)
    assert cut(whole[:-3]) == []
    assert cut(whole[:-2]) == [Jpeg(PICTURE)]


def test_a_camera_that_says_no_length_is_read_at_the_next_boundary() -> None:
    bare = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE + b"\r\n"
    assert cut(bare) == []
    assert cut(bare + bare) == [Jpeg(PICTURE)]


def test_a_camera_that_ends_its_lines_with_a_newline_alone_is_read() -> None:
    bare = b"--frame\nContent-Type: image/jpeg\n\n" + PICTURE + b"\n"
    assert cut(bare + bare) == [Jpeg(PICTURE)]


def test_a_camera_that_says_a_wrong_length_is_read_at_the_next_boundary() -> None:
    stream = part(PICTURE, length=5) + part(OTHER, length=9_999) + part(PICTURE)
    assert cut(stream) == [Jpeg(PICTURE), Jpeg(OTHER), Jpeg(PICTURE)]


def test_noise_between_pictures_costs_no_picture() -> None:
    stream = part(PICTURE) + b"\x00\x81noise" + part(OTHER) + part(PICTURE)
    found = cut(stream)
    assert [one for one in found if isinstance(one, Jpeg)] == [
        Jpeg(PICTURE),
        Jpeg(OTHER),
        Jpeg(PICTURE),
    ]
    (noise,) = [one for one in found if isinstance(one, Nonsense)]
    assert "between" in noise.reason


def test_a_picture_that_was_cut_short_costs_no_other() -> None:
    whole = part(PICTURE)
    found = cut(whole[:-12] + part(OTHER) + part(PICTURE))
    assert found[1:] == [Jpeg(OTHER), Jpeg(PICTURE)]
    assert isinstance(found[0], Jpeg)  # Its decoder refuses it.
    assert len(found[0].data) < len(PICTURE)


def test_a_header_without_an_end_is_nonsense() -> None:
    (found, picture) = cut(b"--frame\r\nContent-Type: image/jpeg" + part(PICTURE))
    assert isinstance(found, Nonsense)
    assert picture == Jpeg(PICTURE)


def test_a_stream_without_a_boundary_fills_no_memory() -> None:
    splitter = Splitter(b"--frame")
    chunk = b"x" * (1 << 20)
    found = [came for _ in range(17) for came in splitter.feed(chunk)]
    assert found == [Nonsense(PART_BYTES_MOST + (1 << 20), "no picture is as long as this")]
    assert list(splitter.feed(part(PICTURE)))[-1] == Jpeg(PICTURE)


def test_what_is_left_at_the_end_is_told() -> None:
    splitter = Splitter(b"--frame")
    assert list(splitter.feed(part(PICTURE)[:30])) == []
    assert splitter.end() == Nonsense(23, "the stream ended within a picture")
    assert splitter.end() is None


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([part(PICTURE), b"--frame"]))))
def test_nothing_breaks_it_and_the_next_but_one_picture_is_found(junk: Sequence[bytes]) -> None:
    splitter = Splitter(b"--frame")
    for chunk in junk:
        list(splitter.feed(chunk))
    after = [came for _ in range(3) for came in splitter.feed(part(OTHER))]
    assert Jpeg(OTHER) in after


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=myboundary", b"--myboundary"),
        ("multipart/x-mixed-replace; boundary=--myboundary", b"--myboundary"),
        ('Multipart/X-Mixed-Replace; charset=x; Boundary="a b"', b"--a b"),
    ],
)
def test_cameras_name_their_boundary_in_several_ways(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize(
    "header", ["", "image/jpeg", "text/html; boundary=x", "multipart/x-mixed-replace; boundary=--"]
)
def test_what_is_no_stream_is_said_to_be_none(header: str) -> None:
    with pytest.raises(ValueError, match="no stream of pictures"):
        boundary_of(header)
