"""Options that several commands share, each in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

LEDGER = Path("aislewatch.db")
"""The ledger that is meant where none is named."""

Json = Annotated[bool, typer.Option("--json", help="JSON instead of words, for scripts.")]

LedgerFile = Annotated[
    Path, typer.Option("--ledger", help="The ledger.", metavar="FILE", show_default=True)
]

StoreFile = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="STORE.yml",
        help="The store file: shows times and amounts as it says now, and what its rules advise.",
    ),
]

RUN_FOLDER = LEDGER.with_suffix(".run")
"""The folder of the run that is meant where none is named."""

RunningFolder = Annotated[
    Path,
    typer.Option(
        "--folder",
        metavar="RUNFOLDER",
        help="The run's: its --folder, or LEDGER.run beside its ledger.",
        show_default=True,
    ),
]

DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="What $data stands for in the store file."),
]

IncidentId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id; the latest one if not said.")
]

RuleFile = Annotated[Path, typer.Argument(metavar="RULE.yml", help="The rule.")]

RuleFiles = Annotated[
    list[Path], typer.Argument(metavar="FILES...", help="Rule files, or folders of them.")
]


def store_option(what: str) -> Any:  # Typer's own word for what a parameter is annotated with.
    """Make the option that names the store file; ``what`` says what for."""
    return typer.Option("--store", metavar="STORE.yml", help=what)


def ledger_option(what: str) -> Any:
    """Make the option of a command that needs no ledger; ``what`` says what one is good for."""
    return typer.Option("--ledger", metavar="FILE", help=what)
