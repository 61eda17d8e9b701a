"""The command ``aislewatch``: finds the command that is meant, runs it, says what went wrong.

Only the module of the command at hand is imported: `aislewatch --help` and a mistyped command must
answer at once, and the database, the stream and Ray take seconds to load.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import typer
from typer.exceptions import TyperException

from aislewatch.errors import AislewatchError, FileMistakes, LedgerDamaged

FINE, FINDINGS, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: as asked; files hold mistakes or a ledger is damaged; not done; stopped by Ctrl-C."""


_LIVE = frozenset({"aiohttp", "nats", "nats_server", "psutil", "ray"})
"""What a live run needs and an installation for replays does without."""


class Command(NamedTuple):
    """A command, or a group of them.

    Attributes:
        about: what it does; the first line of its own help.
        group: its module holds ``app``, a group of commands; otherwise ``command``, a function.
    """

    about: str
    group: bool = False


COMMANDS = {
    "demo": Command("Watch a simulated shop for a minute; needs no devices."),
    "run": Command("Watch a shop's devices and write what is found into a ledger."),
    "reload": Command("Have a run go by its rules, lists and parameters as they are now."),
    "lists": Command("Put something on a named list, take it off, see what is on it.", group=True),
    "watchlist": Command("Keep the list of known offenders, if the shop has opted in.", group=True),
    "privacy": Command("See what is kept of a person, and have them forgotten.", group=True),
    "replay": Command("Decide again on events that have been, from files."),
    "archive": Command("Write a run's event stream as files, to be replayed."),
    "dead-letters": Command("See what a run has refused, and why."),
    "incidents": Command("See what was found, and why.", group=True),
    "ledger": Command("Look at what was written down, and verify it.", group=True),
    "rules": Command(
        "Write, check, test and try rules; ask why one spoke or kept silent.", group=True
    ),
    "plugin": Command("Bring your own device: write, try and grade its plugin.", group=True),
    "sim": Command("Run a simulated device by hand.", group=True),
    "version": Command("Say which version this is, and what it runs on."),
}
"""By name, which is also the name of its module (with ``_`` for ``-``)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments ask for; gives the exit code.

    Args:
        arguments: in place of those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Wherever it stands: people add it to the end of the line that has just failed.
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        app = _application(next((word for word in words if not word.startswith("-")), ""))
        command: Any = typer.main.get_command(app)
        _name_no_types_of_flags(command)
        code: Any = command(args=words, prog_name="aislewatch", standalone_mode=False)
    except KeyboardInterrupt:
        if debug:
            raise
        return INTERRUPTED
    except BrokenPipeError:
        return FINE  # Whoever read us has seen enough.
    except Exception as error:
        if debug:
            raise
        if isinstance(error, FileMistakes) and "--json" in words:
            told = {"mistakes": [asdict(mistake) for mistake in error.mistakes]}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return _explain(error, words)
    return code if isinstance(code, int) else FINE


def _application(wanted: str) -> typer.Typer:
    app = typer.Typer(
        help="Turn what a shop's devices see into incidents that a person can look at.",
        epilog="Exit codes: 0 fine; 1 mistakes in files, or a damaged ledger; 2 could not run.",
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_general)
    for name, (about, group) in COMMANDS.items():
        if name != wanted:
            app.command(name, help=about)(_not_asked_for)
            continue
        module: Any = importlib.import_module(f"aislewatch.cli.{name.replace('-', '_')}")
        if group:
            app.add_typer(module.app, name=name, help=about)
        else:
            app.command(name)(module.command)
    return app


def _name_no_types_of_flags(command: Any) -> None:
    """Have no help say ``<bool>`` of an option that takes no value: people would type one."""
    for below in getattr(command, "commands", {}).values():
        _name_no_types_of_flags(below)
    for option in [*command.params, command.get_help_option(typer.Context(command))]:
        if getattr(option, "is_flag", False):
            option.metavar = ""


def _general(
    debug: bool = typer.Option(
        False, "--debug", help="Show the whole traceback of an error; anywhere on the line."
    ),
) -> None:
    assert not debug, "taken out of the words before they come here"


def _not_asked_for() -> None:
    raise AssertionError


def _asked(words: Sequence[str]) -> str:
    """Give the command that the words begin with: what misses an option's value does not say it."""
    deep = 2 if words and words[0] in COMMANDS and COMMANDS[words[0]].group else 1
    return " ".join(["aislewatch", *(word for word in words[:deep] if not word.startswith("-"))])


def _explain(error: Exception, words: Sequence[str]) -> int:
    """Say what went wrong in one clear line; located mistakes are shown whole."""
    code = COULD_NOT_RUN
    if isinstance(error, FileMistakes):
        count = len(error.mistakes)
        text = f"{error}\n\n{count} mistake{'s' if count > 1 else ''}"
        code = FINDINGS
    elif isinstance(error, AislewatchError):
        text = f"aislewatch: {error}"
        code = FINDINGS if isinstance(error, LedgerDamaged) else code
    elif isinstance(error, TyperException):
        context: Any = getattr(error, "ctx", None)
        path = context.command_path if context is not None else _asked(words)
        text = f"{path}: {error.format_message()}\nTry '{path} --help'."
        if not error.format_message():  # A group that was given nothing has shown its help.
            return code
    elif isinstance(error, ModuleNotFoundError) and error.name in _LIVE:
        text = f"aislewatch: this needs {error.name}: pip install 'aislewatch[live]'"
    elif isinstance(error, OSError):
        text = f"aislewatch: {error.filename or ''}: {error.strerror or error}".replace(": :", ":")
    else:
        text = (
            f"aislewatch: this should not have happened: {type(error).__name__}: {error}\n"
            "Run it again with --debug to see where; that is what to report."
        )
    sys.stderr.write(text + "\n")
    return code
