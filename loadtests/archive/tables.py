"""The run as two Parquet tables (zstd, by DuckDB): every request, and both sides over time.

Every row says which run, cell, server, scenario, level and block it belongs to, so that
`duckdb -c "from 'results/*/requests.parquet'"` just works over any number of runs.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from loadtests import archive
from loadtests.archive.columns import TABLES, TIMESERIES, declared
from loadtests.model.records import CellRecord
from loadtests.model.samples import KINDS, PHASES, Samples

REQUESTS_FILE, TIMESERIES_FILE = "requests.parquet", "timeseries.parquet"
CENSORED_OR_UNSENT = ("connect", "connect-timeout", "dropped")

SELECT_REQUESTS = """
select $run as run, $cell as cell, $server as server, $scenario as scenario, $level_kind as level_kind,
  $level::double as level, $block::integer as block, list_extract($phases, phase + 1) as phase,
  list_extract($names, name + 1) as name, due_us::bigint as due_us,
  response_time_us::bigint as response_time_us, service_time_us::bigint as service_time_us,
  connect_us::bigint as connect_us, first_byte_us::bigint as first_byte_us,
  received_bytes::bigint as received_bytes, status::integer as status, list_extract($kinds, kind + 1) as kind
from columns
"""
SELECT_SERIES = """
select $run as run, $cell as cell, $server as server, $scenario as scenario, $level_kind as level_kind,
  $level::double as level, $block::integer as block, * from series
