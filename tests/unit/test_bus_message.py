import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.errors import EventRefused
from aislewatch.runtime.bus_message import (
    BATCH_BYTES_MAX,
    BATCH_COUNT_MAX,
    Message,
    batches,
    dead_letter_message,
    distinct,
    message_id,
    read_dead_letter,
)

messages = st.lists(
    st.builds(
        Message,
        st.sampled_from(["ev.s.d.rfid.read", "dlq.s.d"]),
        st.integers(0, 50).map(str),
        st.sampled_from([b"", b"x" * 900_000]),
    ),
    max_size=40,
)


@given(messages)
def test_batches_hold_everything_in_order_within_the_limits_and_one_stream(
    given_messages: list[Message],
) -> None:
    cut = list(batches(given_messages))

    assert [m for batch in cut for m in batch] == given_messages
    for batch in cut:
        assert batch
        assert len({m.stream for m in batch}) == 1
        assert sum(m.size for m in batch) <= BATCH_BYTES_MAX


def test_a_batch_ends_at_the_servers_limit() -> None:
    many = [Message("ev.s.d.rfid.read", str(i), b"") for i in range(2 * BATCH_COUNT_MAX + 1)]

    assert [len(b) for b in batches(many)] == [BATCH_COUNT_MAX, BATCH_COUNT_MAX, 1]


@given(messages)
def test_of_messages_with_one_id_the_first_stays_in_its_place(
    given_messages: list[Message],
) -> None:
    kept = distinct(given_messages)

    ids = [(m.stream, m.msg_id) for m in given_messages]
    assert kept == [m for i, m in enumerate(given_messages) if ids[i] not in ids[:i]]


def test_the_same_event_with_other_content_has_another_id() -> None:
    assert message_id("gate-1/7/42", b"a") == message_id("gate-1/7/42", b"a")
    assert message_id("gate-1/7/42", b"a") != message_id("gate-1/7/42", b"b")


@given(st.text(min_size=1), st.binary())
def test_any_event_id_makes_an_id_that_stands_in_a_header(event_id: str, payload: bytes) -> None:
    assert Message("ev.s.d.rfid.read", message_id(event_id, payload), payload)


@pytest.mark.parametrize("msg_id", ["a b", "a\r\nNats-Rollup: all", "é", "\t"])
def test_an_id_that_would_break_a_header_is_refused(msg_id: str) -> None:
    with pytest.raises(EventRefused, match="printable ASCII"):
        Message("ev.s.d.rfid.read", msg_id, b"")


def test_an_event_larger_than_the_bus_takes_is_refused_with_its_size() -> None:
    with pytest.raises(EventRefused, match="1,000,001 bytes"):
        Message("ev.s.d.rfid.read", "1", b"x" * 1_000_001)


@given(st.text(), st.binary(), st.text())
def test_a_dead_letter_reads_back_as_it_was_made(reason: str, payload: bytes, place: str) -> None:
    message = dead_letter_message("s1", "gate 1", reason, payload, place=place, msg_id="1")

    letter = read_dead_letter(message.payload)

    assert message.subject == "dlq.s1.gate%201"
    assert (letter.reason, letter.payload, letter.place) == (reason, payload, place)
    assert (letter.store, letter.device, letter.size) == ("s1", "gate 1", len(payload))


def test_the_largest_dead_letter_still_fits_the_bus() -> None:
    worst = dead_letter_message(
        "s1", "d", "\0" * 100_000, b"x" * 5_000_000, place="\0" * 100_000, msg_id="1"
    )

    assert len(worst.payload) < 1_000_000


def test_what_is_no_dead_letter_is_refused() -> None:
    with pytest.raises(EventRefused):
        read_dead_letter(b"{}")
