"""Whole clauses and a whole rule to begin with, offered by an editor under a few words.

``$1`` and ``${1:text}`` are where the cursor goes, one after the other. A text that begins with
``^`` is put in as it stands.
"""

from __future__ import annotations

from typing import Any, Final


def _snippet(label: str, description: str, body: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "body": body}


CLAUSES: Final = [
    _snippet(
        "something is seen",
        "holds when such an event is in the window",
        {
            "seen": "${1:rfid.read}",
            "as": "${2:shelf}",
            "where": "${3:zone.kind == 'shelf'}",
            "same": "^[${4:epc}]",
            "window": "${5:12h before anchor}",
        },
    ),
    _snippet(
        "nothing is seen",
        "holds when no such event is in the window and whatever would have seen it was working",
        {
            "not_seen": "${1:pos.item}",
            "same": "^[${2:epc}]",
            "window": "${3:12h before anchor}",
        },
    ),
    _snippet(
        "so many are seen",
        "holds when at least so many such events are in the window",
        {
            "count": "${1:pos.void}",
            "as": "${2:voids}",
            "same": "^[${3:cashier}]",
            "window": "${4:10m before anchor}",
            "at_least": "${5:5}",
        },
    ),
    *(
        _snippet(
            f"the {word} of a field",
            f"holds when the {word} of a field in the window reaches a limit",
            {
                key: f"${{1:{target}}}",
                "as": f"${{2:{name}}}",
                "same": "^[${3:" + join + "}]",
                "window": "${4:30s before anchor}",
                "at_least": f"${{5:{limit}}}",
            },
        )
        for key, word, target, name, join, limit in (
            ("sum", "sum", "shelf.removed.units", "taken", "shelf", "5"),
            ("max", "largest", "pos.refund.amount", "largest", "cashier", "EUR 50"),
            ("min", "smallest", "scale.weight.weight", "lightest", "lane", "250g"),
            ("avg", "mean", "vision.person.dwell", "mean", "zone.id", "5m"),
            ("distinct", "number of different values", "rfid.crossing.sku", "kinds", "lane", "5"),
        )
    ),
    _snippet(
        "pairs, and what is left over",
        "pairs off two types of event one to one; holds when the anchor is left over",
        {
            "unmatched": "^{left: ${1:rfid.read}, right: ${2:pos.item}}",
            "same": "^[${3:lane}]",
            "by": "^[${4:sku}]",
            "window": "${5:2s around anchor}",
        },
    ),
    _snippet("a condition", "holds when this is true of what is bound above", {"check": "$1"}),
    _snippet(
        "some of several",
        "holds when at least so many of the clauses under it do; each may carry its own points",
        {"any_of": [{"check": "$1"}], "at_least": "${2:1}"},
    ),
    _snippet(
        "all of several",
        "holds when all of the clauses under it do",
        {"all_of": [{"check": "$1"}]},
    ),
    _snippet(
        "a figure beside its peers",
        "makes a figure again for each of the peers: n, mean, stdev, median, mad",
        {
            "stats_of": "${1:voids}",
            "others": "^[${2:cashier}]",
            "same": "^[${3:store}]",
            "window": "${4:28d before anchor}",
            "as": "${5:peers}",
        },
    ),
]
"""One for each kind of clause."""

TEST: Final = _snippet(
    "a test",
    "what happens, an event a line, and what must come of it",
    {
        "name": "${1:what happens}",
        "events": "^|\n    10:00:00 ${2:rfid.crossing epc=E1 direction=out}",
        "expect": "^{fires: ${3:1}}",
    },
)

EXCEPTION: Final = _snippet(
    "an exception",
    "what excuses a signal, until when, and who answers for it",
    {
        "name": "${1:transfers}",
        "where": "${2:anchor.epc in lists.open_transfers}",
        "reason": "${3:they leave by the goods door}",
        "owner": "${4:jane.doe}",
        "until": "${5:2027-01-31}",
    },
)

RULE: Final = _snippet(
    "a rule",
    "a whole rule: the anchor, a clause, the incident and a test",
    {
        "id": "${1:unsold-exit}",
        "title": "${2:Tagged item leaves the store unsold}",
        "status": "draft",
        "severity": "${3:medium}",
        "when": {
            "event": "${4:rfid.crossing}",
            "as": "${5:exit}",
            "where": "${6:direction == 'out'}",
        },
        "match": [
            {
                "not_seen": "${7:pos.item}",
                "same": "^[${8:epc}]",
                "window": "${9:12h before ${10:exit}}",
            }
        ],
        "incident": {
            "type": "${11:theft.exit}",
            "about": "^{${12:epc: exit.epc, zone: exit.zone.id}}",
            "points": "${13:10}",
            "because": '^"${14:{exit.epc\\} left through {exit.zone.id\\}, no sale of it}"',
        },
        "tests": [
            {
                "name": "${15:it leaves}",
                "events": "^|\n      ${16:10:00:00 rfid.crossing epc=E1 direction=out}",
                "expect": "^{fires: ${17:1}}",
            }
        ],
    },
)
"""What an empty file is begun with."""
