"""The columns of the run's two Parquet tables: names, types, units and what each one says (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """`kind` is its type in DuckDB; `unit` is empty where it counts things or is text."""

    name: str
    kind: str
    unit: str
    description: str


LABELS = (
    Column("run", "varchar", "", "the run's id, which is the name of its folder"),
    Column("cell", "varchar", "", "the cell's id within the run"),
    Column("server", "varchar", "", "label of the server under test"),
    Column("scenario", "varchar", "", "label of the scenario"),
    Column("level_kind", "varchar", "", "`users` in the closed loop, `rate` in the open one"),
    Column("level", "double", "", "users, or arrivals per second"),
    Column("block", "integer", "", "pass over all cells, from 1; each starts its servers fresh"),
)
REQUESTS = (
    Column("phase", "varchar", "", "`warmup`, `measure` or `drain`: when the request was due"),
    Column("name", "varchar", "", "name of the request within the scenario"),
    Column("due_us", "bigint", "us", "when it was due, since the load generator's zero"),
    Column("response_time_us", "bigint", "us", "from the moment it was due to the last byte of the answer"),
    Column(
        "service_time_us", "bigint", "us", "from the moment it was sent to the last byte; null if never sent"
    ),
    Column("connect_us", "bigint", "us", "time spent connecting; 0 on a kept connection"),
    Column(
        "first_byte_us",
        "bigint",
        "us",
        "from the moment it was due to the first byte; null without an answer",
    ),
    Column("received_bytes", "bigint", "bytes", "of the response's body"),
    Column("status", "integer", "", "HTTP status; 0 where no status line was read"),
    Column("kind", "varchar", "", "`ok`, or the kind of failure"),
)
TIMESERIES = (
    Column("unix_s", "double", "s", "time of the reading, since 1970"),
    Column("side", "varchar", "", "`server`, `generator` (their resources), or `load` (what was answered)"),
    Column("cpu_user_s", "double", "s", "processor time in user mode, since the start"),
    Column("cpu_system_s", "double", "s", "processor time in the kernel, since the start"),
    Column("rss_bytes", "bigint", "bytes", "resident memory of the process tree"),
    Column("threads", "integer", "", "threads of the process tree"),
    Column("descriptors", "integer", "", "open descriptors of the process tree"),
    Column("voluntary_switches", "bigint", "", "context switches that waited for something, since the start"),
    Column("involuntary_switches", "bigint", "", "context switches by the scheduler, since the start"),
    Column("run_queue_s", "double", "s", "time spent ready and waiting for a processor, since the start"),
    Column("read_bytes", "bigint", "bytes", "read from disks, since the start"),
    Column("phase", "varchar", "", "phase of the load"),
    Column("ok", "bigint", "", "requests that succeeded in this second"),
    Column("failed", "bigint", "", "requests that failed in this second"),
    Column("in_flight", "integer", "", "requests under way at the end of this second"),
    Column("users", "integer", "", "users at the end of this second"),
    Column("p50_us", "bigint", "us", "median response time of this second's successes"),
    Column("p99_us", "bigint", "us", "99th percentile of the same"),
    Column("bytes", "bigint", "bytes", "received in this second"),
)
TABLES = {
    "requests": (*LABELS, *REQUESTS),
    "timeseries": (*LABELS, *TIMESERIES),
}
"""All columns of each table, in their order; `requests.parquet` and `timeseries.parquet`."""

_KINDS = {"varchar": "string", "double": "number", "integer": "integer", "bigint": "integer"}


def declared(columns: Iterable[Column]) -> str:
    """`name type, …`, as DuckDB declares a table."""
    return ", ".join(f"{column.name} {column.kind}" for column in columns)


def table_schema(table: str) -> dict[str, Any]:
    """The Table Schema (Frictionless specification, version 1) of a table."""
    return {
        "fields": [
            {"name": column.name, "type": _KINDS[column.kind], "description": column.description}
            | ({"unit": column.unit} if column.unit else {})
            for column in TABLES[table]
        ],
        "missingValues": [""],
    }
