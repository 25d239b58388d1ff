"""`summary.csv` and `requests.csv`: a row for each cell, and for each name of its requests."""

import csv
import io
from typing import Any

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.metrics import METRICS, OF_REQUESTS
from loadtests.analysis.summary import Summary

FIXED = ("run", "cell", "server", "scenario", "level_kind", "level", "block", "state", "reason")
COUNTS = ("requests", "failures", "censored", "dropped", "latency_samples", "duration_s")


def csv_table(summary: Summary) -> str:
    """RFC 4180 text, an empty field for a figure that could not be had."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*FIXED, *COUNTS, *(metric.column for metric in METRICS.values())])
    for name, cell in summary.cells.items():
        counts = [getattr(cell, count) for count in COUNTS]
        writer.writerow([*_fixed(name, cell), *counts, *(m.pick(cell) for m in METRICS.values())])
    return text.getvalue()


def requests_table(summary: Summary) -> str:
    """The same of the requests of each name; "" where no cell has several."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = [METRICS[metric].column for metric in OF_REQUESTS]
    writer.writerow([*FIXED, "request", *COUNTS, *columns])
    rows = 0
    for name, cell in summary.cells.items():
        for request in cell.by_request:
            view = cell.of_request(request)
            counts = [getattr(view, count) for count in COUNTS]
            picked = [None if view is None else METRICS[metric].pick(view) for metric in OF_REQUESTS]
            writer.writerow([*_fixed(name, cell), request, *counts, *picked])
            rows += 1
    return text.getvalue() if rows else ""


def _fixed(name: str, cell: CellSummary) -> list[Any]:
    place = [cell.run, name, cell.server, cell.scenario, cell.level.kind, cell.level.value, cell.block]
    return [*place, cell.state, cell.reason]
