"""The history of processed requests: statements, records, pages and migrations, the same for both faces.

A job is written twice: as `running` before its work and as `done` or `failed` after it. One whose server
process ended in between is `lost`, which a server process that opens the database says of it.
"""

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from shared.errors import BadRequest, NotFound, ServiceError, title_of
from shared.listing import read_limit
from shared.replies import Reply
from shared.schema import COMMIT, JobRow, Query, Rows

STATES = ("running", "done", "failed", "lost")
CURSOR_PATTERN = "^(?:[A-Za-z0-9_-]{21}[AQgw])?$"  # the 16 bytes of an id in base64url
KEYS = ("after", "limit", "state")


@dataclass(frozen=True)
class Job:
    """A job under way: `id` is a UUIDv7, `created_us` microseconds since the epoch."""

    id: str
    operation: str
    created_us: int
    started_ns: int


@dataclass(frozen=True)
class Page:
    """What `GET /jobs` asks for: `limit` jobs older than the one with the id `after`."""

    limit: int
    state: str | None
    after: str | None


INSERT = (
    "insert into jobs (id, operation, state, created_us, owner)"
    " values (:id, :operation, 'running', :created_us, :owner) on conflict (id) do nothing"
)
FINISH = (
    "update jobs set state = :state, finished_us = :finished_us, duration_us = :duration_us, error = :error"
    " where id = :id"
)
COLUMNS = "id, operation, state, created_us, finished_us, duration_us, error"
SELECT_ONE = f"select {COLUMNS} from jobs where id = :id"  # noqa: S608 - constants
SELECT_PAGE = f"select {COLUMNS} from jobs where id < :after order by id desc limit :rows"  # noqa: S608
SELECT_STATE = {  # the state stands in the text, so that the planner sees that the partial index fits
    state: SELECT_PAGE.replace("where", f"where state = '{state}' and") for state in STATES
}
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
OWNERS = Query("select distinct owner from jobs where state = 'running'", {})
LOSE = "update jobs set state = 'lost' where state = 'running' and owner = :owner"

WRITE_POSTGRESQL = (  # one statement, so that a pooler can give it to any session; it leaves nothing
    "do $$ begin begin"
    " insert into jobs (id, operation, state, created_us, owner)"
    " values (gen_random_uuid(), 'ready', 'running', 0, '');"
    " raise exception using errcode = 'TW000';"
    " exception when sqlstate 'TW000' then null; end; end $$"
)


def not_recorded() -> NotFound:
    return NotFound("No jobs are recorded: the service was started with TWINS_JOBS=off.")


def try_write(kind: str) -> tuple[Query, ...]:
    """A job that is recorded and taken back: whether the database can be written to now."""
    if kind == "postgresql":
        return (Query(WRITE_POSTGRESQL, {}),)
    job = new_job("ready")
    return (
        Query("begin immediate", {}),
        insert_job(job, ""),
        Query("delete from jobs where id = :id", {"id": job.id}),
        COMMIT,
    )


def lose(owner: str) -> Query:
    """Say of the running jobs of a server process that it has ended."""
    return Query(LOSE, {"owner": owner})


def new_job(operation: str) -> Job:
    now_ns = time.time_ns()
    return Job(make_id(now_ns), operation, now_ns // 1000, time.monotonic_ns())


def make_id(now_ns: int) -> str:
    """A UUIDv7 (RFC 9562 section 5.7) with the parts of a millisecond in rand_a (6.2, method 3)."""
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (rest_ns * 4096 // 1_000_000) << 64
    return str(UUID(int=value | 2 << 62 | secrets.randbits(62)))


def insert_job(job: Job, owner: str) -> Query:
    """Record that a job runs; harmless when it is sent twice."""
    created_us = job.created_us
    return Query(INSERT, {"id": job.id, "operation": job.operation, "created_us": created_us, "owner": owner})


def finish_job(job: Job, error: Exception | None) -> Query:
    """Record how a job ended."""
    duration_us = (time.monotonic_ns() - job.started_ns) // 1000
    return Query(
        FINISH,
        {
            "id": job.id,
            "state": "failed" if error else "done",
            "finished_us": job.created_us + duration_us,
            "duration_us": duration_us,
            "error": title_of(error) if error else None,
        },
    )


def named(reply: Reply, job: Job | None) -> Reply:
    """The reply with its job's id; as it is where nothing was recorded."""
    if job is None:
        return reply
    return Reply(reply.status, (*reply.headers, ("Job-Id", job.id)), reply.body)


def name_error(error: Exception | None, job: Job) -> None:
    """Let a refusal name its job."""
    if isinstance(error, ServiceError):
        error.headers = (*error.headers, ("Job-Id", job.id))


def read_jobs_query(query: Mapping[str, str]) -> Page:
    """What a query's values ask for; BadRequest names what is wrong."""
    state = query.get("state")
    if state is not None and state not in STATES:
        near = get_close_matches(state[:40].lower(), STATES, 1, 0)[0]
        raise BadRequest(
            f"state is {state[:40]!r}; it is one of {', '.join(STATES)}: the nearest is {near!r}."
        )
    after = query.get("after", "")
    return Page(read_limit(query), state, read_cursor(after) if after else None)


def select_jobs(page: Page) -> Query:
    """The jobs of a page, newest first, and one more where another page follows."""
    text = SELECT_PAGE if page.state is None else SELECT_STATE[page.state]
    return Query(text, {"after": page.after or LAST_ID, "rows": page.limit + 1})


def jobs_document(page: Page, rows: Rows) -> dict[str, Any]:
    jobs = [job_document(row) for row in rows[: page.limit]]
    return {"jobs": jobs, "next": make_cursor(jobs[-1]["id"]) if len(rows) > page.limit else None}


def select_job(name: str) -> Query:
    """One job by its id; NotFound where it cannot be one."""
    return Query(SELECT_ONE, {"id": check_id(name)})


def one_job(name: str, rows: Rows) -> dict[str, Any]:
    if not rows:
        raise no_job(name)
    return job_document(rows[0])


def job_document(row: JobRow) -> dict[str, Any]:
    """A record as it is shown: times in UTC (RFC 3339), the duration in milliseconds."""
    job_id, operation, state, created_us, finished_us, duration_us, error = row
    return {
        "id": str(job_id),
        "operation": operation,
        "state": state,
        "created": timestamp(int(created_us)),  # numeric, where somebody altered the column
        "finished": None if finished_us is None else timestamp(int(finished_us)),
        "duration_ms": None if duration_us is None else int(duration_us) / 1000,
        "error": error,
    }


def timestamp(since_epoch_us: int) -> str:
    seconds, rest_us = divmod(since_epoch_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest_us:06}Z"


def check_id(name: str) -> str:
    """The id itself if it is written as ids are, else NotFound."""
    try:
        if str(UUID(name)) == name:
            return name
    except ValueError:
        pass
    raise no_job(name)


def no_job(name: str) -> NotFound:
    return NotFound(f"There is no job {name[:200]!r}.")


def make_cursor(job_id: str) -> str:
    return urlsafe_b64encode(UUID(job_id).bytes).decode("ascii").rstrip("=")


def read_cursor(cursor: str) -> str:
    try:
        job_id = str(UUID(bytes=urlsafe_b64decode(cursor.encode("ascii")[:40] + b"==")))
        if make_cursor(job_id) != cursor:
            raise ValueError
    except (ValueError, Base64Error):
        raise BadRequest("after is not a cursor that a page of the jobs ended with.") from None
    return job_id
