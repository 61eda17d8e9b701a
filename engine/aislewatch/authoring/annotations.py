"""Mistakes in files as build servers take them: SARIF logs, and annotations of GitHub.

SARIF is the Static Analysis Results Interchange Format, version 2.1.0, an OASIS standard; what is
written here are its required properties and the places. GitHub's are "workflow commands", lines of
standard output that it shows beside the line of the file that they name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from aislewatch.errors import Mistake

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_KINDS: Final = {
    "error": ("rule-file-mistake", "A mistake in a file: the file is not used"),
    "warning": (
        "rule-file-warning",
        "Likely meant otherwise: the file is used all the same",
    ),
}


def sarif_of(mistakes: Sequence[Mistake], *, version: str) -> bytes:
    """Give mistakes as a SARIF log, an empty one where there are none.

    Args:
        mistakes: in the order in which they are told.
        version: of Aislewatch.
    """
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "aislewatch rules check",
                        "version": version,
                        "rules": [
                            {
                                "id": kind,
                                "shortDescription": {"text": text},
                                "defaultConfiguration": {"level": severity},
                            }
                            for severity, (kind, text) in _KINDS.items()
                        ],
                    }
                },
                # Columns are counted in characters, not in UTF-16 units, which is the default.
                "columnKind": "unicodeCodePoints",
                "results": [_result(mistake) for mistake in mistakes],
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


def _result(mistake: Mistake) -> dict[str, Any]:
    kind, _ = _KINDS[mistake.severity]
    file = Path(mistake.file)
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if mistake.line:
        place["region"] = _region(mistake)
    return {
        "ruleId": kind,
        "ruleIndex": list(_KINDS).index(mistake.severity),
        "level": mistake.severity,
        "message": {"text": _text(mistake)},
        "locations": [{"physicalLocation": place}],
    }


def _region(mistake: Mistake) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": mistake.line}
    if mistake.column:
        region["startColumn"] = mistake.column
        region["endColumn"] = mistake.column + max(1, mistake.length)
    if mistake.source:
        region["snippet"] = {"text": mistake.source}
    return region


def github_line(mistake: Mistake) -> str:
    """Give a mistake as the workflow command that annotates its line.

    >>> github_line(Mistake("r.yml", 2, 3, "what, 5%?", 4))
    '::error file=r.yml,line=2,col=3,endColumn=7::what, 5%25?'
    """
    places = {"file": Path(mistake.file).as_posix()}
    if mistake.line:
        places["line"] = str(mistake.line)
    if mistake.line and mistake.column:
        places["col"] = str(mistake.column)
        places["endColumn"] = str(mistake.column + max(1, mistake.length))
    shown = ",".join(f"{name}={_property(value)}" for name, value in places.items())
    return f"::{mistake.severity} {shown}::{_data(_text(mistake))}"


def _text(mistake: Mistake) -> str:
    return f"{mistake.message} ({mistake.hint})" if mistake.hint else mistake.message


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
