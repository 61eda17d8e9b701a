"""``aislewatch rules tune``: what other values of a rule's parameters would have been worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.backtest import Wanted
from aislewatch.authoring.blueprints import read_blueprint
from aislewatch.authoring.loading import all_lists, read_rule
from aislewatch.authoring.trial import try_rule
from aislewatch.authoring.tune import VALUES_MAX, Tuning, tune
from aislewatch.authoring.tune_values import given_values, values_around
from aislewatch.cli import options
from aislewatch.cli.app import COULD_NOT_RUN, FINDINGS, FINE
from aislewatch.cli.backtest_given import (
    CORES,
    WITHIN,
    FalseAlarmText,
    Jobs,
    LastText,
    MissText,
    WithinText,
    cost_of,
    labels_of,
    progress_of,
    read_option,
    say_what_was_left_out,
    shop_of,
)
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.rule_tune_page import show_tuning, tuning_json
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local, count
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.located import Path as PlaceInFile
from aislewatch.events.model_mistakes import did_you_mean, is_mapping
from aislewatch.events.quantities import parse_duration_us
from aislewatch.events.yaml_edit import replaced
from aislewatch.rules.backtest import read_days
from aislewatch.rules.model import ParamShape
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.site_params import names_of


def tune_rule(
    file: Annotated[Path, typer.Argument(metavar="RULE.yml", help="The rule.")],
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            "--data",
            metavar="DAYS",
            help="The days: an archive, a recording or a folder of them; or a store file, for the "
            "recordings that its feeds name.",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="STORE.yml", help="The store file that they are of."),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME[=V,V...]",
            help="Only this parameter, and these values of it; can be repeated.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="What is known of past cases; see rules backtest."
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="Has the incidents that labels name."),
    ] = None,
    within: WithinText = WITHIN,
    last: LastText = "",
    false_alarm: FalseAlarmText = "",
    miss: MissText = "",
    may_lose: Annotated[
        bool,
        typer.Option(
            "--may-lose", help="Propose also what misses labelled losses that are caught now."
        ),
    ] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write the proposal that costs least into the rule's file."),
    ] = False,
    jobs: Jobs = CORES,
    json: options.Json = False,
) -> int:
    """Judge past days by other values of a rule's parameters, and propose what costs less.

    Each parameter is tried by itself. Exits with 1 where a value is proposed and not written.
    """
    screen = Screen(json=json)
    setup, days = shop_of(events, store)
    ((name, text),) = rule_files([file]).items()
    rule = read_rule(text, name, setup)
    shapes = read_blueprint(text, name).params
    values = _values(setup, rule, shapes, params or [])
    wanted = Wanted(
        data=days,
        labels=labels_of(setup, labels, ledger),
        within_us=read_option("--within", within, parse_duration_us),
        last_days=read_option("--last", last, read_days) if last else None,
        cost=cost_of(false_alarm, miss),
        jobs=jobs,
    )
    docs = {one: shape.doc for one, shape in shapes.items()}
    with screen.progress("tuning") as step:
        progress = progress_of(step)
        found = tune(setup, rule, text, values, wanted, progress, docs, may_lose=may_lose)
    local = Local(setup.timezone, setup.model.currency)
    show_tuning(screen, found, local)
    say_what_was_left_out(screen, found.report, setup)
    if not found.report.events:
        screen.say("aislewatch: nothing was judged: no event was read")
        return COULD_NOT_RUN
    written = _write(screen, setup, found, text) if write and found.best is not None else False
    screen.give(tuning_json(found, written=written))
    return FINE if found.best is None or written else FINDINGS


def _values(
    setup: Setup, rule: Rule, shapes: Mapping[str, ParamShape], asked: list[str]
) -> dict[str, list[str]]:
    """Give what is tried of each parameter; of those that nobody named, what can be tried."""
    if not rule.params:
        message = f"{rule.id} has no parameters that could be other: give its figures names, params"
        raise UsageError(message)
    names = {**names_of(setup.model), "list": frozenset(setup.model.lists)}
    values: dict[str, list[str]] = {}
    for one in asked:
        name, equals, texts = one.partition("=")
        if name not in rule.params:
            hint = did_you_mean(name, rule.params, label="parameters")
            message = f"{rule.id} has no parameter {name!r}; {hint}".rstrip("; ")
            raise UsageError(message)
        now, shape = rule.params[name], shapes[name]
        if equals:
            given = [text.strip() for text in texts.split(",") if text.strip()]
            try:
                values[name] = given_values(shape, name, given, now)
            except ValueError as error:
                message = f"--param: {error}"
                raise UsageError(message) from None
        else:
            values[name] = values_around(shape, now, names.get(shape.select or "", frozenset()))
    if not asked:
        for name, now in rule.params.items():
            shape = shapes[name]
            around = values_around(shape, now, names.get(shape.select or "", frozenset()))
            if len(around) > 1:
                values[name] = around
    tried = sum(len(one) - 1 for one in values.values())
    if tried > VALUES_MAX:
        message = f"{tried} values are more than can be tried at once: choose with --param"
        raise UsageError(message)
    return values


def _write(screen: Screen, setup: Setup, found: Tuning, text: bytes) -> bool:
    """Write the best proposal as the file's own value, once its tests have passed."""
    assert found.best is not None
    param, proposed = found.best
    rule = found.rule
    if param.name in setup.params.get(rule.id, {}):
        message = (
            f"{setup.file} sets {param.name} of {rule.id}, so that the rule's own value counts for "
            f"nothing there: write {proposed.value} into {setup.file}"
        )
        raise UsageError(message)
    shown = text.decode()
    data = LocatedYaml.parse(shown, rule.file).data
    path: PlaceInFile = ("params", param.name)
    path = (*path, "default") if is_mapping(data["params"][param.name]) else path
    new = replaced(shown, rule.file, {path: proposed.value})
    failures = _failures(new, rule.file)
    if failures:
        screen.say(f"{rule.file} was left as it is: with {proposed.value} its tests fail")
        raise FileMistakes(failures)
    Path(rule.file).write_bytes(new.encode())
    was = next(one.value for one in param.tried if one.in_force)
    screen.show(f"{rule.file}: {param.name} is {proposed.value} now, it was {was}")
    others = len([one for one in found.params if one.proposed is not None]) - 1
    if others:
        screen.say(f"{count(others, 'other proposal')} left alone: tune again, they may differ now")
    screen.say(f"next: aislewatch rules lock {Path(rule.file).parent}")
    return True


def _failures(text: str, file: str) -> list[Mistake]:
    content = text.encode()
    rule = read_rule(content, file)
    trial = try_rule(rule, text, installed_registry(), all_lists(content, file), mutate=False)
    return trial.failures
