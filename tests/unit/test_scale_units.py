"""Weights as units: what a shelf's step means, and what the planogram and the store file say."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.model import prepacked_tolerance_mg
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.decoder import LineSettings
from aislewatch_plugins.scale.planogram import PlanogramConfig, article_of, read_planogram
from aislewatch_plugins.scale.quantising import Article, Units, units_of

COLA = Article("COLA", 345_000, 6_000)
CRISPS = Article("CRISPS", 175_000, 4_000)
JAM = Article("JAM", 520_000, 8_000)
NOISE = 2_000


def shown(units: list[Units]) -> list[tuple[str, int, bool]]:
    return [(u.article.sku if u.article else "", u.count, u.ambiguous) for u in units]


def test_one_article_by_itself_is_counted() -> None:
    assert shown(units_of(-345_000, [COLA], NOISE)) == [("COLA", 1, False)]
    assert shown(units_of(1_035_000, [COLA], NOISE)) == [("COLA", 3, False)]


def test_a_weight_between_two_counts_is_the_nearer_and_ambiguous() -> None:
    assert shown(units_of(-500_000, [COLA], NOISE)) == [("COLA", 1, True)]
    assert shown(units_of(-560_000, [COLA], NOISE)) == [("COLA", 2, True)]


def test_less_than_half_a_unit_is_none() -> None:
    assert units_of(-100_000, [COLA], NOISE) == []


def test_of_several_articles_the_weight_says_which() -> None:
    shelf = [COLA, JAM]
    assert shown(units_of(-345_000, shelf, NOISE)) == [("COLA", 1, False)]
    assert shown(units_of(-520_000, shelf, NOISE)) == [("JAM", 1, False)]
    assert shown(units_of(-865_000, shelf, NOISE)) == [("COLA", 1, False), ("JAM", 1, False)]


def test_two_crisps_that_weigh_a_cola_are_ambiguous() -> None:
    assert shown(units_of(-347_000, [COLA, CRISPS], NOISE)) == [("", 1, True)]


def test_articles_alike_in_weight_are_ambiguous_in_kind_and_not_in_count() -> None:
    twin = Article("COLA-ZERO", 345_500, 6_000)
    assert shown(units_of(-345_000, [COLA, twin], NOISE)) == [("", 1, True)]


def test_many_light_units_may_be_one_more_or_less_and_say_so() -> None:
    gum = Article("GUM", 15_000, 1_300)
    assert shown(units_of(-15_000, [gum], 500)) == [("GUM", 1, False)]
    assert shown(units_of(-600_000, [gum], 8_000)) == [("GUM", 40, True)]


def test_what_no_article_explains_is_no_unit() -> None:
    assert units_of(-3_000_000, [Article("A", 2_000_000, 1_000), JAM], NOISE) == []


def test_a_shelf_of_very_many_articles_answers_all_the_same() -> None:
    shelf = [Article(f"A{n}", 50_000 + 777 * n, 2_000) for n in range(20)]
    (units,) = units_of(-550_000, shelf, NOISE)
    assert units.ambiguous


@given(
    st.lists(st.integers(20_000, 2_000_000), min_size=1, max_size=3, unique=True),
    st.data(),
)
def test_the_truth_is_told_or_it_is_called_ambiguous(
    weights: list[int], data: st.DataObject
) -> None:
    articles = [Article(f"A{n}", mg, mg // 50) for n, mg in enumerate(weights)]
    at = data.draw(st.integers(0, len(articles) - 1))
    count = data.draw(st.integers(1, 5))
    one = articles[at]
    dice = Random(data.draw(st.integers(0, 1000)))
    off = sum(dice.randint(-one.spread_mg // 3, one.spread_mg // 3) for _ in range(count))
    units = units_of(-(count * one.weight_mg + off), articles, NOISE)
    assert units
    if not any(unit.ambiguous for unit in units):
        assert shown(units) == [(one.sku, count, False)]


@given(st.integers(1, 10**9), st.integers(1_000, 10**7))
def test_units_of_one_article_come_as_near_as_units_can(delta: int, weight: int) -> None:
    assume(delta // weight < 10_000)
    article = Article("A", weight, weight // 100)
    found = units_of(-delta, [article], 0)
    if found:
        assert abs(found[0].count * weight - delta) <= weight // 2 + weight // 100 * 101
    else:
        assert 2 * delta < weight


CSV = """\
Shelf;Item;Name;Grams;Least;Most
A1;COLA;Cola, large;345;339,5;351
A1;CRISPS;Crisps;175;;
A2;JAM;Jam;520;;
A1;COLA;Cola, large;345;339,5;351
"""


def planogram(**more: Any) -> PlanogramConfig:
    given_: dict[str, Any] = {
        "file": "planogram.csv",
        "delimiter": ";",
        "shelf": "Shelf",
        "sku": "Item",
        "weight": {"from": "Grams", "unit": "g"},
    }
    return PlanogramConfig.model_validate(given_ | more)


def test_a_planogram_gives_what_lies_on_one_shelf(tmp_path: Path) -> None:
    (tmp_path / "planogram.csv").write_text(CSV, encoding="utf-8")
    expected = [
        Article(s, mg, prepacked_tolerance_mg(mg))
        for s, mg in (("COLA", 345_000), ("CRISPS", 175_000))
    ]
    assert read_planogram(planogram(), tmp_path, "A1") == expected


def test_a_planogram_may_say_the_range_of_each_article(tmp_path: Path) -> None:
    text = CSV.replace("339,5", "339.5")
    (tmp_path / "planogram.csv").write_text(text, encoding="utf-8")
    unit = {"unit": "g"}
    config = planogram(weight_min={"from": "Least", **unit}, weight_max={"from": "Most", **unit})
    cola, crisps = read_planogram(config, tmp_path, "A1")
    assert cola == Article("COLA", 345_000, 6_000)
    assert crisps.spread_mg == prepacked_tolerance_mg(175_000)


def test_every_mistake_of_a_planogram_is_told_with_its_line(tmp_path: Path) -> None:
    text = "Shelf;Item;Grams\nA1;COLA;much\nA1;;10\nA1;JAM;0\nA2;X;oops\nA1;Y;5\nA1;Y;6\n"
    (tmp_path / "planogram.csv").write_text(text, encoding="utf-8")
    with pytest.raises(FileMistakes) as caught:
        read_planogram(planogram(), tmp_path, "A1")
    assert [mistake.line for mistake in caught.value.mistakes] == [2, 3, 4, 7]
    assert "'much' is not a number" in str(caught.value)
    assert "the row has no sku" in str(caught.value)
    assert "JAM weighs nothing" in str(caught.value)
    assert "Y has another weight in an earlier line" in str(caught.value)


def test_a_planogram_that_is_not_there_or_knows_no_such_shelf_is_a_clear_sentence(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_planogram(planogram(), tmp_path, "A1")
    (tmp_path / "planogram.csv").write_text(CSV, encoding="utf-8")
    with pytest.raises(UsageError, match="nothing on shelf 'B7'"):
        read_planogram(planogram(), tmp_path, "B7")


def test_a_range_that_does_not_hold_its_weight_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="two ends"):
        article_of("A", 100, 90, None)
    with pytest.raises(ValueError, match="does not lie between"):
        article_of("A", 100, 101, 120)


CHECKOUT = {"protocol": "mt-sics", "tcp": "192.168.1.40:4001", "kind": "bagging"}
HOLDS = [{"sku": "COLA", "weight": "345g"}]


def test_a_scale_is_asked_as_its_protocol_and_its_kind_want_it() -> None:
    config = ScaleConfig.model_validate(CHECKOUT)
    assert (config.asks, config.every_us) == (True, 250_000)
    shelf = {"kind": "shelf", "shelf": {"id": "A1", "holds": HOLDS}}
    assert ScaleConfig.model_validate(CHECKOUT | shelf).every_us == 100_000
    toledo = ScaleConfig.model_validate(CHECKOUT | shelf | {"protocol": "toledo-8217"})
    assert toledo.every_us == 200_000
    assert toledo.line == LineSettings(9600, 7, "even", 1)
    assert not ScaleConfig.model_validate(CHECKOUT | {"protocol": "stream"}).asks
    port = {"protocol": "nci", "port": "COM3", "kind": "checkout", "serial": {"parity": "odd"}}
    assert ScaleConfig.model_validate(port).line == LineSettings(9600, 7, "odd", 1)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"tcp": None}, "either 'tcp' or 'port'"),
        ({"port": "COM3"}, "either 'tcp' or 'port'"),
        ({"tcp": "somewhere"}, "write host:port"),
        ({"tcp": "host:99999"}, "write host:port"),
        ({"serial": {"baud": 9600}}, "what stands behind 'tcp' is set there"),
        ({"kind": "shelf"}, "has a 'shelf'"),
        ({"shelf": {"id": "A1", "holds": HOLDS}}, "and no other has"),
        ({"kind": "shelf", "shelf": {"id": "A1"}}, "either 'holds' or 'planogram'"),
        ({"kind": "shelf", "shelf": {"id": "A1", "holds": HOLDS * 2}}, "stands in 'holds' twice"),
        ({"unit": "stone"}, "no unit of mass"),
        ({"protocol": "stream", "ask": True}, "cannot be asked"),
        ({"protocol": "nci", "ask": False}, "only when it is asked"),
        ({"protocol": "toledo-8217", "every": "100ms"}, "wants 200 ms"),
        ({"every": "5s"}, "'silence' must be longer than 'every'"),
        (
            {"kind": "shelf", "shelf": {"id": "A1", "holds": HOLDS}, "every": "300ms"},
            "is read 4 times in 'window'",
        ),
        ({"protocol": "morse"}, "'mt-sics', 'toledo-8217', 'nci' or 'stream'"),
        ({"step": "5"}, "not a mass"),
        ({"speed": 9600}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(change: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(mistake)):
        ScaleConfig.model_validate(CHECKOUT | change)


def test_addresses_may_be_of_both_kinds_of_internet() -> None:
    for written, read in (
        ("[fe80::1]:4001", "[fe80::1]:4001"),
        ("socket://10.0.0.7:23", "10.0.0.7:23"),
    ):
        assert ScaleConfig.model_validate(CHECKOUT | {"tcp": written}).tcp == read
