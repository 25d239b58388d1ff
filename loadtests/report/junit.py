"""`junit.xml`: gates as test cases, in the form CI systems read."""

from collections.abc import Sequence
from xml.etree import ElementTree

from loadtests.analysis.gate_rules import GateResult
from loadtests.report.figures import figure, setting


def document(results: Sequence[GateResult]) -> str:
    """One test case a gate and place; an inconclusive one counts as skipped, with its reason."""
    suite = ElementTree.Element(
        "testsuite",
        name="twins gates",
        tests=str(len(results)),
        failures=str(sum(result.status == "failed" for result in results)),
        errors="0",
        skipped=str(sum(result.status == "inconclusive" for result in results)),
    )
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=result.place, name=result.gate, time="0")
        if result.status != "passed":
            kind = "failure" if result.status == "failed" else "skipped"
            ElementTree.SubElement(case, kind, message=told(result))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    return text + "\n"


def told(result: GateResult) -> str:
    """Why a gate came out as it did, with what was measured, its interval and the limit."""
    measured = figure(result.value, result.unit)
    if result.low is not None and result.high is not None:
        measured += f" ({figure(result.low, result.unit)} to {figure(result.high, result.unit)})"
    return f"{result.reason}: measured {measured}, limit {setting(result.limit, result.unit)}"
