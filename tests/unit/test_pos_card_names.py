"""Cards by pseudonym: the same card is known again, and neither number nor token gets out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.devices.telling import Told
from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.kinds import DeviceState, Event, PosRefund, PosTender
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.pos.card_names import card_name, is_token
from aislewatch_plugins.pos.cards import holds_card
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.dialect import DIALECTS
from aislewatch_plugins.pos.json_feed import read_body, read_events
from aislewatch_plugins.pos.json_sensor import JsonConfig, PosJson
from aislewatch_plugins.pos.poslog import PosLogReader
from aislewatch_plugins.pos.poslog_xml import transactions
from aislewatch_plugins.pos.square import read_facts, read_notification
from aislewatch_plugins.pos.teller import Teller
from aislewatch_plugins.pos.told import Counts, Fact, Found
from aislewatch_sim.pos import json_words, poslog_words, square_words
from aislewatch_sim.pos.till import CARDS, OPENS, Till, shift

REGISTRY = Registry()
NOW = int(OPENS.timestamp()) * 1_000_000 + 3_600_000_000
KEY, OLD = b"sixteen bytes of", b"the key of August"
TOKEN = "V0010013019096000000AB7C2Q1ZP"
TOKENS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{14,40}[A-Za-z]", fullmatch=True)


class Clock:
    def now_us(self) -> int:
        return NOW


def tell(
    found: Sequence[Found], keys: Sequence[bytes] = (KEY,), counts: Counts | None = None
) -> list[Told]:
    context = SensorContext("s", "pos", "b", Clock(), Random(1), REGISTRY, "/")
    return Teller(context, PosConfig(), counts or Counts(), keys).tell(found)


def tendered(token: object, keys: Sequence[bytes] = (KEY,), counts: Counts | None = None) -> Any:
    fact = Fact("pos.tender", NOW, "k", fields={"amount_minor": 5, "card_token": token})
    (event,) = [one for one in tell([fact], keys, counts) if isinstance(one, PosTender)]
    return event


def test_a_pseudonym_is_a_keyed_hash_of_the_token_spelt_without_figures() -> None:
    # BLAKE2b (RFC 7693) once more, so that a change of what is hashed cannot go unseen.
    digest = hashlib.blake2b(
        TOKEN.encode(), digest_size=8, key=hashlib.sha256(KEY).digest(), person=b"aislewatch-card"
    )
    letters = "".join("abcdefghijklmnop"[int(figure, 16)] for figure in digest.hexdigest())
    assert card_name(TOKEN, KEY) == f"card-{letters}" == "card-chokcnjcciggdcce"


@given(TOKENS, TOKENS)
def test_a_card_is_known_again_under_one_key_and_told_from_every_other(a: str, b: str) -> None:
    assert card_name(a, KEY) == card_name(a, KEY) != card_name(a, OLD)
    assert (card_name(a, KEY) == card_name(b, KEY)) == (a == b)


@given(st.text(max_size=40), st.binary(min_size=16, max_size=40))
def test_a_pseudonym_holds_no_figure_so_it_is_never_taken_for_a_number(
    token: str, key: bytes
) -> None:
    name = card_name(token, key)
    assert not any(char.isdecimal() for char in name)
    assert not holds_card(name)


def test_while_keys_are_exchanged_a_card_has_both_names() -> None:
    before = tendered(TOKEN, (OLD,))
    during = tendered(TOKEN, (KEY, OLD))
    after = tendered(TOKEN, (KEY,))
    assert (before.card, before.card_before) == (card_name(TOKEN, OLD), None)
    assert (during.card, during.card_before) == (card_name(TOKEN, KEY), before.card)
    assert (after.card, after.card_before) == (during.card, None)


def test_without_a_key_no_card_is_named_and_what_was_left_out_is_counted() -> None:
    counts = Counts()
    event = tendered(TOKEN, (), counts)
    assert (event.card, event.card_before, event.amount_minor) == (None, None, 5)
    assert (counts.tokens, counts.cards) == (1, 0)


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "4111 1111 1111 1111", "x4111-1111-1111-1111", 4111111111111111],
)
def test_a_card_number_in_the_place_of_a_token_is_dropped_and_counted(number: object) -> None:
    counts = Counts()
    event = tendered(number, (KEY,), counts)
    assert event.card is None
    assert (counts.tokens, counts.cards) == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "1111",
        "VISA-1111",
        "AMERICANEXPRESS-1005",
        "411111xxxxxx1111",
        "411111XX.XXXX-1111",
        "41111111-1111-1112",
        "************1111",
        "MASTERCARD **** 4444",
        "4111111111111112",
        "a" * 15,
        "a" * 301,
        "tok 9fK2LmQ84xWvB1nD",
        ["V0010013019096000000AB7C2Q1ZP"],
        {"PAR": "V0010013019096000000AB7C2Q1ZP"},
    ],
)
def test_what_many_cards_share_or_is_no_token_names_no_card(text: object) -> None:
    counts = Counts()
    assert tendered(text, (KEY,), counts).card is None
    assert counts.tokens == 1


@given(TOKENS, st.sampled_from(["amount_minor", "receipt", "units", "bogus"]), st.booleans())
def test_no_token_gets_out_in_an_event_or_a_refusal(token: str, name: str, keyed: bool) -> None:
    assume(is_token(token))
    row = {
        "id": "7/1",
        "kind": "tender",
        "at": OPENS.isoformat(),
        "card_token": token,
        name: -1 if name != "receipt" else "R7",
    }
    body = json.dumps({"events": [row]}).encode()
    told = tell(list(read_events(read_body(body), REGISTRY)), (KEY, OLD) if keyed else ())
    assert told
    for one in told:
        text = msgspec.json.encode(one).decode() if isinstance(one, Event) else repr(one)
        assert token not in text


def test_a_till_cannot_say_a_pseudonym_itself() -> None:
    row = {"id": "7/1", "kind": "tender", "at": OPENS.isoformat(), "card": "card-aaaaaaaaaaaaaaaa"}
    (flaw,) = read_events([row], REGISTRY)
    assert "'card' is no field of tender" in getattr(flaw, "reason", "")
    (flaw,) = read_events([{**row, "kind": "sale", "card_token": TOKEN}], REGISTRY)
    assert "is no field of sale" in getattr(flaw, "reason", "")


def cards_of(found: Sequence[Found]) -> list[str | None]:
    told = tell(found)
    assert all(isinstance(one, Event) for one in told)
    return [one.card for one in told if isinstance(one, PosTender) and one.method == "card"]


@pytest.mark.parametrize("version", ["2.2", "6"])
def test_a_card_has_one_name_whatever_kind_of_till_it_pays_at(version: str) -> None:
    till = Till()
    for card in (CARDS[0], CARDS[1], CARDS[0]):
        till.open()
        till.pay("card", card)
    names = [card_name(card, KEY) for card in (CARDS[0], CARDS[1], CARDS[0])]
    assert cards_of(list(read_events(json_words.events(till), REGISTRY))) == names
    notes = [
        read_notification(square_words.body(note)) for note in square_words.notifications(till)
    ]
    assert cards_of([one for note in notes for one in read_facts(note, "GBP")]) == names
    log = poslog_words.document(poslog_words.transactions(till, version), version)
    reader = PosLogReader(DIALECTS["arts"], zone="UTC", currency="GBP")
    logged = [one for each in transactions(log) for one in reader.read(each, "f") or []]
    assert cards_of(logged) == names


def test_a_refund_to_a_card_names_it() -> None:
    refund = {
        "id": "RF1",
        "order_id": "O1",
        "status": "COMPLETED",
        "created_at": "2026-01-12T09:00:00Z",
        "amount_money": {"amount": 5, "currency": "GBP"},
        "destination_details": {"card_details": {"card": {"fingerprint": TOKEN, "last_4": "4444"}}},
    }
    found = read_facts({"type": "refund.updated", "data": {"object": {"refund": refund}}}, "GBP")
    (event,) = [one for one in tell(found) if isinstance(one, PosRefund)]
    assert event.card == card_name(TOKEN, KEY)


def test_a_whole_shift_holds_neither_token_nor_number_and_names_three_cards() -> None:
    till = shift(Random(7), baskets=20)
    told = tell(list(read_events(json_words.events(till), REGISTRY)))
    text = "".join(msgspec.json.encode(one).decode() for one in told if isinstance(one, Event))
    assert not any(card in text for card in CARDS)
    named = {one.card for one in told if isinstance(one, PosTender) and one.card is not None}
    assert named == {card_name(card, KEY) for card in CARDS}
    assert not [one for one in told if isinstance(one, DeviceState) and one.reason]


async def test_keys_are_read_from_files_named_in_diagnostics_and_shown_nowhere(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret").write_bytes(b"a secret that only this shop has")
    values: dict[str, Any] = {"http": ":0/till", "secrets": [{"file": "secret"}]}
    config = {**values, "card_keys": [{"file": "new"}, {"file": "old"}]}
    context = SensorContext("s", "pos", "b", Clock(), Random(1), REGISTRY, str(tmp_path))
    sensor = PosJson(JsonConfig.model_validate(config))
    with pytest.raises(DeviceMisconfigured, match="the file new cannot be read"):
        await sensor.open(context)
    (tmp_path / "new").write_bytes(b"short")
    with pytest.raises(DeviceMisconfigured, match="at least 16 characters"):
        await sensor.open(context)
    (tmp_path / "new").write_bytes(KEY)
    (tmp_path / "old").write_bytes(OLD)
    await sensor.open(context)
    try:
        said = repr((sensor.diagnostics(), sensor.health()))
    finally:
        await sensor.close()
    assert "'secrets': ['secret', 'new', 'old']" in said
    assert KEY.decode() not in said
    assert OLD.decode() not in said


def test_a_site_has_two_keys_at_most() -> None:
    with pytest.raises(ValidationError, match="at most 2"):
        PosConfig.model_validate({"card_keys": [{"file": name} for name in "abc"]})
