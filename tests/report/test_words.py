"""No sentence says what its table, its chart or `summary.json` does not: over archives drawn at random."""

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadtests.analysis.summary import Summary, build
from loadtests.model.digits import digits, rounded
from loadtests.report.keys import Keyed
from loadtests.report.markdown import markdown
from loadtests.report.page import drawn_scenarios, server_looks
from loadtests.report.panels import ratio_rows
from tests.report.drawn import runs, written
from tests.report.synthetic import Run

# exact and no measurement: counts, settings, names of cells, servers, percentiles and levels
EXACT = re.compile(
    r"\b[bu]\d+\b|\bp\d+(?:\.\d+)?\b|"
    r"\d[\d,]* (?:more )?(?:blocks?|users?|slots?|threads?|process(?:es)?|tasks?|cells?|"
    r"planned cells?|answers?|notes?|servers?|arrivals|clients?)\b|\d+ of \d+|\d+-core|of the \d+"
)
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?")


def sentences(summary: Summary) -> list[str]:
    """Every sentence that the analysis made."""
    return [
        summary.headline,
        summary.trust,
        *summary.reasons,
        *summary.warnings,
        *(sentence.text for sentence in summary.sentences),
        *(answer.sentence for answer in summary.answers),
        *(text for answer in summary.answers for text in answer.explanation),
        *(explanation.text for explanation in summary.explanations.values()),
        *(step.text for step in summary.advice),
    ]


def long_figures(text: str) -> list[str]:
    """The figures of a sentence with more than three significant digits."""
    found = []
    for figure in FIGURE.findall(EXACT.sub("", text)):
        plain = figure.partition("·")[0].replace(",", "")
        significant = plain.replace(".", "").lstrip("0")
        if "." not in plain:
            significant = significant.rstrip("0")
        if len(significant) > 3:
            found.append(figure)
    return found


@given(st.floats(-1e9, 1e9, allow_nan=False))
def test_a_figure_has_three_significant_digits_and_is_the_nearest_such(value: float) -> None:
    text = digits(value)
    assert not long_figures(text.lstrip("−"))  # noqa: RUF001
    assert abs(rounded(value) - value) <= abs(value) * 0.005 + 1e-300


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.996, "10.0"),
        (999.6, "1,000"),
        (12_345, "12,300"),
        (0.0681, "0.0681"),
        (-8.578e-5, "−8.58·10⁻⁵"),  # noqa: RUF001
        (0, "0"),
    ],
)
def test_figures_as_text(value: float, text: str) -> None:
    assert digits(value) == text


def check(summary: Summary) -> None:
    for text in sentences(summary):
        assert not long_figures(text), text
        assert not re.search(r"\b(nan|inf|None)\b|\de[-+]\d", text), text
    assert len(set(summary.warnings)) == len(summary.warnings)
    for answer in summary.answers:
        verdict_and_sentence(answer)
        flight(summary, answer.explanation)
    for name, explanation in summary.explanations.items():
        explained(summary, name, explanation.text)
        assert explanation.core_share is None or explanation.core_share <= 1
    headline(summary)
    shown(summary)


def verdict_and_sentence(answer: Any) -> None:
    told = answer.sentence
    if answer.verdict in ("faster", "slower", "at least", "at most"):
        better = answer.ratio if answer.verdict in ("faster", "at least") else 1 / answer.ratio
        assert better > 1, told
        winner = answer.server if answer.verdict in ("faster", "at least") else answer.baseline
        loser = answer.baseline if winner == answer.server else answer.server
        phrase = f"{winner} serves" if answer.metric == "throughput" else f"{loser}'s "
        assert phrase in told
        assert f"{digits(better)}×" in told  # noqa: RUF001
        assert ("at least" in told) == (answer.verdict in ("at least", "at most"))
    elif answer.ratio is None:
        assert "×" not in told  # noqa: RUF001
        assert "not measured" in told or "no answer" in told
    else:
        assert ("equivalent" in told, "undecided" in told) == (
            answer.verdict == "equivalent",
            answer.verdict == "inconclusive",
        )
    if answer.ratio is None:
        causes = [
            text for text in answer.explanation if "load generator" not in text and "slots held" not in text
        ]
        assert not causes, "a cause of what was not measured"


def flight(summary: Summary, texts: list[str]) -> None:
    most = max((c.level.value for c in summary.cells.values()), default=0)
    for text in texts:
        if found := re.search(r"([\d.]+) in flight", text):
            assert float(found[1]) <= most


def explained(summary: Summary, name: str, text: str) -> None:
    """What a cause tells was measured is what the table shows of the same point."""
    estimate = summary.points[name].estimates["throughput"]
    if found := re.search(r"([\d.,]+)/s measured", text):
        assert estimate is not None
        assert found[1] == digits(estimate.value), text
        assert estimate.bound == "exact", "a bound told as a measurement"
    if found := re.search(r"which reached ([\d.,]+)/s", text):
        assert estimate is not None
        assert found[1] == digits(estimate.value)
        assert estimate.bound == "at least"
    for share in re.findall(r"([\d.]+) % busy", text):
        assert float(share) <= 100
    if found := re.search(r"([\d.]+) in flight", text):
        assert float(found[1]) <= summary.points[name].level.value, text


def headline(summary: Summary) -> None:
    text = summary.headline
    assert text.endswith(".")
    if summary.state == "invalid":
        assert text.startswith("No answer")
        return
    decided = [a for a in summary.answers if a.verdict in ("faster", "slower")]
    assert (" served more" in text or " had the shorter" in text) == bool(decided), text
    if len({(a.server, a.baseline) for a in summary.answers}) <= 1:
        assert ("undecided" in text) == any(a.verdict == "inconclusive" for a in summary.answers), text
        assert ("equivalent" in text) == any(a.verdict == "equivalent" for a in summary.answers), text


def shown(summary: Summary) -> None:
    """Charts and Markdown tell what the document holds."""
    document = summary.model_dump(mode="json")
    rows = {row["id"]: row for row in ratio_rows(document, server_looks(document))}
    assert set(rows) == {a.id for a in summary.answers if a.ratio is not None}
    for answer in summary.answers:
        if answer.ratio is not None:
            assert (rows[answer.id]["ratio"], rows[answer.id]["low"]) == (answer.ratio, answer.low)
    text = markdown(document)
    assert text.splitlines()[0] == f"# {summary.headline}"
    for sentence in summary.sentences if summary.state != "invalid" else ():
        assert sentence.text in text
    assert set(drawn_scenarios(document)) == set(summary.references)
    keyed = Keyed(document)
    for place, case in enumerate(summary.cases):
        for column, estimate in case.figures.items():
            cell = keyed.estimate("plain", "cases", place, "figures", column)
            assert ("≥" in cell, "≤" in cell) == (
                bool(estimate and estimate.bound == "at least"),
                bool(estimate and estimate.bound == "at most"),
            )


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(runs())
def test_no_sentence_contradicts_what_it_tells_of(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(build([written(Path(folder), run)]))
