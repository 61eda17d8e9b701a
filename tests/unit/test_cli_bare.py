"""The commands on an installation that has no device's extra."""

from __future__ import annotations

import subprocess
import sys

import pytest

EXTRAS = ("numpy", "cv2", "aiomqtt", "serial", "ai_edge_litert", "lxml")


@pytest.mark.parametrize("command", ["demo", "run", "replay", "incidents", "ledger", "rules"])
def test_a_command_needs_no_package_of_a_device(command: str) -> None:
    lacking = "".join(f"sys.modules[{name!r}] = None; " for name in EXTRAS)
    code = f"import sys; {lacking}import aislewatch.cli.{command}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
