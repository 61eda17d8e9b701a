"""What people found out about past cases: labels, read from a CSV or JSON Lines file.

::

    store,time,about,verdict,amount
    s1,2026-03-01T10:20:00,epc=E1,theft,42.00
    s1,2026-03-01T11:05:10,epc=E7 lane=2,honest,

A label is of a case and not of a rule's hit: losses that no rule hit belong in the file, and honest
cases that were rightly left alone, too. It says which case it is by the id of the judged event
(``anchor``), by what it is about and when, or by the incident that it became in a ledger.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from aislewatch.authoring.backtest_hits import Hit
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.model_mistakes import did_you_mean, is_mapping
from aislewatch.events.units import minor_per_major

Verdict = Literal["loss", "honest", "unknown"]

VERDICTS: Final[Mapping[str, Verdict]] = {
    "theft": "loss",
    "confirmed theft": "loss",
    "fraud": "loss",
    "loss": "loss",
    "true": "loss",
    "honest": "honest",
    "honest error": "honest",
    "staff": "honest",
    "false": "honest",
    "false alarm": "honest",
    "unexplained": "unknown",
    "unknown": "unknown",
}
"""What may be written as a verdict, and what it means to a backtest."""

COLUMNS: Final = (
    "store", "time", "time_us", "anchor", "incident", "about", "entity", "verdict", "amount",
    "rule", "note",
)  # fmt: skip
"""What a label may tell. ``entity`` is another word for ``about``; ``note`` is for people."""

_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)=(\S+)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Label:
    """What was found out about one case.

    Attributes:
        line: where it stands in its file.
        verdict: whether it was a loss.
        store: whose; empty where it is not told.
        time_us: when; None where it is not told. Where there are ``anchors`` it tells the day and
            nothing else.
        anchors: ids of judged events, of which a hit's must be one; any where there are none.
        incident: id of the incident that it is of, for whoever has the ledger.
        about: entities, all of which a hit must name.
        amount_minor: what was lost; None for unknown.
        rule: id of the only rule that it speaks of; empty for all.
    """

    line: int
    verdict: Verdict
    store: str = ""
    time_us: int | None = None
    anchors: frozenset[str] = frozenset()
    incident: str = ""
    about: frozenset[tuple[str, str]] = frozenset()
    amount_minor: int | None = None
    rule: str = ""

    def fits(self, hit: Hit, within_us: int) -> bool:
        """Say whether a hit is of this case."""
        if self.store and self.store != hit.store:
            return False
        if self.anchors:
            near = hit.anchor in self.anchors
        else:
            near = self.time_us is None or abs(self.time_us - hit.time_us) <= within_us
        if not near:
            return False
        return self.about <= frozenset(hit.about)


def read_labels(path: Path, *, zone: str, currency: str) -> list[Label]:
    """Read labels.

    Args:
        path: a CSV file with a heading, or JSON Lines (``.jsonl``, ``.ndjson``).
        zone: times without an offset are of this zone.
        currency: of the amounts, which are in its major unit.

    Raises:
        UsageError: the file cannot be read.
        FileMistakes: everything that is wrong in it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"the labels in {path} cannot be read: {reason}"
        raise UsageError(message) from None
    reading = _Reading(str(path), ZoneInfo(zone), minor_per_major(currency), [])
    rows = reading.lines(text) if path.suffix in {".jsonl", ".ndjson"} else reading.table(text)
    labels = [label for label in (reading.label(line, row) for line, row in rows) if label]
    if reading.mistakes:
        raise FileMistakes(reading.mistakes)
    return labels


@dataclass
class _Reading:
    file: str
    zone: ZoneInfo
    per_major: int
    mistakes: list[Mistake]

    def table(self, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
        rows = csv.reader(io.StringIO(text), strict=True)
        heading: list[str] = []
        try:
            for row in rows:
                if not heading:
                    heading = [name.strip() for name in row]
                    self._columns(rows.line_num, heading)
                elif len(row) > len(heading):
                    self._wrong(rows.line_num, "there are more values than columns")
                elif any(row):
                    yield rows.line_num, dict(zip(heading, row, strict=False))
        except csv.Error as error:
            self._wrong(rows.line_num, f"this is no CSV: {error}")

    def lines(self, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError):
                self._wrong(number, "this is no JSON object")
                continue
            self._columns(number, list(row))
            yield number, {name: _text(value) for name, value in row.items()}

    def label(self, line: int, row: Mapping[str, str]) -> Label | None:
        told = {name: value.strip() for name, value in row.items()}
        before = len(self.mistakes)
        written = told.get("verdict", "")
        verdict = VERDICTS.get(re.sub(r"[\s_-]+", " ", written.lower()))
        if verdict is None:
            hint = did_you_mean(written, VERDICTS)
            self._wrong(line, f"{written!r} is no verdict", hint)
        about = told.get("about") or told.get("entity") or ""
        pairs = _PAIR.findall(about)
        if _PAIR.sub("", about).strip(" ,;"):
            self._wrong(line, f"{about!r} names no entities", "write e.g. epc=E1 lane=2")
        time_us = self._time(line, told)
        amount = self._amount(line, told.get("amount", ""))
        anchor, incident = told.get("anchor", ""), told.get("incident", "")
        if not anchor and not incident and time_us is None and len(self.mistakes) == before:
            hint = "give its time, its anchor or its incident"
            self._wrong(line, "it does not say which case it is", hint)
        if len(self.mistakes) > before or verdict is None:
            return None
        return Label(
            line=line,
            verdict=verdict,
            store=told.get("store", ""),
            time_us=time_us,
            anchors=frozenset([anchor] if anchor else []),
            incident=incident,
            about=frozenset((kind, value.rstrip(",;")) for kind, value in pairs),
            amount_minor=amount,
            rule=told.get("rule", ""),
        )

    def _time(self, line: int, told: Mapping[str, str]) -> int | None:
        count, text = told.get("time_us", ""), told.get("time", "")
        try:
            if count:
                return int(count)
            if not text:
                return None
            moment = datetime.fromisoformat(text)
        except ValueError:
            hint = "write e.g. 2026-03-01T10:20:00"
            self._wrong(line, f"{count or text!r} is no time", hint)
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        since = moment - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def _amount(self, line: int, text: str) -> int | None:
        if not text:
            return None
        try:
            minor = Decimal(text) * self.per_major
        except InvalidOperation:
            minor = Decimal("NaN")
        if not minor.is_finite() or minor < 0 or minor != minor.to_integral_value():
            self._wrong(line, f"{text!r} is no amount", "write e.g. 42.00, without the currency")
            return None
        return int(minor)

    def _columns(self, line: int, names: list[str]) -> None:
        for name in names:
            if name not in COLUMNS:
                hint = did_you_mean(name, COLUMNS, label="known")
                self._wrong(line, f"unknown column {name!r}", hint)

    def _wrong(self, line: int, message: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.file, line, 0, message, hint=hint))


def _text(value: Any) -> str:
    if is_mapping(value):
        return " ".join(f"{name}={inner}" for name, inner in value.items())
    return "" if value is None else str(value)
