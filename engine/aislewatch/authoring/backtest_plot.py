"""A backtest of one rule drawn on a page: noise, labels, and where judgements stop.

matplotlib draws it, on a canvas of its own and without a display; it is an extra (``plot``) and is
imported only where a page is asked for. The same report gives the same bytes.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from aislewatch.authoring.backtest_labelled import Split
from aislewatch.authoring.backtest_report import RuleReport
from aislewatch.errors import UsageError

FORMATS: Final = (".png", ".svg", ".pdf")
"""What a page's file name may end in."""

_NOW, _BEFORE, _LIMIT = "#1d4e79", "#aebdca", "#c1272d"
_RIGHT, _WRONG, _OPEN = "#2a9d8f", "#e07a3f", "#dde3e8"
_INK, _FAINT = "#22303c", "#6b7a88"
_STORES: Final = 10
_CLAUSES: Final = 8
_BARS_MAX: Final = 21
"""Days that are drawn as bars; of more, lines are easier to read."""

_STYLE: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": "#c3ccd4",
    "axes.labelcolor": _FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.axisbelow": True,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "grid.color": "#e8ecef",
    "legend.frameon": False,
    "svg.hashsalt": "aislewatch",
    "svg.fonttype": "none",
}


def plotter(file: Path) -> Callable[[RuleReport], None]:
    """Give a function that draws a rule's report into a file.

    It is asked for before the days are judged, so that what is wrong is told at once.

    Raises:
        UsageError: matplotlib is not installed, or the file's name ends in no known format.
    """
    if file.suffix.lower() not in FORMATS:
        message = f"--plot {file}: the name must end in {', '.join(FORMATS)}"
        raise UsageError(message)
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        figures: Any = importlib.import_module("matplotlib.figure")
    except ModuleNotFoundError:
        message = "--plot needs matplotlib: pip install 'aislewatch[plot]'"
        raise UsageError(message) from None

    def draw(report: RuleReport) -> None:
        with matplotlib.rc_context(_STYLE):
            figure = figures.Figure(figsize=(11.7, 8.3), facecolor="white")
            _Page(figure, report).draw()
            kind = file.suffix.lower()
            # Without the time at which it was drawn.
            nobody = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind, {})
            figure.savefig(file, dpi=150, metadata=nobody)

    return draw


