"""What tuning found, for people and for scripts: tables of what was tried, the proposal marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from aislewatch.authoring.backtest_figures import Interval
from aislewatch.authoring.tune import Tuning
from aislewatch.authoring.tune_held import HeldOut
from aislewatch.authoring.tune_weighing import Compared, Tried
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count

ROWS_MAX: Final = 20
"""Combinations that are shown, besides what is in force, what is proposed, and the Pareto edge."""

_HELD_SHOWN: Final = 4


def show_tuning(screen: Screen, found: Tuning, local: Local, docs: Mapping[str, str]) -> None:
    """Show what each choice came to, and which is proposed.

    Args:
        screen: where to.
        found: what tuning found.
        local: what the shop calls its amounts.
        docs: what parameters mean, by name.
    """
    now = found.report.rules[0]
    days = f"{now.first} to {now.last}, " if now.first else ""
    told = f"{days}{count(now.store_days, 'store-day')}, {count(now.events, 'event')}"
    screen.show(Text.assemble((found.rule.id, "bold"), f"  {found.rule.title}"), Text(told, "dim"))
    if now.idle:
        screen.show(Text(f"it judges nothing in this shop: {now.idle}", "yellow"))
    for one in found.compared:
        screen.show("", *_table(one, found, local, docs))
    screen.show("")
    _explain(screen, found)


def _explain(screen: Screen, found: Tuning) -> None:
    together = any(len(one.names) > 1 for one in found.compared)
    shares = "" if together else "; shares with their interval of 95 %"
    screen.say(
        "caught: labelled losses that it hits; false: labelled honest cases among its hits; lost: "
        f"labelled losses that what is in force (=) catches and this does not{shares}"
    )
    scores = found.report.rules[0].now.scores
    if not scores.losses and not scores.honest:
        return
    if together:
        screen.say(
            "*: on the Pareto edge, as nothing that was tried misses fewer without more false "
            "alarms, or accuses fewer without missing more"
        )
    if isinstance(found.held, HeldOut):
        names = found.held.names
        shown = ", ".join([*names[:_HELD_SHOWN], *(["..."] if len(names) > _HELD_SHOWN else [])])
        screen.say(
            f"held: the cost on {count(len(names), found.held.by[:-1])} kept from choosing "
            f"({shown}), with {count(found.held.labels, 'label')}; the other {found.held.choosing} "
            "choose, and what they choose is proposed where it costs no more on these"
        )
    else:
        screen.say(
            f"nothing was held out: {found.held}. What costs least suits these very labels, and "
            "may do worse on others"
        )
    if not found.priced:
        screen.say(
            "cost counts one for each miss and each false alarm: see --false-alarm and --miss"
        )


def _table(one: Compared, found: Tuning, local: Local, docs: Mapping[str, str]) -> Iterator[Text]:
    for name in one.names:
        doc = docs.get(name, "")
        yield Text.assemble((f"params.{name}", "bold"), f"  {doc}" if doc else "")
    several = len(one.names) > 1
    shown = _shown(one) if several else one.tried
    headings, row = (_GRID, _grid_row) if several else (_ONE, _row)
    held = ("held",) if isinstance(found.held, HeldOut) else ()
    heads = ("", *(one.names if several else ("value",)), *headings, "cost", *held)
    rows = [heads, *(row(tried, one, found, local) for tried in shown)]
    heading, *lines = aligned(rows, right=range(1 + len(one.names), len(heads)))
    yield Text(f"  {heading}", "dim")
    for tried, line in zip(shown, lines, strict=True):
        style = "green" if tried is one.proposed else "bold" if tried.in_force else ""
        yield Text(f"  {line}", style)
    if len(shown) < len(one.tried):
        yield Text(f"  ... and {len(one.tried) - len(shown)} that cost more; --json has them all")
    yield Text(f"  {'proposed' if one.proposed is not None else 'none proposed'}: {one.says}")


def _shown(one: Compared) -> Sequence[Tried]:
    """Give the cheapest combinations, and whatever has a mark."""
    return [
        tried
        for at, tried in enumerate(one.tried)
        if at < ROWS_MAX or tried.in_force or tried is one.proposed or _is_marked(tried)
    ]


def _is_marked(tried: Tried) -> bool:
    return tried.edge and bool(tried.scores.losses or tried.scores.honest)


_ONE: Final = ("hits", "caught", "recall", "false", "precision", "lost")
_GRID: Final = ("hits", "caught", "false", "lost")


def _row(one: Tried, of: Compared, found: Tuning, local: Local) -> tuple[str, ...]:
    scores = one.scores
    return (
        *(_mark(one, of), one.value, f"{scores.split.hits:,}", _caught(one)),
        *(_share(scores.recall), _false(one), _share(scores.precision), _lost(one)),
        *_costs(one, found, local),
    )


def _grid_row(one: Tried, of: Compared, found: Tuning, local: Local) -> tuple[str, ...]:
    edge = "*" if _is_marked(one) else " "
    return (
        *(f"{_mark(one, of):1}{edge}", *one.values.values(), f"{one.scores.split.hits:,}"),
        *(_caught(one), _false(one), _lost(one), *_costs(one, found, local)),
    )


def _mark(one: Tried, of: Compared) -> str:
    return "=" if one.in_force else ">" if one is of.proposed else ""


def _caught(one: Tried) -> str:
    scores = one.scores
    return f"{scores.caught:,} of {scores.losses:,}" if scores.losses else "-"


def _false(one: Tried) -> str:
    labelled = bool(one.scores.losses or one.scores.honest)
    return f"{one.scores.split.wrong:,}" if labelled else "-"


def _lost(one: Tried) -> str:
    return f"{one.lost:,}" if one.scores.losses else "-"


def _costs(one: Tried, found: Tuning, local: Local) -> tuple[str, ...]:
    amounts = (one.choosing,) if one.held is None else (one.choosing, one.held)
    if not one.scores.losses and not one.scores.honest:
        return ("-",) * len(amounts)
    return tuple(local.money(cost) if found.priced else f"{cost:,}" for cost in amounts)


def _share(interval: Interval | None) -> str:
    """Say a share with its interval, in as few letters as a table has room for."""
    if interval is None:
        return "-"
    low, estimate, high = (round(100 * figure) for figure in interval)
    return f"{estimate}% ({low}-{high})"


def tuning_json(found: Tuning, *, written: bool) -> dict[str, Any]:
    """Give what tuning found as plain values."""
    best = found.best
    held = found.held
    return {
        "rule": found.rule.id,
        "priced": found.priced,
        "currency": found.report.currency if found.priced else None,
        "held_out": held._asdict() if isinstance(held, HeldOut) else None,
        "not_held_out": held if isinstance(held, str) else None,
        "compared": [
            {
                "params": one.names,
                "says": one.says,
                "proposed": one.proposed.values if one.proposed is not None else None,
                "tried": [_tried_json(tried) for tried in one.tried],
            }
            for one in found.compared
        ],
        "best": best.values if best is not None else None,
        "written": written,
    }


def _tried_json(one: Tried) -> dict[str, Any]:
    scores = one.scores
    return {
        "values": one.values,
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
        "pareto": _is_marked(one),
        "cost": one.cost,
        "cost_choosing": one.choosing,
        "cost_held_out": one.held,
    }
