"""People's numbers: exchanged for pseudonyms on their way out, and forgotten when asked."""

from __future__ import annotations

import stat
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured, UsageError
from aislewatch.events.kinds import BadgeRead, Event, PosItem, PosRefund, RfidRead
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.names import Names
from aislewatch.runtime.names_emit import KINDS, PURGE_US, Namer, NamingEmit
from aislewatch.runtime.names_terms import NamesTerms, PersonalDataPart
from aislewatch.runtime.recording import play
from aislewatch.runtime.storefile import read_setup

DAY_US = 86_400_000_000

SHOP = """\
store: s1
clock: {recording: till}
feeds: {till: {plugin: feed, config: {mapping: till.mapping.yml, files: [till.jsonl]}}}
personal_data: {pseudonyms: yes}
"""
MAPPING = """\
mapping: till
format: jsonl
zone: Europe/Amsterdam
time: at
id: "{n}"
device: till-1
fields: {cashier: by}
cases: [{name: line, when: {do: sell}, type: pos.item, fields: {sku: article}}]
"""
TILL = "".join(
    f'{{"n": {n}, "at": "2026-03-02T09:12:0{n}", "do": "sell", "by": "{by}", "article": "A"}}\n'
    for n, by in enumerate(["N207", "N208", "N207"])
)
NOON = 1_772_449_200_000_000


class Clock:
    def __init__(self) -> None:
        self.us = NOON

    def now_us(self) -> int:
        return self.us


class Taken:
    def __init__(self) -> None:
        self.told: list[Event] = []
        self.refusals: list[bytes] = []

    async def events(self, batch: Sequence[Event]) -> None:
        self.told += batch

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        self.refusals.append(raw)


def terms(folder: Path, **more: Any) -> NamesTerms:
    found = PersonalDataPart.model_validate({"pseudonyms": True, **more}).terms("s1", folder)
    assert found is not None
    return found


def sale(cashier: str | None, customer: str | None = None) -> PosItem:
    return PosItem(
        id="1", store="s1", device="till", time=NOON, cashier=cashier, customer=customer, sku="A"
    )


@contextmanager
def shop(folder: Path, clock: Clock, device: str = "till") -> Generator[tuple[NamingEmit, Taken]]:
    taken = Taken()
    with closing(Namer(terms(folder), clock, device)) as namer:
        yield NamingEmit(taken, namer), taken


async def named(emit: NamingEmit, taken: Taken, *events: Event) -> list[Any]:
    await emit.events(events)
    return taken.told[-len(events) :]


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_one_person_has_one_pseudonym_in_every_event_and_process(tmp_path: Path) -> None:
    clock = Clock()
    refund = PosRefund(id="2", store="s1", device="till", time=NOON, cashier="207")
    with shop(tmp_path, clock) as one, shop(tmp_path, clock, "desk") as other:
        first, second = await named(*one, sale("207"), refund)
        (third,) = await named(*other, sale("207"))
        (fourth,) = await named(*other, sale("208"))
    assert first.cashier == second.cashier == third.cashier != fourth.cashier
    assert first.cashier.startswith("cashier-")
    assert (first.sku, first.id, first.time) == ("A", "1", NOON)


async def test_a_customer_and_a_cashier_of_one_number_are_two_people(tmp_path: Path) -> None:
    with shop(tmp_path, Clock()) as at:
        (event,) = await named(*at, sale("207", "207"))
    assert event.cashier.partition("-")[2] != event.customer.partition("-")[2]


async def test_what_names_nobody_passes_as_it_is(tmp_path: Path) -> None:
    read = RfidRead(id="1", store="s1", device="gate", time=NOON, epc="E1", person="track-1")
    with shop(tmp_path, Clock()) as at:
        assert await named(*at, read, sale(None)) == [read, sale(None)]
        badge = BadgeRead(id="3", store="s1", device="door", time=NOON, badge="badge-ab")
        (event,) = await named(*at, badge)
        assert event.badge != "badge-ab"
        emit, taken = at
        await emit.refused(b"cashier 207", "no event", place="p", device="till")
        assert taken.refusals == [b"cashier 207"]


async def test_a_pseudonym_that_another_device_has_heard_stays_who_it_is(tmp_path: Path) -> None:
    with shop(tmp_path, Clock()) as till, shop(tmp_path, Clock(), "cam") as camera:
        (sold,) = await named(*till, sale("207", "9"))
        (seen,) = await named(*camera, sale(sold.cashier, sold.customer))
        (other,) = await named(*camera, sale(sold.customer))  # A customer's is no cashier's.
    assert (seen.cashier, seen.customer) == (sold.cashier, sold.customer)
    assert other.cashier not in {sold.cashier, sold.customer}


