"""What `twins run` and `twins suite` say at the end."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtests import archive
from loadtests.model.records import CellRecord


def run_document(run: Path, record: CellRecord) -> dict[str, Any]:
    """The JSON document of `twins run`; figures of an invalid cell are null."""
    from loadtests.analysis.cells import summarise_cell

    summary = summarise_cell(record, archive.cell_samples(run, record.id))
    checks = {check.name: check for check in record.checks}
    users = round(record.level.value) if record.level.kind == "users" else None
    shown = ("p50", "p90", "p99", "max")
    response = {name: (summary.response_time_us or {}).get(name) for name in shown}
    service = {name: (summary.service_time_us or {}).get(name) for name in shown}
    return {
        "scenario": record.scenario,
        "server": record.server,
        "users": users,
        "rate_per_s": record.level.value if users is None else None,
        "duration_s": summary.duration_s,
        "requests": summary.requests,
        "failures": summary.failures,
        "throughput_per_s": summary.throughput_per_s,
        "bytes_per_s": summary.bytes_per_s,
        "latency_us": response,
        "response_time_us": response,
        "service_time_us": service,
        "send_rate": checks["send rate"].figure if "send rate" in checks else None,
        "dropped": summary.dropped,
        "censored": summary.censored,
        "checks": [check.model_dump(mode="json") for check in record.checks],
        "state": record.state,
        "reason": record.reason,
        "cell": str(archive.cell_directory(run, record.id)),
    }


def suite_document(
    run: Path,
    records: Sequence[CellRecord],
    missing: Sequence[tuple[str, str]],
    written: Sequence[Path],
    gates: Sequence[str] = (),
) -> dict[str, Any]:
    """The JSON document of `twins suite`."""
    return {
        "run": run.name,
        "directory": str(run),
        "cells": len(records),
        "states": dict(Counter(record.state for record in records)),
        "without_valid_repeat": [{"server": server, "scenario": scenario} for server, scenario in missing],
        "gates": list(gates),
        "searches": [search.model_dump(mode="json") for search in archive.read_searches(run)],
        "report": [str(path) for path in written],
    }


def closing_lines(
    run: Path,
    records: Sequence[CellRecord],
    missing: Sequence[tuple[str, str]] = (),
    written: Sequence[Path] = (),
    gates: Sequence[str] = (),
) -> list[str]:
    """The end block: the answer, validity, the gates, where the report is, what next."""
    from loadtests.analysis.cells import summarise_cell
    from loadtests.report.figures import figure
    from loadtests.report.keys import BOUNDS

    lines = []
    for record in records if len(records) == 1 else ():
        cell = summarise_cell(record, archive.cell_samples(run, record.id))
        response = cell.response_time_us or {}
        limited = record.state == "generator-limited"
        more, less = (BOUNDS[bound] if limited else "" for bound in ("at least", "at most"))
        lines.append(
            f"{record.scenario} on {record.server}: {more}{figure(cell.throughput_per_s, 'per_s')}, "
            f"p50 {less}{figure(response.get('p50'), 'us')}, p99 {less}{figure(response.get('p99'), 'us')}, "
            f"{cell.failures if cell.failures is not None else '-'} failed of "
            f"{cell.requests if cell.requests is not None else '-'}"
        )
        lines.append(f"{record.state}" + (f": {record.reason}" if record.reason else ""))
    if len(records) != 1:
        lines += _answer(run)
        states = Counter(record.state for record in records)
        lines.append("cells: " + ", ".join(f"{count} {state}" for state, count in states.most_common()))
    lines += [f"no valid repeat: {scenario} on {server}" for server, scenario in missing]
    lines += gates
    pages = [path for path in written if path.suffix == ".html"]
    if pages:
        lines.append(f"report: {pages[0]}")
        lines.append(f"next: twins report {run} --open")
    else:
        lines.append(f"archive: {run}")
    return lines


def _answer(run: Path) -> list[str]:
    """The sentences, for whoever reads them; in a terminal headline and table, which stand in their place."""
    from loadtests.report import told
    from loadtests.report.terminal import table_lines

    return table_lines(run) if sys.stdout.isatty() else told(run)
