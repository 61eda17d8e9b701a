import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aislewatch.errors import EventRefused
from aislewatch.events import subjects

names = st.text(min_size=1)
types = st.lists(st.text(min_size=1).filter(lambda t: "." not in t), min_size=1, max_size=3).map(
    ".".join
)


@given(store=names, device=names, event_type=types)
@example(store="Main St. 4", device="a*b>c d%2E", event_type="rfid.read")
def test_an_event_subject_reads_back_as_it_was_made(
    store: str, device: str, event_type: str
) -> None:
    subject = subjects.event_subject(store, device, event_type)

    assert subjects.parse_event_subject(subject) == subjects.EventSubject(store, device, event_type)
    assert not set(subject) & set(" *>\t\r\n")
    assert subject.isascii()


@given(store=names, device=names)
def test_a_dead_letter_subject_reads_back_as_it_was_made(store: str, device: str) -> None:
    subject = subjects.dead_letter_subject(store, device)

    assert subjects.parse_dead_letter_subject(subject) == (store, device)


@given(one=names, other=names)
def test_two_stores_never_share_a_filter(one: str, other: str) -> None:
    same = subjects.store_filter(one) == subjects.store_filter(other)

    assert same == (one == other)


@pytest.mark.parametrize(
    "subject", ["", "ev", "ev.s1.gate-1", "dlq.s1.gate-1", "ev..gate-1.rfid.read", "ev.s.%FF.t.u"]
)
def test_what_is_no_event_subject_is_refused_and_quoted(subject: str) -> None:
    with pytest.raises(EventRefused, match=r"subject|UTF-8"):
        subjects.parse_event_subject(subject)


@pytest.mark.parametrize(
    "subject", ["", "dlq.s1", "dlq.s1.d.e", "ev.s1.gate-1", "dlq..d", "dlq.s.%FF"]
)
def test_what_is_no_dead_letter_subject_is_refused(subject: str) -> None:
    with pytest.raises(EventRefused, match=r"dead letter|UTF-8"):
        subjects.parse_dead_letter_subject(subject)


def test_a_tick_is_an_event_of_the_store_it_belongs_to() -> None:
    tick = subjects.parse_event_subject(subjects.tick_subject("s1"))

    assert (tick.store, tick.type) == ("s1", "clock.tick")
