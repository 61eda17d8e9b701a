"""What an editor says about kinds, fields and the little languages inside a rule's texts.

Markdown, for it is shown beside what somebody is writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aislewatch.events.model import Zone
from aislewatch.events.registry import FieldSpec, KindSpec
from aislewatch.events.units import Dimension

_ENVELOPE = {"store": "the shop", "device": "which device saw it", "time": "when it happened"}
"""What every event has and rules ask for."""

_OWN_TO_NONE = frozenset({"id", "seq", "simulated", "timed_by", *_ENVELOPE})

_WRITTEN = {
    Dimension.TEXT: "",
    Dimension.FLAG: "true or false",
    Dimension.NUMBER: "a number",
    Dimension.RATIO: "a share, as in `80%`",
    Dimension.DURATION: "a duration, as in `30s`",
    Dimension.INSTANT: "a point in time",
    Dimension.MASS: "a mass, as in `250g`",
    Dimension.MONEY: "money, as in `EUR 5`",
    Dimension.LEVEL: "a level, as in `-60dBm`",
}

BECAUSE = """\
Text with `{expressions}` in it, as in `"{exit.epc} left through {exit.zone.id}"`. Put it in quotes
if it begins with a brace."""

EVENTS = """\
An event a line: the time, its type, its fields, and how often:

```
10:00:00   rfid.read epc=E1 zone.kind=exit rssi=-50
10:00:02.5 pos.item  lane=K1 sku=A *3
```

Figures stand in the unit that they are shown in: grams, seconds, dBm, whole money."""

WINDOW = """\
One of

- `30s before x`, `10m after x`, `3s around x`
- `60s before x to 10s after x`
- `between x and y`

where `x` is the anchor or what a clause above is called. A parameter may stand for the duration:
`params.back before x`."""


@dataclass(frozen=True, slots=True)
class Site:
    """What an editor is told of one place; empty for what is true everywhere.

    Attributes:
        zones: by id.
        sees: types of event, by id of the device that would send them.
        lists: names of the named lists.
        macros: what each macro stands for, with what is said of it.
        signals: titles of rules, by id.
        strong: entities of which one is enough to bring signals into one incident.
    """

    zones: Mapping[str, Zone] = field(default_factory=dict[str, Zone])
    sees: Mapping[str, Iterable[str]] = field(default_factory=dict[str, Iterable[str]])
    lists: Iterable[str] = ()
    macros: Mapping[str, str] = field(default_factory=dict[str, str])
    signals: Mapping[str, str] = field(default_factory=dict[str, str])
    strong: frozenset[str] = frozenset()


def about_kind(kind: KindSpec, site: Site) -> str:
    """Say what a kind of event is, who sends it here, and what its fields are."""
    lines = [f"**{kind.type}**: {kind.doc}", ""]
    devices = sorted(device for device, types in site.sees.items() if kind.type in types)
    if devices:
        lines += [f"Sent here by {', '.join(devices)}.", ""]
    elif site.sees:
        lines += ["No device of this store says that it sees this.", ""]
    for path, spec in fields_of(kind).items():
        always = "; in every such event" if spec.required else ""
        lines.append(f"- `{path}`: {about_field(spec)}{always}")
    lines += [f"- `{path}`: {doc}; in every event" for path, doc in _ENVELOPE.items()]
    return "\n".join(lines)


def fields_of(kind: KindSpec) -> dict[str, FieldSpec]:
    """Give the fields that a kind has of its own, by path."""
    return {path: spec for path, spec in kind.fields.items() if path not in _OWN_TO_NONE}


def about_field(spec: FieldSpec) -> str:
    """Say what a field means and how it is written."""
    values = ", ".join(f"`'{value}'`" for value in spec.values)
    written = f"one of {values}" if values else _WRITTEN[spec.dimension]
    doc = spec.doc or _ENVELOPE.get(spec.path, spec.path)
    return "; ".join(part for part in (doc, written) if part)


def conditions(site: Site) -> list[str]:
    """Give conditions on an event to begin with, ``${1:text}`` where the cursor goes."""
    zones = (f"zone.id == '{id_}'" for id_ in site.zones)
    lists = (f"${{1:epc}} in lists.{name}" for name in sorted(site.lists))
    return [
        "zone.kind == '${1:exit}'",
        "has(${1:sku})",
        "${1:confidence} >= ${2:80%}",
        *zones,
        *lists,
        *(f"macros.{name}" for name in sorted(site.macros)),
    ]


def about_expressions(site: Site) -> str:
    """Say how conditions are written, with the names that this site has."""
    lines = [
        "- compare: `==` `!=` `<` `<=` `>` `>=`, join: `and` `or` `not`, reckon: `+` `-` `*` `/`",
        "- with units: `30s` `250g` `-60dBm` `80%` `EUR 5` `15% of x`; texts in quotes: `'exit'`",
        "- `x in ['a', 'b']`, `x in lists.name`, `has(x)`, `abs(x)`, `min(x, y)`, `max(x, y)`, "
        "`lower(x)`, `startswith(x, 'a')`, `contains(x, 'a')`, `within(x, low, high)`, "
        "`size(left)`",
        "",
        "What is absent is unknown, and what is unknown does not hold.",
    ]
    lists = sorted(site.lists)
    if lists:
        lines += ["", "Lists here: " + ", ".join(f"`lists.{name}`" for name in lists)]
    if site.macros:
        lines += ["", "Macros here:"]
        lines += [f"- `macros.{name}`: {told}" for name, told in sorted(site.macros.items())]
    if site.zones:
        zones = (f"`'{zone.id}'` ({zone.kind})" for zone in site.zones.values())
        lines += ["", "Zones here (`zone.id`): " + ", ".join(zones)]
    return "\n".join(lines)
