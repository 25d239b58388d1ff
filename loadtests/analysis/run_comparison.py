"""What changed between two runs: the same server, scenario and level, before and after.

The blocks of two runs are not pairs, so the intervals are Welch's. All primaries' intervals hold at once.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from loadtests.analysis import ratios
from loadtests.analysis.cells import CellSummary
from loadtests.analysis.differences import Difference, Judge, judged
from loadtests.analysis.metrics import METRICS, Metric, columns_of, is_lower_bound
from loadtests.analysis.points import Point, level_words
from loadtests.analysis.wording import verdict_sentence
from loadtests.archive import ArchiveError
from loadtests.model.records import Level, Manifest, Record


class CompareError(ArchiveError):
    """Why two runs may not be compared; ready for the user, with what would allow it."""


class Change(Difference):
    """One metric of one point, new run against base; `primary` where the plan declares it."""

    id: str
    server: str
    scenario: str
    level: Level
    metric: str
    primary: bool
    sentence: str


class EnvironmentChange(Record):
    """Something other than the code under test that differs between the runs."""

    name: str
    base: str
    new: str


class RunComparison(Record):
    base: str
    new: str
    same_run: bool
    environment: list[EnvironmentChange]
    changes: list[Change]


def refuse(base: Manifest, new: Manifest) -> None:
    """Raise CompareError for different machines and for quick runs; a run may face itself."""
    if base.run == new.run:
        return
    if base.machine_id != new.machine_id:
        raise CompareError(
            f"{base.run} and {new.run} ran on different machines: their difference is the machines', "
            f"not the servers'; allow it with --force."
        )
    for manifest in (base, new):
        if manifest.quick:
            raise CompareError(f"{manifest.run} is a quick run, too short to compare; allow it with --force.")


def environment_changes(base: Manifest, new: Manifest) -> list[EnvironmentChange]:
    """Versions, machine, plan and code that differ."""
    sides = [_environment(manifest) for manifest in (base, new)]
    names = sorted(sides[0].keys() | sides[1].keys())
    return [
        EnvironmentChange(name=name, base=sides[0].get(name, "absent"), new=sides[1].get(name, "absent"))
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def changes(
    base: tuple[Manifest, Mapping[str, Point], Mapping[str, CellSummary]],
    new: tuple[Manifest, Mapping[str, Point], Mapping[str, CellSummary]],
) -> list[Change]:
    """Every metric of every point both runs hold: changed ones first, primaries before others."""
    manifest, points, cells = new
    primary = {
        (server, c.scenario, c.level, c.metric)
        for c in manifest.primaries
        for server in (c.server, c.baseline)
    }
    judge = Judge(comparisons=len(primary), floors=manifest.aa_floor or {})
    same = base[0].run == manifest.run
    changed = []
    for name, point in points.items():
        if name not in base[1]:
            continue
        for metric in (changing.name for changing in columns_of("changes").values()):
            sides = [
                [owned[1][cell] for cell in owned[0][name].cells] for owned in ((points, cells), base[1:])
            ]
            difference = (
                _same(judge, metric) if same else _unpaired(sides[0], sides[1], METRICS[metric], judge)
            )
            changed.append(
                _change(
                    difference, point, metric, (point.server, point.scenario, point.level, metric) in primary
                )
            )
    return sorted(changed, key=_order)


def _unpaired(
    ours: Iterable[CellSummary], theirs: Iterable[CellSummary], metric: Metric, judge: Judge
) -> Difference:
    logs: list[list[float]] = []
    limited, reasons, broken, rounded = [], [], False, 0.0
    for side, run in ((ours, "new run"), (theirs, "base")):
        cells = list(side)
        known = [cell for cell in cells if not is_lower_bound(metric, cell)]
        logs.append([math.log(value) for cell in known if (value := metric.pick(cell))])
        rounded += metric.rounding(cell for cell in known if metric.pick(cell))
        broken = broken or any(cell.state == "invalid" for cell in cells)
        limited.append(any(cell.state == "generator-limited" for cell in cells))
        reasons += [
            f"{run}, block {cell.block}: {cell.reason or f'too few samples for the {metric.label}'}"
            for cell in cells
            if not metric.pick(cell)
        ]
    if not metric.higher_is_better:
        logs = [[-value for value in side] for side in logs]
    interval = (
        ratios.welch_interval(logs[0], logs[1], judge.confidence, rounded=rounded) if all(logs) else None
    )
    return judged(
        [], interval, metric, judge, limited=(limited[0], limited[1]), broken=broken, reasons=reasons
    )


def _same(judge: Judge, metric: str) -> Difference:
    return Difference(verdict="same run", confidence=judge.confidence, delta=judge.delta(metric))


def _change(difference: Difference, point: Point, metric: str, primary: bool) -> Change:
    sentence = verdict_sentence(difference, METRICS[metric], "the new run", "the base")
    return Change(
        **difference.model_dump(),
        id=f"{point.id}/{metric}",
        server=point.server,
        scenario=point.scenario,
        level=point.level,
        metric=metric,
        primary=primary,
        sentence=f"{point.server}, {point.scenario}, {level_words(point.level)}: {sentence}.",
    )


def _order(change: Change) -> tuple[int, bool, float]:
    rank = {"slower": 0, "faster": 0, "at least": 1, "at most": 1, "invalid": 2, "generator-limited": 2}
    size = abs(math.log(change.ratio)) if change.ratio else 0.0
    return rank.get(change.verdict, 3), not change.primary, -size


def _environment(manifest: Manifest) -> dict[str, str]:
    flat: dict[str, Any] = {
        **{f"version of {name}": version for name, version in manifest.versions.items()},
        **{f"machine: {name}": value for name, value in manifest.machine.items()},
        "plan": f"{manifest.plan_name} ({manifest.plan_id[:12]})",
        "code": manifest.code_id,
        **{f"code of {label}": code for label, code in manifest.own_code.items()},
        **{f"revision of {label}": commit for label, commit in manifest.revisions.items()},
        **{
            f"{name} of {label}": version
            for label, runtime in manifest.runtimes.items()
            for name, version in {"Python": runtime.python, "GIL": runtime.gil, **runtime.packages}.items()
        },
    }
    return {name: str(value) for name, value in flat.items()}
