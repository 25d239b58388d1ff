"""The record of what `/process` does, and `/jobs`, on the ASGI face: a task waits for the database."""

import os

from fastapi import Request

from asgi_app.databases import Database, Sqlite
from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import path_after, query_values
from shared.jobs import (
    Job,
    finish_job,
    insert_job,
    jobs_document,
    name_error,
    new_job,
    not_recorded,
    one_job,
    read_jobs_query,
    select_job,
    select_jobs,
)
from shared.owners import owner_of
from shared.replies import json_reply
from shared.schema import Query, Rows
from shared.service import Service
from shared.settings import Settings


def choose_database(settings: Settings) -> Database | None:
    """The database of the settings, not yet opened; None where jobs are not recorded."""
    if not settings.jobs:
        return None
    if path := settings.sqlite_path:
        return Sqlite(path)
    from asgi_app.postgres import Postgres  # where it is used only: it takes as long to import as Flask

    return Postgres(settings.database_url, settings.database_pool)


async def begin(database: Database | None, operation: str) -> Job | None:
    """Record that a job runs; Unavailable, before any work, where that cannot be recorded."""
    if database is None:
        return None
    job = new_job(operation)
    await database.run(insert_job(job, owner_of(os.getpid())))
    return job


async def end(database: Database | None, job: Job | None, error: Exception | None = None) -> None:
    """Record how a job ended, and let its error name it."""
    if database is None or job is None:
        return
    await database.run(finish_job(job, error))
    name_error(error, job)


async def list_jobs(database: Database | None, service: Service, request: Request) -> WireResponse:
    page = read_jobs_query(query_values(request.scope))
    rows = await look_up(database, select_jobs(page))
    return send_reply(json_reply(jobs_document(page, rows)))


async def show_job(database: Database | None, service: Service, request: Request) -> WireResponse:
    name = path_after(request.scope, "/jobs/")
    rows = await look_up(database, select_job(name))
    return send_reply(json_reply(one_job(name, rows)))


async def look_up(database: Database | None, query: Query) -> Rows:
    if database is None:
        raise not_recorded()
    return await database.run(query)
