"""A gate's reads counted at the reader and in the ledger: the bench's count, on a short load."""

from pathlib import Path

import gate_load
import picture_jobs
import plugin_jobs
import pytest


@pytest.mark.live
async def test_every_read_that_a_gate_reports_is_in_the_ledger_once(tmp_path: Path) -> None:
    found = await gate_load.load(tmp_path, per_s=300, seconds=2, host="inline")
    assert found.reported == 600
    assert (found.stored, found.lost, found.surplus) == (600, 0, 0)
    assert len(found.delays_s) == 600
    assert found.delays_s[0] >= gate_load.LATENESS_S
    assert {"reader's twin", "nats"} <= found.cpu.keys()


def test_what_the_decoders_are_timed_on_is_understood_to_the_last_unit() -> None:
    jobs = [*plugin_jobs.jobs(1), *picture_jobs.picture_jobs(1)]
    assert len({job.name for job in jobs}) == len(jobs) >= 17
    for job in jobs:
        first = job.work()
        assert first.units == job.units, job.name
        assert first.events > 0, job.name
        assert job.work() == first, job.name