class _Page:
    """One page; ``Any`` stands for matplotlib's own, which are not known where it is absent."""

    def __init__(self, figure: Any, report: RuleReport) -> None:
        self._figure = figure
        self._report = report
        self._compared = report.before is not None
        limits = [c.limit for c in report.checks if c.name == "max_per_store_day"]
        self._limit = float(limits[0]) if limits else None

    def draw(self) -> None:
        grid = self._figure.add_gridspec(
            2, 3, left=0.105, right=0.955, top=0.83, bottom=0.17, hspace=0.48, wspace=0.46,
            height_ratios=(1, 1.05), width_ratios=(1.1, 0.8, 1.1),
        )  # fmt: skip
        self._heading()
        self._by_day(self._figure.add_subplot(grid[0, :]))
        self._by_store(self._figure.add_subplot(grid[1, 0]))
        self._labels(self._figure.add_subplot(grid[1, 1]))
        self._stops(self._figure.add_subplot(grid[1, 2]))
        self._verdicts()

    def _heading(self) -> None:
        report, text = self._report, self._figure.text
        rule = report.subject.rule
        text(0.045, 0.95, _short(rule.id, 32), fontsize=17, fontweight="bold", va="center")
        text(0.045, 0.915, _short(rule.title, 60), fontsize=10.5, color=_FAINT, va="center")
        now = report.now
        split = now.scores.split
        facts = [
            (f"{split.hits:,}", "hits"),
            (f"{now.incidents:,}", "incidents"),
            (f"{float(now.per_store_day):.2f}", "a store and day"),
        ]
        if now.scores.precision is not None:
            facts.append((f"{now.scores.precision.estimate:.0%}", "precision"))
        if now.scores.recall is not None:
            facts.append((f"{now.scores.recall.estimate:.0%}", "recall"))
        for at, (figure, name) in enumerate(reversed(facts)):
            right = 0.965 - at * 0.105
            text(right, 0.95, figure, fontsize=17, fontweight="bold", ha="right", va="center")
            text(right, 0.915, name, fontsize=9, color=_FAINT, ha="right", va="center")

    def _by_day(self, axes: Any) -> None:
        report = self._report
        axes.set_title("Incidents of a store, by day")
        if not report.open:
            self._nothing(axes, "no days")
            return
        first, last = date.fromisoformat(report.first), date.fromisoformat(report.last)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        counts = Counter[str](), Counter[str]()
        for day in report.days:
            counts[0][day.day] += day.incidents
            counts[1][day.day] += day.incidents_before
        now, before = (
            [count[str(day)] / report.open.get(str(day), 1) for day in days] for count in counts
        )
        if len(days) <= _BARS_MAX:
            self._day_bars(axes, days, now, before)
        else:
            if self._compared:
                axes.plot(days, before, color=_BEFORE, linewidth=1.6, label=self._other)
            axes.fill_between(days, now, color=_NOW, alpha=0.12, linewidth=0)
            axes.plot(days, now, color=_NOW, linewidth=1.8, label="now")
            dates: Any = importlib.import_module("matplotlib.dates")
            locator = dates.AutoDateLocator(maxticks=12)
            axes.xaxis.set_major_locator(locator)
            formatter = dates.ConciseDateFormatter(locator, show_offset=False)
            formatter.zero_formats[2] = "%b\n%Y"
            axes.xaxis.set_major_formatter(formatter)
            axes.set_xlim(days[0], days[-1])
        if self._limit is not None:
            axes.axhline(self._limit, color=_LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
            told = f"budget {self._limit:g}"
            axes.annotate(
                told, (1, self._limit), xycoords=axes.get_yaxis_transform(), xytext=(-2, 3),
                textcoords="offset points", ha="right", color=_LIMIT, fontsize=8,
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        if self._compared:
            axes.legend(loc="lower right", bbox_to_anchor=(1.01, 1), ncols=2, borderaxespad=0.2)

    def _day_bars(self, axes: Any, days: list[date], now: list[float], before: list[float]) -> None:
        places = range(len(days))
        wide = 0.36 if self._compared else 0.62
        wide = min(wide, wide * len(days) / 4)  # A single day is no wall.
        if self._compared:
            axes.bar([p - wide / 2 for p in places], before, wide, color=_BEFORE, label=self._other)
            axes.bar([p + wide / 2 for p in places], now, wide, color=_NOW, label="now")
        else:
            axes.bar(places, now, wide, color=_NOW, label="now")
        # More names than a fortnight's would touch each other.
        named = range(0, len(days), 1 + len(days) // 15)
        axes.set_xticks(list(named), [f"{days[at].day} {days[at]:%b}" for at in named])
        axes.set_xlim(-0.6, len(days) - 0.4)

    def _by_store(self, axes: Any) -> None:
        axes.set_title("Stores with most incidents a day")
        stores = [one for one in self._report.stores if one.incidents or one.incidents_before]
        stores = stores[:_STORES]
        if not stores:
            self._nothing(axes, "no incidents")
            return
        places = [-at for at in range(len(stores))]
        now = [float(one.per_day) for one in stores]
        if self._compared:
            before = [one.incidents_before / max(1, one.days) for one in stores]
            axes.barh(places, before, 0.72, color=_BEFORE)
        axes.barh(places, now, 0.36 if self._compared else 0.62, color=_NOW)
        for place, value in zip(places, now, strict=True):
            axes.annotate(
                f"{value:.2f}", (value, place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize=7.5, color=_INK,
            )  # fmt: skip
        axes.set_yticks(places, [_short(one.store, 16) for one in stores])
        axes.set_ylim(-max(_STORES / 2, len(stores)) + 0.4, 0.6)
        if self._limit is not None:
            axes.axvline(self._limit, color=_LIMIT, linewidth=1.2, linestyle=(0, (5, 3)))
        axes.margins(x=0.12)
        axes.grid(axis="x")
        axes.tick_params(length=0)

    def _labels(self, axes: Any) -> None:
        """Draw what was found out; where nothing was, how many hits there are."""
        report = self._report
        versions = [("now", report.now.scores.split)]
        if report.before is not None:
            versions.insert(0, ("before", report.before.scores.split))
        labelled = any(split.right + split.wrong for _, split in versions)
        axes.set_title("Labelled hits" if labelled else "Hits, none of them labelled")
        parts = [_parts(split, labelled=labelled) for _, split in versions]
        most = max(sum(number for number, _, _ in part) for part in parts)
        if not most:
            self._nothing(axes, "no hits")
            return
        for place, part in enumerate(parts):
            below = 0
            for number, colour, ink in part:
                axes.bar(place, number, 0.56, bottom=below, color=colour)
                if number >= most * 0.05:
                    middle = below + number / 2
                    axes.text(
                        place, middle, f"{number:,}", ha="center", va="center", fontsize=8,
                        color=ink,
                    )  # fmt: skip
                below += number
        names = [name for name, _ in versions]
        if labelled:
            names = [f"{name}\n{split.unlabelled:,}\nunlabelled" for name, split in versions]
        axes.set_xticks(range(len(versions)), names)
        axes.set_xlim(-0.75, len(versions) - 0.25)
        axes.margins(y=0.08)
        _whole(axes.yaxis)
        axes.grid(axis="y")
        axes.tick_params(length=0)
        if labelled:
            patches: Any = importlib.import_module("matplotlib.patches")
            shown = (("right", _RIGHT), ("wrong", _WRONG))
            axes.legend(
                handles=[patches.Patch(color=colour, label=name) for name, colour in shown],
                loc="lower right", bbox_to_anchor=(1.2, 0.995), ncols=2, fontsize=8,
                handlelength=0.9, columnspacing=1.1,
            )  # fmt: skip

    def _stops(self, axes: Any) -> None:
        report = self._report
        axes.set_title("Where judgements stopped")
        rows = [(name, number, _FAINT) for name, number in report.stopped.items()]
        rows += [(f"excused: {name}", n, _BEFORE) for name, n in report.excused.items() if n]
        rows += [(f"undecided: {name}", n, _WRONG) for name, n in report.undecided.items()]
        rows = [*rows[: _CLAUSES - 1], ("all clauses held", report.held, _NOW)]
        if not report.judged:
            self._nothing(axes, "no event was judged")
            return
        places = [-at for at in range(len(rows))]
        axes.barh(places, [n for _, n, _ in rows], 0.6, color=[colour for _, _, colour in rows])
        for place, (_, number, _) in zip(places, rows, strict=True):
            axes.annotate(
                f"{number:,}  {number / report.judged:.1%}", (number, place), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=7.5, color=_INK,
            )  # fmt: skip
        axes.set_yticks(places, [_short(name, 20) for name, _, _ in rows], fontsize=8)
        axes.set_ylim(-max(5, len(rows)) + 0.4, 0.6)
        axes.margins(x=0.34)
        axes.set_xlim(left=0)
        _whole(axes.xaxis)
        axes.grid(axis="x")
        axes.tick_params(length=0)

    def _verdicts(self) -> None:
        report, text = self._report, self._figure.text
        marks = {True: ("within", _RIGHT), False: ("OVER", _LIMIT), None: ("open", _FAINT)}
        lines = [(*marks[check.passed], check.says) for check in report.checks]
        if not lines:
            lines.append(("budget", _FAINT, "the file sets none"))
        if not isinstance(report.suggestion, str):
            lines.append(("points", _FAINT, report.suggestion.says))
        for at, (word, colour, says) in enumerate(lines[:3]):
            place = 0.088 - at * 0.022
            text(0.045, place, word, fontsize=9, fontweight="bold", color=colour, va="center")
            text(0.105, place, _short(says, 150), fontsize=9, va="center")
        days = f"{report.first} to {report.last}" if report.first else "no days"
        stores = sum(1 for store in report.stores if store.days)
        told = f"{days}   stores: {stores:,}   store-days: {report.store_days:,}"
        told += f"   events: {report.events:,}   rule: {report.subject.rule.meaning[:12]}"
        text(0.965, 0.022, told, fontsize=7.5, color=_FAINT, ha="right", va="center")

    @property
    def _other(self) -> str:
        return _short(self._report.subject.against, 40)

    def _nothing(self, axes: Any, why: str) -> None:
        axes.text(0.5, 0.5, why, ha="center", va="center", color=_FAINT, transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])


def _parts(split: Split, *, labelled: bool) -> list[tuple[int, str, str]]:
    """Give the parts of a bar, the lowest first: how many, their colour, and that of the number."""
    if not labelled:
        return [(split.hits, _OPEN, _INK)]
    return [(split.right, _RIGHT, "white"), (split.wrong, _WRONG, "white")]


def _whole(axis: Any) -> None:
    """Have a scale count in a few whole numbers."""
    ticker: Any = importlib.import_module("matplotlib.ticker")
    axis.set_major_locator(ticker.MaxNLocator(4, integer=True))
    axis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def _short(text: str, width: int) -> str:
    """Cut what is longer; a dollar sign would begin a formula.

    >>> _short("Store-1023445", 8)
    'Store-1…'
    """
    plain = text.replace("$", r"\$")
    return plain if len(plain) <= width else plain[: width - 1] + "…"