NUMBERS = st.from_regex(r"[A-Z]{3}[0-9]{5,12}", fullmatch=True)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(KINDS), NUMBERS), min_size=1, max_size=8))
async def test_no_number_gets_out_or_lies_in_a_file_and_two_people_never_share_a_pseudonym(
    tmp_path: Path, people: list[tuple[str, str]]
) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    names: dict[tuple[str, str], str] = {}
    with shop(folder, Clock()) as at:
        for kind, number in people:
            made: dict[str, Any] = {"id": "1", "store": "s1", "device": "d", "time": NOON}
            event = BadgeRead(**made, badge=number) if kind == "badge" else PosItem(**made)
            if kind != "badge":
                event = msgspec.structs.replace(event, **{kind: number})
            (told,) = await named(*at, event)
            assert number not in msgspec.json.encode(told).decode()
            name = getattr(told, kind)
            assert names.setdefault((kind, number), name) == name
    assert len(set(names.values())) == len(names)
    kept = all_bytes(folder)
    assert not any(number.encode() in kept for _, number in people)


async def test_who_is_erased_is_somebody_new_from_then_on(tmp_path: Path) -> None:
    clock = Clock()
    names = Names(terms(tmp_path), clock)
    with shop(tmp_path, clock) as at:
        (before,) = await named(*at, sale("207"))
        (other,) = await named(*at, sale("208"))
        assert names.find("cashier", "207", "dpo-1") == before.cashier
        with pytest.raises(UsageError, match="no names"):
            names.erase("cashier", "207", "dpo-1", request="Jane Doe")
        assert names.erase("cashier", "207", "dpo-1", request="DSR-12") == before.cashier
        assert before.cashier.encode() not in (tmp_path / "names.db").read_bytes()
        with pytest.raises(UsageError, match="nobody heard of them, or they were erased"):
            names.find("cashier", "207", "dpo-1")
        (after,) = await named(*at, sale("207"))
        (still,) = await named(*at, sale("208"))
    assert after.cashier != before.cashier
    assert still.cashier == other.cashier
    told = [(one.action, one.by, one.entry, one.reason) for one in names.accesses("dpo-1")]
    assert told == [
        ("shown", "dpo-1", before.cashier, None),
        ("erased", "dpo-1", before.cashier, "DSR-12"),
        ("reviewed", "dpo-1", None, None),
    ]
    with Ledger.read(terms(tmp_path).log) as reader:
        assert verify(reader, "s1").sound


async def test_who_is_not_heard_of_is_forgotten_and_who_is_heard_of_stays(tmp_path: Path) -> None:
    clock = Clock()
    with shop(tmp_path, clock) as at:
        (gone,) = await named(*at, sale("207"))
        (kept,) = await named(*at, sale("208"))
        for _ in range(402):
            clock.us += DAY_US
            (same,) = await named(*at, sale("208"))
            assert same.cashier == kept.cashier
        clock.us += PURGE_US
        (same,) = await named(*at, sale("208"))
        (new,) = await named(*at, sale("207"))
    assert same.cashier == kept.cashier
    assert new.cashier != gone.cashier
    expired = [one for one in Names(terms(tmp_path), clock).accesses("d") if one.entry]
    assert [(one.action, one.by, one.entry) for one in expired] == [
        ("expired", "device/till", gone.cashier)
    ]


def test_the_file_is_its_owners_alone_and_another_file_is_not_taken_for_it(tmp_path: Path) -> None:
    file = Path(terms(tmp_path).file)
    with shop(tmp_path, Clock()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(DeviceMisconfigured, match="chmod 600"), shop(tmp_path, Clock()):
        pass
    file.write_bytes(b"something else" * 100)
    file.chmod(0o600)
    with pytest.raises(DeviceMisconfigured, match="a file of names"), shop(tmp_path, Clock()):
        pass


def test_terms_have_bounds_and_are_off_unless_a_shop_says_otherwise(tmp_path: Path) -> None:
    assert PersonalDataPart().terms("s1", tmp_path) is None
    with pytest.raises(ValidationError):
        PersonalDataPart.model_validate({"pseudonyms": True, "retention": "23h"})


def test_a_replay_of_a_recording_keeps_pseudonyms_as_a_run_does(tmp_path: Path) -> None:
    (tmp_path / "till.jsonl").write_text(TILL)
    (tmp_path / "till.mapping.yml").write_text(MAPPING)
    (tmp_path / "store.yml").write_text(SHOP)
    setup = read_setup(tmp_path / "store.yml")
    first = [event for event in play(setup) if isinstance(event, PosItem)]
    again = [event for event in play(setup) if isinstance(event, PosItem)]
    assert first == again
    assert len({event.cashier for event in first}) == 2
    assert all(str(event.cashier).startswith("cashier-") for event in first)
    raw = [event for event in play(replace(setup, names=None)) if isinstance(event, PosItem)]
    assert [event.cashier for event in raw] == ["N207", "N208", "N207"]
