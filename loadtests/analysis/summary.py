"""The summary of a run: every figure, verdict and warning of the report, as one document."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from loadtests.analysis import cases as case_table
from loadtests.analysis.answers import Answer, answers
from loadtests.analysis.cases import Case, Target
from loadtests.analysis.cells import CellSummary, summarise_cell
from loadtests.analysis.differences import Judge
from loadtests.analysis.points import Point, points
from loadtests.analysis.sentences import Sentence, sentences
from loadtests.analysis.validity import validity
from loadtests.lab import archive
from loadtests.lab.records import Level, Manifest, Record

SCHEMA_VERSION = 1


class Method(Record):
    """The conditions of every verdict."""

    confidence: float = Field(description="that all primary intervals hold at once")
    interval_confidence: float = Field(description="of each primary interval (Bonferroni)")
    primaries: int
    deltas: dict[str, float] = Field(description="smallest difference that matters, by metric")
    aa_floor: dict[str, float] | None


class Summary(Record):
    schema_version: int = SCHEMA_VERSION
    state: Literal["valid", "warnings", "invalid"]
    reasons: list[str] = Field(description="why the run is invalid; then there is no answer")
    warnings: list[str]
    runs: list[Manifest]
    finished_cells: int
    planned_cells: int
    method: Method
    sentences: list[Sentence]
    answers: list[Answer]
    references: dict[str, Level]
    targets: dict[str, Target]
    cases: list[Case]
    points: dict[str, Point]
    cells: dict[str, CellSummary]


def summarise(run_dir: Path) -> dict[str, Any]:
    """The `summary.json` document of one archived run. Raises what `archive.read_manifest` raises."""
    return build([run_dir]).model_dump(mode="json")


def build(run_dirs: Sequence[Path]) -> Summary:
    """The summary of one run, or of several that may be pooled."""
    manifests = [archive.read_manifest(run_dir) for run_dir in run_dirs]
    manifest = manifests[0]
    cells: dict[str, CellSummary] = {}
    for run_dir in run_dirs:
        for record in archive.read_cells(run_dir):
            target = case_table.target_of(manifest.plan, record.scenario)
            samples = archive.cell_samples(run_dir, record.id)
            cells[record.id] = summarise_cell(record, samples, target.p99_us)
    found = points(cells.values())
    judge = Judge(comparisons=len(manifest.primaries), floors=manifest.aa_floor or {})
    answered = answers(list(cells.values()), manifest.primaries, judge)
    references = case_table.reference_levels(found, manifest.primaries)
    targets = {scenario: case_table.target_of(manifest.plan, scenario) for scenario in references}
    valid = validity(manifest, found, cells, answered, len(manifest.cells))
    return Summary(
        state=valid.state,
        reasons=valid.reasons,
        warnings=valid.warnings,
        runs=manifests,
        finished_cells=len(cells),
        planned_cells=len(manifest.cells),
        method=Method(
            confidence=0.95,
            interval_confidence=judge.confidence,
            primaries=len(manifest.primaries),
            deltas={c.metric: judge.delta(c.metric) for c in manifest.primaries},
            aa_floor=manifest.aa_floor,
        ),
        sentences=sentences(found, answered, references),
        answers=answered,
        references=references,
        targets=targets,
        cases=case_table.cases(found, cells, references, targets),
        points={point.id: point for point in found},
        cells=cells,
    )
