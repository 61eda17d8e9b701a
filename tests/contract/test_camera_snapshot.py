"""Pictures as evidence, asked of a dashboard's twin over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from aislewatch.devices.pictures import place_of, state_of
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.camera.snapshot import Snapshots
from aislewatch_sim.camera.dashboard import PICTURE, Dashboard

SERIAL = "Q2XX-AAAA-BBBB"
T_US = 1_772_438_400_000_000
KEY = "a key of the shop"


@pytest.fixture
async def dashboard() -> AsyncGenerator[Dashboard]:
    async with Dashboard(KEY) as twin:
        yield twin


@pytest.fixture
async def session() -> AsyncGenerator[ClientSession]:
    async with ClientSession() as made:
        yield made


def snapshots(session: ClientSession, twin: Dashboard, folder: Path, key: str = KEY) -> Snapshots:
    return Snapshots(session, key, folder, api=twin.address, tries=4, pause_s=0)


async def test_a_picture_is_waited_for_and_kept_under_its_hash(
    session: ClientSession, dashboard: Dashboard, tmp_path: Path
) -> None:
    take = snapshots(session, dashboard, tmp_path / "pictures").take
    picture = await take(SERIAL, T_US)
    assert dashboard.asked == [(SERIAL, {"timestamp": "2026-03-02T08:00:00Z"})]
    assert picture.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert dashboard.keys == [None] * 3  # The key goes to the dashboard alone.
    kept = place_of(tmp_path / "pictures", picture.sha256)
    assert kept.read_bytes() == PICTURE
    assert kept.stat().st_mode & 0o077 == 0
    assert await take(SERIAL, T_US) == picture
    assert len(list((tmp_path / "pictures").rglob("*.*"))) == 1
    assert state_of(tmp_path / "pictures", picture.sha256) == "whole"
    kept.write_bytes(PICTURE + b"!")
    assert state_of(tmp_path / "pictures", picture.sha256) == "changed"


async def test_a_wrong_key_is_for_a_person(
    session: ClientSession, dashboard: Dashboard, tmp_path: Path
) -> None:
    with pytest.raises(DeviceMisconfigured, match="may not see"):
        await snapshots(session, dashboard, tmp_path, "another").take(SERIAL, T_US)
    with pytest.raises(DeviceMisconfigured, match="looks like"):
        await snapshots(session, dashboard, tmp_path).take("../Q2", T_US)


@pytest.mark.parametrize(
    ("status", "answer", "picture", "says"),
    [
        (429, None, PICTURE, "asked too often"),
        (500, None, PICTURE, "answers 500"),
        (202, b"<html>", PICTURE, "cannot be read"),
        (202, b'{"url":"file:///etc/passwd"}', PICTURE, "not encrypted"),
        (202, b'{"url":"http://127.0.0.1:1/?X-Signature=secret"}', PICTURE, "cannot be had"),
        (202, None, b"<Error/>", "no JPEG"),
        (202, None, b"\xff\xd8\xff" + bytes(17 << 20), "larger than any"),
    ],
)
async def test_what_is_no_picture_is_not_kept_and_no_signature_is_told(
    status: int,
    answer: bytes | None,
    picture: bytes,
    says: str,
    session: ClientSession,
    dashboard: Dashboard,
    tmp_path: Path,
) -> None:
    dashboard.status, dashboard.answer, dashboard.picture = status, answer, picture
    with pytest.raises(DeviceNotReady, match=says) as caught:
        await snapshots(session, dashboard, tmp_path).take(SERIAL, T_US)
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


async def test_a_picture_that_never_comes_is_not_waited_for_for_ever(
    session: ClientSession, tmp_path: Path
) -> None:
    async with Dashboard(KEY, looks=99) as twin:
        with pytest.raises(DeviceNotReady, match="after 4 looks"):
            await snapshots(session, twin, tmp_path).take(SERIAL, T_US)
