"""Every kind of event: a rule can be judged by it, or is refused where it names it."""

from pathlib import Path
from typing import Any

import pytest

from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import Event
from aislewatch.events.registry import KindSpec, Registry
from aislewatch.events.units import Dimension
from aislewatch.rules.load import load_rule
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.replay import replay
from aislewatch.runtime.storefile import read_setup
from aislewatch.testing.archives import tick_of, write_archive
from aislewatch.testing.lines import time_us

REGISTRY = Registry()
KINDS = sorted(REGISTRY.kinds)
AT = time_us("10:00:00")

RULE = """\
id: one
title: One of a kind
status: live
when: {event: ANCHOR, as: it}
CLAUSE
incident: {type: theft.test, about: {device: it.device}, points: 1, because: it was}
"""
NAMED = {
    "anchor": RULE.replace("ANCHOR", "KIND").replace("CLAUSE", ""),
    **{
        name: RULE.replace("ANCHOR", "BEHIND").replace("CLAUSE", f"match: [{{{clause}}}]")
        for name, clause in {
            "seen": "seen: KIND, window: 9s before it",
            "count": "count: KIND, window: 9s before it, exactly: 1",
            "sum": "distinct: KIND.device, window: 9s before it, exactly: 1",
            "any": "any_of: [{seen: [KIND, OTHER], window: 9s before it}]",
            "unmatched": "unmatched: {left: KIND, right: OTHER}, window: 9s before it",
        }.items()
    },
}
ALSO_REFUSED = {
    "not_seen": RULE.replace("ANCHOR", "BEHIND").replace(
        "CLAUSE", "match: [{not_seen: KIND, window: 9s before it}]"
    ),
    "requires": RULE.replace("ANCHOR", "BEHIND").replace("CLAUSE", "requires: [KIND healthy]"),
}


def one_of(kind: KindSpec, time: int) -> Event:
    """Make an event of a kind, with a value for each field that it must have."""
    plain: dict[Dimension, Any] = {Dimension.TEXT: "e" * 64, Dimension.FLAG: True}
    must = {
        spec.attr: spec.values[0] if spec.values else plain.get(spec.dimension, 1)
        for spec in kind.fields.values()
        if spec.required and spec.attr not in Event.__struct_fields__
    }
    make: Any = kind.struct
    event: Event = make(id=f"{kind.type}/{time}", store="s1", device="it", time=time, **must)
    return event


def written(text: str, type_: str) -> str:
    """Write a rule that names a kind, about events of two others."""
    behind, other = [one for one in ("pos.no_sale", "pos.void", "pos.refund") if one != type_][:2]
    return text.replace("KIND", type_).replace("BEHIND", behind).replace("OTHER", other)


def signals(folder: Path, kind: KindSpec, named: str) -> int:
    """Count what a rule raises by one event of the kind and another five seconds behind it."""
    text = written(NAMED[named], kind.type)
    behind = REGISTRY.kinds["pos.void" if kind.type == "pos.no_sale" else "pos.no_sale"]
    (folder / "one.yml").write_text(text)
    (folder / "store.yml").write_text("store: s1\nrules: [one.yml]\n")
    later = AT + 5_000_000
    log = [
        *(tick_of("s1", AT), one_of(kind, AT)),
        *(tick_of("s1", later), one_of(behind, later)),
        tick_of("s1", later + 1, final=True),
    ]
    archive = write_archive(folder / "archive", log)
    setup = read_setup(folder / "store.yml")
    summary = replay(setup, archive, folder / "ledger.db", clock=RecordingClock(1))
    return summary.stores["s1"].records.get("signal.raised", 0)


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("type_", KINDS)
def test_a_rule_is_judged_by_a_kind_or_refused_where_it_names_it(
    tmp_path: Path, type_: str, named: str
) -> None:
    kind = REGISTRY.kinds[type_]
    try:
        found = signals(tmp_path, kind, named)
    except FileMistakes as refused:
        assert kind.instead
        (mistake,) = refused.mistakes
        assert f"no rule ever sees a {type_!r}" in mistake.message
        assert mistake.hint == kind.instead
        assert type_ in written(NAMED[named], type_).splitlines()[mistake.line - 1]
    else:
        assert not kind.instead
        assert found == 1


@pytest.mark.parametrize("named", ALSO_REFUSED)
@pytest.mark.parametrize("type_", KINDS)
def test_what_no_rule_sees_is_neither_missed_nor_required(type_: str, named: str) -> None:
    text = written(ALSO_REFUSED[named], type_)
    if not REGISTRY.kinds[type_].instead:
        load_rule(text, "one.yml", REGISTRY)
        return
    with pytest.raises(FileMistakes, match="no rule ever sees"):
        load_rule(text, "one.yml", REGISTRY)


def test_the_engine_keeps_its_clock_and_its_reloads_to_itself_and_nothing_else() -> None:
    kept = {type_ for type_, kind in REGISTRY.kinds.items() if kind.instead}
    assert kept == {"clock.tick", "store.reloaded"} == set(KINDS) - set(REGISTRY.for_rules)
    assert REGISTRY.decoder.decode(
        b'{"type":"clock.tick","id":"a","store":"b","device":"c","time":1}'
    )


def test_a_misspelt_kind_is_never_taken_for_one_that_no_rule_sees() -> None:
    with pytest.raises(FileMistakes) as refused:
        load_rule(NAMED["anchor"].replace("KIND", "clock.ticks"), "one.yml", REGISTRY)
    (mistake,) = refused.value.mistakes
    assert "clock.tick" not in mistake.hint
