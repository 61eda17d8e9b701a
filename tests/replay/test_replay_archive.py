"""The archive: the stream as it was, byte for byte and in its order."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aislewatch.errors import UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick
from aislewatch.runtime.archive import ArchiveWriter, export, is_archive, read_archive
from aislewatch.runtime.archive_line import Archived

DAY_US = 86_400_000_000
SUBJECT = "ev.s1.gate.rfid.read"


def tick(sequence: int, time: int, store: str = "s1") -> Archived:
    event = ClockTick(id=f"clock/t/{sequence}", store=store, device="clock", time=time)
    return Archived(sequence, f"ev.{store}.clock.clock.tick", Codec.encode(event))


def write(folder: Path, messages: Iterable[Archived]) -> None:
    with ArchiveWriter(folder) as archive:
        for message in messages:
            archive.write(message)


def files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.read_bytes().count(b"\n")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    payload=st.binary()
    | st.text().map(str.encode)
    | st.sampled_from([b" {} ", b"[1,\n2]", b'{"a":1} ', b"null", b"NaN", b"\r", b'"\\ud800"'])
)
@example(payload=b'1,"base64":"aGk="')
@example(payload=b"{}\r")
@example(payload=b"[" * 3000)
def test_any_bytes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    messages = [Archived(3, SUBJECT, payload), Archived(9, "ev.s1.odd", payload)]

    write(folder, messages)

    assert list(read_archive(folder)) == messages
    with ArchiveWriter(folder) as archive:
        assert archive.last_sequence("s1") == 9


def test_an_event_is_written_as_it_stands_so_that_any_tool_can_read_it(tmp_path: Path) -> None:
    write(tmp_path, [tick(1, 5), Archived(2, SUBJECT, b"not json")])

    assert (tmp_path / "s1/1970-01-01.events.jsonl").read_text() == (
        '{"sequence":1,"subject":"ev.s1.clock.clock.tick","event":'
        '{"type":"clock.tick","id":"clock/t/1","store":"s1","device":"clock","time":5}}\n'
        '{"sequence":2,"subject":"ev.s1.gate.rfid.read","base64":"bm90IGpzb24="}\n'
    )


def test_a_late_event_stands_in_the_file_of_the_day_on_which_it_came(tmp_path: Path) -> None:
    late = Archived(3, SUBJECT, b'{"type":"rfid.read","time":7}')
    messages = [tick(1, 8), tick(2, DAY_US + 1), late, tick(4, DAY_US), tick(5, 3 * DAY_US)]

    write(tmp_path, messages)

    assert files(tmp_path) == {
        "s1/1970-01-01.events.jsonl": 1,
        "s1/1970-01-02.events.jsonl": 3,
        "s1/1970-01-04.events.jsonl": 1,
    }
    assert list(read_archive(tmp_path)) == messages


def test_a_device_with_a_wrong_clock_does_not_turn_the_page(tmp_path: Path) -> None:
    write(tmp_path, [tick(1, 8), Archived(2, SUBJECT, b'{"type":"rfid.read","time":%d}' % DAY_US)])
    assert list(files(tmp_path)) == ["s1/1970-01-01.events.jsonl"]


def test_stores_have_files_of_their_own_and_are_read_in_the_stream_s_order(tmp_path: Path) -> None:
    messages = [tick(n, n, store) for n, store in enumerate(["b", "a", "a", "..%2F", "b"], 1)]
    messages[3] = Archived(4, "ev.%2E%2E%2F.clock.clock.tick", b"{}")

    write(tmp_path, messages)

    assert sorted({path.parent.name for path in tmp_path.rglob("*.jsonl")}) == [
        "%2E%2E%2F",
        "a",
        "b",
    ]
    assert list(read_archive(tmp_path)) == messages
    assert list(read_archive(tmp_path / "a")) == messages[1:3]
    assert list(read_archive(tmp_path / "a/1970-01-01.events.jsonl")) == messages[1:3]


async def test_an_export_goes_on_where_the_last_one_was_cut_off(tmp_path: Path) -> None:
    messages = [tick(n, n * DAY_US // 3) for n in range(1, 20)]

    async def stream() -> AsyncIterator[Archived]:
        for message in messages:
            yield message

    assert await export(stream(), tmp_path) == 19
    last = max(tmp_path.rglob("*.jsonl"))
    last.write_bytes(last.read_bytes()[:-5])

    assert await export(stream(), tmp_path) == 1
    assert await export(stream(), tmp_path) == 0
    assert list(read_archive(tmp_path)) == messages


def test_a_file_cut_off_in_its_first_line_is_begun_again(tmp_path: Path) -> None:
    write(tmp_path, [tick(1, 1), tick(2, DAY_US)])
    (tmp_path / "s1/1970-01-02.events.jsonl").write_text('{"sequ')

    write(tmp_path, [tick(1, 1), tick(2, DAY_US)])

    assert list(read_archive(tmp_path)) == [tick(1, 1), tick(2, DAY_US)]


@pytest.mark.parametrize(
    "line",
    [
        '{"sequence":2,"subject":"s"}',
        '{"subject":"s","event":1}',
        '{"sequence":"2","subject":"s","event":1}',
        "{",
        '{"x":1}',
        "",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, [tick(1, 1)])
    path = tmp_path / "s1/1970-01-01.events.jsonl"
    path.write_text(f"{path.read_text()}{line}\n")

    with pytest.raises(UsageError, match=r"1970-01-01\.events\.jsonl:2: not a line of an archive"):
        list(read_archive(tmp_path))


def test_lines_out_of_order_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [tick(1, 1), tick(2, 2)])
    path = tmp_path / "s1/1970-01-01.events.jsonl"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))

    with pytest.raises(UsageError, match="sequence 1 comes after 2"):
        list(read_archive(path))


def test_what_is_no_archive_is_told_from_one(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}")
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "rows.jsonl")
    with pytest.raises(UsageError, match="is no archive"):
        read_archive(tmp_path)
