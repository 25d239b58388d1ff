#!/usr/bin/env bash
# What: read_parquet() of DuckDB takes every path as a glob pattern, also that of a file which is there.
#   Of the folders `[b] x` and `b x`, asking for the first reads the second, without a word; `a*` reads both.
#   A class of one letter stands for that letter alone.
# Versions: duckdb 2.0.0, Python 3.11
# Seen: '[b] x/t.parquet' -> the rows of 'b x'; 'a*/t.parquet' -> those of 'a*' and 'ab'; with [ * ? written as
#   [[] [*] [?] each path reads its own file alone.
# For Twins: loadtests/archive/tables.py escapes each path, so that `twins export` gives the rows of the run that
#   was named.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
timeout 300 "$place/venv/bin/pip" install --quiet "duckdb==2.0.0"
timeout 60 "$place/venv/bin/python" - "$place" <<'PYTHON'
import re
import sys
from pathlib import Path

import duckdb

folder = Path(sys.argv[1]) / "runs"
for name in ("[b] x", "b x", "a*", "ab"):
    (folder / name).mkdir(parents=True)
    duckdb.sql(f"select '{name}' as run").write_parquet(str(folder / name / "t.parquet"))


def rows(path: str) -> list[str]:
    return sorted(row[0] for row in duckdb.read_parquet(path).fetchall())


def literal(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)


print("duckdb", duckdb.__version__)
seen = {name: rows(str(folder / name / "t.parquet")) for name in ("[b] x", "a*")}
escaped = {name: rows(literal(str(folder / name / "t.parquet"))) for name in ("[b] x", "a*")}
print("as given:", seen, "escaped:", escaped)
assert seen == {"[b] x": ["b x"], "a*": ["a*", "ab"]}
assert escaped == {"[b] x": ["[b] x"], "a*": ["a*"]}
PYTHON
