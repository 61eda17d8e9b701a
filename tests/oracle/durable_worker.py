"""One rule set of durable-rules and one stream, judged in a process that does nothing else.

Reads ``{"rules": definitions, "facts": [...]}`` from standard input and writes what fired: for each
match the events by name. Run by :mod:`durable_twin`; knows nothing of Aislewatch.
"""

from __future__ import annotations

import importlib
import json
import sys
from itertools import count
from typing import Any


def main() -> None:
    engine: Any = importlib.import_module("durable.engine")
    task = json.load(sys.stdin)
    fired: list[dict[str, str]] = []

    def keep(context: Any) -> None:
        facts: dict[str, Any] = context._m
        fired.append({name: fact["twin_event"] for name, fact in facts.items()})

    for definition in task["rules"].values():
        definition["run"] = keep
    host = engine.Host({"twin": task["rules"]})
    for fact in task["facts"]:
        # Another fact of the same 32-bit hash would be refused: salt it until it is taken.
        for salt in count(fact["twin_salt"]):
            try:
                host.assert_fact("twin", fact | {"twin_salt": salt})
            except engine.MessageObservedException:
                continue
            except engine.MessageNotHandledException:
                break  # No rule wants it.
            break
    json.dump(fired, sys.stdout)


if __name__ == "__main__":
    main()
