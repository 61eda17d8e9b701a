"""A backtest over many stores: each folder of day files judged in a process of its own.

The processes are the standard library's and not Ray tasks: the files lie on this machine, a Ray of
our own takes seconds and hundreds of megabytes to start, and replays must work where Ray is not
installed. What is judged depends on no order in which they end.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aislewatch.authoring.backtest_judging import FolderRun, StoreRun, Versions, judge_files
from aislewatch.errors import UsageError
from aislewatch.runtime.collector import calm_collector
from aislewatch.runtime.setup import Setup

_WORTH_BYTES: Final = 8_000_000
"""Of day files, for which another process is worth its start; they are judged in a few seconds."""


@dataclass(frozen=True)
class Run:
    """What judging all days gave.

    Attributes:
        stores: by name.
        refused: messages that are no events.
        strangers: messages of stores that the store file does not describe, by store.
    """

    stores: Sequence[StoreRun]
    refused: int
    strangers: Counter[str]


def run_days(
    setup: Setup,
    rules: Sequence[Versions],
    folders: Sequence[Sequence[Path]],
    *,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Judge day files by rules.

    Args:
        setup: of the shop.
        rules: what judges.
        folders: day files, one list for each folder.
        jobs: how many processes may work; with 1, or one folder, this one does it.
        on_progress: called with how many files are done, and how many there are.

    Raises:
        UsageError: a file is no archive, or two folders hold the same store.
    """
    total = sum(map(len, folders))
    done = 0

    def step(files: int = 1) -> None:
        nonlocal done
        done += files
        if on_progress is not None:
            on_progress(done, total)

    step(0)
    stores: dict[str, StoreRun] = {}
    strangers = Counter[str]()
    refused = 0
    for run in _runs(setup, rules, folders, jobs, step):
        refused += run.refused
        strangers.update(run.strangers)
        for store in run.stores:
            if store.store in stores:
                message = f"two folders hold days of {store.store}: give one archive at a time"
                raise UsageError(message)
            stores[store.store] = store
    return Run([stores[name] for name in sorted(stores)], refused, strangers)


def _runs(
    setup: Setup,
    rules: Sequence[Versions],
    folders: Sequence[Sequence[Path]],
    jobs: int,
    step: Callable[..., None],
) -> Iterator[FolderRun]:
    sizes = {files[0]: sum(file.stat().st_size for file in files) for files in folders}
    jobs = min(jobs, len(folders), 1 + sum(sizes.values()) // _WORTH_BYTES)
    if jobs <= 1:
        calm_collector()
        for files in folders:
            yield judge_files(setup, rules, files, step)
        return
    # Spawned, never forked: this process has threads, the progress bar's for one.
    context = multiprocessing.get_context("spawn")
    # Without what the model has worked out for itself so far, which cannot be sent.
    sent = replace(setup, rules=(), feeds={}, model=replace(setup.model))
    workers = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(sent, tuple(rules)))
    # The largest first, so that none is left to work alone at the end.
    order = sorted(folders, key=lambda files: (-sizes[files[0]], files[0]))
    try:
        waiting = {workers.submit(_judge, tuple(files)): len(files) for files in order}
        for future in as_completed(waiting):
            yield future.result()
            step(waiting[future])
    finally:
        workers.shutdown(cancel_futures=True)


_given: list[tuple[Setup, tuple[Versions, ...]]] = []
"""What this process was started for, where it is a worker."""


def _begin(setup: Setup, rules: tuple[Versions, ...]) -> None:
    # Ctrl-C reaches all processes of a terminal at once; a worker has nothing to tidy away or say.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    calm_collector()
    _given.append((setup, rules))


def _judge(files: tuple[Path, ...]) -> FolderRun:
    ((setup, rules),) = _given
    return judge_files(setup, rules, files)
