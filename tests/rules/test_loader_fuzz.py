"""The loader of rule files against anything that a file can hold: located mistakes, and no more.

What is loaded all the same is compiled, under an audit hook that sees whatever Python compiles: its
source may hold nothing of the author's but constants.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aislewatch import detect
from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.errors import FileMistakes
from aislewatch.events.model import StoreModel
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.events.registry import Registry
from aislewatch.rules import compiling, emit
from aislewatch.rules.compiling import forget_compiled
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.macros import MACROS_NAME, read_macros
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import entities_of, with_signals
from aislewatch.runtime.rule_folder import rules_in

REGISTRY = Registry()
ROOT = Path(__file__).parents[2]
SHIPPED = {path.name: path.read_text() for path in rules_in(ROOT / "rules")}
SHIPPED_MACROS = read_macros((ROOT / "rules" / MACROS_NAME).read_bytes(), MACROS_NAME)
BESIDE = entities_of(SHIPPED.values())
with_signals(REGISTRY, BESIDE)  # Reading a class compiles its own annotations, once.
LISTS = {
    name: frozenset({"x"}) for name in re.findall(r"lists\.(\w+)", "\n".join(SHIPPED.values()))
}
tries = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# What Python compiles ---------------------------------------------------------------------------

_heard: list[str] | None = None


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if _heard is not None and event == "compile":
        source = args[0]  # Text, or the text's bytes; a tree (ast) is none and would be told, too.
        _heard.append(source.decode() if isinstance(source, bytes) else str(source))


sys.addaudithook(_listen)  # For good: a hook cannot be taken back.


@contextmanager
def compiled() -> Generator[list[str]]:
    """Give the sources that are compiled meanwhile."""
    global _heard  # noqa: PLW0603  # A hook sees nothing but what the module knows.
    heard: list[str] = []
    forget_compiled()
    _heard = heard
    try:
        yield heard
    finally:
        _heard = None


WRITERS = [
    *Path(str(detect.__file__)).parent.glob("*.py"),
    Path(emit.__file__),
    Path(compiling.__file__),
]
"""The modules that write source: every name in it is spelt in one of them, or made up there."""

SPELT = {word for module in WRITERS for word in re.findall(r"\w+", module.read_text())}
FORBIDDEN = {"eval", "exec", "compile", "open", "getattr", "globals", "vars", "type", "object"}
ATTRIBUTES = {spec.attr for kind in REGISTRY.kinds.values() for spec in kind.fields.values()}
MADE_UP = re.compile(r"(?:kind_)?[a-z]\d+|_list_\w+")


def assert_nothing_of_the_author_is_code(source: str) -> None:
    """Find only names that we make up and attributes that kinds declare; the rest is constants."""
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, ast.Import | ast.ImportFrom | ast.Global | ast.ClassDef)
        if isinstance(node, ast.Name):
            known = node.id in SPELT - FORBIDDEN or MADE_UP.fullmatch(node.id)
            assert known, (node.id, source)
            assert not node.id.startswith("__"), (node.id, source)
        if isinstance(node, ast.Attribute):
            assert node.attr in (SPELT - FORBIDDEN) | ATTRIBUTES, (node.attr, source)
            assert node.attr == "__class__" or not node.attr.startswith("__"), (node.attr, source)


def run(rules: list[Rule]) -> None:
    Core(Settings(store="1"), StoreModel(lists=LISTS), rules, REGISTRY).step([])


def load_and_run(text: str | bytes) -> Rule | None:
    """Load a file and compile what it holds; every mistake has its place in the file."""
    with compiled() as heard:
        try:
            beside: dict[str, Any] = {"beside": BESIDE, "macros": SHIPPED_MACROS}
            rule = load_rule(text, "r.yml", REGISTRY, lists=LISTS, **beside)
            run([rule])
        except FileMistakes as found:
            rule = None
            assert_located(found, text)
    for source in heard:
        assert_nothing_of_the_author_is_code(source)
    assert rule is None or heard, "the hook heard nothing of what was compiled"
    return rule


def assert_located(found: FileMistakes, text: str | bytes) -> None:
    decoded = text if isinstance(text, str) else text.decode(errors="replace")
    lines = len(decoded.splitlines()) + 1
    assert found.mistakes
    for mistake in found.mistakes:
        assert mistake.file == "r.yml"
        assert 1 <= mistake.line <= lines, mistake
        assert mistake.message
    assert str(found)


# What a file can hold ---------------------------------------------------------------------------

HOSTILE = (
    "99999999999999999999999999999999999999", "-1e999999", "0x" + "f" * 300, "1_0", "nan", ".inf",
    "1.5.5", "''", "' or 1 == 1", '"', "\\", "{", "}", "{{", "{exit.epc", "[", "]", "]]", "#", "&a",
    "*a", "!!python/object/apply:os.system [id]", "!!binary aGk=", "<<: *a", "? x", "- - - x", "|",
    ">", "%YAML 1.1", "---", "...", "\t", "\x00", "\ud7ff", "\ufeff", "\u2028", "\U0001f600", "~",
    "null", "true", "2026-02-30", "1h" * 200, "((((((((((((((((((((((((((((((((((((((((((((1",
    "not " * 300 + "x", "a." * 300 + "a", "__import__('os').system('id')", "e.__class__.__mro__",
    "0s before exit", "999999999d before exit", "1us after exit to 1us before exit", "0%", "10dBm",
    "1 / 0 == 1", "EUR 5", "EUR 0.001", "-", "on", "yes", "12:30:45", "lists.nowhere", "params.x",
)  # fmt: skip
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
seeds = st.integers(0, 1 << 40)
names = st.sampled_from(sorted(SHIPPED))


def damaged(text: str, random: Random, piece: str) -> str:
    """Damage a file as text: what a slip of the hand, a bad merge or a bad disk does."""
    lines = text.splitlines(keepends=True)
    at, to = sorted(random.randrange(len(text) + 1) for _ in range(2))
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    way = random.randrange(9)
    if way == 0:
        return text[:at] + text[min(to, at + 40) :]
    if way == 1:
        return text[:at] + piece + text[at:]
    if way == 2:
        return text[:at] + chr(ord(text[at - 1]) ^ 1 << random.randrange(7)) + text[at + 1 :]
    if way == 3:
        lines[one], lines[other] = lines[other], lines[one]
    elif way == 4:
        lines.insert(other, lines[one])
    elif way == 5:
        del lines[one]
    elif way == 6:
        lines[one] = random.choice(["  ", "\t", " "]) + lines[one]
    elif way == 7:
        lines[one] = lines[one].split(":")[0] + ": " + piece + "\n"
    else:
        lines[one] = lines[one].lstrip()
    return "".join(lines)


def places_in(tree: Any) -> list[tuple[Any, Any]]:
    """Give every place of a tree that holds a value: container and key."""
    keys: list[Any] = list(tree) if is_mapping(tree) else list(range(len(tree)))
    found: list[tuple[Any, Any]] = []
    for key in keys:
        found.append((tree, key))
        if not isinstance(tree[key], str):
            found += places_in(tree[key])
    return found


def rearranged(text: str, random: Random, piece: str) -> str:
    """Damage a file as a tree: other values, keys and shapes, in well-formed YAML."""
    tree: Any = yaml.load(text, yaml.BaseLoader)  # Texts, and nothing made of them.
    for _ in range(random.randrange(1, 4)):
        places = places_in(tree)
        if not places:
            break
        (box, key), (other_box, other_key) = random.choice(places), random.choice(places)
        way = random.randrange(8)
        if way == 0:
            del box[key]
        elif way == 1:
            box[key] = copy.deepcopy(other_box[other_key])
        elif way == 2:
            box[key] = piece
        elif way == 3:
            box[key] = [box[key]]
        elif way == 4:
            box[key] = {str(other_key): box[key]}
        elif way == 5 and is_mapping(box):
            box[str(other_key)] = box.pop(key)
        elif way == 6 and is_mapping(box):
            box[piece] = box[key]
        else:
            nested: Any = piece
            for _ in range(random.choice([3, 40, 300])):
                nested = {"all_of": [nested]}
            box[key] = nested
    return json.dumps(tree, ensure_ascii=False, indent=1)  # Which is YAML, at any depth.


# Laws -------------------------------------------------------------------------------------------


@tries
@given(st.binary(max_size=300))
@example(b"\xff\xfe")
@example(b"a: &a [*a]")
def test_any_bytes_are_a_rule_or_located_mistakes(content: bytes) -> None:
    load_and_run(content)


KEYS = re.findall(
    r"\w+",
    "id title status when event as where match seen not_seen count sum unmatched same window "
    "any_of all_of at_least let check incident type about points because params tests expect "
    "except stats_of avg by quiet group value requires backtest",
)
yaml_trees = st.recursive(
    st.one_of(hostile, st.sampled_from(["rfid.read", "exit", "12h before exit", "20", "true"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=25,
)


@tries
@given(yaml_trees)
def test_any_yaml_is_a_rule_or_located_mistakes(tree: Any) -> None:
    load_and_run(yaml.safe_dump(tree, allow_unicode=True))


@tries
@given(names, seeds, hostile)
def test_a_damaged_rule_file_is_a_rule_or_located_mistakes(
    name: str, seed: int, piece: str
) -> None:
    load_and_run(damaged(SHIPPED[name], Random(seed), piece))


@tries
@given(names, seeds, hostile)
def test_a_rearranged_rule_file_is_a_rule_or_located_mistakes(
    name: str, seed: int, piece: str
) -> None:
    load_and_run(rearranged(SHIPPED[name], Random(seed), piece))


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "x: " + "[" * 20_000,
        "x: " + "[" * 2_000 + "]" * 2_000,
        "".join("  " * depth + "all_of:\n" for depth in range(2_000)),
        "? " * 5_000 + "x",
        "id: " + "9" * 1_000_000,
        "id: !!python/object/apply:os.system [id]",
        "id: x\n" * 3_000,
        "&a : *a",
        "%TAG ! tag:x,2000:\n--- !foo bar",
        "id: x\n--- \nid: y",
        "\x00",
        "id: \udc80",
    ],
    ids=lambda text: text[:20],
)
def test_a_file_made_to_harm_is_refused_in_its_place(text: str) -> None:
    assert load_and_run(text) is None


ESCAPES = (
    "'); __import__('os').system('id') #",
    'x" or __import__("os") or "',
    "\\",
    "\\'",
    "x\ny = 1",
    "{e.__class__}",
    "%s",
    "\u2019",
    "''' + 1 + '''",
)
TEXTS = """\
id: all-texts
title: {0}
status: live
when: {{event: pos.item, as: line, where: {1}}}
let: {{figure: 1 + 1}}
match:
  - {{seen: pos.item, as: other, where: {1}, same: [lane], window: 1h before line}}
  - {{not_seen: rfid.read, where: {1}, same: {{lane: line.lane}}, window: 1s after line}}
  - check: {2}
