"""The record of what `/process` does, and `/jobs`, on the WSGI face: the thread waits for the database."""

import os

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
from wsgi_app.databases import Database, Sqlite
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, path_after, query_values


def choose_database(settings: Settings) -> Database | None:
    """The database of the settings, not yet opened; None where jobs are not recorded."""
    if not settings.jobs:
        return None
    if path := settings.sqlite_path:
        return Sqlite(path)
    from wsgi_app.postgres import Postgres  # where it is used only: it takes as long to import as Flask

    return Postgres(settings.database_url, settings.database_pool)


def begin(database: Database | None, operation: str) -> Job | None:
    """Record that a job runs; Unavailable, before any work, where that cannot be recorded."""
    if database is None:
        return None
    job = new_job(operation)
    database.run(insert_job(job, owner_of(os.getpid())))
    return job


def end(database: Database | None, job: Job | None, error: Exception | None = None) -> None:
    """Record how a job ended, and let its error name it."""
    if database is None or job is None:
        return
    database.run(finish_job(job, error))
    name_error(error, job)


def list_jobs(database: Database | None, service: Service, environ: Environ) -> WireResponse:
    page = read_jobs_query(query_values(environ))
    rows = look_up(database, select_jobs(page))
    return send_reply(json_reply(jobs_document(page, rows)))


def show_job(database: Database | None, service: Service, environ: Environ) -> WireResponse:
    name = path_after(environ, "/jobs/")
    rows = look_up(database, select_job(name))
    return send_reply(json_reply(one_job(name, rows)))


def look_up(database: Database | None, query: Query) -> Rows:
    if database is None:
        raise not_recorded()
    return database.run(query)
