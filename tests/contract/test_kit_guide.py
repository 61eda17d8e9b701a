"""``plugins/YOUR_FIRST_DEVICE.md``, step by step, as a stranger with an installation follows it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

GUIDE = Path(__file__).parents[2] / "plugins" / "YOUR_FIRST_DEVICE.md"
PORT_OF_THE_GUIDE = "4001"
STEP_S = 200


class Block(NamedTuple):
    """A fenced block of the guide: what it is, what it is for, its text."""

    language: str
    purpose: str
    text: str


def blocks() -> Iterator[Block]:
    fenced = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for found in fenced.finditer(GUIDE.read_text(encoding="utf-8")):
        yield Block(*found.groups())


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Stranger:
    """Somebody with a virtual environment that has Aislewatch in it, and a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "work"
        self.here.mkdir()
        self.said = ""
        venv = folder / "venv"
        made = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
        subprocess.run(made, check=True, timeout=STEP_S)
        ours = sysconfig.get_path("purelib")
        theirs = Path(
            sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
        )
        # What is installed for this test run is installed for the stranger.
        (theirs / "installed.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        for program in ("aislewatch", "pip", "pytest", "mypy"):
            script = venv / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" -m {program} "$@"\n')
            script.chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": f"{venv}/bin:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",  # Everything that is needed is there.
            "PIP_NO_BUILD_ISOLATION": "0",  # By pip's own logic this says: none.
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, commands: str) -> None:
        """Do what a block says; a `cd` in it lasts."""
        done = subprocess.run(
            ["sh", "-e", "-c", f"{commands}\necho; echo HERE:$PWD"],
            cwd=self.here,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_S,
            check=False,
        )
        self.said, _, here = done.stdout.rpartition("\nHERE:")
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        self.here = Path(here.strip())

    @contextmanager
    def beside(self, command: str) -> Generator[subprocess.Popen[str]]:
        """Start a command in another terminal; it is ended with this."""
        process = subprocess.Popen(
            f"exec {command.strip()}",
            shell=True,
            cwd=self.here,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=STEP_S)

    def listen(self, command: str, twin: subprocess.Popen[str]) -> None:
        """Run a command and have the twin see something until it is over."""
        assert twin.stdin is not None
        assert twin.stdout is not None
        assert "'help'" in twin.stdout.readline()  # It is up.
        with self.beside(command) as listening:
            while listening.poll() is None:
                twin.stdin.write("see\n")
                twin.stdin.flush()
                with suppress(subprocess.TimeoutExpired):
                    listening.wait(timeout=0.2)
            assert listening.stdout is not None
            self.said = listening.stdout.read()
            assert listening.returncode == 0, self.said

    def write(self, name: str, text: str) -> None:
        """Write a file as the guide has it."""
        (self.here / name).write_text(text, encoding="utf-8")

    def change(self, text: str) -> None:
        """Make a change as the guide has it."""
        done = subprocess.run(
            ["git", "apply", "--recount", "-"],
            input=text,
            cwd=self.here,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="its steps are for a POSIX shell")
def test_the_guide_leads_a_stranger_from_nothing_to_a_plugin_in_a_shop(tmp_path: Path) -> None:
    stranger, port = Stranger(tmp_path), free_port()
    twin: subprocess.Popen[str] | None = None
    done: set[str] = set()
    with ExitStack() as terminals:
        for language, purpose, written in blocks():
            text = written.replace(PORT_OF_THE_GUIDE, port)
            match language, purpose:
                case "sh", "twin":
                    twin = terminals.enter_context(stranger.beside(text))
                case "sh", "listen":
                    assert twin is not None
                    stranger.listen(text, twin)
                case "sh", "":
                    stranger.run(text)
                case "text", "":
                    missing = [line for line in text.splitlines() if line not in stranger.said]
                    assert not missing, stranger.said
                case "diff", "":
                    stranger.change(text)
                case "yaml", _:
                    if purpose:
                        stranger.write(purpose, text)
                case _:
                    raise AssertionError(language, purpose)
            done.add(language)
    assert done == {"sh", "text", "diff", "yaml"}
    brought = list((tmp_path / "venv").rglob("shoe_mat/sensor.py"))
    assert brought, "installed from its wheel, away from its source and from this repository"
