"""What tuning proposes, written into the rule's file once its own tests have passed with it."""

from __future__ import annotations

from pathlib import Path

from aislewatch.authoring.loading import all_lists, read_rule
from aislewatch.authoring.trial import try_rule
from aislewatch.authoring.tune import Tuning
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.located import Path as PlaceInFile
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.events.yaml_edit import replaced
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.setup import Setup


def write_proposal(screen: Screen, setup: Setup, found: Tuning, text: bytes) -> None:
    """Write the best proposal into the rule's file.

    Args:
        screen: says what was written, and what to do next.
        setup: of the shop.
        found: what tuning found; something is proposed.
        text: the file's, as it was tuned.

    Raises:
        UsageError: the shop sets a value itself, so that the file's counts for nothing there.
        FileMistakes: the rule's own tests fail with the proposal; nothing was written.
    """
    best, rule = found.best, found.rule
    assert best is not None
    new = {name: value for name, value in best.values.items() if value != rule.params[name]}
    for name, value in new.items():
        if name in setup.params.get(rule.id, {}):
            message = (
                f"{setup.file} sets {name} of {rule.id}, so that the rule's own value counts for "
                f"nothing there: write {value} into {setup.file}"
            )
            raise UsageError(message)
    shown = text.decode()
    declared = LocatedYaml.parse(shown, rule.file).data["params"]
    places: dict[PlaceInFile, str] = {}
    for name, value in new.items():
        path: PlaceInFile = ("params", name)
        places[(*path, "default") if is_mapping(declared[name]) else path] = value
    written = replaced(shown, rule.file, places)
    failures = _failures(written, rule.file)
    if failures:
        screen.say(f"{rule.file} was left as it is: with {best.value} its tests fail")
        raise FileMistakes(failures)
    Path(rule.file).write_bytes(written.encode())
    for name, value in new.items():
        screen.show(f"{rule.file}: {name} is {value} now, it was {rule.params[name]}")
    others = len([one for one in found.compared if one.proposed is not None]) - 1
    if others:
        screen.say(f"{count(others, 'other proposal')} left alone: tune again, they may differ now")
    screen.say(f"next: aislewatch rules lock {Path(rule.file).parent}")


def _failures(text: str, file: str) -> list[Mistake]:
    content = text.encode()
    rule = read_rule(content, file)
    trial = try_rule(rule, text, installed_registry(), all_lists(content, file), mutate=False)
    return trial.failures
