"""What helps a person who looks for a fault in one device of a run; without secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from aislewatch.events.sensor import ClockSkew
from aislewatch.runtime.live_status import DeviceLine
from aislewatch.runtime.supervision import Watch

FACTS_BYTES_MAX: Final = 1 << 18
"""A message to whoever asks must hold them."""


class DiagnosticsRequest(msgspec.Struct, frozen=True, tag="diagnostics"):
    """Say what helps to find a fault.

    Attributes:
        device: of which device; empty: which devices there are.
        store: of which store; empty: of any.
    """

    device: str = ""
    store: str = ""


class Diagnosed(msgspec.Struct, frozen=True):
    """One device.

    Attributes:
        store, device, plugin, state, reason, detail, attempt, failures, events, refused, spooled,
            dropped, clock: as of `DeviceLine`.
        facts: what its plugin says of itself; empty where only names were asked for.
        trouble: why there are none; empty where there are.
    """

    store: str
    device: str
    plugin: str
    state: str
    reason: str
    detail: str
    attempt: int
    failures: int
    events: int
    refused: int
    spooled: int
    dropped: int
    clock: ClockSkew | None = None
    facts: dict[str, Any] = {}
    trouble: str = ""


async def diagnose(
    request: DiagnosticsRequest, devices: Sequence[tuple[DeviceLine, Watch]]
) -> list[Diagnosed]:
    """Say what helps to find a fault in the devices that are meant; none where there are none.

    Args:
        request: of which.
        devices: of the run, each with what watches it.
    """
    meant = [
        (line, watch)
        for line, watch in devices
        if request.device in {"", line.device} and request.store in {"", line.store}
    ]
    if not request.device:
        return [_diagnosed(line) for line, _ in meant]
    return [await _asked(line, watch) for line, watch in meant]


async def _asked(line: DeviceLine, watch: Watch) -> Diagnosed:
    facts = await watch.diagnostics()
    if facts is None:
        return _diagnosed(line, trouble="it does not run now, or does not answer")
    if len(msgspec.json.encode(facts)) > FACTS_BYTES_MAX:
        return _diagnosed(line, trouble=f"it says more than {FACTS_BYTES_MAX} bytes of itself")
    return _diagnosed(line, facts)


def _diagnosed(
    line: DeviceLine, facts: Mapping[str, Any] | None = None, trouble: str = ""
) -> Diagnosed:
    return Diagnosed(
        store=line.store,
        device=line.device,
        plugin=line.plugin,
        state=line.state,
        reason=line.reason,
        detail=line.detail,
        attempt=line.attempt,
        failures=line.failures,
        events=line.events,
        refused=line.refused,
        spooled=line.spooled,
        dropped=line.dropped,
        clock=line.clock,
        facts=dict(facts or {}),
        trouble=trouble,
    )
