"""Options that several commands share, each in one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
