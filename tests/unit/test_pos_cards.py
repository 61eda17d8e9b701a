"""Card numbers never leave the points of sale: what is masked, what is left out, what survives."""

from __future__ import annotations

import re
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aislewatch.devices.cards import is_card, passes_luhn
from aislewatch.devices.telling import Refusal
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.pos.cards import (
    holds_card,
    is_goods_code,
    mask,
    mask_bytes,
)
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.teller import Teller
from aislewatch_plugins.pos.told import Counts, Fact, Flaw

REGISTRY = Registry()
NOW = 1_772_438_400_000_000
DIGITS = st.text("0123456789", min_size=12, max_size=18)
BETWEEN = st.sampled_from(["", "", " ", "-", "  ", " - ", "\u00a0", "\u2013", "\t"])
CARDS = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "3530111333300000",
    "6011111111111117",
    "6200000000000005",
    "6759649826438453",
    "9792030000000000",
    "2200000000000004",
]


class Clock:
    def now_us(self) -> int:
        return NOW


def check_digit(digits: str) -> str:
    return next(d for d in "0123456789" if passes_luhn(digits + d))


def luhn_runs(text: str) -> list[str]:
    """Give every run of 13 to 19 digits that passes Luhn; written down once more, plainly."""
    found: list[str] = []
    pattern = r"\d(?:[\s\u00a0\u2010-\u2015\u2212-]{0,3}\d){12,}"
    for run in re.finditer(pattern, text):
        digits = "".join(str(int(c)) for c in run[0] if c.isdecimal())
        for start in range(len(digits)):
            for length in range(13, 20):
                part = digits[start : start + length]
                if len(part) == length and passes_luhn(part):
                    found.append(part)
    return found


@st.composite
def spaced_cards(draw: st.DrawFn) -> str:
    body = draw(DIGITS)
    whole = body + check_digit(body)
    return "".join(c + draw(BETWEEN) for c in whole[:-1]) + whole[-1]


@pytest.mark.parametrize("number", CARDS)
def test_the_networks_test_numbers_are_cards_and_one_digit_more_or_less_is_none(
    number: str,
) -> None:
    assert is_card(number, rare=True)
    assert holds_card(f"R{number}x")
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10), rare=True)


@given(spaced_cards(), st.text(max_size=20), st.text(max_size=20))
def test_no_card_number_survives_in_free_text(card: str, before: str, after: str) -> None:
    masked = mask(f"{before}{card}{after}")
    assert luhn_runs(masked) == []
    assert mask(masked) == masked


@given(st.text("0123456789 -x\u00a0\uff14", max_size=80))
@example("4111111111111111" * 4)
@example("0" * 40)
def test_masking_leaves_no_luhn_number_and_touches_no_text_that_has_none(text: str) -> None:
    masked = mask(text)
    assert luhn_runs(masked) == []
    assert len(masked) == len(text)
    if not luhn_runs(text):
        assert masked == text


@given(spaced_cards(), st.binary(max_size=20), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]))
def test_no_card_number_survives_in_bytes_of_any_encoding(
    card: str, around: bytes, encoding: str
) -> None:
    masked = mask_bytes(around + card.encode(encoding) + around)
    for read in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        for first in (0, 1):
            if read in {"latin-1", "utf-8"} or encoding == read:
                text = masked[first:].decode(read, "replace")
                assert re.sub(r"\D", "", card) not in re.sub(r"\D", "", text)


@pytest.mark.parametrize(
    "escaped",
    [
        rb'{"pan": "\u0034111 1111 1111 1111"}',
        b"<PAN>&#52;111111111111111</PAN>",
        b"<PAN>&#x34;111111111111111</PAN>",
    ],
)
def test_digits_that_are_spelt_as_escapes_hide_nothing(escaped: bytes) -> None:
    assert luhn_runs(mask_bytes(escaped).decode()) == []


