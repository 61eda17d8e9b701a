"""Fuzz one decoder by coverage, with Atheris: ``python tests/fuzz/fuzz_decoder.py NAME``.

Ends with 0 when the time is over and nothing was found; with another code at the first input that
breaks the decoder or takes it seconds, which is left in the folder of findings. Such an input
belongs into the decoder's tests.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

HANGS_S = 10
MEMORY_MIB = 2_048


def main() -> None:
    """Fuzz until the time is over."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", help="of a target; see targets.py")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    atheris: Any = importlib.import_module("atheris")
    # Only what is instrumented while it is imported tells its coverage.
    with atheris.instrument_imports(include=["aislewatch_plugins", "aislewatch.devices"]):
        targets = importlib.import_module("targets")
    target = next(one for one in targets.targets() if one.name == given.name)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        options = [
            f"-max_total_time={given.seconds}",
            f"-max_len={targets.LONGEST}",
            f"-timeout={HANGS_S}",
            f"-rss_limit_mb={MEMORY_MIB}",
            f"-artifact_prefix={given.findings}/{given.name}-",
            f"-seed={given.seed}",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], corpus, *options], target.run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
