"""Cases of two established engines, each said as rules where the language can say it, and judged.

The cases are facts of Siddhi's and Flink CEP's own tests (what is sent when, what comes out); they
are no part of this project and are looked for beside the checkout. What cannot be said is told with
its reason; an expected result is never adapted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flink_family
import siddhi_family
from rule_family import FIGURE, TEXT, Draft, event_of, kind_of, matches
from siddhi_conditions import place_of
from siddhi_family import ENDED, STARTED, Stage
from siddhi_text import read_query
from siddhi_tree import NotSaid, Query, Reason

from aislewatch.events.kinds import Event

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
FOLDER = DATA / "conformance"

_TYPES = {"string": TEXT, "bool": bool, "int": FIGURE, "long": FIGURE} | dict.fromkeys(
    ("float", "double"), FIGURE
)
_NO_KEY = Reason(
    "a partition whose key is not told", "the facts leave out what the case is parted by"
)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        expected: what the other engine puts out, sorted.
        got: what the rules say, sorted.
        rules: how many rules it took.
    """

    expected: Sequence[str]
    got: Sequence[str]
    rules: int


@dataclass(frozen=True)
class Case:
    """A case of another engine.

    Attributes:
        name: engine, file and test.
        features: what of a pattern language it uses.
        judge: says it as rules and judges; raises NotSaid.
    """

    name: str
    features: frozenset[str]
    judge: Callable[[], Outcome]


def load_cases() -> list[Case]:
    """Read all cases; empty where they are not there."""
    if not FOLDER.is_dir():
        return []
    siddhi = json.loads((FOLDER / "siddhi.json").read_text())["cases"]
    flink = json.loads((FOLDER / "flink_cep.json").read_text())["cases"]
    return [*map(_siddhi, siddhi), *map(_flink, flink)]


# Siddhi ------------------------------------------------------------------------------------------


def _siddhi(case: Mapping[str, Any]) -> Case:
    file, query = case["file"].removesuffix("TestCase.java"), str(case["query"])
    earlier = r"\[[^\]]*\be\d+(\[[\w-]+\])?\.\w"
    words = {
        "absence": "not " in query,
        "absence for a time": " for " in query,
        "sequence": "sequence" in file.lower(),
        "pattern": "attern" in file,
        "within": " within " in query,
        "count": bool(re.search(r"<\d*:?\d*>|\][*+?]", query)),
        "and, or": bool(re.search(r"\) (and|or)|\] ?(and|or) |\] for \d \w+ (and|or) ", query)),
        "every": "every" in query,
        "comparison with an earlier event": bool(re.search(earlier, query)),
        "partition": "Partition" in file or "partition with" in query,
        "window of a stream": "indow" in file,
    }
    features = frozenset(f"Siddhi: {word}" for word, is_there in words.items() if is_there)
    return Case(f"siddhi/{file}/{case['test']}", features, lambda: judge_siddhi(case))


def judge_siddhi(case: Mapping[str, Any]) -> Outcome:
    """Say a case as rules and judge them.

    Raises:
        NotSaid: the language cannot say it.
    """
    text = str(case["query"])
    key = ""
    if whole := re.search(r"partition with \((\w+) of .*?begin(.*)end", text, re.DOTALL):
        key, text = whole[1], whole[2]
    query = read_query(text)
    streams = _streams(f"{case['definitions'] or ''} {case['query']}")
    if "Partition" in case["file"]:
        key = _key_of(streams)
    kind = kind_of(
        {"stream": TEXT, "partition": TEXT}
        | {name: _TYPES[type_.lower()] for fields in streams.values() for name, type_ in fields}
    )
    actions = case["actions"]
    lasts_us = _end_ms(actions) * 1000
    events: list[Event] = []
    for action in actions:
        if "send" not in action:
            continue
        names = [name for name, _ in streams[action["send"]]]
        row = {name: _value(value) for name, value in zip(names, action["row"], strict=True)}
        row |= {"stream": action["send"]} | ({"partition": str(row[key])} if key else {})
        events.append(event_of(kind, 1000 + len(events), action["t"] * 1000, row))
    parts = sorted({getattr(event, "partition", None) or "" for event in events}) if key else [""]
    around: list[Event] = []
    for place, part in enumerate(parts):
        where = {"partition": part} if part else {}
        around.append(event_of(kind, place, 0, {"stream": STARTED, **where}))
        around.append(event_of(kind, 2000 + place, lasts_us, {"stream": ENDED, **where}))
    stage = Stage(len(events), lasts_us, "partition" if key else "")
    family = siddhi_family.family_of(query, stage)
    rows = [_row(query, match) for match in matches(family, [*around, *events], kind)]
    count, expected = case["expected_count"], case["expected_rows"]
    if expected is None or len(expected) != count:
        # Where rows and count differ, the rows are those of a check that never came to be.
        return Outcome([f"{count} matches"], [f"{len(rows)} matches"], len(family))
    told = [[_value(value) for value in row] for row in expected]
    return Outcome(sorted(map(str, told)), sorted(map(str, rows)), len(family))


