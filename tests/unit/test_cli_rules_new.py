"""`rules new`: rules made of blueprints, whose tests hold."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aislewatch.authoring.blueprints import Blueprint, find_blueprint, made_of, shipped_blueprints
from aislewatch.authoring.loading import read_rule
from aislewatch.authoring.running import run_case
from aislewatch.authoring.trial import try_rule
from aislewatch.cli.app import main
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import mentioned

ROOT = Path(__file__).parents[2]
BLUEPRINTS = [one for one in shipped_blueprints() if one.made_for_it]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def command(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["rules", "new", *(str(word) for word in words)])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def made(blueprint: Blueprint, values: dict[str, str]) -> Rule:
    text = made_of(blueprint, "mine", values, file="mine.yml").encode()
    return read_rule(text, "mine.yml", macros=blueprint.macros)


def problems(rule: Rule) -> dict[str, Sequence[str]]:
    runs = [run_case(rule, case, Registry()) for case in rule.tests]
    return {run.case.name: run.problems for run in runs if run.problems}


def extremes(blueprint: Blueprint) -> list[dict[str, str]]:
    """Give values at the ends of what each parameter can be, one at a time and all together."""
    ends: list[dict[str, str]] = [{}, {}]
    each: list[dict[str, str]] = []
    for name, shape in blueprint.params.items():
        own = f"{name}-3b" if shape.select else None
        for end, value in zip(ends, (own or shape.min, own or shape.max), strict=True):
            if value is not None:
                end[name] = value
                each.append({name: value})
    return [*ends, *each]


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)
def test_a_blueprint_is_a_draft_whose_tests_hold_each_of_its_places(blueprint: Blueprint) -> None:
    rule = read_rule(blueprint.text.encode(), "r.yml")
    trial = try_rule(rule, blueprint.text, Registry())
    assert trial.rule.status == "draft"
    assert trial.passed
    assert [pin.shown for pin in trial.pins if pin.unnoticed] == []
    assert {bool(run.case.fires) for run in trial.runs} == {False, True}


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)
def test_its_tests_hold_whatever_is_set_within_its_bounds(blueprint: Blueprint) -> None:
    for values in extremes(blueprint):
        rule = made(blueprint, values)
        assert problems(rule) == {}, values
        assert rule.params == {
            name: values.get(name, shape.default) for name, shape in blueprint.params.items()
        }


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)
def test_each_of_its_parameters_says_what_it_is(blueprint: Blueprint) -> None:
    assert blueprint.params
    assert all(shape.doc for shape in blueprint.params.values())


# A rule that judges signals of another stands beside that one, and is not made alone.
ALONE = [one for one in shipped_blueprints() if not mentioned(one.text)]


@pytest.mark.parametrize("blueprint", ALONE, ids=lambda one: one.name)
def test_a_rule_made_of_any_shipped_rule_that_stands_alone_passes_its_tests(
    blueprint: Blueprint,
) -> None:
    rule = made(blueprint, {})
    assert (rule.id, rule.status) == ("mine", "draft")
    assert problems(rule) == {}


# What is written ----------------------------------------------------------------------------------


def test_a_new_rule_is_the_blueprint_with_its_own_name_and_values(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    code, out, err = run(
        "--from",
        "zone-dwell",
        "--id",
        "dwell-whisky",
        "--title",
        "Long: whisky",
        "--owner",
        "jane.doe",
        "--set",
        "zone=whisky",
        "--set",
        "dwell = 90s",
    )
    assert code == 0
    assert out == "rules/dwell-whisky.yml: a draft, 7 tests passed\n"
    assert err == "next: aislewatch rules read rules/dwell-whisky.yml\n"
    made = (tmp_path / "rules" / "dwell-whisky.yml").read_text()
    expected = find_blueprint("zone-dwell").text
    for before, after in (
        ("id: zone-dwell", "# Made of the blueprint zone-dwell.\nid: dwell-whisky"),
        ("title: Somebody stays long in a zone", 'title: "Long: whisky"\nowner: jane.doe'),
        ("default: high-value", "default: whisky"),
        ("default: 3m", "default: 90s"),
    ):
        assert before in expected
        expected = expected.replace(before, after)
    assert made == expected


def test_a_file_of_the_author_is_a_blueprint_too(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "rules" / "long-queue.yml").read_bytes().replace(b"\n", b"\r\n")
    modeline = b"# yaml-language-server: $schema=x.json\r\n"
    (tmp_path / "own.yml").write_bytes(modeline + text)
    code, out, _ = run("--from", "own.yml", "--id", "pharmacy", "--out", "deep/new.yml")
    assert (code, out) == (0, "deep/new.yml: a draft, 2 tests passed\n")
    made = (tmp_path / "deep" / "new.yml").read_bytes()
    assert made == modeline + b"# Made of the blueprint long-queue.\r\n" + text.replace(
        b"id: long-queue", b"id: pharmacy"
    ).replace(b"status: live", b"status: draft")


def test_a_bare_parameter_is_set_where_it_stands(run: Run, tmp_path: Path) -> None:
    code, _, _ = run("--from", "long-queue", "--id", "q", "--set", "customers=6.0")
    assert code == 0
    assert LocatedYaml.parse((tmp_path / "q.yml").read_text(), "q").data["params"] == {
        "customers": "6.0"
    }


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "--from is missing"),
        (("--from", "zone-dwel", "--id", "x"), 2, "did you mean 'zone-dwell'?"),
        (("--from", "gone.yml", "--id", "x"), 2, "gone.yml cannot be read"),
        (("--from", "zone-dwell"), 2, "--id is missing"),
        (("--from", "zone-dwell", "--id", "My Rule"), 2, "no name for a rule"),
        (("--from", "zone-dwell", "--id", "x", "--set", "dwel=1m"), 2, "did you mean 'dwell'?"),
        (("--from", "zone-dwell", "--id", "x", "--set", "dwell"), 2, "sets nothing"),
        (("--from", "zone-dwell", "--id", "x", "--set", "dwell=1m", "--set", "dwell=2m"), 2,
         "stands here twice"),
        (("--from", "zone-dwell", "--id", "x", "--set", "dwell=1s"), 1,
         "less than 10s, the least that it may be"),
        (("--from", "zone-dwell", "--id", "x", "--set", "dwell=1kg"), 1,
         "--set: error: dwell of zone-dwell is '1kg': it is a mass, not a duration"),
        (("--from", "zone-dwell", "--id", "x", "--out", "there.yml"), 2, "is there already"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_told_and_nothing_is_written(
    run: Run, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "there.yml").write_text("id: there\n")
    got, out, err = run(*words)
    assert (got, told in err) == (code, True), out + err
    assert [file.name for file in tmp_path.iterdir()] == ["there.yml"]


def test_tests_that_do_not_hold_with_the_values_keep_the_rule_from_being_written(
    run: Run, tmp_path: Path
) -> None:
    words = ("--from", "long-queue", "--id", "q", "--set", "customers=8")
    code, out, err = run(*words)
    assert code == 1
    assert "six wait: expected fires 1, got 0" in out
    assert "--anyway" in err
    assert list(tmp_path.iterdir()) == []
    code, out, _ = run(*words, "--anyway")
    assert (code, out) == (0, "q.yml: a draft, 1 test passed, 1 failed\n")


STORE = """\
store: s1
lists: {lent: []}
zones: {whisky: {kind: shelf}, door: {kind: exit}}
"""


def test_a_store_must_have_what_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "store.yml").write_text(STORE)
    words = ("--from", "zone-dwell", "--id", "x", "--store", "store.yml")
    code, _, err = run(*words, "--set", "zone=wisky")
    assert code == 2
    assert "store.yml has no zone 'wisky' for zone; did you mean 'whisky'?" in err
    assert run(*words)[0] == 2, "a default that the store does not have is no value for it"
    assert run(*words, "--set", "zone=whisky")[0] == 0


# For scripts and for people -----------------------------------------------------------------------


def test_the_list_names_every_blueprint_and_every_rule_with_parameters(run: Run) -> None:
    _, out, _ = run("--list")
    for one in shipped_blueprints():
        assert f"\n  {one.name}\n" in out
    _, out, _ = run("--list", "--json")
    listed = {one["name"]: one for one in json.loads(out)["blueprints"]}
    assert listed["zone-dwell"]["made_for_it"]
    assert listed["zone-dwell"]["params"]["dwell"]["min"] == "10s"
    assert not listed["long-queue"]["made_for_it"]


def test_what_was_made_comes_as_json(run: Run) -> None:
    code, out, _ = run("--from", "lane-queue", "--id", "q", "--set", "lane=7", "--json")
    made = json.loads(out)
    assert (code, made["file"], made["params"]) == (0, "q.yml", {"lane": "7", "customers": "6"})
    assert all(test["passed"] for test in made["tests"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_asks_for_what_was_not_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("lane-queue\npharmacy\n7\n\n"))
    code, _, err = run()
    assert code == 0
    assert "how many are many; 1 to 100" in err
    made = read_rule((tmp_path / "pharmacy.yml").read_bytes(), "pharmacy.yml")
    assert made.params == {"lane": "7", "customers": "6"}


ABOVE = """\
id: twice
title: A cashier voids again
status: live
params: {times: 2}
when: {event: signal.voided, as: last}
match:
  - {count: signal.voided, as: n, same: [cashier], where: macros.dear, window: 1h before last,
     at_least: params.times}
