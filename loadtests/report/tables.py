"""`summary.csv`: one row for each cell, with the figures that are compared."""

import csv
import io

from loadtests.analysis.metrics import METRICS
from loadtests.analysis.summary import Summary

FIXED = ("run", "cell", "server", "scenario", "level_kind", "level", "block", "state", "reason")
COUNTS = ("requests", "failures", "censored", "dropped", "latency_samples", "duration_s")


def csv_table(summary: Summary) -> str:
    """RFC 4180 text, an empty field for a figure that could not be had."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*FIXED, *COUNTS, *(metric.column for metric in METRICS.values())])
    for name, cell in summary.cells.items():
        level = cell.level
        row = [cell.run, name, cell.server, cell.scenario, level.kind, level.value, cell.block]
        row += [cell.state, cell.reason]
        row += [getattr(cell, count) for count in COUNTS]
        row += [metric.pick(cell) for metric in METRICS.values()]
        writer.writerow(row)
    return text.getvalue()
