"""YAML files that remember where each value stood."""

from typing import Annotated, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from aislewatch.errors import FileMistakes
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import Misread
from aislewatch.events.quantities import DurationUs, MassMg, parse_duration_us, parse_mass_mg


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(FileMistakes) as caught:
        LocatedYaml.parse(text, "f.yml")
    return [f"{m.line}:{m.column} {m.message}" for m in caught.value.mistakes]


def test_scalars_stay_raw_text() -> None:
    text = "gtin: 00012345600012\nzone: NO\nat: 12:30:00\nepc: 30E4\nver: 1.10\n'off': on\n"
    assert LocatedYaml.parse(text, "f.yml").data == {
        "gtin": "00012345600012",
        "zone": "NO",
        "at": "12:30:00",
        "epc": "30E4",
        "ver": "1.10",
        "off": "on",
    }


def test_only_plain_nothing_is_none() -> None:
    text = "a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: []\ng: {}\n"
    expected: dict[str, object] = {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "null",
        "f": [],
        "g": {},
    }
    assert LocatedYaml.parse(text, "f.yml").data == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where: !has(p)", "1:8 '!' at the start of a value is a YAML tag"),
        ("where: &x a == 1", "1:8 '&' at the start of a value is a YAML anchor"),
        ("a: &x 1\nb: *x", "2:4 '*' at the start of a value is a YAML alias"),
        ("a: {<<: 1}", "1:5 merge keys ('<<') are not used here"),
        ("a: 1\nb: 2\na: 3", "3:1 the key 'a' stands here a second time; the first is in line 1"),
        ("a: {[x]: 1}", "1:5 a key is one word, not a list"),
        ("a: 1\n---\nb: 1", "2:1 one file holds one document"),
        ("%YAML 1.1\n---\na: 1", "1:1 YAML directives"),
        ("where: a: b", "1:9 a ':' cannot stand here"),
        ("where: 'a' == b", "1:12 this does not fit"),
        ("where: > 5", "1:10 '>' and '|' have a meaning of their own"),
        ("where: %x", "1:8 a value or a line cannot begin with this character"),
        ("a: 'x", "1:4 a quote is opened and never closed"),
        ("a: [1", "1:6 this list is not closed"),
        ("a: {b: 1", "1:9 this mapping is not closed"),
        ("", "1:1 the file is empty"),
        ("a: \x00", "1:4 the character U+0000 cannot stand in a file"),
        ("[" * 60, "1:42 nested more than 40 levels deep"),
    ],
)
def test_tricks_and_accidents_of_yaml_are_located(text: str, expected: str) -> None:
    found = mistakes_of(text)
    assert any(one.startswith(expected) for one in found), found


def test_all_structural_mistakes_come_at_once() -> None:
    found = mistakes_of("a: !t 1\nb: &x 2\nb: 3\n<<: 4\n")
    assert [one.split(" ")[0] for one in found] == ["1:4", "2:4", "3:1", "4:1"]


@pytest.mark.parametrize(
    ("text", "needle", "place"),
    [
        ("a: one two\n", "two", (1, 8)),
        ("a: one\n  two three\n", "three", (2, 7)),
        ("a: 'it''s here'\n", "here", (1, 11)),
        ('a: "\\u00e9\\t x"\n', "x", (1, 14)),
        ('a: "one\\\n   two"\n', "two", (2, 4)),
        ("a: |\n  one\n    two\n", "two", (3, 5)),
        ("a: |2-  # note\n    one\n", "one", (2, 5)),
        ("a: >\n  one\n  two\n\n  three\n", "three", (5, 3)),
        ("a: >-\r\n  one\r\n  two\r\n", "two", (3, 3)),
        ("é: ☕ two\n", "two", (1, 6)),
        ("\ufeffa: one\n", "one", (1, 4)),
    ],
)
def test_an_offset_in_the_value_is_a_place_in_the_file(
    text: str, needle: str, place: tuple[int, int]
) -> None:
    document = LocatedYaml.parse(text, "f.yml")
    (key,) = document.data
    at = document.data[key].index(needle)
    mistake = document.mistake([key], "here", offset=at, length=len(needle))
    assert (mistake.line, mistake.column, mistake.length) == (*place, len(needle))
    assert mistake.source[mistake.column - 1 :].startswith(needle)


STYLES = st.sampled_from(["plain", "single", "double", "literal", "folded"])


@given(
    lines=st.lists(st.text("abé☕'\" xyz", min_size=1, max_size=8), min_size=1, max_size=4),
    style=STYLES,
    indent=st.integers(1, 5),
)
@settings(max_examples=300)
@example(["a", "b"], "folded", 3)
def test_every_character_that_is_not_blank_is_found_where_it_stands(
    lines: list[str], style: str, indent: int
) -> None:
    lines = [" ".join(line.split()) or "x" for line in lines]
    pad = "\n" + " " * indent
    body = pad.join(lines)
    if style == "plain":
        text = "k: " + pad.join("x" + line for line in lines)
    elif style == "single":
        text = "k: '" + body.replace("'", "''") + "'"
    elif style == "double":
        text = 'k: "' + body.replace('"', '\\"').replace("é", "\\xe9") + '"'
    else:
        text = "k: " + ("|" if style == "literal" else ">-") + pad + body
    document = LocatedYaml.parse(text, "f.yml")
    value = document.data["k"]
    rows = text.split("\n")
    for at, character in enumerate(value):
        if character.isspace():
            continue
        mistake = document.mistake(["k"], "m", offset=at, length=1)
        there = rows[mistake.line - 1][mistake.column - 1 :]
        there = there.replace('\\"', '"', 1) if character == '"' else there
        there = there.replace("\\xe9", "é", 1) if character == "é" else there
        assert there.startswith(character)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sum: str
    window: DurationUs
    at_least: int | None = None


