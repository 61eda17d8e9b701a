"""Flink 2.3: each rule is a pattern of its SQL (``MATCH_RECOGNIZE``), which its CEP library judges.

It needs Java. It is the one peer with event time and a watermark, so that it is exact on shuffled
input. A match begins at a shelf and gives one row, so that of exits read again it tells the first
alone. Each rule is an operator that sees every event, and a job takes more than a second to start.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from question import Alarm, Variant

_EVENTS = """
CREATE TEMPORARY TABLE `events` (
    `type` STRING,
    epc STRING,
    zone_id STRING,
    rssi_dbm DOUBLE,
    `time` BIGINT,
    at_ms AS TO_TIMESTAMP_LTZ(`time` / 1000, 3),
    WATERMARK FOR at_ms AS at_ms - {lateness}
) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = '{path}')
"""

_ALARMS = """
CREATE TEMPORARY TABLE alarms (rule_id STRING, epc STRING, `time` BIGINT)
WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = '{path}')
"""

_PATTERN = """
SELECT '{rule.id}' AS rule_id, epc, left_us FROM `events` MATCH_RECOGNIZE (
    PARTITION BY epc ORDER BY at_ms
    MEASURES E.`time` AS left_us
    ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW
    PATTERN (S N*? E) WITHIN {window}
    DEFINE
        S AS S.zone_id = 'shelf-{rule.zone}' AND S.rssi_dbm > {rule.shelf_over_dbm},
        N AS N.`type` <> 'pos.item' AND NOT COALESCE(
            N.zone_id = 'shelf-{rule.zone}' AND N.rssi_dbm > {rule.shelf_over_dbm}, FALSE),
        E AS E.zone_id = 'exit-{rule.zone}' AND E.rssi_dbm > {rule.exit_over_dbm}
)
"""


class ByFlink:
    """A cluster of one slot in a process of its own; a stream is a job."""

    def __init__(self, variants: Sequence[Variant], lateness_us: int) -> None:
        table: Any = importlib.import_module("pyflink.table")
        self._cluster = table.TableEnvironment.create(table.EnvironmentSettings.in_streaming_mode())
        self._cluster.get_config().set("parallelism.default", "1")
        # An event at the watermark's own time is late there.
        self._lateness = _interval(lateness_us // 1000 + 1)
        # A window ends before its last moment there.
        patterns = [
            _PATTERN.format(rule=one, window=_interval(one.window_us // 1000 + 1))
            for one in variants
        ]
        self._job = f"INSERT INTO alarms {' UNION ALL '.join(patterns)}"
        self._found: list[Alarm] = []
        self.take([], [])  # Java's classes are loaded by the first job.

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Write the stream into a file, and run the job that reads it."""
        del clock
        with TemporaryDirectory() as folder:
            source, sink = Path(folder) / "events", Path(folder) / "alarms"
            source.mkdir()
            (source / "all.json").write_bytes(b"\n".join(raws))
            for name in ("events", "alarms"):
                self._cluster.execute_sql(f"DROP TEMPORARY TABLE IF EXISTS `{name}`")
            self._cluster.execute_sql(_EVENTS.format(path=source, lateness=self._lateness))
            self._cluster.execute_sql(_ALARMS.format(path=sink))
            self._cluster.execute_sql(self._job).wait()
            told = [
                json.loads(line)
                for file in sink.rglob("*")
                if file.is_file()
                for line in file.read_text().splitlines()
            ]
        self._found = [Alarm(one["rule_id"], one["epc"], one["time"]) for one in told]

    def alarms(self) -> list[Alarm]:
        """Tell what was found."""
        return self._found


def _interval(milliseconds: int) -> str:
    seconds, ms = divmod(milliseconds, 1000)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    return f"INTERVAL '{d} {h:02}:{m:02}:{s:02}.{ms:03}' DAY TO SECOND(3)"


def make(variants: Sequence[Variant], lateness_us: int) -> ByFlink:
    """Start a cluster; its watermark waits for the stream's lateness."""
    return ByFlink(variants, lateness_us)
