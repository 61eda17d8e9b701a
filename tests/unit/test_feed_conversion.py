from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.events import conversion as c
from aislewatch.events.units import Dimension

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("value", "unit", "rounding", "expected"),
    [
        (400, "g", "nearest", 400_000),
        (Decimal("400.5"), "g", "nearest", 400_500),
        ("8.11", "lb", "nearest", 3_678_634),
        ("8.11", "lbs", "nearest", 3_678_634),
        ("0.385", "lb", "down", 174_633),
        ("0.395", "lb", "up", 179_169),
        ("1", "lb", "down", 453_592),
        ("1", "lb", "up", 453_593),
        ("0.0005", "g", "nearest", 0),
        ("0.0015", "g", "nearest", 2),
        ("-2.5", "kg", "nearest", -2_500_000),
        ("150 g", "written", "nearest", 150_000),
        ("1.1lb", "written", "down", 498_951),
        ("1", "oz", "nearest", 28_350),
        (0.1, "kg", "nearest", 100_000),
    ],
)
def test_a_mass_becomes_milligrams(value: Any, unit: str, rounding: Any, expected: int) -> None:
    assert c.mass_mg(value, unit, rounding) == expected


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        ("4", "stone", "'stone' is no unit of mass; known are mg, g, kg, lb, oz"),
        ("4", "s", "'s' is no unit of mass; known are mg, g, kg, lb, oz"),
        ("four", "g", "'four' is not a number; write it with a point, as in 12.5"),
        ("1,5", "g", "'1,5' is not a number; write it with a point, as in 12.5"),
        (True, "g", "True is not a number"),
        ([1], "g", "[1] is not a number"),
        ("NaN", "g", "'NaN' is not a number"),
        ("1e999999999", "g", "'1e999999999' has more digits than anything in a shop"),
        (Decimal("1E+99999999999"), "g", "1E+99999999999 has more digits than anything in a shop"),
        ("150", "written", "'150' has no unit behind its figure"),
    ],
)
def test_what_is_no_mass_is_refused_with_a_sentence(value: Any, unit: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        c.mass_mg(value, unit)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("69.9", "EUR", 6_990),
        (Decimal("540.0"), "LKR", 54_000),
        (540, "JPY", 540),
        ("1.234", "KWD", 1_234),
        (450, "minor", 450),
        (0, "EUR", 0),
    ],
)
def test_an_amount_becomes_minor_units(value: Any, currency: str, expected: int) -> None:
    assert c.money_minor(value, currency) == expected


def test_a_fraction_of_a_cent_is_refused_unless_rounding_is_allowed() -> None:
    with pytest.raises(ValueError, match="fractions of the smallest coin"):
        c.money_minor("0.995", "EUR")
    assert c.money_minor("0.995", "EUR", "nearest") == 100
    assert c.money_minor("0.985", "EUR", "nearest") == 98


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'-1' is a negative amount"):
        c.money_minor("-1", "EUR")


@pytest.mark.parametrize(
    ("value", "zone", "form", "expected"),
    [
        ("2025-08-13T16:00:00", "Asia/Colombo", None, 1_755_081_000_000_000),
        ("2025-08-13 16:00:00", "Asia/Colombo", None, 1_755_081_000_000_000),
        ("2025-08-13T10:30:00Z", "Asia/Colombo", None, 1_755_081_000_000_000),
        ("2025-08-13T16:00:00+05:30", None, None, 1_755_081_000_000_000),
        ("2025-08-13T16:00:00.000001", "Asia/Colombo", None, 1_755_081_000_000_001),
        ("13/08/2025 16:00:00", "Asia/Colombo", "%d/%m/%Y %H:%M:%S", 1_755_081_000_000_000),
        (1_755_081_000, None, "s", 1_755_081_000_000_000),
        ("1755081000.25", None, "s", 1_755_081_000_250_000),
        (1_755_081_000_001, None, "ms", 1_755_081_000_001_000),
        (1_755_081_000_000_001, None, "us", 1_755_081_000_000_001),
    ],
)
def test_a_time_becomes_microseconds(value: Any, zone: Any, form: Any, expected: int) -> None:
    assert c.instant_us(value, zone=zone, form=form) == expected


