"""What a backtest found, for people: a page a rule, versions side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from rich.text import Text

from aislewatch.authoring.backtest_figures import Interval
from aislewatch.authoring.backtest_hits import Hit
from aislewatch.authoring.backtest_labelled import Judged, Split, split_of
from aislewatch.authoring.backtest_report import Report, RuleReport, StoreTotal, Version
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count

LISTED: Final = 10
"""Hits of a list that are shown; ``--json`` has them all."""

PAGES: Final = 3
"""Rules that have a page each; of more, nobody reads all pages."""

STORES: Final = 5
"""Stores that are shown one by one: those with most incidents a day."""

Row = tuple[str, ...]

_VERDICTS: Final = {"loss": "right", "honest": "wrong", None: "", "unknown": ""}


def show_backtest(screen: Screen, report: Report, local: Local) -> None:
    """Show a report: a page a rule, or of many rules a line each."""
    if len(report.rules) > PAGES:
        heading, *lines = aligned(list(_overview(report)), right=range(1, 6))
        screen.show(Text(heading, "bold"))
        for rule, line in zip(report.rules, lines, strict=True):
            screen.show(Text(line, "" if rule.passed else "bold red"))
        screen.show("")
    else:
        for rule in report.rules:
            _show(screen, report, rule, local)
    if len(report.rules) > 1:
        over = [rule.subject.rule.id for rule in report.rules if not rule.passed]
        told = f"over their budget: {', '.join(over)}" if over else "none is over its budget"
        screen.show(f"{count(len(report.rules), 'rule')}, {told}")
        if len(report.rules) > PAGES:
            screen.say("name one of them to see its hits, and where its judgements stop")


def _overview(report: Report) -> Iterator[Row]:
    """Give a row for each rule; the first is the heading."""
    yield "rule", "hits", "only now", "only before", "a store and day", "precision", "budget"
    for rule in report.rules:
        compared = rule.before is not None
        precision = rule.now.scores.precision
        over = [check.name for check in rule.checks if check.passed is False]
        kept = "ok" if any(check.passed for check in rule.checks) else "-"
        yield (
            rule.subject.rule.id,
            f"{rule.now.scores.split.hits:,}",
            f"{len(rule.only_now):,}" if compared else "",
            f"{len(rule.only_before):,}" if compared else "",
            f"{float(rule.now.per_store_day):.2f}",
            f"{precision.estimate:.0%}" if precision is not None else "-",
            f"OVER {', '.join(over)}" if over else "idle here" if rule.idle else kept,
        )


def _show(screen: Screen, report: Report, rule: RuleReport, local: Local) -> None:
    subject = rule.subject
    screen.show(Text.assemble((subject.rule.id, "bold"), f"  {subject.rule.title}"))
    span = f"{rule.first} to {rule.last}, " if rule.first else ""
    told = ", ".join(
        [
            count(len(report.stores), "store"),
            count(rule.store_days, "store-day"),
            count(rule.events, "event"),
        ]
    )
    screen.show(f"{span}{told}")
    if rule.idle:
        screen.show(Text(f"idle here: {rule.idle}", "yellow"))
    for below, why in rule.unheard.items():
        screen.show(Text(f"no signal of {below} could be heard: {why}", "yellow"))
    screen.show("")
    heading, *lines = aligned(list(_figures(rule, local)), right=range(1, 5))
    screen.show(Text(f"  {heading}", "bold"), *(Text(f"  {line}") for line in lines))
    for note in _notes(rule):
        screen.show(Text(f"  {note}", "yellow"))
    screen.show("", *_judgements(rule))
    screen.show(*_stores(rule.stores, compared=rule.before is not None))
    _show_hits(screen, "only now", rule.only_now, local)
    _show_hits(screen, "only before", rule.only_before, local)
    _show_sample(screen, rule, local)
    screen.show(*_verdicts(rule), "")


def _figures(rule: RuleReport, local: Local) -> Iterator[Row]:
    """Give the versions' figures as rows; the first is the heading."""
    now, before = rule.now, rule.before
    versions = [now] if before is None else [now, before]
    splits = [version.scores.split for version in versions]
    names = ["now"] if before is None else ["now", rule.subject.against]
    if before is not None:
        names += ["only now", "only before"]
        splits += [split_of(rule.only_now), split_of(rule.only_before)]

    def row(name: str, cells: Sequence[str]) -> Row:
        return name, *cells, *[""] * (len(names) - len(cells))

    yield row("", names)
    yield row("hits", [f"{split.hits:,}" for split in splits])
    if now.scores.losses or now.scores.honest:
        yield from (row(name, cells) for name, cells in _labelled(splits))
        yield row("losses caught", [_of(v.scores.caught, v.scores.losses) for v in versions])
        yield row("honest cases hit", [_of(v.scores.accused, v.scores.honest) for v in versions])
        yield row("recall", [share(version.scores.recall) for version in versions])
        yield row("precision", [share(version.scores.precision) for version in versions])
        yield from (row(name, cells) for name, cells in _money(versions, local))
    if any(version.withdrawn for version in versions):
        yield row("withdrawn later", [f"{version.withdrawn:,}" for version in versions])
    yield row("incidents", [f"{version.incidents:,}" for version in versions])
    yield row("a store and day", [f"{float(version.per_store_day):.2f}" for version in versions])
    yield row("worst store", [_worst(version) for version in versions])


