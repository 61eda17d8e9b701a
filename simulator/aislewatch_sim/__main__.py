"""``python -m aislewatch_sim KIND``: one simulated device, run by hand.

The same twins as ``aislewatch sim device`` runs, without the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

TWINS = "aislewatch.twins"


def main(arguments: Sequence[str]) -> int:
    """Run the twin that the first argument names; gives the exit code."""
    points = {point.name: point for point in entry_points(group=TWINS)}
    if not arguments or arguments[0] not in points:
        names = ", ".join(sorted(points)) or "none"
        sys.stderr.write(f"usage: python -m aislewatch_sim KIND ...; kinds: {names}\n")
        return 2
    kind = arguments[0]
    twin: Any = points[kind].load()
    code: int = twin(arguments[1:], prog=f"python -m aislewatch_sim {kind}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
