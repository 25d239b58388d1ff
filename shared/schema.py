"""The job database: a statement as a value, what updates its schema, what is said while it is silent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared.errors import Unavailable
from shared.settings import DATABASE_RETRY_S

JobRow = Sequence[Any]
Rows = Sequence[JobRow]


@dataclass(frozen=True)
class Query:
    """One statement, with `:name` for each of its values."""

    text: str
    values: Mapping[str, str | int | None]


COMMIT = Query("commit", {})
PRAGMAS = (  # of each SQLite connection: no commit waits for the disk, a checkpoint does
    Query("pragma journal_mode = wal", {}),
    Query("pragma synchronous = normal", {}),
)
VERSION = Query("select max(version) from jobs_schema", {})
SCHEMA = Query(  # by its configured search_path: another client of a pooler may have set the session's own
    "with path as materialized (select set_config('search_path', reset_val, true) from pg_settings"
    " where name = 'search_path') select current_schema() from path",
    {},
)
LOCK = "pg_advisory_xact_lock(7237112)"  # between the server processes that open the database
VERSIONS_TABLE = "create table if not exists jobs_schema (version integer not null)"
MIGRATIONS: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {
        "sqlite": (
            "create table jobs (id text primary key, operation text not null, state text not null,"
            " created_us integer not null, finished_us integer, duration_us integer, error text,"
            " owner text not null) without rowid",
            "create index jobs_not_done on jobs (state, id) where state <> 'done'",
        ),
        "postgresql": (
            "create table jobs (id uuid primary key, operation text not null, state text not null,"
            " created_us bigint not null, finished_us bigint, duration_us bigint, error text,"
            " owner text not null)",
            "create index jobs_not_done on jobs (state, id) where state <> 'done'",
        ),
    },
)
"""The statements that lead from each version of the schema to the next, by kind of database."""
TABLES = re.compile(r"\b(exists|from|into|on|table|update) (jobs|jobs_schema)\b")


class NewerSchema(Exception):
    """The database is of a later Twins; `str()` is the sentence that says so."""


@cache
def in_psycopg(text: str, schema: str | None = None) -> bytes:
    """A statement's text with its values as psycopg names them, and its tables in the schema named."""
    text = re.sub(r"(?<!:):(\w+)", r"%(\1)s", text)
    if schema is not None:
        quoted = '"' + schema.replace('"', '""').replace("%", "%%") + '"'
        text = TABLES.sub(lambda match: f"{match[1]} {quoted}.{match[2]}", text)
    return text.encode("utf-8")


def no_answer(detail: str | None = None) -> Unavailable:
    """What the client is told while the database cannot be used."""
    text = detail or "The job database does not answer; try again."
    return Unavailable(text, (("Retry-After", str(DATABASE_RETRY_S)),))


def begin_schema(kind: str) -> tuple[Query, ...]:
    """What brings the schema up to date, or opens the one transaction in which `upgrade` does.

    In PostgreSQL it is one statement: a pooler may give each statement to another session.
    """
    if kind == "sqlite":
        return Query("begin immediate", {}), Query(VERSIONS_TABLE, {})
    steps = "".join(
        f" if coalesce((select max(version) from jobs_schema), 0) < {number} then"  # noqa: S608 - constants
        f" {'; '.join(migration[kind])}; insert into jobs_schema (version) values ({number}); end if;"
        for number, migration in enumerate(MIGRATIONS, 1)
    )
    return (Query(f"do $$ begin perform {LOCK}; {VERSIONS_TABLE};{steps} end $$", {}),)


def upgrade(rows: Rows, kind: str) -> tuple[Query, ...]:
    """The migrations that are missing, by the answer to VERSION; NewerSchema."""
    version = rows[0][0] or 0
    if version > len(MIGRATIONS):
        raise NewerSchema(
            f"The job database has schema version {version}; this Twins knows versions up to"
            f" {len(MIGRATIONS)} and leaves it alone."
        )
    queries: list[Query] = []
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        queries += [Query(text, {}) for text in migration[kind]]
        queries.append(Query("insert into jobs_schema (version) values (:version)", {"version": number}))
    return tuple(queries)


def end_schema(kind: str) -> tuple[Query, ...]:
    """What closes the transaction that `begin_schema` opened."""
    return (COMMIT,) if kind == "sqlite" else ()
