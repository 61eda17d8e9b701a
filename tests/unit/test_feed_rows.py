from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aislewatch_plugins.feed.cards import holds_card, mask_cards, mask_text
from aislewatch_plugins.feed.mapping import MappingFile
from aislewatch_plugins.feed.rows import (
    LineSplitter,
    decode_json,
    rows_of_body,
    rows_of_document,
)


def shape(**options: Any) -> MappingFile:
    return MappingFile.model_validate({"mapping": "m", "cases": [{"name": "row"}], **options})


def test_figures_are_read_exactly() -> None:
    value, error = decode_json(b'{"w": 8.11, "big": 123456789012345678901234567890}')
    assert error == ""
    assert value == {"w": Decimal("8.11"), "big": 123456789012345678901234567890}


def test_a_csv_file_may_begin_with_a_byte_order_mark_and_blank_lines() -> None:
    data = b'\xef\xbb\xbf \r\n,,\r\nsku, price\r\nA,1.5\r\n\r\n"B, c",2\r\n'
    rows = list(rows_of_document(data, shape(format="csv"), "a.csv", "a"))
    assert [(row.number, row.value) for row in rows] == [
        (1, {"sku": "A", "price": "1.5"}),
        (2, {"sku": "B, c", "price": "2"}),
    ]
    assert [row.source for row in rows] == ["a.csv:4", "a.csv:6"]


def test_a_row_is_named_by_the_line_of_its_file_that_it_begins_on() -> None:
    csv_rows = b'sku,name\nA,"two\nlines"\nB\nC,c\n'
    found = rows_of_document(csv_rows, shape(format="csv"), "a.csv", "a")
    assert [row.source for row in found] == ["a.csv:2", "a.csv:4", "a.csv:5"]
    lines = rows_of_document(b'\n{"a":1}\n\r\n{"a":\n', shape(), "a.jsonl", "a")
    assert [(row.number, row.source) for row in lines] == [(1, "a.jsonl:2"), (2, "a.jsonl:4")]
    array = rows_of_document(b'[{"a": 1},\n\n{"a": 2}]', shape(format="json"), "a.json", "a")
    assert [row.source for row in array] == ["1 of a.json", "2 of a.json"]


def test_a_broken_csv_row_is_refused_and_the_next_is_read() -> None:
    data = b'sku,price\nA\nB,2\nC\xff,3\n"D"x,4\nE,5\n'
    rows = list(rows_of_document(data, shape(format="csv"), "a.csv", "a"))
    assert [(row.raw, row.error) for row in rows] == [
        (b"A", "1 cells under a header of 2"),
        (b"B,2", ""),
        (b"C\xff,3", "not UTF-8"),
        (b'"D"x,4', "not CSV: ',' expected after '\"'"),
        (b"E,5", ""),
    ]


def test_a_json_document_gives_the_rows_of_its_array() -> None:
    data = b'{"a": {"rows": [{"x": 1}, 2]}}'
    rows = list(rows_of_document(data, shape(format="json", rows="a.rows"), "d.json", "d"))
    assert [(row.number, row.value, row.raw) for row in rows] == [
        (1, {"x": 1}, b'{"x":1}'),
        (2, 2, b"2"),
    ]


def test_a_json_document_without_the_array_is_one_refused_row() -> None:
    (row,) = rows_of_document(b'{"a": 1}', shape(format="json", rows="rows"), "d.json", "d")
    assert row.error == "the document has no array at 'rows' to take rows from"


def test_lines_of_json_may_be_blank_and_may_be_broken() -> None:
    rows = list(rows_of_document(b'{"a":1}\r\n\n{"a":\n\xff\n', shape(), "a.jsonl", "a"))
    assert [(row.number, bool(row.error)) for row in rows] == [(1, False), (2, True), (3, True)]


