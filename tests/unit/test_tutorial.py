"""The author's tutorial, walked: every command is typed, every answer is the one that is shown."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aislewatch.cli.app import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "rules" / "TUTORIAL.md").read_text(encoding="utf-8")

BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
"""What the tutorial shows: files, changes of files, and what is typed; in order."""

ENDS = ", at its end"


def typed(block: str) -> Iterator[tuple[str, str]]:
    """Give each command with the answer that is shown."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, answer = part.partition("\n")
        yield command, answer


def pattern_of(answer: str) -> str:
    """Give the pattern of an answer: ``...`` stands for the rest of a line, or for any lines."""
    lines: list[str] = []
    for line in answer.rstrip().splitlines():
        if line == "...":
            lines.append("(?:.*\n)*?")
        else:
            whole = re.escape(line.removesuffix("..."))
            lines.append(whole + (".*\n" if line.endswith("...") else " *\n"))
    return "".join(lines)


def write(block: str) -> None:
    """Write a file that is shown, or add to it."""
    place, _, text = block.partition("\n")
    name = place.removeprefix("# ")
    file = Path(name.removesuffix(ENDS))
    before = file.read_text(encoding="utf-8") if name.endswith(ENDS) else ""
    file.write_text(before + text, encoding="utf-8")


def change(block: str) -> None:
    """Put lines of a file another way."""
    place, *lines = block.splitlines()
    file = Path(place.removeprefix("--- "))
    text = file.read_text(encoding="utf-8")
    for old, new in zip(lines[::2], lines[1::2], strict=True):
        assert (old[0], new[0]) == ("-", "+")
        assert text.count(f"{old[1:]}\n") == 1, old
        text = text.replace(old[1:], new[1:])
    file.write_text(text, encoding="utf-8")


def shell(command: str) -> bool:
    """Do what is no command of ours; False where it is one."""
    verb, *args = shlex.split(command)
    if verb == "cd":
        os.chdir(*args)
    elif args[:1] == ["-r"]:
        shutil.copytree(ROOT / args[1], args[2])
    elif verb == "cp":
        shutil.copy(*args)
    else:
        assert verb == "aislewatch"
        return False
    return True


def test_whoever_types_the_tutorial_gets_the_answers_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for language, block in BLOCKS:
        if language == "yaml":
            write(block)
        elif language == "diff":
            change(block)
        for command, answer in typed(block) if language == "console" else ():
            if shell(command):
                continue
            code = main(shlex.split(command)[1:])
            told = "".join(capsys.readouterr())
            assert re.fullmatch(pattern_of(answer), f"{told.rstrip()}\n"), f"{command}\n{told}"
            assert code == (1 if ": error: " in told else 0), command


def test_the_tutorial_walks_from_a_mistake_to_a_rule_that_counts() -> None:
    commands = [
        command.removeprefix("aislewatch ")
        for language, block in BLOCKS
        if language == "console"
        for command, _ in typed(block)
    ]
    walked = [command.partition(" rules/")[0] for command in commands]
    steps = ["rules check rules", "rules test", "rules read", "rules backtest", "rules promote"]
    places = [walked.index(step) for step in steps]
    assert places == sorted(places)
    for step in (
        "rules why-not",
        "rules why ",
        "rules capture",
        "rules new",
        "rules lock",
        "replay",
    ):
        assert any(command.startswith(step) for command in commands), step


def test_the_shop_of_the_tutorial_is_one_without_people_and_cards() -> None:
    rows = (ROOT / "fixtures" / "tutorial" / "till.jsonl").read_text(encoding="utf-8")
    assert not re.search(r"\d{12,}", rows)
    assert set(re.findall(r'"by": "(\w+)"', rows)) == {"C1", "C2", "C7"}
