"""The gates of a plan: read before anything is measured, judged at the end of its run."""

from collections.abc import Sequence
from pathlib import Path

from loadtests.analysis import gates
from loadtests.analysis.gate_rules import GateResult, check_names
from loadtests.lab.plan import Plan, PlanError
from loadtests.report.junit import told


def refuse_unreadable(plan: Plan) -> None:
    """Raise PlanError for a gate that cannot be read or names what the plan does not hold."""
    try:
        check_names(
            plan.gates,
            plan.servers,
            {label: [r.name for r in planned.requests] for label, planned in plan.scenarios.items()},
        )
    except gates.GateError as error:
        raise PlanError(str(error)) from None


def judged(run: Path) -> tuple[list[GateResult], int]:
    """The run's own gates and the exit code they amount to; raises `archive.ArchiveError`."""
    results = gates.check(run)
    return results, gates.exit_code(results)


def gate_lines(results: Sequence[GateResult]) -> list[str]:
    """A line for each gate and place: what came of it, what was measured and where its limit is."""
    return [f"{result.status:<13} {result.gate} · {result.place}: {told(result)}" for result in results]
