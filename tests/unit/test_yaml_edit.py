"""Scalars written otherwise: what was meant is changed, and no other byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.events.located import LocatedYaml
from aislewatch.events.yaml_edit import replaced, scalar

FILE = """\
# A rule.
id: one      # its name
title: 'It''s one'
params: {far: 30s, near: "5 m"}   # in brackets
match:
  - where: >
      a == 1
      and b == 2
    same: [x]
"""

texts = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0xFFFF))


@given(texts)
def test_a_scalar_is_read_as_the_text_that_it_was_made_of(text: str) -> None:
    for document in (f"a: {scalar(text)}", f"{{a: {scalar(text)}, b: c}}"):
        assert (LocatedYaml.parse(document, "f").data["a"] or "") == text


@pytest.mark.parametrize("text", ["null", "~", "", " a", "a ", "a: b", "- a", "a #b", "{a}", "'"])
def test_what_yaml_would_take_for_something_else_is_quoted(text: str) -> None:
    assert LocatedYaml.parse(f"a: [{scalar(text)}]", "f").data == {"a": [text]}


@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_what_was_meant_is_changed(before: str, newline: str) -> None:
    text = before + FILE.replace("\n", newline)
    new = replaced(text, "f", {("id",): "two", ("params", "near"): "7 m", ("params", "far"): "1h"})
    expected = FILE.replace("id: one", "id: two")
    expected = expected.replace('far: 30s, near: "5 m"', "far: 1h, near: 7 m")
    assert new == before + expected.replace("\n", newline)


@given(texts, st.sampled_from([("id",), ("title",), ("params", "far"), ("match", 0, "same", 0)]))
def test_a_file_says_the_new_text_there_and_the_old_ones_elsewhere(
    text: str, path: tuple[str | int, ...]
) -> None:
    new = LocatedYaml.parse(replaced(FILE, "f", {path: text}), "f")
    old = LocatedYaml.parse(FILE, "f").data
    place = old
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = text
    assert new.data == old
