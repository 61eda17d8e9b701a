"""Flink CEP itself as the judge of random patterns: its library, driven by a small Java program.

Groups are left out: how their contiguity and Flink's meet is tried by the file of cases alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).parent
Asked = Mapping[str, Any]
"""A pattern, its ``within_ms``, and streams of events."""


def why_absent() -> str:
    """Say what is missing to ask Flink; empty where nothing is."""
    if find_spec("pyflink") is None:
        return "the extra 'flink' is not installed"
    return "" if shutil.which("javac") else "there is no Java compiler"


def ask(asked: Sequence[Asked], folder: Path) -> list[dict[str, Any]]:
    """Let Flink judge; gives for each the matches of its streams, or why it refuses.

    Args:
        asked: patterns with streams.
        folder: an empty one.
    """
    spec = find_spec("pyflink")
    assert spec is not None
    assert spec.submodule_search_locations
    library = f"{spec.submodule_search_locations[0]}/lib/*"
    subprocess.run(
        ["javac", "-cp", library, "-d", folder, HERE / "FlinkJudge.java"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "asked.json").write_text(json.dumps(asked))
    opened = ["--add-opens", "java.base/java.util=ALL-UNNAMED"]
    names = [str(folder / "asked.json"), str(folder / "answers.json")]
    subprocess.run(
        ["java", "-cp", f"{folder}:{library}", *opened, "FlinkJudge", *names],
        check=True, capture_output=True,
    )  # fmt: skip
    answers: list[dict[str, Any]] = json.loads((folder / "answers.json").read_text())
    return answers


def matches_of(answer: Mapping[str, Any], stream: int) -> list[list[str]]:
    """Give the matches of one stream, as the events are called there."""
    told = (match.split(" ", 1) for match in answer["matches"])
    return [[f"v{place}" for place in json.loads(m)] for number, m in told if int(number) == stream]


def random_case(random: Random) -> Asked:
    """Make a pattern of any features, and streams in which it may come true."""
    return {
        "pattern": [_step(random, number) for number in range(random.choice([1, 2, 2, 3, 3, 4]))],
        "within_ms": random.choice([None, None, 3, 5, 8]),
        "streams": [_stream(random) for _ in range(5)],
    }


def _step(random: Random, number: int) -> dict[str, Any]:
    ways = ["strict", "relaxed", "relaxed", "any", "not_relaxed", "not_strict"]
    way = random.choice(ways) if number else "begin"
    step: dict[str, Any] = {"contiguity": way, "name": f"step{number}"}
    step["where"] = _condition(random)
    if way.startswith("not_"):
        return step
    if random.random() < 0.45:
        step["times"] = random.choice([[1, None], [2, None], [2, 2], [3, 3], [1, 3], [2, 3]])
        inner = random.choice(["consecutive", "allowCombinations", "", ""])
        if inner:
            step[inner] = True
        if step["times"][1] is None and random.random() < 0.2:
            value = float(random.randrange(2, 5))
            step["until"] = {"field": "price", "op": random.choice(["==", ">"]), "value": value}
        if inner != "allowCombinations" and random.random() < 0.2:
            step["greedy"] = True
    if random.random() < 0.25:
        step["optional"] = True
    return step


def _condition(random: Random) -> dict[str, Any]:
    if random.random() < 0.85:
        return {"field": "name", "op": "==", "value": random.choice("abcabcd")}
    op, value = random.choice([">", "<", "==", ">="]), float(random.randrange(1, 5))
    return {"field": "price", "op": op, "value": value}


def _stream(random: Random) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    time = 0
    for place in range(random.randrange(3, 8)):
        time += random.randrange(1, 3)
        name, price = random.choice("aaabbbccd"), float(random.randrange(1, 6))
        event = {"var": f"v{place}", "name": name, "price": price, "ts": time, "t_feed": place + 1}
        events.append(event)
    return events
