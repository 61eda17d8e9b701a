"""Pictures from bytes that may be anything: whole ones are decoded, all others are refused."""

from __future__ import annotations

import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch_plugins.vision import pictures
from aislewatch_sim.vision import acts

PICTURE = acts.aisle(width=96, height=64).picture()


def encoded(ending: str, *options: int) -> bytes:
    _, data = cv2.imencode(ending, cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR), options)
    return bytes(data)


JPEG = encoded(".jpg")


def test_a_picture_comes_out_in_its_colours() -> None:
    assert np.array_equal(pictures.decoded(encoded(".png")), PICTURE)
    off = np.abs(pictures.decoded(JPEG).astype(int) - PICTURE.astype(int))
    assert off.mean() < 3


@pytest.mark.parametrize(
    "options",
    [
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        (cv2.IMWRITE_JPEG_QUALITY, 5),
    ],
)
def test_all_ways_to_make_a_jpeg_are_read(options: tuple[int, int]) -> None:
    assert pictures.jpeg_size(encoded(".jpg", *options)) == (96, 64)


@given(st.integers(0, len(JPEG) - 1))
def test_a_picture_that_is_cut_short_is_none(length: int) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        pictures.decoded(JPEG[:length])


@given(st.integers(JPEG.index(b"\xff\xda") + 14, len(JPEG) - 3))
def test_a_picture_that_runs_into_another_is_none(length: int) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        pictures.decoded(JPEG[:length] + JPEG)


def test_some_cameras_pad() -> None:
    assert pictures.jpeg_size(JPEG + b"\x00\x00\r\n") == (96, 64)
    with pytest.raises(ValueError, match="behind the picture's end"):
        pictures.jpeg_size(JPEG + b"more")


@given(st.binary(max_size=200))
def test_nonsense_is_refused_with_a_sentence(data: bytes) -> None:
    for begun in (data, JPEG[:2] + data, JPEG[:200] + data):
        with pytest.raises(ValueError, match=r"\S \S"):
            pictures.decoded(begun)


@given(st.integers(0, 8 * len(JPEG) - 1))
def test_one_wrong_bit_gives_a_picture_or_a_refusal(bit: int) -> None:
    data = bytearray(JPEG)
    data[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(ValueError):
        picture = pictures.decoded(bytes(data))
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3


def test_a_small_file_does_not_become_a_picture_that_fills_the_memory() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="100000 x 100000 pixels"):
        pictures.decoded(bomb)


def test_a_live_picture_differs_from_the_one_before_and_the_same_one_does_not() -> None:
    stage = acts.aisle()
    one, other = stage.picture(), stage.picture()
    assert pictures.digest(one) != pictures.digest(other)
    assert pictures.digest(one) == pictures.digest(one.copy())