def _labelled(splits: Sequence[Split]) -> Iterator[tuple[str, list[str]]]:
    yield "  right", [f"{split.right:,}" for split in splits]
    yield "  wrong", [f"{split.wrong:,}" for split in splits]
    yield "  unlabelled", [f"{split.unlabelled:,}" for split in splits]


def _money(versions: Sequence[Version], local: Local) -> Iterator[tuple[str, list[str]]]:
    amounts = [version.scores.money for version in versions]
    if not any((money.saved, money.lost, money.spent) != (0, 0, 0) for money in amounts):
        return
    yield "goods caught", [local.money(money.saved) for money in amounts]
    yield "goods missed", [local.money(money.lost) for money in amounts]
    yield "false alarms cost", [local.money(money.spent) for money in amounts]
    yield "worth", [local.money(money.net) for money in amounts]


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"


def share(interval: Interval | None) -> str:
    """Say a share with its interval: ``40% (25% to 58%)``; a dash of nothing."""
    if interval is None:
        return "-"
    return f"{interval.estimate:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def _worst(version: Version) -> str:
    return f"{version.worst}: {float(version.worst_per_day):.2f}" if version.worst else "-"


def _notes(rule: RuleReport) -> Iterator[str]:
    subject = rule.subject
    if subject.same:
        yield f"means the same as {subject.against}: it raises the same"
    elif subject.against and subject.before is None and subject.past is None:
        yield f"the rule is not in {subject.against}: all that it raises is new"
    past = rule.before if subject.past is not None else None
    if past is not None and past.scores.split.hits and not past.incidents:
        yield f"no incidents of it in {subject.against}: a rule in shadow opens none"
    if rule.changed:
        yield f"{count(len(rule.changed), 'hit')} of both with other points, value or entities"
    for name, number in rule.excused.items():
        if rule.judged and not number:
            yield f"the exception {name} excused nothing: is it still needed?"
    money = rule.now.scores.money
    if money.unpriced and (money.saved or money.lost or money.spent):
        what = count(money.unpriced, "labelled case")
        yield f"{what} of unknown cost left out of the sums: see --false-alarm and --miss"