def _streams(definitions: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for stream, fields in re.findall(r"define stream (\w+) ?\(([^)]*)\)", definitions):
        parts = [field.split() for field in fields.split(",")]
        found[stream] = [(part[0], part[1]) for part in parts]
    return found


def _key_of(streams: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Give what Siddhi's partition tests are parted by, where all streams have it."""
    for key in ("quantity", "volume"):
        if all(key in [name for name, _ in fields] for fields in streams.values()):
            return key
    raise NotSaid(_NO_KEY)


def _end_ms(actions: Sequence[Mapping[str, Any]]) -> int:
    """Give when a case counts what came out.

    A case that waits twice at its end has counted in between; the second wait is for more to come.
    """
    twice = len(actions) > 1 and all("advance" in action for action in actions[-2:])
    end: int = actions[-2 if twice else -1]["t"]
    return end


def _value(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _row(query: Query, match: Mapping[str, Sequence[Event]]) -> list[Any]:
    row: list[Any] = []
    for column in query.columns:
        events = match.get(column.owner, [])
        place = place_of(column.at, len(events))
        row.append(None if place is None else getattr(events[place], column.name))
    return row


# Flink CEP ---------------------------------------------------------------------------------------


def _flink(case: Mapping[str, Any]) -> Case:
    elements = _elements(case["pattern"])
    ways = {str(element["contiguity"]) for element in elements}
    words = {
        "absence": bool(ways & {"not_strict", "not_relaxed"}),
        "sequence": len(elements) > 1,
        "within": case["within_ms"] is not None,
        "count": any("times" in element for element in elements),
        "optional": any(element.get("optional") for element in elements),
        "greedy": any(element.get("greedy") for element in elements),
        "until": any(element.get("until") for element in elements),
        "group": any("group" in element for element in elements),
        "followed by any": "any" in ways,
        "strictly next": "strict" in ways,
        "after-match skip": case["skip"] not in {None, "noSkip()"},
    }
    features = frozenset(f"Flink: {word}" for word, is_there in words.items() if is_there)
    name = f"flink/{case['file'].removesuffix('ITCase.java')}/{case['test']}"
    return Case(name, features, lambda: judge_flink(case))


def _elements(pattern: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for element in pattern for one in (element, *_elements(element.get("group", ())))]


def judge_flink(case: Mapping[str, Any]) -> Outcome:
    names = ("name", "price", "volume", "subtype")
    kind = kind_of({"name": TEXT, "price": FIGURE, "volume": FIGURE, "subtype": TEXT})
    events: list[Event] = []
    called: dict[str, str] = {}
    for number, told in enumerate(case["events"]):
        # Without a time to keep, Flink's tests feed events in the order of the file.
        time_ms = told["t_feed"] if case["within_ms"] is None else told["ts"]
        content = {name: told[name] for name in names if name in told}
        events.append(event_of(kind, number, time_ms * 1000, content))
        called[events[-1].id] = told["var"]
    family: list[Draft] = flink_family.family_of(case)
    found = matches(family, events, kind)
    got = {str(sorted(called[event.id] for event in match["run"])) for match in found}
    return Outcome(
        sorted({str(sorted(match)) for match in case["expected"]}), sorted(got), len(family)
    )