@pytest.mark.parametrize(
    ("value", "zone", "form", "reason"),
    [
        ("2025-08-13T16:00:00", None, None, "says no time zone and the file states none"),
        ("2025-08-13", "UTC", None, "is not a time in ISO 8601"),
        ("16:00", "UTC", None, "is not a time in ISO 8601"),
        ("yesterday, at noon", "UTC", None, "is not a time in ISO 8601"),
        ("13.08.2025", "UTC", "%d/%m/%Y", "is not a time in the pattern"),
        (1_755_081_000, "UTC", None, "if it counts from 1970, say 'unit: s', ms or us"),
        ("0001-01-01T00:00:00", "Asia/Colombo", None, "is outside of the calendar"),
    ],
)
def test_a_time_that_would_be_a_guess_is_refused(
    value: Any, zone: Any, form: Any, reason: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        c.instant_us(value, zone=zone, form=form)
    assert reason in str(refused.value)


def test_an_hour_that_occurs_twice_is_the_first_of_the_two() -> None:
    # On 31 October 2021 Dutch clocks went back from 03:00 CEST to 02:00 CET.
    twice = c.instant_us("2021-10-31T02:30:00", zone="Europe/Amsterdam")
    after = c.instant_us("2021-10-31T03:30:00", zone="Europe/Amsterdam")
    assert after - twice == 2 * HOUR


def test_an_hour_that_does_not_occur_is_refused() -> None:
    with pytest.raises(ValueError, match="did not occur in Europe/Amsterdam"):
        c.instant_us("2021-03-28T02:30:00", zone="Europe/Amsterdam")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("4006381333931", "04006381333931"),
        ("04006381333931", "04006381333931"),
        ("036000291452", "00036000291452"),
        ("96385074", "00000096385074"),
        (4006381333931, "04006381333931"),
        ("4006381333932", None),
        ("400638133393", None),
        ("١٢٣٤٥٦٧٠", None),
        ("PRD-1", None),
    ],
)
def test_a_gtin_is_padded_and_a_false_one_is_none(value: Any, expected: str | None) -> None:
    assert c.gtin14(value) == expected


def test_a_tag_code_is_hexadecimal_of_any_length_in_capitals() -> None:
    assert c.epc_hex("e28011606000000000000314a") == "E28011606000000000000314A"
    for code in ("E28 011", "urn:epc:id", "xyz", "\uff11\uff12"):
        with pytest.raises(ValueError, match="is not hexadecimal"):
            c.epc_hex(code)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("YES", True), (1, True), ("off", False), (0, False), ("False", False)],
)
def test_yes_and_no_have_several_spellings(value: Any, expected: bool) -> None:
    assert c.flag(value) is expected


def test_what_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        c.flag("maybe")


@pytest.mark.parametrize("value", [Decimal("1.5"), True, None, [1], {"a": 1}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a text"):
        c.text(value)


@given(
    st.decimals(min_value=0, max_value=10**6, places=5),
    st.sampled_from(["g", "kg", "lb", "oz"]),
)
def test_a_range_rounded_outward_always_holds_the_true_mass(value: Decimal, unit: str) -> None:
    per = c.in_base_units(1, unit, Dimension.MASS)
    true = Fraction(value) * Fraction(per)
    least, greatest = c.mass_mg(value, unit, "down"), c.mass_mg(value, unit, "up")
    assert least <= true <= greatest
    assert greatest - least <= 1
    assert abs(Fraction(c.mass_mg(value, unit)) - true) <= Fraction(1, 2)


@given(st.integers(min_value=0, max_value=10**12))
def test_an_amount_in_cents_survives_being_written_in_euros(cents: int) -> None:
    assert c.money_minor(str(Decimal(cents) / 100), "EUR") == cents


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.decimals()))
def test_no_value_gets_anything_but_a_whole_number_or_a_refusal_out_of_a_conversion(
    value: Any,
) -> None:
    conversions: list[Callable[[], int]] = [
        lambda: c.mass_mg(value, "written"),
        lambda: c.mass_mg(value, "lb"),
        lambda: c.money_minor(value, "EUR", "nearest"),
        lambda: c.instant_us(value, zone="Europe/Amsterdam"),
        lambda: c.instant_us(value, zone=None, form="s"),
        lambda: c.duration_us(value, "s"),
        lambda: int(c.flag(value)),
    ]
    for convert in conversions:
        with contextlib.suppress(ValueError):
            assert isinstance(convert(), int)
