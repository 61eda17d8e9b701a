"""A backtest's budgets as JUnit XML: a suite for each rule, a case for each part of its budget."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aislewatch.authoring.backtest_report import Report, RuleReport


def backtest_junit(report: Report) -> bytes:
    """Give a report as one XML document.

    A part of the budget that nothing could tell is skipped. A rule that sets no budget has one
    case, which shows that it was run.
    """
    root = Element("testsuites", name="aislewatch rules backtest")
    for rule in report.rules:
        _suite(root, rule)
    for node in [root, *root]:
        cases = list(node.iter("testcase"))
        node.set("tests", str(len(cases)))
        for key, tag in (("failures", "failure"), ("skipped", "skipped")):
            node.set(key, str(sum(case.find(tag) is not None for case in cases)))
    indent(root)
    made: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _suite(root: Element, report: RuleReport) -> None:
    rule = report.subject.rule
    suite = SubElement(root, "testsuite", name=rule.id, file=rule.file)
    names = {"classname": rule.id, "file": rule.file}
    for check in report.checks:
        case = SubElement(suite, "testcase", {**names, "name": f"budget: {check.name}"})
        if check.passed is None:
            SubElement(case, "skipped", message=check.says)
        elif not check.passed:
            SubElement(case, "failure", message=check.says)
    if not report.checks:
        case = SubElement(suite, "testcase", {**names, "name": "no budget"})
        message = f"{report.now.scores.split.hits} hits; the file sets no budget"
        SubElement(case, "skipped", message=message)