class Other(BaseModel):
    model_config = ConfigDict(extra="forbid")
    check: str


def _which(value: object) -> str:
    return "sum" if isinstance(value, dict) and "sum" in value else "check"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    status: Literal["draft", "live"] = "draft"
    severity: Literal["info", "low", "medium", "high"]
    mass: MassMg = 0
    match: list[
        Annotated[
            Annotated[Inner, Tag("sum")] | Annotated[Other, Tag("check")], Discriminator(_which)
        ]
    ] = []


def test_six_mistakes_of_shape_are_rendered_at_once_in_plain_words() -> None:
    text = (
        "severity: hi\nstaus: live\nmass: 5\nmatch:\n"
        "  - sum: x\n    window: 30 seconds\n    at_leest: 5\n  - {}\n"
    )
    with pytest.raises(FileMistakes) as caught:
        LocatedYaml.parse(text, "rules/x.yml").validate(Whole)
    assert str(caught.value) == (
        "rules/x.yml:1:11: error: 'hi' is not one of info, low, medium, high\n"
        "    severity: hi\n"
        "              ^^\n"
        "    hint: did you mean 'high'?\n"
        "rules/x.yml:2:1: error: unknown key 'staus'\n"
        "    staus: live\n"
        "    ^^^^^\n"
        "    hint: did you mean 'status'? known: mass, match, severity, status\n"
        "rules/x.yml:3:7: error: '5' is not a mass; write e.g. 250g, 0.25kg, 1.1lb\n"
        "    mass: 5\n"
        "          ^\n"
        "rules/x.yml:6:13: error: '30 seconds' is not a duration; write e.g. 30s, 5m, 12h, 1h30m\n"
        "        window: 30 seconds\n"
        "                ^^^^^^^^^^\n"
        "rules/x.yml:7:5: error: unknown key 'at_leest'\n"
        "        at_leest: 5\n"
        "        ^^^^^^^^\n"
        "    hint: did you mean 'at_least'? known: at_least, sum, window\n"
        "rules/x.yml:8:5: error: 'check' is missing\n"
        "      - {}\n"
        "        ^"
    )


def test_a_misspelt_key_is_one_mistake_and_not_also_a_missing_one() -> None:
    with pytest.raises(FileMistakes) as caught:
        LocatedYaml.parse("severty: high", "f.yml").validate(Whole)
    assert [m.message for m in caught.value.mistakes] == ["unknown key 'severty'"]


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    steps: list[str]
    serves: int = 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("store: s\nzones: {}\nfeeds: {}\n", 1),
        ("titel: t\nzones: {}\nfeeds: {}\nrules: []\n", 5),
        ("title: t\nzones: {}\nfeeds: {}\nrules: []\n", 4),
        ("zones: {}\nfeeds: {}\n", 4),
    ],
    ids=["another kind", "a needed key misspelt", "a needed key there", "too little to tell"],
)
def test_a_file_of_another_kind_is_one_mistake_and_not_one_a_key(text: str, count: int) -> None:
    with pytest.raises(FileMistakes) as caught:
        LocatedYaml.parse(text, "f.yml").validate(Recipe)
    said = [m.message for m in caught.value.mistakes]
    assert len(said) == count, said
    assert (said[0].startswith("this seems to be meant for something else")) == (count == 1)


def test_a_comment_behind_an_expression_is_told() -> None:
    document = LocatedYaml.parse("a: zone == 'A' # and rssi > 5\nb: 'x' # c\nc: x\n", "f.yml")
    assert document.comment_behind(["a"]) == (15, "and rssi > 5")
    assert document.comment_behind(["c"]) is None


def test_a_validator_can_place_its_mistake_inside_the_value() -> None:
    assert str(Misread("no", offset=2)) == "no"


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_raise_anything_but_located_mistakes(text: str) -> None:
    found = []
    try:
        LocatedYaml.parse(text, "f.yml").validate(Whole)
    except FileMistakes as caught:
        found = caught.mistakes
    assert all(m.line >= 1 and m.column >= 1 for m in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30_000_000),
        ("250ms", 250_000),
        ("14d", 14 * 86_400_000_000),
        ("1.5h", 5_400_000_000),
    ],
)
def test_durations_are_read_exactly(text: str, expected: int) -> None:
    assert parse_duration_us(text) == expected


@pytest.mark.parametrize("text", ["", "30", "30 s", "-1s", "30m1h", "1h1h", "0.1us", "9" * 9 + "d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|microsecond|years"):
        parse_duration_us(text)


def test_a_mass_needs_its_unit() -> None:
    assert parse_mass_mg("0.25kg") == 250_000
    with pytest.raises(ValueError, match="not a mass"):
        parse_mass_mg("250")