incident: {{type: fraud.x, about: {{sku: line.sku}}, because: {3}}}
"""


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_text_of_the_author_is_compiled_as_a_constant(escape: str, quote: str) -> None:
    marked = f"MARK{escape}MARK"
    if quote in marked:
        marked = marked.replace(quote, "")
    literal = f"{quote}{marked}{quote}"

    sentence = "because " + marked.replace("{", "").replace("}", "")

    def quoted(text: str) -> str:
        return yaml.safe_dump(text, default_style='"', width=10_000).strip()

    text = TEXTS.format(
        quoted(marked),
        quoted(f"device == {literal}"),
        quoted(f"line.device in [{literal}, 'b']"),
        quoted(sentence),
    )
    with compiled() as heard:
        run(load_rules({"r.yml": text}, REGISTRY))
    sources = [source for source in heard if "MARK" in source]
    assert len(sources) >= 4  # The anchor's, two indexes' and the check's.
    for source in sources:
        nodes = list(ast.walk(ast.parse(source)))
        constants = [n.value for n in nodes if isinstance(n, ast.Constant)]
        texts = [value for value in constants if isinstance(value, str) and "MARK" in value]
        assert texts
        assert set(texts) <= {marked, sentence}
        assert_nothing_of_the_author_is_code(source)


def test_a_pairing_that_names_nothing_to_be_equal_by_is_compiled() -> None:
    text = SHIPPED["scan-avoidance.yml"]
    without = re.sub(r"\n *by: .*", "", text)
    assert without != text
    assert load_and_run(without) is not None


def test_a_check_of_the_hook_itself_finds_code_that_is_not_ours() -> None:
    for source in ("lambda e: e.__dict__", "__import__('os')", "lambda e: open", "import os"):
        with pytest.raises(AssertionError):
            assert_nothing_of_the_author_is_code(source)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_rule_is_compiled_without_a_word_of_its_author(name: str) -> None:
    assert load_and_run(SHIPPED[name]) is not None


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("law", "given_to"),
    [
        (test_any_bytes_are_a_rule_or_located_mistakes, (st.binary(max_size=2000),)),
        (test_any_yaml_is_a_rule_or_located_mistakes, (yaml_trees,)),
        (test_a_damaged_rule_file_is_a_rule_or_located_mistakes, (names, seeds, hostile)),
        (test_a_rearranged_rule_file_is_a_rule_or_located_mistakes, (names, seeds, hostile)),
    ],
)
def test_many_more_files_are_rules_or_located_mistakes(law: Any, given_to: tuple[Any, ...]) -> None:
    more: Any = settings(tries, max_examples=10_000)
    give: Any = given
    more(give(*given_to)(law.hypothesis.inner_test))()
