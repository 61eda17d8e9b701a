"""`rules check --watch`, as its user sees it: each save is answered, and Ctrl-C ends it."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RULE = """\
id: any-tag
title: A tag went out
status: draft
when: {event: rfid.crossing, as: exit}
incident: {type: theft.exit, about: {epc: exit.epc}, points: 8, because: "{exit.epc} went out"}
"""


class Watching:
    """A command that watches; gives what it found at each save."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def found(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        told: dict[str, Any] = json.loads(line)
        return told

    def mistakes(self) -> list[str]:
        return [mistake["message"] for mistake in self.found()["mistakes"]]


@contextmanager
def watching(*words: str) -> Generator[Watching]:
    words = ("-m", "aislewatch", "rules", "check", *words, "--watch", "--json")
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


def saved(path: Path, text: str) -> None:
    """Save as many editors do: a new file takes the old one's place."""
    new = path.with_suffix(".tmp")
    new.write_text(text)
    new.replace(path)


def test_each_save_is_answered_until_ctrl_c_which_ends_it_with_0(tmp_path: Path) -> None:
    rule = tmp_path / "any-tag.yml"
    rule.write_text(RULE)
    with watching(str(tmp_path)) as watch:
        assert watch.mistakes() == []
        rule.write_text(RULE.replace("points", "pints"))
        assert watch.mistakes() == ["unknown key 'pints'"]
        saved(rule, RULE)
        assert watch.mistakes() == []
        folder = tmp_path / "more"
        folder.mkdir()
        saved(folder / "second.yml", RULE)
        assert any("is in" in mistake for mistake in watch.mistakes()), "two rules of one name"
        (folder / "second.yml").unlink()
        assert watch.mistakes() == []
        watch.process.send_signal(signal.SIGINT)
        _, err = watch.process.communicate()
    assert watch.process.returncode == 0
    assert "Traceback" not in err
    assert "and again at each save; Ctrl-C ends it" in err


def test_a_store_file_that_breaks_and_a_rule_that_goes_end_nothing(tmp_path: Path) -> None:
    rule, store = tmp_path / "any-tag.yml", tmp_path / "store.yml"
    rule.write_text(RULE)
    store.write_text("store: s1\n")
    with watching(str(rule), "--store", str(store)) as watch:
        assert watch.mistakes() == []
        saved(store, "store: s1\nrulse: []\n")
        assert watch.mistakes() == ["unknown key 'rulse'"]
        saved(store, "store: s1\n")
        assert watch.mistakes() == []
        rule.unlink()
        assert "cannot be read" in watch.found()["error"]
        saved(rule, RULE)
        assert watch.mistakes() == []
        watch.process.send_signal(signal.SIGINT)
        watch.process.communicate()
    assert watch.process.returncode == 0