def test_a_body_is_an_object_an_array_or_lines() -> None:
    for body, count in (
        (b'{"a": 1}', 1),
        (b'{\n  "a": 1\n}', 1),
        (b'[{"a": 1}, {"a": 2}]', 2),
        (b'{"a": 1}\n{"a": 2}\n', 2),
        (b'{"rows": [{"a": 1}, {"a": 2}, {"a": 3}]}', 3),
    ):
        rows = list(rows_of_body(body, shape(format="json", rows="rows")))
        assert (len(rows), [row.error for row in rows]) == (count, [""] * count)


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 30)))
def test_lines_are_the_same_however_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    whole = b"\n".join(lines)
    expected = [line.rstrip(b"\r") for line in whole.split(b"\n") if line.strip()]
    splitter = LineSplitter()
    found: list[bytes] = []
    rest = whole
    for cut in cuts:
        found += [line for line, _ in splitter.feed(rest[:cut])]
        rest = rest[cut:]
    found += [line for line, _ in splitter.feed(rest)]
    found += [line for line, _ in splitter.end()]
    assert found == expected


def test_a_line_without_an_end_does_not_fill_memory_and_the_next_line_is_whole() -> None:
    splitter = LineSplitter(limit=100_000)
    for _ in range(50):
        assert splitter.feed(b"x" * 65_536) == []
        assert len(splitter._rest) <= 200_000  # pyright: ignore[reportPrivateUsage] - the bound
    ((line, error), (following, none)) = splitter.feed(b"y\nnext\n")
    assert error == f"a line of {50 * 65_536 + 1} bytes; at most 100000 are taken"
    assert len(line) <= 200_000
    assert (following, none) == (b"next", "")


def test_a_card_number_is_seen_with_and_without_separators() -> None:
    for text in (
        "4111111111111111",
        "card 4111 1111 1111 1111 ok",
        "5500-0055-5555-5559",
        "378282246310005",
        "2221000000000009",
        "till 3 4111111111111111",
        "4111 1111 1111 1111 12/29",
    ):
        assert holds_card(text), text


def test_what_fails_luhn_or_begins_otherwise_is_no_card_number() -> None:
    for text in (
        "4111111111111112",
        "1234567890123452",
        "R4111111111111111",
        "04006381333931",
        "301400000037C5C000003039",
        "2026-03-02 09:00:00 000000",
    ):
        assert not holds_card(text), text


def test_a_card_number_in_a_dead_letter_is_masked_but_for_its_last_digits() -> None:
    raw = json.dumps({"card": "4111 1111 1111 1111", "n": 17}).encode()
    assert mask_cards(raw) == b'{"card": "**** **** **** 1111", "n": 17}'
    assert mask_cards(b"\xff4111111111111111") == b"\xff************1111"
    assert mask_cards(b"3 4111111111111111") == b"3 ************1111"
    assert mask_text("x4111-1111-1111-1111y") == "x****-****-****-1111y"
    assert mask_text("4 1 " * 200).count("*") == 400 - 2
    assert mask_text("4006381333931 and 2026-03-02") == "4006381333931 and 2026-03-02"


BYTES = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet='"[]{}:,;\n\r\\0a1.eE- \x00\x0b\x85\u2028é', max_size=80).map(str.encode),
)


@given(BYTES, st.sampled_from(["csv", "json", "jsonl"]), st.sampled_from([None, "a", "a.0.b"]))
def test_no_bytes_get_anything_but_rows_out_of_a_file_or_a_body(
    data: bytes, form: str, path: str | None
) -> None:
    mapping = shape(format=form, rows=path if form == "json" else None)
    for rows in (rows_of_document(data, mapping, "x", "x"), rows_of_body(data, mapping)):
        numbers = [row.number for row in rows]
        assert numbers == list(range(1, len(numbers) + 1))


@given(st.lists(st.tuples(st.text(), st.integers()), max_size=8))
def test_every_row_that_a_csv_writer_writes_is_read_back(values: list[tuple[str, int]]) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(["name", "n"])
    writer.writerows(values)
    data = written.getvalue().encode("utf-8", "replace")
    rows = list(rows_of_document(data, shape(format="csv"), "x", "x"))
    expected = [
        {"name": name.encode("utf-8", "replace").decode(), "n": str(n)} for name, n in values
    ]
    assert [row.value for row in rows] == expected
    assert not any(row.error for row in rows)
