from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from aislewatch.events.reading import (
    INSTANT,
    TEXT,
    Catalogue,
    Reading,
    ReadingMistake,
    ReadingSpec,
    Setting,
    Target,
    compile_path,
    compile_reading,
    compile_template,
)
from aislewatch.events.registry import Registry
from aislewatch.events.units import Dimension

SPEC: TypeAdapter[ReadingSpec] = TypeAdapter(Reading)
SETTING = Setting(
    zone="Asia/Colombo",
    currency="EUR",
    names=frozenset({"lane", "item"}),
    catalogues={"articles": Catalogue([{"id": "7", "price": Decimal("2.49")}, {"id": 8}])},
)
PRODUCT = Registry().kinds["pos.item"].fields
ROW: dict[str, Any] = {
    "sku": " A-1 ",
    "empty": "",
    "nothing": None,
    "figure": 3,
    "half": Decimal("0.5"),
    "data": {"w": Decimal("8.11"), "u": "lbs", "lines": [{"sku": "B"}, {"sku": "C"}], "deep": None},
    "price.eur": "69.9",
    "article": 7,
    "zone": "IN_SCAN_AREA",
}
NAMES = {"lane": "3", "item": {"sku": "I"}}


def read(written: Any, target: Target = TEXT, setting: Setting = SETTING) -> Any:
    return compile_reading(SPEC.validate_python(written), target, setting)(ROW, NAMES)


def target(field: str) -> Target:
    return Target.of(PRODUCT[field])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sku", "A-1"),
        ("figure", "3"),
        ("data.lines.1.sku", "C"),
        ("data.lines.2.sku", None),
        ("data.lines.x", None),
        ("data.deep.deeper", None),
        ("price.eur", "69.9"),
        ("$lane", "3"),
        ("$item.sku", "I"),
        ("empty", None),
        ("nothing", None),
        ("not.there", None),
        ("{sku}-pos", "A-1-pos"),
        ("{sku}-{nothing}", None),
        ("{{{sku}}}", "{A-1}"),
        ("lane-{$lane}", "lane-3"),
        ({"value": "x"}, "x"),
        ({"from": "nothing", "default": "d"}, "d"),
        ({"from": "zone", "map": {"IN_SCAN_AREA": "scan"}}, "scan"),
        ({"from": "zone", "map": {"OUT": "x"}, "otherwise": "other"}, "other"),
        ({"from": "zone", "map": {"OUT": "x"}, "otherwise": None}, None),
        ({"from": "zone", "map": {"IN_SCAN_AREA": None}}, None),
        ({"lookup": {"in": "articles", "by": "figure", "key": "id", "take": "price"}}, None),
    ],
)
def test_a_text_is_read(written: Any, expected: str | None) -> None:
    assert read(written) == expected


@pytest.mark.parametrize(
    ("field", "written", "expected"),
    [
        ("weight", {"from": "data.w", "unit": "lb"}, 3_678_634),
        ("weight", {"from": "data.w", "unit_from": "data.u"}, 3_678_634),
        ("weight", {"value": "250g", "unit": "written"}, 250_000),
        ("weight", {"from": "half", "scale": "100", "unit": "g"}, 50_000),
        ("expected_weight_min", {"from": "data.w", "unit": "lb"}, 3_678_634),
        ("expected_weight_max", {"from": "data.w", "unit": "lb"}, 3_678_635),
        ("price", "price.eur", 6_990),
        ("price", {"from": "figure", "unit": "minor"}, 3),
        (
            "price",
            {"lookup": {"in": "articles", "by": "article", "key": "id", "take": "price"}},
            249,
        ),
        ("units", "figure", 3),
        ("units", {"value": "1"}, 1),
        ("epc", {"value": "e2"}, "E2"),
        ("gtin", {"value": "4006381333931", "as": "gtin"}, "04006381333931"),
        ("gtin", {"value": "4006381333932", "as": "gtin"}, None),
        ("zone.kind", {"from": "zone", "map": {"IN_SCAN_AREA": "scan"}}, "scan"),
    ],
)
def test_a_field_of_an_event_is_read_in_its_base_unit(
    field: str, written: Any, expected: Any
) -> None:
    assert read(written, target(field)) == expected


def test_a_time_is_read_in_the_zone_of_the_file_unless_it_says_its_own() -> None:
    written = {"value": "2025-08-13T16:00:00"}
    assert read(written, INSTANT) == 1_755_081_000_000_000
    assert read({**written, "zone": "UTC"}, INSTANT) == 1_755_100_800_000_000


