"""Receipt printers: commands and text told apart, receipts put together, patterns checked."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aislewatch.errors import FileMistakes
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch_plugins.pos.escpos import LONGEST_LINE, EscPos, Token
from aislewatch_plugins.pos.linear import compile_pattern
from aislewatch_plugins.pos.patterns import Patterns
from aislewatch_plugins.pos.receipts import Receipts
from aislewatch_plugins.pos.told import Counts, Fact, Flaw, Found
from aislewatch_sim.pos import receipt_words
from aislewatch_sim.pos.till import ARTICLES, Till, shift

REGISTRY = Registry()
SECOND = 1_000_000
START = 1_768_208_400 * SECOND
COLA = ARTICLES[0]


def tokens(data: bytes, encoding: str = "cp437") -> list[Token]:
    parser = EscPos(encoding)
    return [*parser.feed(data), *parser.silence()]


def texts(data: bytes, encoding: str = "cp437") -> list[str]:
    return [token.text for token in tokens(data, encoding) if token.kind == "text"]


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"\x1b@Tea 1.20\n\x1dV\x00", ["init", "text", "cut"]),
        (b"Tea\r\nMilk\rRice\n", ["text"] * 3),
        (b"\x1bp\x00\x19\xfa", ["kick"]),
        (b"\x10\x14\x01\x00\x05", ["kick"]),
        (b"\x10\x04\x01\x10\x05\x01", []),
        (b"Tea\x1dVB\x00", ["text", "cut"]),
        (b"Tea\x1bi", ["text", "cut"]),
        (b"Tea\x1bd\x03", ["text"]),
        (b"\x1ba\x01\x1bE\x01\x1d!\x11\x1b!\x00Tea\n", ["text"]),
        # Pictures and codes full of bytes that look like commands and lines.
        (b"\x1dv0\x00\x02\x00\x04\x00\x1bp\x0a\x1b@\x1dV\x00Tea\n", ["text"]),
        (b"\x1b*\x21\x02\x00\x1bp\x0a\x1b@\x1dTea\n", ["text"]),
        (b"\x1b*\x00\x03\x00\x1bp\x0aTea\n", ["text"]),
        (b"\x1d(L\x04\x00\x30\x1bp\x0aTea\n", ["text"]),
        (b"\x1d8L\x03\x00\x00\x00\x1bp\x0aTea\n", ["text"]),
        (b"\x1dk\x04ABC\x00\x1dk\x49\x03\x1bp\x0aTea\n", ["text"]),
        (b"\x1d(k\x03\x001C\x08Tea\n", ["text"]),
        (b"\x1bD\x08\x10\x0a\x00Tea\n", ["text"]),
        (b"\x1d*\x01\x01\x1bp\x0a\x1b@\x1dV\x00Tea\n", ["text"]),
        (b"\x1b&\x01AA\x03\x1bp\x0aTea\n", ["text"]),
        (b"\x1c2\x77\x7e" + b"\n" * 72 + b"Tea\n", ["text"]),
        (b"gone\x18Tea\n", ["text"]),
        (b"\x1b\xffTea\n", ["text"]),
        (b"", []),
    ],
)
def test_golden_bytes_of_each_command(data: bytes, kinds: list[str]) -> None:
    assert [token.kind for token in tokens(data)] == kinds
    if data.endswith(b"Tea\n") and not data.startswith(b"\x1b\xff"):
        assert texts(data) == ["Tea"]


@given(st.integers(0, 8), st.data())
def test_however_the_bytes_are_cut_the_tokens_are_the_same(seed: int, data: st.DataObject) -> None:
    whole = b"".join(piece.data for piece in receipt_words.printed(shift(Random(seed), baskets=1)))
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=40)))
    parser = EscPos()
    cut = [
        token
        for start, end in zip([0, *places], [*places, len(whole)], strict=True)
        for token in parser.feed(whole[start:end])
    ]
    assert [*cut, *parser.silence()] == tokens(whole)
    single = EscPos()
    bytewise = [t for at in range(len(whole)) for t in single.feed(whole[at : at + 1])]
    assert [*bytewise, *single.silence()] == tokens(whole)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_crash_or_pile_up_and_silence_ends_them(noise: bytes) -> None:
    parser = EscPos()
    for token in parser.feed(noise):
        assert len(token.text) <= LONGEST_LINE
    parser.silence()
    assert not parser.pending
    receipt = b"\x1b@Tea 1.20\n\x1dVB\x00"
    assert [t.kind for t in parser.feed(receipt)] == ["init", "text", "cut"]


@settings(max_examples=400)
@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from(
            [b"\x1b&\x03\x20\x7e", b"\x1dk\x02", b"\x1bD", b"\x1c2", b"\x1d*\x09\x09"]
        )
        | st.tuples(st.sampled_from(b"\x1b\x1c\x1d\x10"), st.integers(0, 255)).map(bytes),
        max_size=20,
    ).map(b"".join)
)
@example(b"\x1c2" + b"\x00" * 48)
def test_after_noise_in_an_endless_stream_the_receipt_after_next_is_read_whole(
    noise: bytes,
) -> None:
    receipt = b"\x1b@Tea 1.20\nMilk 0.95\n\x1dVB\x00"
    parser = EscPos()
    parser.feed(noise)
    parser.feed(receipt)
    found = parser.feed(receipt + b"\x1b@")
    # A damaged length swallows what is left of one receipt, and no more.
    assert [t.text for t in found if t.kind == "text"][-2:] == ["Tea 1.20", "Milk 0.95"]


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x1dv0\x00\xff\x00\xff\x00",  # a picture of 65,025 bytes
        b"\x1d(L\xff\xff",
        b"\x1b*\x21\xff\xff",
        b"\x1d8L\xff\xff\x03\x00",
        b"\x1dk\x49\xff",
    ],
)
def test_a_damaged_length_costs_one_receipt_also_where_nobody_is_ever_silent(
    damaged: bytes,
) -> None:
    receipt = b"\x1b@Tea 1.20\nMilk 0.95\n\x1dVB\x00"
    parser = EscPos()
    found = parser.feed(b"\x1b@" + damaged + b"Rice 1.00\n\x1dVB\x00" + receipt * 3)
    assert [t.text for t in found if t.kind == "text"][-6:] == ["Tea 1.20", "Milk 0.95"] * 3
    assert parser.resyncs == 1


def test_a_length_that_nothing_can_have_is_passed_over() -> None:
    assert texts(b"\x1d8L\xff\xff\xff\x7fTea\n")[-1].endswith("Tea")


def test_text_is_read_in_the_code_page_that_the_till_chose() -> None:
    assert texts(b"\x1bt\x13Caf\x82 \xd5 1\n") == ["Café \u20ac 1"]
    assert texts(b"Caf\x82 \x1bt\x10\xe9\n") == ["Café é"]
    assert texts("Café\n".encode(), "utf-8") == ["Café"]
    assert texts(b"x" * 2_000 + b"\n") == ["x" * LONGEST_LINE] * 3 + ["x" * (2_000 - 3 * 512)]


# Receipts --------------------------------------------------------------------------------------


def patterns(text: str = receipt_words.PATTERNS) -> Patterns:
    return Patterns(LocatedYaml.parse(text, "p.yml"), REGISTRY, "GBP")


PATTERNS = patterns()


def reader(counts: Counts | None = None, **more: Any) -> Receipts:
    values: dict[str, Any] = {"idle_us": 60 * SECOND, "near_us": 5 * SECOND, "lone_kick": True}
    return Receipts(more.pop("patterns", PATTERNS), name="b", counts=counts or Counts(), **values)


def play(till: Till, receipts: Receipts | None = None) -> list[Found]:
    """Print what a till does at the times at which it does it, silences told."""
    receipts = receipts or reader()
    found: list[Found] = []
    last_us = 0
    for at, data in receipt_words.printed(till):
        time_us = int(at.timestamp()) * SECOND
        wait_us = receipts.wait_us
        if wait_us is not None and time_us - last_us > wait_us:
            found += receipts.silence(last_us + wait_us)
        found += receipts.feed(data, time_us)
        last_us = time_us
    return [*found, *receipts.silence(last_us + 60 * SECOND)]


def types(found: list[Found]) -> list[str]:
    return [one.type for one in found if isinstance(one, Fact)]


def test_a_shift_on_paper_tells_what_was_done() -> None:
    played = shift(Random(7))
    found = play(played)
    assert [one for one in found if isinstance(one, Flaw)] == []
    wanted = {
        "pos.item": "line",
        "pos.refund": "return",
        "pos.override": "price",
        "pos.discount": "discount",
        "pos.no_sale": "no-sale",
        "pos.suspend": "suspend",
        "pos.resume": "resume",
        "pos.sign_on": "sign-on",
        "pos.sign_off": "sign-off",
        "pos.age_check": "age",
        "pos.not_found": "unknown",
        "pos.payment_start": "total",
    }
    for type_, what in wanted.items():
        assert types(found).count(type_) == sum(act.what == what for act in played.acts), type_
    kicks = sum(act.what in {"drawer", "no-sale"} for act in played.acts)
    assert types(found).count("pos.drawer") == kicks
    voids = [one.fields for one in found if isinstance(one, Fact) and one.type == "pos.void"]
    assert [(f["post_void"], f["amount_minor"]) for f in voids] == [(False, 249), (True, 180)]
    resumed = next(one for one in found if isinstance(one, Fact) and one.type == "pos.resume")
    after = found[found.index(resumed) + 1]
    assert isinstance(after, Fact)
    assert after.fields["basket"] == resumed.fields["basket"] != after.fields["receipt"]


def test_each_line_has_the_time_at_which_it_was_printed() -> None:
    till = Till()
    till.open()
    till.scan(COLA)
    till.wait(30)
    till.scan(COLA)
    till.pay("card")
    first, second = [f for f in play(till) if isinstance(f, Fact) and f.type == "pos.item"]
    assert second.time_us - first.time_us == 31 * SECOND
    assert first.fields["receipt"] == "101"


def test_a_kick_that_nothing_explains_is_a_no_sale_and_one_beside_a_payment_is_none() -> None:
    line = b"\x1b@RECEIPT 7  CASHIER 1\nCASH  1.00\n"
    kick, cut = receipt_words.KICK, receipt_words.CUT
    for frames, no_sales in [
        ([(0, kick)], 1),
        ([(0, kick), (2, line + cut)], 0),
        ([(0, line), (2, kick + cut)], 0),
        ([(0, line + cut), (3, kick)], 0),
        ([(0, line + cut), (3, kick), (4, kick)], 1),  # It explains one.
        ([(0, line + cut), (9, kick)], 1),
        ([(0, kick + line + cut), (2, kick)], 1),
        ([(0, b"RECEIPT 8  CASHIER 1\nSUSPENDED\n" + cut), (2, kick)], 1),
    ]:
        receipts = reader()
        found = [one for s, data in frames for one in receipts.feed(data, START + s * SECOND)]
        found += receipts.silence(START + 60 * SECOND)
        assert types(found).count("pos.no_sale") == no_sales, frames


def test_a_receipt_printed_twice_a_copy_and_practice_are_told_once_or_not_at_all() -> None:
    till = Till()
    till.open()
    till.scan(COLA)
    till.pay("card")
    (receipt,) = receipt_words.receipts(till)
    counts = Counts()
    receipts = reader(counts)
    found = receipts.feed(receipt, START)
    assert types(found).count("pos.item") == 1
    assert receipts.feed(receipt, START + SECOND) == []
    copy = receipt.replace(b"TOTAL", b"** COPY **\nTOTAL").replace(b"101", b"102")
    assert receipts.feed(copy, START + 2 * SECOND) == []
    practice = receipt.replace(b"TOTAL", b"** TRAINING **\nTOTAL").replace(b"101", b"103")
    assert receipts.feed(practice, START + 3 * SECOND) == []
    assert (counts.repeats, counts.training) == (2, 1)


def test_a_line_that_should_tell_something_and_does_not_is_refused() -> None:
    receipts = reader()
    data = b"RECEIPT 7  CASHIER 1\n400638133x931 MARKER\n   1 x 2.49   2.49\nCASH  2.49\n\x1dV\x00"
    found = receipts.feed(data, START)
    (flaw,) = [one for one in found if isinstance(one, Flaw)]
    assert flaw.raw == b"   1 x 2.49   2.49"
    assert flaw.blinds
    assert flaw.time_us == START


def test_a_slip_that_no_pattern_knows_goes_to_the_dead_letter_and_blinds_nobody() -> None:
    (flaw,) = reader().feed(b"HAVE A NICE DAY\n\x1dV\x00", START)
    assert isinstance(flaw, Flaw)
    assert not flaw.blinds


def test_silence_ends_a_receipt_without_a_cut_and_the_next_head_does() -> None:
    one, two = b"CORNER SHOP\nRECEIPT 7  CASHIER 1\nCASH  1.00\n", b"CORNER SHOP\n"
    receipts = reader()
    assert receipts.feed(one, START) == []
    assert "pos.tender" in types(receipts.feed(two, START + SECOND))
    assert receipts.wait_us == 60 * SECOND


def test_amounts_are_read_with_the_signs_of_the_shop() -> None:
    text = (
        'patterns: nl\ndecimal: ","\nlines:\n'
        "  - {kind: sale, match: '^(?P<units>[0-9]+) (?P<code>\\S+) (?P<price>[0-9.,]+)$'}\n"
        "  - {kind: sale, match: '^KAAS (?P<weight_kg>[0-9,]+) (?P<price>[0-9,]+)$'}\n"
    )
    receipts = reader(patterns=Patterns(LocatedYaml.parse(text, "p.yml"), REGISTRY, "EUR"))
    found = receipts.feed(b"2 TV-55 1.299,00\nKAAS 0,350 4,20\n9 X 1,999\n\x1dV\x00", START)
    tv, cheese = [f.fields for f in found if isinstance(f, Fact) and f.type == "pos.item"]
    assert (tv["units"], tv["sku"], tv["price_minor"]) == (2, "TV-55", 129_900)
    assert (cheese["weight_mg"], cheese["price_minor"]) == (350_000, 420)
    (flaw,) = [one for one in found if isinstance(one, Flaw)]
    assert "fractions of the smallest coin" in flaw.reason


def test_all_mistakes_of_a_patterns_file_are_told_with_their_places() -> None:
    text = """\
