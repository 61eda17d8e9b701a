"""Trials of rules as JUnit XML, which build servers show as they show any tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aislewatch.authoring.trial import SHUFFLES, Trial


def junit_of(trials: Sequence[Trial], *, strict: bool = False) -> bytes:
    """Give trials as one XML document: a suite for each rule, a case for each test.

    Args:
        trials: in the order of the files.
        strict: what no test notices is a failure; otherwise it is told as skipped.
    """
    root = Element("testsuites", name="aislewatch rules test")
    for trial in trials:
        _suite(root, trial, strict)
    for node in [root, *root]:
        below = list(node.iter("testcase"))
        failed = [case for case in below if case.find("failure") is not None]
        skipped = [case for case in below if case.find("skipped") is not None]
        node.set("tests", str(len(below)))
        node.set("failures", str(len(failed)))
        node.set("skipped", str(len(skipped)))
    indent(root)
    made: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _suite(root: Element, trial: Trial, strict: bool) -> None:
    rule = trial.rule
    suite = SubElement(root, "testsuite", name=rule.id, file=rule.file)
    for index, run in enumerate(trial.runs):
        case = _case(suite, trial, run.case.name, run.case.line)
        failures = trial.failures_of(index)
        if failures:
            failure = SubElement(case, "failure", message="; ".join(f.message for f in failures))
            failure.text = "\n".join(f.render() for f in failures)
    for name in trial.strays:
        case = _case(suite, trial, f"arrival order: {name}", 1)
        message = f"in {SHUFFLES} orders of arrival, not always the same signals"
        SubElement(case, "failure", message=message)
    for pin in trial.pins:
        place = pin.site.place
        case = _case(suite, trial, f"{place.line}:{place.column} {pin.shown}", place.line)
        if pin.unnoticed:
            warning = pin.warning()
            failed = strict and pin.hold == "not pinned"
            tag = "failure" if failed else "skipped"
            SubElement(case, tag, message=warning.message).text = warning.render()


def _case(suite: Element, trial: Trial, name: str, line: int) -> Element:
    rule = trial.rule
    return SubElement(
        suite, "testcase", classname=rule.id, name=name, file=rule.file, line=str(line)
    )
