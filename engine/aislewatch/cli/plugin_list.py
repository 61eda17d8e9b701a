"""``aislewatch plugin list``: which devices this installation can speak to."""

from __future__ import annotations

from typing import Any, Final

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.errors import FileMistakes
from aislewatch.runtime.installed import InstalledSensor, installed_sensors
from aislewatch.testing.contract_grade import has_bench
from aislewatch.testing.contract_manifest import Claim, claim_of

_KINDS_SHOWN: Final = 3


def list_plugins(json: options.Json = False) -> int:
    """List the sensor plugins that are installed, whose they are, and what they still need."""
    screen = Screen(json=json)
    rows = [_row(one) for one in installed_sensors()]
    screen.give(rows)
    shown = table("name", "what it is for", "tells", "package", "claims", "needs")
    for row in rows:
        shown.add_row(
            row["name"],
            row["title"],
            _few(row["emits"]),
            f"{row['package']} {row['version']}",
            row["tier"] or "",
            row["trouble"],
        )
    screen.show(shown)
    troubled = [row for row in rows if row["trouble"]]
    return 1 if troubled else 0


def _row(one: InstalledSensor) -> dict[str, Any]:
    trouble, claim = one.trouble, Claim()
    says = one.sensor.descriptor if one.sensor is not None else None
    if one.sensor is not None:
        try:
            claim = claim_of(one.sensor)
        except FileMistakes as error:
            trouble = error.mistakes[0].render().partition("\n")[0]
    return {
        "name": one.name,
        "title": says.title if says is not None else "",
        "emits": list(says.emits) if says is not None else [],
        "package": one.package,
        "version": one.version,
        "place": one.place,
        "tier": claim.tier,
        "exempt": dict(claim.exempt),
        "bench": has_bench(one.name),
        "trouble": trouble,
    }


def _few(emits: list[str]) -> str:
    """Name the first kinds; a till tells twenty."""
    if not emits:
        return "as it is configured"
    more = len(emits) - _KINDS_SHOWN
    named = ", ".join(emits[:_KINDS_SHOWN])
    return f"{named} and {more} more" if more > 0 else named