"""
SERIES = tuple(column.name for column in TIMESERIES if column.name not in ("unix_s", "side"))


def write_tables(run: Path) -> list[Path]:
    """Write `requests.parquet` and `timeseries.parquet` of a run from its finished cells, each at once."""
    cells = archive.read_cells(run)
    return [_write(run, cells, REQUESTS_FILE, _requests), _write(run, cells, TIMESERIES_FILE, _series)]


def export_tables(run: Path, kind: str, to: Path) -> list[Path]:
    """The two tables as `csv`, `jsonl` or `parquet` files in the folder `to`."""
    if not ((run / REQUESTS_FILE).is_file() and (run / TIMESERIES_FILE).is_file()):
        write_tables(run)
    formats = {"csv": "format csv, header", "jsonl": "format json"}
    written = []
    with duckdb.connect() as database:
        for name in (REQUESTS_FILE, TIMESERIES_FILE):
            path = (to / name).with_suffix(f".{kind}")
            if path != run / name:
                whole = path.with_name(f".{path.name}")
                try:
                    _table(database, run / name).to_view("whole", replace=True)
                    options = formats.get(kind, _parquet(name))
                    database.execute(f"copy whole to '{_quoted(whole)}' ({options})")
                except duckdb.Error as error:
                    whole.unlink(missing_ok=True)
                    first = str(error).partition("\n")[0]
                    raise archive.ArchiveError(f"{run / name} cannot be read: {first}") from None
                whole.rename(path)
            written.append(path)
    return written


def _write(
    run: Path,
    cells: list[CellRecord],
    name: str,
    part: Callable[[duckdb.DuckDBPyConnection, Path, CellRecord, Path], bool],
) -> Path:
    scratch = Path(tempfile.mkdtemp(dir=run, prefix=".tables-"))
    try:
        with duckdb.connect(config={"threads": 2}) as database:
            parts = []
            for number, cell in enumerate(cells):
                path = scratch / f"{number:06d}.parquet"
                if part(database, run, cell, path):
                    parts.append(path)
            whole = scratch / name
            source = _table(database, *parts) if parts else _empty(database, name)
            source.to_view("whole", replace=True)
            database.execute(f"copy whole to '{_quoted(whole)}' ({_parquet(name)})")
        whole.rename(run / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return run / name


def columns(samples: Samples) -> dict[str, Any]:
    """The samples as contiguous columns in microseconds; a request never sent has no service time."""
    sent = samples["sent_us"].astype(np.int64)
    last = samples["last_byte_us"].astype(np.int64)
    first = samples["first_byte_us"].astype(np.int64)
    unsent = np.isin(samples["kind"], [KINDS.index(kind) for kind in CENSORED_OR_UNSENT])
    connecting = samples["connected_us"].astype(np.int64) - samples["dequeued_us"]
    return {
        "phase": np.ascontiguousarray(samples["phase"]),
        "name": np.ascontiguousarray(samples["name"]),
        "due_us": np.ascontiguousarray(samples["due_us"]),
        "response_time_us": last,
        "service_time_us": np.ma.masked_array(last - sent, mask=unsent),
        "connect_us": np.maximum(connecting, 0),
        "first_byte_us": np.ma.masked_array(first, mask=samples["status"] == 0),
        "received_bytes": np.ascontiguousarray(samples["received_bytes"]),
        "status": np.ascontiguousarray(samples["status"]),
        "kind": np.ascontiguousarray(samples["kind"]),
    }


def _labels(cell: CellRecord) -> dict[str, Any]:
    return {
        "run": cell.run,
        "cell": cell.id,
        "server": cell.server,
        "scenario": cell.scenario,
        "level_kind": cell.level.kind,
        "level": cell.level.value,
        "block": cell.block,
    }


def _requests(database: duckdb.DuckDBPyConnection, run: Path, cell: CellRecord, path: Path) -> bool:
    samples = archive.cell_samples(run, cell.id)
    if cell.generator is None or not len(samples):
        return False
    lists = {"phases": list(PHASES), "kinds": list(KINDS), "names": cell.generator.names}
    database.register("columns", columns(samples))
    _copy(database, SELECT_REQUESTS, {**_labels(cell), **lists}, path)
    database.unregister("columns")
    return True


def _series(database: duckdb.DuckDBPyConnection, run: Path, cell: CellRecord, path: Path) -> bool:
    directory = archive.cell_directory(run, cell.id)
    start = cell.generator.zero_unix_s if cell.generator else cell.started_unix_s
    rows = [{**line, "moment": line["unix_s"]} for line in archive.read_lines(directory / "probes.jsonl")] + [
        {**line, "side": "load", "moment": start + line["second"]}
        for line in archive.read_lines(directory / "live.jsonl")
    ]
    if not rows:
        return False
    values = [[row["moment"], row["side"], *(row.get(name) for name in SERIES)] for row in rows]
    database.execute(f"create or replace temp table series ({declared(TIMESERIES)})")
    marks = ", ".join("?" * (len(SERIES) + 2))
    database.executemany(f"insert into series values ({marks})", values)  # noqa: S608  marks only
    labels = _labels(cell)
    _copy(database, SELECT_SERIES, labels, path)
    return True


def _copy(
    database: duckdb.DuckDBPyConnection, select: str, parameters: Mapping[str, Any], path: Path
) -> None:
    database.execute(f"copy ({select}) to '{_quoted(path)}' (format parquet)", dict(parameters))


def _table(database: duckdb.DuckDBPyConnection, *paths: Path) -> duckdb.DuckDBPyRelation:
    """These very files: DuckDB takes a path for a pattern, and a folder `a=b` for a column."""
    literal = [re.sub(r"([*?[])", r"[\1]", str(path.resolve())) for path in paths]
    return database.read_parquet(literal, hive_partitioning=False)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _parquet(name: str) -> str:
    """How a table's file is written: its metadata tell every column's unit and meaning."""
    told = {
        column.name: {"unit": column.unit, "description": column.description}
        for column in TABLES[Path(name).stem]
    }
    metadata = json.dumps(told).replace("'", "''")
    return f"format parquet, compression zstd, kv_metadata {{columns: '{metadata}'}}"


def _empty(database: duckdb.DuckDBPyConnection, name: str) -> duckdb.DuckDBPyRelation:
    database.execute(f"create or replace temp table nothing ({declared(TABLES[Path(name).stem])})")
    return database.table("nothing")
