"""The pure part of the jobs: ids in the order of time, cursors, and the refusal of what is none."""

import os
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import BadRequest, InternalError, NotFound, Unprocessable
from shared.jobs import (
    STATES,
    check_id,
    finish_job,
    insert_job,
    job_document,
    jobs_document,
    make_cursor,
    make_id,
    new_job,
    read_cursor,
    read_jobs_query,
    select_jobs,
    timestamp,
)
from shared.owners import has_ended, owner_of
from shared.schema import MIGRATIONS, NewerSchema, in_psycopg, upgrade

times_ns = st.integers(0, 2**47 * 1_000_000)
ids = times_ns.map(make_id)


@given(times_ns, st.integers(1000, 10**12))
def test_an_id_is_a_uuid_of_version_7_in_the_order_of_time(now_ns: int, later_ns: int) -> None:
    first, second = UUID(make_id(now_ns)), UUID(make_id(now_ns + later_ns))
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 == now_ns // 1_000_000
    assert str(first) < str(second)
    assert check_id(str(first)) == str(first)


@given(ids)
def test_a_cursor_leads_back_to_its_id(job_id: str) -> None:
    assert read_cursor(make_cursor(job_id)) == job_id


@given(st.text(max_size=60))
@example("A" * 21 + "B")  # decodes to the bytes of another cursor
def test_what_is_no_cursor_is_refused_or_is_one(text: str) -> None:
    with suppress(BadRequest):
        assert make_cursor(read_cursor(text)) == text


@given(st.dictionaries(st.sampled_from(["limit", "after", "state", "x"]), st.text(max_size=20)))
def test_no_text_of_a_query_gets_into_a_statement(query: dict[str, str]) -> None:
    try:
        page = read_jobs_query(query)
    except BadRequest:
        return
    known = {select_jobs(read_jobs_query(asked)).text for asked in ({}, *({"state": s} for s in STATES))}
    assert select_jobs(page).text in known


@pytest.mark.parametrize(
    ("state", "nearest"),
    [("don", "done"), ("FAILED", "failed"), ("done' or '1'='1", "done"), ("losst", "lost")],
)
def test_a_wrong_state_is_told_the_nearest(state: str, nearest: str) -> None:
    with pytest.raises(BadRequest) as error:
        read_jobs_query({"state": state})
    assert error.value.detail.endswith(f"{nearest!r}.")


@given(st.text(max_size=50))
def test_what_is_no_id_is_not_found(text: str) -> None:
    with suppress(NotFound):
        assert check_id(text) == text == str(UUID(text))


def test_a_page_has_a_cursor_only_where_another_follows() -> None:
    rows = [(make_id(n * 10**9), "wait", "done", n, n, 1, None) for n in (3, 2, 1)]
    page = read_jobs_query({"limit": "2"})
    assert select_jobs(page).values["rows"] == 3
    document = jobs_document(page, rows)
    assert [job["id"] for job in document["jobs"]] == [rows[0][0], rows[1][0]]
    assert read_cursor(document["next"]) == rows[1][0]
    assert jobs_document(page, rows[1:])["next"] is None


def test_the_end_of_a_job() -> None:
    job = new_job("wait")
    time.sleep(0.01)
    done, failed, broken = (
        finish_job(job, error).values for error in (None, Unprocessable("no"), ValueError("a secret"))
    )
    assert (done["state"], done["error"]) == ("done", None)
    assert (failed["state"], failed["error"]) == ("failed", "Unprocessable Content")
    assert (broken["state"], broken["error"]) == ("failed", InternalError.status.phrase)
    duration_us = done["duration_us"]
    assert isinstance(duration_us, int)
    assert duration_us >= 10_000
    assert done["finished_us"] == job.created_us + duration_us


def test_a_record_as_it_is_shown() -> None:
    job_id = make_id(0)
    row = (UUID(job_id), "wait", "running", 1_700_000_000_000_001, None, None, None)
    assert job_document(row) == {
        "id": job_id,
        "operation": "wait",
        "state": "running",
        "created": "2023-11-14T22:13:20.000001Z",
        "finished": None,
        "duration_ms": None,
        "error": None,
    }
    assert timestamp(0) == "1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_migrations_that_are_missing(kind: str) -> None:
    every = upgrade([(None,)], kind)
    assert [query.values["version"] for query in every if query.values] == [*range(1, len(MIGRATIONS) + 1)]
    assert upgrade([(len(MIGRATIONS),)], kind) == ()
    with pytest.raises(NewerSchema, match="99"):
        upgrade([(99,)], kind)


def test_statements_as_psycopg_takes_them() -> None:
    text = in_psycopg(insert_job(new_job("wait"), "me").text)
    assert b"(%(id)s, %(operation)s, 'running', %(created_us)s, %(owner)s)" in text
    assert b":" not in text


def test_an_owner_that_lives_and_some_that_do_not() -> None:
    mine = owner_of(os.getpid())
    assert not has_ended(mine)
    assert has_ended(mine.rpartition(" ")[0] + " 1")  # another process that had our pid
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    other = owner_of(child.pid)
    assert not has_ended(other)
    child.communicate(b"\n")
    assert has_ended(other)
    assert not has_ended("another-host 1 1")


def test_a_process_that_nobody_has_waited_for_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(child.pid)
    assert not has_ended(owner)
    assert child.stdin
    child.stdin.close()
    deadline = time.monotonic() + 20
    while not has_ended(owner) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert has_ended(owner)
    child.wait()