def _judgements(rule: RuleReport) -> Iterator[Text]:
    """Say where judgements stopped: a clause that stops all but a few is what tuning is about."""
    if rule.idle:
        return
    if not rule.judged:
        yield Text("no event was judged: none is as 'when' says", "yellow")
        yield Text("")
        return
    yield Text(f"{count(rule.judged, 'judgement')}, of which stopped first at", "bold")
    rows = [
        *(
            (name, f"{number:,}", f"{number / rule.judged:.1%}", "")
            for name, number in _counts(rule)
        ),
        ("none: all clauses held", f"{rule.held:,}", f"{rule.held / rule.judged:.1%}", ""),
    ]
    yield from (Text(f"  {line}") for line in aligned(rows, right=[1, 2]))
    yield Text("")


def _counts(rule: RuleReport) -> Iterator[tuple[str, int]]:
    yield from rule.stopped.items()
    yield from ((f"excused by {name}", number) for name, number in rule.excused.items())
    yield from ((f"undecided at {name}", number) for name, number in rule.undecided.items())


def _stores(stores: Sequence[StoreTotal], *, compared: bool) -> Iterator[Text]:
    if len(stores) < 2:
        return
    headings = ["store", "days", "hits", "incidents", "a day"]
    rows = [
        [one.store, f"{one.days:,}", f"{one.hits:,}", f"{one.incidents:,}", f"{_per_day(one)}"]
        for one in stores[:STORES]
    ]
    if compared:
        headings.append("incidents before")
        for row, one in zip(rows, stores, strict=False):
            row.append(f"{one.incidents_before:,}")
    heading, *lines = aligned([headings, *rows], right=range(1, len(headings)))
    yield Text(heading, "bold")
    yield from map(Text, lines)
    if len(stores) > STORES:
        yield Text(f"... and {len(stores) - STORES} more")
    yield Text("")


def _per_day(store: StoreTotal) -> str:
    return f"{float(store.per_day):.2f}"


def _show_hits(screen: Screen, name: str, judged: Sequence[Judged], local: Local) -> None:
    if not judged:
        return
    screen.show(Text(f"{name}: {count(len(judged), 'hit')}", "bold"))
    rows = [(*_hit(one.hit, local), _VERDICTS[one.verdict]) for one in islice(judged, LISTED)]
    _show_rows(screen, rows, len(judged) - LISTED)


def _show_sample(screen: Screen, rule: RuleReport, local: Local) -> None:
    unlabelled = rule.now.scores.split.unlabelled
    if not rule.sample:
        return
    title = f"to look at: {len(rule.sample)} of {count(unlabelled, 'unlabelled hit')}"
    screen.show(Text(title, "bold"))
    _show_rows(screen, [_hit(hit, local) for hit in rule.sample], 0)


def _show_rows(screen: Screen, rows: Sequence[Row], more: int) -> None:
    screen.show(*(Text(f"  {line}") for line in aligned(rows)))
    if more > 0:
        screen.show(f"  ... and {more:,} more; --json lists all")
    screen.show("")


def _hit(hit: Hit, local: Local) -> Row:
    return hit.store, local.day(hit.time_us), hit.because, local.money(hit.value_minor), hit.anchor


def _verdicts(rule: RuleReport) -> Iterator[Text]:
    words: Mapping[bool | None, tuple[str, str]] = {
        True: ("ok", "green"),
        False: ("OVER", "bold red"),
        None: ("?", "yellow"),
    }
    rows: list[tuple[Row, str]] = []
    for check in rule.checks:
        word, style = words[check.passed]
        rows.append((("budget", word, check.says), style))
    if not rule.checks:
        rows.append((("budget", "-", "the file sets none"), ""))
    suggestion = rule.suggestion
    if isinstance(suggestion, str):
        if rule.now.scores.losses or rule.now.scores.honest:
            rows.append((("points", "-", suggestion), ""))
    else:
        rows.append((("points", "-", suggestion.says), "yellow" if suggestion.change else ""))
    lines = aligned([row for row, _ in rows])
    yield from (Text(line, style) for line, (_, style) in zip(lines, rows, strict=True))
