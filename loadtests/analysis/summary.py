"""The summary of a run: every figure, verdict and warning of the report, as one document."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from loadtests.analysis import ratios
from loadtests.analysis.advice import NextStep, advice
from loadtests.analysis.answers import Answer, answers, means_of
from loadtests.analysis.cases import Case, LatencyTarget, cases, reference_levels, target_of
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.check_summaries import CheckSummary, check_summaries
from loadtests.analysis.differences import Judge
from loadtests.analysis.explanations import Explanation, explain
from loadtests.analysis.gate_rules import GateError, GateResult, judge
from loadtests.analysis.headline import headline
from loadtests.analysis.moments import Moment
from loadtests.analysis.points import Point, point_id, points
from loadtests.analysis.reading import Archives, read
from loadtests.analysis.run_comparison import RunComparison, changes, environment_changes, refuse
from loadtests.analysis.scaling import Curve, curves
from loadtests.analysis.sentences import Sentence, sentences
from loadtests.analysis.sides import ServerWords, asked, sides
from loadtests.analysis.validity import State, validity
from loadtests.model.records import Level, Manifest, Record, SearchRecord
from loadtests.model.sameness import Sameness

SCHEMA_VERSION = 2


class Method(Record):
    """The conditions of every verdict."""

    confidence: float = Field(description="that all primary intervals hold at once")
    interval_confidence: float = Field(description="of each primary interval (Bonferroni)")
    primaries: int
    deltas: dict[str, float] = Field(description="smallest difference that matters, by metric")
    aa_floor: dict[str, float] | None
    matched: str | None = Field(
        description="as shipped, as the plan says; or capacity-matched, where the slots are known and alike"
    )


class Summary(Record):
    """`summary.json`. Keys of `points` are server/scenario/level, of `cells` the cells' ids."""

    schema_version: int = SCHEMA_VERSION
    headline: str = Field(description="the run in one sentence")
    state: State
    trust: str = Field(description="which of the warnings bear on an answer, or that none does")
    reasons: list[str] = Field(description="why the run is invalid; then there is no answer")
    warnings: list[str]
    runs: list[Manifest]
    finished_cells: int
    planned_cells: int
    requests: int = Field(description="due while measuring, over all valid cells")
    method: Method
    sentences: list[Sentence]
    sameness: list[Sameness] = Field(
        default=[], description="what the servers of one's own answered before any load, by scenario"
    )
    answers: list[Answer]
    advice: list[NextStep] = Field(description="what to do next")
    sides: dict[str, ServerWords] = Field(description="who is who, by server")
    asked: dict[str, str] = Field(description="what each scenario asks of a server")
    references: dict[str, Level] = Field(description="each scenario's reference level")
    targets: dict[str, LatencyTarget]
    cases: list[Case]
    gates: list[GateResult]
    curves: list[Curve]
    explanations: dict[str, Explanation] = Field(description="by point, at the reference levels and answers")
    checks: list[CheckSummary]
    searches: list[SearchRecord]
    points: dict[str, Point]
    cells: dict[str, CellSummary]
    moments: dict[str, list[Moment]] = Field(description="over time, of one cell a point at reference level")
    comparison: RunComparison | None = Field(
        default=None, description="against a base run, by `twins compare`"
    )


def against(base: Summary, new: Summary, *, force: bool = False) -> Summary:
    """`new` with its comparison against `base`; raises CompareError, if not forced."""
    before, after = base.runs[0], new.runs[0]
    if not force:
        refuse(before, after)
    comparison = RunComparison(
        base=before.run,
        new=after.run,
        same_run=before.run == after.run,
        environment=environment_changes(before, after),
        changes=changes((before, base.points, base.cells), (after, new.points, new.cells)),
    )
    return new.model_copy(update={"comparison": comparison})


