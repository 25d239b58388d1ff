"""`twins list`: what there is."""

import dataclasses
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from loadtests import archive
from loadtests.archive import columns
from loadtests.commands.options import DEFAULT_RESULTS, Json, Results, print_json
from loadtests.lab.plan import Plan
from loadtests.lab.planfile import shipped_plans
from loadtests.subjects.registry import SCENARIOS, SERVERS


class Known(StrEnum):
    servers = "servers"
    scenarios = "scenarios"
    plans = "plans"
    runs = "runs"


class Described(StrEnum):
    summary = "summary"
    csv = "csv"
    requests = "requests"
    timeseries = "timeseries"
    plan = "plan"


def schema(what: Annotated[Described, typer.Argument(help="What to describe.")]) -> None:
    """Print the schema of a file: JSON Schema of summary.json and of plans, Table Schema of the tables."""
    from loadtests.report.schemas import summary_schema, table_schema

    documents: dict[Described, Callable[[], dict[str, Any]]] = {
        Described.summary: summary_schema,
        Described.csv: table_schema,
        Described.requests: lambda: columns.table_schema("requests"),
        Described.timeseries: lambda: columns.table_schema("timeseries"),
        Described.plan: Plan.model_json_schema,
    }
    print(json.dumps(documents[what](), indent=1))


def list_known(
    what: Annotated[Known, typer.Argument(help="What to list.")],
    as_json: Json = False,
    results: Results = DEFAULT_RESULTS,
) -> None:
    """List servers, scenarios, shipped plans or runs."""
    if what is Known.servers:
        rows = [_server(name) for name in SERVERS]
        headings = ["name", "summary", "started as"]
    elif what is Known.scenarios:
        rows = [scenario.document() for scenario in SCENARIOS.values()]
        headings = ["name", "question", "mechanism"]
    elif what is Known.plans:
        rows = [{"name": name, "what": line} for name, line in shipped_plans().items()]
        headings = ["name", "what"]
    else:
        rows = [_run(path) for path in archive.find_runs(results)]
        headings = ["run", "plan", "cells", "planned", "finished"]
    if as_json:
        print_json(rows)
        return
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(headings):
        table.add_column(column, no_wrap=number == 0)
    for row in rows:
        table.add_row(*(str(row[column]) for column in headings))
    Console().print(table if rows else f"no {what.value}.")
    if what is Known.servers:
        print("Started as: processes x threads of each, by default.")


def _server(name: str) -> dict[str, Any]:
    spec = SERVERS[name]
    missing = spec.missing()
    size = f"{spec.processes or '?'} x {spec.threads or '?'}"
    facts = dataclasses.asdict(spec) | {"available": missing is None, "started as": size}
    return facts | ({"summary": f"{spec.summary} ({missing} is not installed)"} if missing else {})


def _run(path: Any) -> dict[str, Any]:
    manifest = archive.read_manifest(path)
    return {
        "run": manifest.run,
        "plan": manifest.plan_name,
        "cells": len(archive.read_cells(path)),
        "planned": len(manifest.cells),
        "finished": manifest.finished_unix_s is not None,
        "quick": manifest.quick,
        "created_unix_s": manifest.created_unix_s,
        "directory": str(path),
    }