@pytest.mark.parametrize(
    ("field", "written", "reason"),
    [
        ("weight", {"from": "data.w", "unit_from": "sku"}, "' A-1 ' is no unit of mass"),
        ("weight", {"from": "data.w", "unit_from": "not.there"}, "does not state the unit"),
        ("units", "half", "0.5 is not a whole number"),
        ("zone.kind", "zone", "'IN_SCAN_AREA' is no zone.kind; possible: bagging"),
        ("zone.kind", {"from": "zone", "map": {"OUT": "exit"}}, "is not in the map for zone.kind"),
        ("price", {"from": "sku"}, "is not a number"),
        ("sku", "data", "is not a text"),
    ],
)
def test_a_value_that_does_not_convert_is_refused(field: str, written: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(written, target(field))


@pytest.mark.parametrize(
    ("field", "written", "path", "reason"),
    [
        ("weight", "data.w", (), "say the unit of weight, for instance 'unit: g'"),
        ("weight", {"from": "a", "unit": "s"}, ("unit",), "'s' is no unit of mass"),
        ("weight", {"from": "a", "unit": "g", "unit_from": "u"}, ("unit_from",), "stated twice"),
        ("sku", {"from": "a", "unit": "g"}, ("unit",), "sku is a text, which has no 'unit'"),
        ("sku", {"from": "a", "value": "b"}, ("value",), "say exactly one of"),
        ("sku", {}, (), "say exactly one of"),
        ("sku", "$nobody", ("from",), "nothing is called $nobody here"),
        ("sku", "a..b", ("from",), "'a..b' is not a path"),
        ("sku", "{a", ("template",), "has a brace too many or too few"),
        ("sku", "{a:>3}", ("template",), "between braces stands a path and nothing else"),
        ("units", {"value": "many"}, ("value",), "'many' is not a number"),
        ("units", {"from": "a", "default": "1.5"}, ("default",), "is not a whole number"),
        ("zone.kind", {"value": "shop"}, ("value",), "'shop' is no zone.kind"),
        ("zone.kind", {"from": "a", "map": {"X": "shop"}}, ("map", "X"), "is no zone.kind"),
        ("sku", {"from": "a", "otherwise": "x"}, ("otherwise",), "is for what a 'map'"),
        ("price", {"from": "a", "unit": "euro"}, ("unit",), "'euro' is not a currency code"),
        ("price", {"from": "a", "unit": "LKR"}, ("unit",), "nothing here converts money"),
        (
            "sku",
            {"lookup": {"in": "products", "by": "a", "take": "b"}},
            ("lookup", "in"),
            "no catalogue is called 'products'",
        ),
        (
            "sku",
            {"lookup": {"in": "articles", "by": "a.id", "take": "name"}},
            ("lookup", "take"),
            "catalogue 'articles' has no column 'name'",
        ),
    ],
)
def test_a_reading_that_cannot_mean_anything_is_a_mistake_before_the_first_row(
    field: str, written: Any, path: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ReadingMistake) as mistake:
        read(written, target(field))
    assert mistake.value.path == path
    assert reason in str(mistake.value)


@pytest.mark.parametrize(
    ("written", "path", "reason"),
    [
        ({"from": "t", "zone": "Europe/Utrecht"}, ("zone",), "is no time zone"),
        ({"from": "t", "zone": "../../etc/passwd"}, ("zone",), "is no time zone"),
        ({"from": "t", "unit": "g"}, ("unit",), "is no unit of time since 1970"),
        ({"from": "t", "unit": "s", "format": "%Y"}, ("format",), "not both"),
    ],
)
def test_a_time_that_cannot_be_read_is_a_mistake_before_the_first_row(
    written: Any, path: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ReadingMistake) as mistake:
        read(written, INSTANT)
    assert mistake.value.path == path
    assert reason in str(mistake.value)


def test_without_a_currency_an_amount_is_a_mistake() -> None:
    with pytest.raises(ReadingMistake, match="say the currency"):
        read("price", target("price"), Setting())


def test_a_row_that_is_no_object_has_nothing_at_any_path() -> None:
    for row in (None, 7, "text", [1]):
        assert compile_path("a")(row, {}) is None
        assert compile_path("a.b")(row, {}) is None
        assert compile_template("x{a}")(row, {}) is None


def test_every_dimension_has_a_way_to_be_read() -> None:
    units = {Dimension.MASS: "g", Dimension.DURATION: "s", Dimension.INSTANT: "s"}
    for kind in Registry().kinds.values():
        for spec in kind.fields.values():
            written: dict[str, Any] = {"from": "figure"}
            if spec.dimension in units:
                written["unit"] = units[spec.dimension]
            compile_reading(SPEC.validate_python(written), Target.of(spec), SETTING)
