"""What tuning found, for people and for scripts: a table a parameter, the proposal marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from aislewatch.authoring.backtest_figures import Interval
from aislewatch.authoring.tune import ParamTuning, Tried, Tuning
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count

_HEADINGS = ("", "value", "hits", "caught", "recall", "false", "precision", "lost", "cost")


def show_tuning(screen: Screen, found: Tuning, local: Local) -> None:
    """Show what each value came to, and which is proposed."""
    now = found.report.rules[0]
    days = f"{now.first} to {now.last}, " if now.first else ""
    told = f"{days}{count(now.store_days, 'store-day')}, {count(now.events, 'event')}"
    screen.show(Text.assemble((found.rule.id, "bold"), f"  {found.rule.title}"), Text(told, "dim"))
    if now.idle:
        screen.show(Text(f"it judges nothing in this shop: {now.idle}", "yellow"))
    for param in found.params:
        screen.show("", *_table(param, found, local))
    screen.show("")
    screen.say(
        "caught: labelled losses that it hits; false: labelled honest cases among its hits; lost: "
        "labelled losses that the value in force (=) catches and this one does not; shares with "
        "their interval of 95 %"
    )
    if not found.priced and (now.now.scores.losses or now.now.scores.honest):
        screen.say(
            "cost counts one for each miss and each false alarm: see --false-alarm and --miss"
        )


def _table(param: ParamTuning, found: Tuning, local: Local) -> Iterator[Text]:
    yield Text.assemble((f"params.{param.name}", "bold"), f"  {param.doc}" if param.doc else "")
    rows = [_HEADINGS, *(_row(one, param, found, local) for one in param.tried)]
    heading, *lines = aligned(rows, right=range(2, len(_HEADINGS)))
    yield Text(f"  {heading}", "dim")
    for one, line in zip(param.tried, lines, strict=True):
        style = "green" if one is param.proposed else "bold" if one.in_force else ""
        yield Text(f"  {line}", style)
    yield Text(f"  {'proposed' if param.proposed is not None else 'none proposed'}: {param.says}")


def _row(one: Tried, param: ParamTuning, found: Tuning, local: Local) -> tuple[str, ...]:
    scores = one.scores
    labelled = bool(scores.losses or scores.honest)
    cost = local.money(one.cost) if found.priced else f"{one.cost:,}"
    return (
        "=" if one.in_force else ">" if one is param.proposed else "",
        one.value,
        f"{scores.split.hits:,}",
        f"{scores.caught:,} of {scores.losses:,}" if scores.losses else "-",
        _share(scores.recall),
        f"{scores.split.wrong:,}" if labelled else "-",
        _share(scores.precision),
        f"{one.lost:,}" if scores.losses else "-",
        cost if labelled else "-",
    )


def _share(interval: Interval | None) -> str:
    """Say a share with its interval, in as few letters as a table has room for."""
    if interval is None:
        return "-"
    low, estimate, high = (round(100 * figure) for figure in interval)
    return f"{estimate}% ({low}-{high})"


def tuning_json(found: Tuning, *, written: bool) -> dict[str, Any]:
    """Give what tuning found as plain values."""
    best = found.best
    return {
        "rule": found.rule.id,
        "priced": found.priced,
        "currency": found.report.currency if found.priced else None,
        "params": [
            {
                "name": param.name,
                "says": param.says,
                "proposed": param.proposed.value if param.proposed is not None else None,
                "tried": [_tried_json(one) for one in param.tried],
            }
            for param in found.params
        ],
        "best": {"param": best[0].name, "value": best[1].value} if best is not None else None,
        "written": written,
    }


def _tried_json(one: Tried) -> dict[str, Any]:
    scores = one.scores
    return {
        "value": one.value,
        "in_force": one.in_force,
        "hits": scores.split.hits,
        "caught": scores.caught,
        "losses": scores.losses,
        "recall": scores.recall,
        "false": scores.split.wrong,
        "precision": scores.precision,
        "unlabelled": scores.split.unlabelled,
        "lost": one.lost,
        "incidents_per_store_day": float(one.report.now.per_store_day),
        "within_budget": one.report.passed,
        "cost": one.cost,
    }