def test_masking_a_megabyte_of_figures_is_quick() -> None:
    assert "1" not in mask("1" * 1_000_000)[:-4]
    mask("1234567890123 x" * 60_000)


def gtin(digits: str) -> str:
    return next(digits + d for d in "0123456789" if is_goods_code(digits + d))


def told(fields: dict[str, Any], *, key: str = "k", till: str = "") -> list[Any]:
    counts = Counts()
    context = SensorContext("s", "pos", "b", Clock(), Random(1), REGISTRY, "/")
    teller = Teller(context, PosConfig(), counts)
    return teller.tell([Fact("pos.item", NOW, key, till=till, fields=fields)])


@given(st.text("0123456789", min_size=12, max_size=12))
@example("400638133393")
def test_every_gtin_13_survives_even_the_one_in_ten_that_passes_luhn(body: str) -> None:
    code = gtin(body)
    *_, event = told({"gtin": "0" + code, "sku": code})
    assert (event.gtin, event.sku) == ("0" + code, code)


@given(st.integers(1, 99), st.dates(), st.integers(0, 999_999))
def test_every_receipt_name_of_till_day_and_number_survives(
    till: int, day: Any, number: int
) -> None:
    name = f"{till}/{day.isoformat()}/{number}"
    *_, event = told({"receipt": name, "basket": name}, key=f"{name}/1", till=str(till))
    assert (event.receipt, event.basket, event.id) == (name, name, f"pos/{name}/1")


@given(
    st.sampled_from(["receipt", "basket", "cashier", "customer", "shift_id", "sku", "gtin"]),
    st.sampled_from(CARDS),
    BETWEEN,
    st.text("abc:R", max_size=3),
)
def test_a_card_number_in_an_identifier_is_left_out_and_the_event_is_told(
    name: str, card: str, between: str, before: str
) -> None:
    written = before + between.join((card[:4], card[4:8], card[8:]))
    assume(not (name in {"sku", "gtin"} and is_goods_code(written)))
    *_, event = told({name: written, "units": 2})
    assert isinstance(event, Event)
    assert getattr(event, name) is None
    assert luhn_runs(msgspec.json.encode(event).decode().replace(f'"time":{NOW}', "")) == []


@given(spaced_cards(), st.sampled_from(["raw", "reason", "place", "till"]))
def test_nothing_of_a_refusal_holds_a_card_number(card: str, where: str) -> None:
    counts = Counts()
    context = SensorContext("s", "pos", "b", Clock(), Random(1), REGISTRY, "/")
    values: dict[str, Any] = {"raw": b"", "reason": "", "place": "", "till": ""}
    values[where] = card.encode() if where == "raw" else f"x{card}"
    refusals = Teller(context, PosConfig(), counts).tell([Flaw(**values)])
    (refusal,) = [one for one in refusals if isinstance(one, Refusal)]
    for text in (refusal.raw.decode(), refusal.reason, refusal.place, refusal.device):
        assert luhn_runs(text) == []


def test_an_id_that_holds_a_card_number_is_masked_and_stays_the_same_when_sent_again() -> None:
    ids = [told({}, key=f"x/{card}/1")[-1].id for card in (CARDS[0], CARDS[0], CARDS[2])]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("pos/x/************1111/1~")
    assert all(luhn_runs(one) == [] for one in ids)


def test_a_till_that_is_called_like_a_card_is_refused_without_it() -> None:
    (refusal,) = [one for one in told({}, till="4111-1111-1111-1111") if isinstance(one, Refusal)]
    assert "looks like a card number" in refusal.reason
    assert "41111" not in repr(refusal).replace("-", "")


@given(st.uuids(version=4))
@example(UUID("a0000000-0000-4000-8411-111111111111"))
def test_every_uuid_survives_as_an_identifier_and_as_an_id(name: UUID) -> None:
    *_, event = told({"receipt": str(name), "customer": str(name).upper()}, key=str(name))
    assert (event.receipt, event.customer) == (str(name), str(name).upper())
    assert event.id == f"pos/{name}"
