"""One record of the ledger in few words, or for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from aislewatch.cli.wording import Local, chance, count
from aislewatch.ledger import StoredRecord


def record_json(record: StoredRecord) -> Mapping[str, Any]:
    """Give a record for scripts, its payload as the JSON that it is."""
    return {
        "store": record.store,
        "position": record.position,
        "stream": record.stream,
        "type": record.type,
        "time_us": record.time,
        "recorded_us": record.recorded,
        "hash": record.hash.hex(),
        "payload": msgspec.Raw(record.payload),
    }


def gist(record: StoredRecord, local: Local) -> str:
    """Say in few words what a record says; nothing where its type says it all."""
    payload: dict[str, Any] = msgspec.json.decode(record.payload)
    event = payload.get("event")
    if event is not None:
        return local.facts(event)
    because = payload.get("because")
    if isinstance(because, str):
        return because
    if "probability_ppm" in payload:
        signals = count(payload["signals"], "signal")
        likelihood = chance(payload["probability_ppm"])
        return f"{payload['type']}, {payload['level']}, {likelihood}, {signals}"
    return str(payload.get("to", payload.get("into", "")))