incident: {type: fraud.x, about: {cashier: last.cashier}, because: "{n} voids"}
tests:
  - name: twice
    events: |
      10:00:00 signal.voided cashier=C1 points=4
      10:10:00 signal.voided cashier=C1 points=4
    expect: {fires: 1}
  - {name: once, events: "10:00:00 signal.voided cashier=C1 points=4", expect: {fires: 0}}
"""
VOIDED = """\
id: voided
title: A void
status: live
when: {event: pos.void, as: void}
incident: {type: fraud.x, about: {cashier: void.cashier}, points: 4, because: x}
"""
MACROS = """\
cheap: points < 2
dear:
  expression: not macros.cheap
  description: It counts.
other: points > 9
"""


def test_a_rule_on_signals_that_uses_macros_can_be_made_again_where_its_rules_are(
    run: Run, tmp_path: Path
) -> None:
    made_of_it = tmp_path / "theirs"
    mine = tmp_path / "mine"
    for folder in (made_of_it, mine):
        folder.mkdir()
        (folder / "voided.yml").write_text(VOIDED)
    (made_of_it / "twice.yml").write_text(ABOVE)
    (made_of_it / "macros.yml").write_text(MACROS)
    (mine / "macros.yml").write_text("# ours\nshelf: zone.kind == 'shelf'")
    words = ("--from", made_of_it / "twice.yml", "--id", "thrice", "--out", mine / "thrice.yml")
    code, _, err = run(*words, "--set", "times=x")
    assert (code, "--set" in err) == (1, True)
    assert not (mine / "thrice.yml").exists()
    code, out, _ = run(*words)
    assert code == 0
    assert "cheap, dear, of which the rule is made" in out
    assert (mine / "macros.yml").read_text() == (
        "# ours\nshelf: zone.kind == 'shelf'\ncheap: \"points < 2\"\n"
        "dear:\n  expression: not macros.cheap\n  description: It counts.\n"
    )
    assert main(["rules", "check", str(mine / "thrice.yml")]) == 0
    # Where they are there already, nothing is added; where they say something else, it is told.
    words = ("--from", made_of_it / "twice.yml", "--id", "often", "--out", mine / "often.yml")
    code, out, _ = run(*words)
    assert (code, "of which" in out) == (0, False)
    (mine / "often.yml").unlink()
    (mine / "macros.yml").write_text("cheap: points < 3\n")
    code, _, err = run(*words)
    assert code == 2
    assert "says something else of macros.cheap" in err
    assert not (mine / "often.yml").exists()


def test_the_list_fits_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("--list")
    assert max(map(len, out.splitlines())) <= 80
