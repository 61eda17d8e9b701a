"""The command as a whole: quick to answer, one clear line for what goes wrong, exit codes."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from aislewatch.cli.app import COMMANDS, COULD_NOT_RUN, FINDINGS, FINE, main

ROOT = Path(__file__).parents[2]


def test_the_list_of_commands_loads_nothing_that_is_slow_to_load() -> None:
    script = (
        "import sys; from aislewatch.cli.app import main; main(['--help']); "
        "print([m for m in ('ray', 'nats', 'sqlalchemy', 'sqlmodel', 'pydantic', 'aiohttp') "
        "if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"
    assert all(name in ran.stdout for name in COMMANDS)


def test_it_can_be_run_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "aislewatch", "version", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["aislewatch"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_it_says_of_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == FINE
    assert COMMANDS[name].about in capsys.readouterr().out
    module = importlib.import_module(f"aislewatch.cli.{name.replace('-', '_')}")
    if not COMMANDS[name].group:
        assert module.command.__doc__.splitlines()[0] == COMMANDS[name].about


def test_a_mistyped_command_is_told_in_one_line_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["archve"]) == COULD_NOT_RUN
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "aislewatch: No such command 'archve'. Did you mean 'archive'?",
        "Try 'aislewatch --help'.",
    ]


def test_a_missing_argument_is_told_with_the_command_that_misses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run"]) == COULD_NOT_RUN
    assert capsys.readouterr().err.startswith("aislewatch run: Missing argument 'STORE.yml")


def test_an_option_without_its_value_is_told_with_the_command_that_asked_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rules", "events", "--store"]) == COULD_NOT_RUN
    assert capsys.readouterr().err.splitlines()[-1] == "Try 'aislewatch rules events --help'."


@pytest.mark.parametrize("words", [[], ["rules"], ["rules", "check"], ["run"]])
def test_no_help_asks_for_the_value_of_an_option_that_takes_none(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == FINE
    assert "<bool>" not in capsys.readouterr().out


def test_nothing_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == COULD_NOT_RUN
    out, err = capsys.readouterr()
    assert "Commands" in out
    assert err == ""


def test_a_file_that_is_not_there_is_told_in_one_line_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "verify", "--ledger", str(tmp_path / "no.db")]) == COULD_NOT_RUN
    assert capsys.readouterr().err == f"aislewatch: there is no ledger at {tmp_path / 'no.db'}\n"


def test_debug_shows_the_traceback_wherever_it_stands_on_the_line(tmp_path: Path) -> None:
    where = str(tmp_path / "no.db")
    with pytest.raises(Exception, match="there is no ledger"):
        main(["--debug", "ledger", "verify", "--ledger", where])
    with pytest.raises(Exception, match="there is no ledger"):
        main(["ledger", "verify", "--ledger", where, "--debug"])


def test_mistakes_in_a_store_file_are_told_whole_and_are_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "store.yml"
    file.write_text("store: s1\ntimezon: UTC\ncurrency: euro\n")
    assert main(["replay", str(file)]) == FINDINGS
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{file}:2:1: error: unknown key 'timezon'" in err
    assert "    ^^^^^^^" in err
    assert f"{file}:3:11: error:" in err
    assert err.endswith("2 mistakes\n")


def test_what_should_not_have_happened_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module("aislewatch.cli.version")

    def broken(part: str) -> str:
        raise ZeroDivisionError(part)

    monkeypatch.setattr(module, "_installed", broken)
    assert main(["version"]) == COULD_NOT_RUN
    err = capsys.readouterr().err
    assert "this should not have happened: ZeroDivisionError" in err
    assert "--debug" in err
    assert "Traceback" not in err


def test_a_live_run_without_the_live_parts_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module("aislewatch.cli.version")

    def broken(part: str) -> str:
        raise ModuleNotFoundError(part, name="ray")

    monkeypatch.setattr(module, "_installed", broken)
    assert main(["version"]) == COULD_NOT_RUN
    assert capsys.readouterr().err == (
        "aislewatch: this needs ray: pip install 'aislewatch[live]'\n"
    )


@pytest.mark.parametrize("command", ["check", "test", "read", "lock"])
def test_mistakes_in_files_are_json_where_json_was_asked_for(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rule.yml").write_text("id: two words\n")
    assert main(["rules", command, str(tmp_path), "--json"]) == FINDINGS
    told = json.loads(capsys.readouterr().out)["mistakes"]
    assert any("two words" in one["message"] and one["line"] == 1 for one in told)