patterns: mine
methods: {BAR: cahs}
names: ['^(?P<reciept>[0-9]+)$']
lines:
  - {kind: sell, match: 'x'}
  - {kind: sale, match: '(unclosed'}
  - {kind: sale, match: '(?P<prize>1)'}
  - {kind: tender, match: 'x', fields: {method: bar}}
  - {kind: sale, match: '(?<=a)b'}
  - {kind: no_sale, match: '(?P<price>1)'}
"""
    with pytest.raises(FileMistakes) as first:
        patterns(text)
    assert [m.line for m in first.value.mistakes] == [2]
    with pytest.raises(FileMistakes) as caught:
        patterns(text.replace("cahs", "cash"))
    mistakes = caught.value.mistakes
    assert [m.line for m in mistakes] == [3, 5, 6, 7, 8, 9, 10]
    said = str(caught.value)
    assert "did you mean 'receipt'?" in said
    assert "did you mean 'price'?" in said
    assert "look-around and back-references are not known" in said
    assert "'bar' is no way to pay" in said


def test_no_pattern_can_be_made_slow() -> None:
    slow = compile_pattern("^(a+)+$")
    assert slow.search("a" * LONGEST_LINE + "!") is None
    with pytest.raises(ValueError, match="the most is"):
        compile_pattern("x" * 2_000)


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_shift_is_told_or_refused_and_ends(data: st.DataObject) -> None:
    whole = bytearray(b"".join(receipt_words.receipts(shift(Random(3), baskets=1))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    receipts = reader()
    found = [*receipts.feed(bytes(whole), START), *receipts.silence(START + 60 * SECOND)]
    assert receipts.wait_us is None
    keys = [one.key for one in found if isinstance(one, Fact)]
    assert len(set(keys)) == len(keys)
