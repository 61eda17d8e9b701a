"""POSLog XML: hand-made captures of both generations, makers' words, and what must not get in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.pos.dialect import DIALECTS, Dialect
from aislewatch_plugins.pos.poslog import PosLogReader
from aislewatch_plugins.pos.poslog_sensor import PosLog, PosLogConfig
from aislewatch_plugins.pos.poslog_xml import Broken, transactions
from aislewatch_plugins.pos.told import Fact, Flaw
from aislewatch_sim.pos import poslog_words
from aislewatch_sim.pos.till import shift

ARTS = 'xmlns="http://www.nrf-arts.org/IXRetail/namespace/"'
NOON = 1_772_449_200_000_000  # 2026-03-02T12:00:00+01:00

OLD = f"""<?xml version="1.0" encoding="UTF-8"?>
<POSLog {ARTS} xmlns:acs="http://maker.example/acs">
<Transaction><RetailStoreID>9</RetailStoreID><WorkstationID>5</WorkstationID>
<SequenceNumber>124</SequenceNumber><BusinessDayDate>2026-03-02</BusinessDayDate>
<EndDateTime>2026-03-02T12:00:00</EndDateTime><OperatorID OperatorName="Jo Doe">759</OperatorID>
<CurrencyCode>EUR</CurrencyCode><RetailTransaction Version="2.1">
<LineItem EntryMethod="Scanned"><SequenceNumber>1</SequenceNumber><Sale ItemType="Stock">
<POSIdentity POSIDType="GTIN"><POSItemID>04006381333931</POSItemID></POSIdentity>
<ItemID>M-17</ItemID><RegularSalesUnitPrice>2.49</RegularSalesUnitPrice>
<ExtendedAmount>7.47</ExtendedAmount><Quantity>3</Quantity></Sale></LineItem>
<LineItem VoidFlag="true"><SequenceNumber>2</SequenceNumber><Sale ItemType="Stock">
<ItemID>M-17</ItemID><RegularSalesUnitPrice>2.49</RegularSalesUnitPrice>
<ExtendedAmount>-2.49</ExtendedAmount><Quantity>-1</Quantity></Sale></LineItem>
<LineItem acs:weightItem="true"><SequenceNumber>3</SequenceNumber><Sale ItemType="Stock">
<ItemID>94011</ItemID><RegularSalesUnitPrice>1.99</RegularSalesUnitPrice>
<ExtendedAmount>1.29</ExtendedAmount><Quantity>0.65</Quantity></Sale></LineItem>
<LineItem><SequenceNumber>4</SequenceNumber><Sale ItemType="acs:NegativeItem">
<ItemID>BOTTLE</ItemID><ExtendedAmount>-0.25</ExtendedAmount><Quantity>1</Quantity></Sale></LineItem>
<LineItem><SequenceNumber>5</SequenceNumber>
<acs:AgeRestriction Birthdate="1980-01-01" Verified="true">18</acs:AgeRestriction></LineItem>
<LineItem><SequenceNumber>6</SequenceNumber><acs:ItemNotFound>
<ItemID>00722252301307</ItemID></acs:ItemNotFound></LineItem>
<LineItem><SequenceNumber>7</SequenceNumber><acs:SupervisorOverride>893</acs:SupervisorOverride>
</LineItem><LineItem><SequenceNumber>8</SequenceNumber>
<Tender TenderType="CreditDebit" TypeCode="Sale"><TenderID>2</TenderID><Amount>6.02</Amount>
<CreditDebit CardType="Credit"><PrimaryAccountNumber>4111111111111111</PrimaryAccountNumber>
</CreditDebit></Tender></LineItem>
<TransactionLink ReasonCode="Resume"><WorkstationID>7</WorkstationID>
<SequenceNumber>111</SequenceNumber><BusinessDayDate>2026-03-02</BusinessDayDate></TransactionLink>
</RetailTransaction></Transaction>
<Transaction><RetailStoreID>9</RetailStoreID><WorkstationID>5</WorkstationID>
<SequenceNumber>125</SequenceNumber><BusinessDayDate>2026-03-02</BusinessDayDate>
<EndDateTime>2026-03-02T12:00:10</EndDateTime><OperatorID>759</OperatorID>
<ControlTransaction><NoSale>2026-03-02T12:00:10</NoSale></ControlTransaction></Transaction>
</POSLog>"""

NEW = f"""<POSLog {ARTS} MajorVersion="6"><Transaction TrainingModeFlag="false">
<BusinessUnit><UnitID>9</UnitID></BusinessUnit><WorkstationID>5</WorkstationID>
<SequenceNumber>124</SequenceNumber><BeginDateTime>2026-03-02T11:59:00+01:00</BeginDateTime>
<EndDateTime>2026-03-02T12:00:00+01:00</EndDateTime><OperatorID>759</OperatorID>
<CurrencyCode>EUR</CurrencyCode><RetailTransaction TransactionStatus="Totaled">
<LineItem><SequenceNumber>1</SequenceNumber><BeginDateTime>2026-03-02T11:59:20+01:00</BeginDateTime>
<Sale><ItemID Type="EAN13">4006381333931</ItemID>
<RegularSalesUnitPrice Currency="EUR">2.49</RegularSalesUnitPrice>
<ActualSalesUnitPrice Currency="EUR">1.00</ActualSalesUnitPrice>
<ExtendedAmount>1.00</ExtendedAmount><Quantity UnitOfMeasureCode="EA">1</Quantity>
<RetailPriceModifier MethodCode="PriceOverride"><Amount Action="Subtract">1.49</Amount>
</RetailPriceModifier></Sale></LineItem>
<LineItem VoidFlag="true"><SequenceNumber>2</SequenceNumber><Sale><ItemID>5000112637922</ItemID>
<RegularSalesUnitPrice>0.95</RegularSalesUnitPrice><ExtendedAmount>0.95</ExtendedAmount>
<Quantity>1</Quantity></Sale></LineItem>
<LineItem><SequenceNumber>3</SequenceNumber><Sale><ItemID>9780201379624</ItemID>
<RegularSalesUnitPrice>14.99</RegularSalesUnitPrice><ExtendedAmount>10.99</ExtendedAmount>
<Quantity>1</Quantity>
<RetailPriceModifier MethodCode="Manual"><Amount Action="Subtract">3.00</Amount>
</RetailPriceModifier><RetailPriceModifier><Amount Action="Subtract">1.00</Amount>
<PromotionID>SPRING</PromotionID></RetailPriceModifier></Sale></LineItem>
<LineItem><SequenceNumber>4</SequenceNumber><Sale><ItemID>CHEESE</ItemID>
<RegularSalesUnitPrice>20.00</RegularSalesUnitPrice><ExtendedAmount>5.00</ExtendedAmount>
<Quantity UnitOfMeasureCode="KGM">0.250</Quantity></Sale></LineItem>
<LineItem><SequenceNumber>5</SequenceNumber><Return><ItemID>5901234123457</ItemID>
<ExtendedAmount>-10.99</ExtendedAmount><Quantity>-1</Quantity>
<TransactionLink ReasonCode="Return"><WorkstationID>2</WorkstationID>
<BusinessDayDate>2026-02-27</BusinessDayDate><SequenceNumber>88</SequenceNumber>
</TransactionLink></Return></LineItem>
<LineItem><SequenceNumber>6</SequenceNumber><Tender TenderType="Cash" TypeCode="Sale">
<Amount>6.00</Amount></Tender></LineItem></RetailTransaction></Transaction></POSLog>"""


def read(text: str, dialect: Dialect | str = "arts", **options: Any) -> list[Fact | Flaw]:
    found = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    values = {"zone": "Europe/Amsterdam", "currency": "EUR"} | options
    reader = PosLogReader(found, **values)
    return [one for each in transactions(text.encode()) for one in reader.read(each, "f") or []]


def facts(text: str, dialect: Dialect | str = "arts", **options: Any) -> Iterator[dict[str, Any]]:
    for one in read(text, dialect, **options):
        assert isinstance(one, Fact), one
        fields = {name: value for name, value in one.fields.items() if value is not None}
        yield {"type": one.type, "at_s": (one.time_us - NOON) // 1_000_000, **fields}


def test_a_capture_of_version_2_tells_what_it_says_line_by_line() -> None:
    basket = {"receipt": "5/2026-03-02/124", "basket": "7/2026-03-02/111", "cashier": "759"}
    marker = {"sku": "M-17", "price_minor": 249}
    told = list(facts(OLD, "ncr-acs"))
    assert told == [
        {"type": "pos.resume", "at_s": 0, **basket},
        {"type": "pos.item", "at_s": 0, **basket, **marker, "gtin": "04006381333931", "units": 3},
        {"type": "pos.void", "at_s": 0, **basket, **marker, "units": 1}
        | {"post_void": False, "amount_minor": 249},
        # 0.65 lb; a pound's price is not the article's.
        {"type": "pos.item", "at_s": 0, **basket, "sku": "94011", "units": 1}
        | {"weight_mg": 294_835, "price_minor": 129},
        {"type": "pos.refund", "at_s": 0, **basket, "sku": "BOTTLE", "units": 1}
        | {"amount_minor": 25},
        {"type": "pos.age_check", "at_s": 0, **basket, "minimum_age": 18, "passed": True},
        {"type": "pos.not_found", "at_s": 0, **basket, "gtin": "00722252301307"},
        {"type": "pos.override", "at_s": 0, **basket},
        {"type": "pos.tender", "at_s": 0, **basket, "method": "card", "amount_minor": 602},
        {"type": "pos.basket_close", "at_s": 0, **basket},
        {"type": "pos.no_sale", "at_s": 10, "cashier": "759"},
    ]


def test_a_capture_of_version_6_tells_what_it_says_with_the_times_of_its_lines() -> None:
    basket = {"receipt": "5/2026-03-02/124", "basket": "5/2026-03-02/124", "cashier": "759"}
    marker = {"gtin": "04006381333931", "units": 1, "price_minor": 249}
    cola = {"gtin": "05000112637922", "units": 1, "price_minor": 95}
    book = {"gtin": "09780201379624", "units": 1, "price_minor": 1499}
    assert list(facts(NEW)) == [
        {"type": "pos.basket_open", "at_s": -60, **basket},
        {"type": "pos.item", "at_s": -40, **basket, **marker},
        {"type": "pos.override", "at_s": -40, **basket, **marker, "amount_minor": 100},
        # A line that is marked was sold before it was taken back.
        {"type": "pos.item", "at_s": 0, **basket, **cola},
        {"type": "pos.void", "at_s": 0, **basket, **cola, "post_void": False, "amount_minor": 95},
        {"type": "pos.item", "at_s": 0, **basket, **book},
        # Of two modifiers, one is a promotion, which nobody gave by hand.
        {"type": "pos.discount", "at_s": 0, **basket, **book, "amount_minor": 300},
        {"type": "pos.item", "at_s": 0, **basket, "sku": "CHEESE", "units": 1}
        | {"weight_mg": 250_000, "price_minor": 500},
        {"type": "pos.refund", "at_s": 0, **basket, "gtin": "05901234123457", "units": 1}
        | {"amount_minor": 1099, "original_receipt": "2/2026-02-27/88"},
        {"type": "pos.tender", "at_s": 0, **basket, "method": "cash", "amount_minor": 600},
        {"type": "pos.basket_close", "at_s": 0, **basket},
    ]


@pytest.mark.parametrize("version", ["2.2", "6"])
def test_a_shift_tells_the_same_in_both_generations(version: str) -> None:
    played = shift(Random(7))
    text = poslog_words.document(poslog_words.transactions(played, version), version).decode()
    told = list(facts(text, zone="Europe/London", currency="GBP"))
    assert [one["type"] for one in told if one["type"] != "pos.drawer"].count("pos.item") == sum(
        act.what == "line" for act in played.acts
    )
    for type_, what in {
        "pos.void": ("void-line", "post-void"),
        "pos.refund": ("return",),
        "pos.override": ("price",),
        "pos.discount": ("discount",),
        "pos.no_sale": ("no-sale",),
        "pos.suspend": ("suspend",),
        "pos.resume": ("resume",),
        "pos.sign_on": ("sign-on",),
        "pos.sign_off": ("sign-off",),
        "pos.age_check": ("age",),
        "pos.not_found": ("unknown",),
    }.items():
        wanted = sum(act.what in what for act in played.acts)
        assert sum(one["type"] == type_ for one in told) == wanted > 0, type_
    (suspended,) = [one for one in told if one["type"] == "pos.suspend"]
    (resumed,) = [one for one in told if one["type"] == "pos.resume"]
    assert resumed["basket"] == suspended["basket"] != resumed["receipt"]
    (back,) = [one for one in told if one.get("post_void")]
    assert any(one["type"] == "pos.tender" and one["receipt"] == back["receipt"] for one in told)


def test_the_same_document_gives_the_same_keys_and_every_key_is_its_own() -> None:
    keys = [one.key for one in read(OLD) if isinstance(one, Fact)]
    assert keys == [one.key for one in read(OLD) if isinstance(one, Fact)]
    assert len(set(keys)) == len(keys)


def test_a_basket_that_was_given_up_takes_back_what_was_not_voided() -> None:
    text = OLD.replace('RetailTransaction Version="2.1"', 'RetailTransaction CancelFlag="true"')
    told = list(facts(text, "ncr-acs"))
    items = [one for one in told if one["type"] == "pos.item"]
    voids = [one for one in told if one["type"] == "pos.void"]
    assert len(items) == 2
    assert [void.get("units") for void in voids] == [1, 3, 1]
    assert told[-2]["type"] == "pos.basket_close"


def test_practice_tells_nothing_and_another_shop_or_currency_is_refused() -> None:
    assert read(NEW.replace('TrainingModeFlag="false"', 'TrainingModeFlag="true"')) == []
    (other,) = read(NEW, store="10")
    (foreign,) = read(NEW.replace("EUR</CurrencyCode>", "USD</CurrencyCode>"))
    assert isinstance(other, Flaw)
    assert "of store 9, not of 10" in other.reason
    assert isinstance(foreign, Flaw)
    assert "in USD, the shop's in EUR" in foreign.reason


def test_a_line_that_cannot_be_read_is_refused_alone_with_its_place() -> None:
    told = read(NEW.replace("<ExtendedAmount>5.00<", "<ExtendedAmount>5,00<"))
    (flaw,) = [one for one in told if isinstance(one, Flaw)]
    assert flaw.place == "f, transaction 5/2026-03-02/124, line 4"
    assert flaw.reason == (
        "ExtendedAmount: '5,00' is not a number; write it with a point, as in 12.5"
    )
    assert (flaw.till, flaw.time_us) == ("5", NOON)
    assert len(told) == len(read(NEW))


@pytest.mark.parametrize("broken", ["<Amount>6,02<", "2026-03-29T02:30:00"])
def test_what_is_refused_holds_no_token_of_a_card_whatever_the_tills_call_it(broken: str) -> None:
    token = "<acs:AcctRef>token-of-a-card</acs:AcctRef></CreditDebit>"
    text = OLD.replace("</CreditDebit>", token)
    text = (
        text.replace("<Amount>6.02<", broken)
        if "Amount" in broken
        else text.replace("2026-03-02T12:00:00", broken)
    )
    mine = Dialect.model_validate({"card_tokens": ["maker:AcctRef"]})
    flaws = [one for one in read(text, mine) if isinstance(one, Flaw)]
    assert flaws
    assert all(b"AcctRef" in one.raw for one in flaws)
    assert not any(b"token-of-a-card" in one.raw for one in flaws)


def test_the_hour_that_does_not_occur_is_refused_and_not_guessed() -> None:
    (flaw,) = read(
        OLD.split("<Transaction>", 1)[0]
        + "<Transaction>"
        + OLD.rsplit("<Transaction>", 1)[1].replace("2026-03-02T12:00:10", "2026-03-29T02:30:00")
    )
    assert isinstance(flaw, Flaw)
    assert "did not occur" in flaw.reason


BOMB = f"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{
    "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
}]><POSLog {ARTS}><Transaction><WorkstationID>&j;</WorkstationID></Transaction></POSLog>"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "document type"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "document type"),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>', "document type"),
        ("<x>" * 1_000, "nested more than"),
        ("<POSLog><Transaction>" + "<a/>" * 60_000, "more than 50000 elements"),
        ("<POSLog><Transaction><a>" + "x" * 20_000, "longer than 16384"),
        (f'<POSLog><Transaction a="{"x" * 20_000}"/></POSLog>', "longer than 16384"),
        ("<POSLog><Transaction><a></b>", "not XML"),
        ("<POSLog><Transaction></Transaction>", "ends too early"),
        ("", "ends too early"),
        ("<POSLog></POSLog>", "no Transaction"),
        ('<?xml version="1.0" encoding="klingon"?><POSLog/>', "not XML"),
        ("\0\0\0", "not XML"),
    ],
)
def test_what_is_no_log_or_an_attack_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Broken, match=why):
        list(transactions(text.encode()))


def test_what_comes_before_the_place_where_a_document_breaks_is_told() -> None:
    found: list[Any] = []
    with pytest.raises(Broken) as caught:
        found.extend(transactions(OLD[: OLD.index("<ControlTransaction>")].encode()))
    assert caught.value.unfinished
    told = transactions(OLD.replace("<ControlTransaction>", "<&>").encode())
    assert next(told).tag == "Transaction"
    with pytest.raises(Broken, match="not XML"):
        next(told)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_crash_the_reader(data: bytes) -> None:
    reader = PosLogReader(DIALECTS["arts"], zone="UTC", currency="EUR")
    try:
        for transaction in transactions(data):
            reader.read(transaction, "f")
    except Broken:
        pass


@settings(max_examples=200)
@given(st.data())
def test_a_log_with_a_few_wrong_characters_is_told_or_refused(data: st.DataObject) -> None:
    text = bytearray((OLD if data.draw(st.booleans()) else NEW).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    reader = PosLogReader(DIALECTS["ncr-acs"], zone="UTC", currency="EUR")
    try:
        for transaction in transactions(bytes(text)):
            for one in reader.read(transaction, "f") or []:
                assert isinstance(one, (Fact, Flaw))
    except Broken:
        pass


def config(**more: Any) -> PosLog:
    values = {"zone": "Europe/Amsterdam", "currency": "EUR", "folder": {"path": "."}}
    return PosLog(PosLogConfig.model_validate(values | more))


class Clock:
    def now_us(self) -> int:
        return NOON


async def test_mistakes_of_a_dialect_file_are_told_all_at_once_with_their_lines(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.yml").write_text(
        "suspended: [Parked]\nweight_unit: stone\ntenders: {Bar: cahs}\nvoided: [X]\n"
    )
    context = SensorContext("s", "pos", "b", Clock(), Random(1), Registry(), str(tmp_path))
    with pytest.raises(DeviceMisconfigured) as caught:
        await config(dialect="mine.yml").open(context)
    said = str(caught.value)
    for line in ("mine.yml:2:", "mine.yml:3:", "mine.yml:4:"):
        assert line in said
    with pytest.raises(DeviceMisconfigured, match="no dialect is called 'klingon'"):
        await config(dialect="klingon").open(context)


def test_a_dialect_file_says_only_what_differs() -> None:
    mine = Dialect.model_validate({"suspended": ["maker:Parked"], "tenders": {"Bar": "cash"}})
    text = NEW.replace('"Totaled"', '"maker:Parked"').replace('"Cash"', '"BAR"')
    told = list(facts(text, mine))
    assert told[-1]["type"] == "pos.suspend"
    assert told[-2]["method"] == "cash"