def build(run_dirs: Sequence[Path]) -> Summary:
    """The summary of one run or of several pooled ones; raises `PoolingError` and `ArchiveError`."""
    reading = read(run_dirs)
    manifest, cells = reading.manifests[0], reading.cells
    measured = {point.id: point for point in points(cells.values())}
    verdicts = Judge(comparisons=len(manifest.primaries), floors=manifest.aa_floor or {})
    answered = answers(
        list(cells.values()), manifest.primaries, verdicts, manifest.plan.get("matched"), reading.sameness
    )
    references = reference_levels(
        list(measured.values()), manifest.primaries, manifest.plan.get("scenarios", {})
    )
    explained = _explanations(measured, cells, answered, references)
    answered = [_explained(answer, explained) for answer in answered]
    targets = {scenario: target_of(manifest.plan, scenario) for scenario in references}
    gates, unread = _gates(manifest, measured, cells, references)
    trust = validity(manifest, measured.values(), cells, answered, reading.searches, reading.planned_cells)
    who = sides(cells.values())
    return Summary(
        headline=headline(manifest, answered, who, valid=trust.state != "invalid"),
        trust=trust.bearing,
        sides=who,
        advice=advice(manifest, answered),
        asked=asked(manifest, cells.values()),
        state="warnings" if unread and trust.state == "valid" else trust.state,
        reasons=trust.reasons,
        warnings=[*unread, *trust.warnings],
        runs=reading.manifests,
        finished_cells=len(cells),
        planned_cells=reading.planned_cells,
        requests=sum(cell.requests or 0 for cell in cells.values()),
        method=_method(
            manifest, verdicts, means_of(list(cells.values()), answered, manifest.plan.get("matched"))
        ),
        sentences=sentences(list(measured.values()), answered, references),
        sameness=reading.sameness,
        answers=answered,
        references=references,
        targets=targets,
        cases=cases(list(measured.values()), cells, references, targets, _unequal(reading)),
        gates=gates,
        curves=curves(measured, cells),
        explanations=explained,
        checks=check_summaries(cells),
        searches=reading.searches,
        points=measured,
        cells=cells,
        moments=_moments(reading, measured, references),
    )


def _unequal(reading: Archives) -> set[str]:
    """The scenarios whose servers did not answer alike: none is best there."""
    return {looked.scenario for looked in reading.sameness if not looked.alike}


def _gates(
    manifest: Manifest,
    measured: Mapping[str, Point],
    cells: Mapping[str, CellSummary],
    references: Mapping[str, Level],
) -> tuple[list[GateResult], list[str]]:
    """The plan's gates, and why some could not be read: a bad gate must not cost the report."""
    results, unread = [], []
    for gate in manifest.plan.get("gates", []):
        try:
            results += judge([gate], list(measured.values()), cells, references)
        except GateError as error:
            unread.append(str(error))
    return results, unread


def _method(manifest: Manifest, verdicts: Judge, matched: str | None) -> Method:
    return Method(
        confidence=ratios.CONFIDENCE,
        interval_confidence=verdicts.confidence,
        primaries=len(manifest.primaries),
        deltas={c.metric: verdicts.delta(c.metric) for c in manifest.primaries},
        aa_floor=manifest.aa_floor,
        matched=matched,
    )


def _explanations(
    measured: Mapping[str, Point],
    cells: Mapping[str, CellSummary],
    answered: Sequence[Answer],
    references: Mapping[str, Level],
) -> dict[str, Explanation]:
    wanted = [p.id for p in measured.values() if p.level == references[p.scenario]]
    wanted += [point_id(side, a.scenario, a.level) for a in answered for side in (a.server, a.baseline)]
    explained = {}
    for name in dict.fromkeys(wanted):
        if name in measured:
            point = measured[name]
            curve = [p for p in measured.values() if (p.server, p.scenario) == (point.server, point.scenario)]
            explained[name] = explain(point, curve, cells)
    return explained


def _explained(answer: Answer, explained: Mapping[str, Explanation]) -> Answer:
    """Where there is no ratio, no cause explains it: told is only that the generator was the limit."""
    names = [point_id(side, answer.scenario, answer.level) for side in (answer.server, answer.baseline)]
    told = [explained[name] for name in names if name in explained]
    if answer.ratio is None:
        told = [explanation for explanation in told if explanation.cause in ("generator", "background")]
    return answer.model_copy(update={"explanation": [explanation.text for explanation in told]})


def _moments(
    reading: Archives, measured: Mapping[str, Point], references: Mapping[str, Level]
) -> dict[str, list[Moment]]:
    """The first sound cell of each point at its scenario's reference level."""
    series = {}
    for point in measured.values():
        if point.level == references[point.scenario]:
            sound = [name for name in point.cells if reading.cells[name].state != "invalid"]
            if sound:
                series[sound[0]] = reading.moments(sound[0])
    return series
