"""The databases of the WSGI face, which a thread waits for: `sqlite3`, or psycopg's pool of connections.

Opened on first use, hence after the server forked; one that does not answer is tried again by the next
request. Under gevent psycopg gives way to other greenlets meanwhile; `sqlite3` does not, and so waits for
nobody there.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from shared.errors import Unavailable
from shared.jobs import OWNERS, lose
from shared.owners import has_ended
from shared.schema import (
    PRAGMAS,
    VERSION,
    NewerSchema,
    Query,
    Rows,
    begin_schema,
    end_schema,
    no_answer,
    upgrade,
)
from shared.settings import BUSY_PAUSE_S, DATABASE_TIMEOUT_S
from wsgi_app.greenlets import serving

T = TypeVar("T")
log = logging.getLogger(__name__)


class Database(Protocol):
    """Where jobs are recorded; `run` performs statements, none of another request between them.

    It returns the rows of the last, or raises Unavailable.
    """

    kind: str

    def run(self, *queries: Query) -> Rows: ...

    def close(self) -> None: ...


def prepare(run: Callable[[Query], Rows], kind: str) -> None:
    """Bring the schema up to date, and say which jobs were lost, in one transaction."""
    for query in begin_schema(kind):
        run(query)
    for query in upgrade(run(VERSION), kind):
        run(query)
    for (owner,) in run(OWNERS):
        if has_ended(owner):
            run(lose(owner))
    for query in end_schema(kind):
        run(query)


class Sqlite:
    """One connection, used by one request at a time."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def run(self, *queries: Query) -> Rows:
        if not self._turn.acquire(timeout=DATABASE_TIMEOUT_S):
            raise no_answer()
        try:
            if self._connection is not None and file_at(self._path) != self._file:
                self._forget()
            if self._connection is None:
                self._connection = self._open()
                self._file = file_at(self._path)
            rows: Rows = ()
            for query in queries:
                rows = patiently(partial(fetch_sqlite, self._connection, query))
            return rows
        except (sqlite3.Error, OSError, NewerSchema) as error:
            busy = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            if not busy or (self._connection is not None and self._connection.in_transaction):
                self._forget()
            raise refused(error) from None
        finally:
            self._turn.release()

    def close(self) -> None:
        with self._turn:
            self._forget()

    def _open(self) -> sqlite3.Connection:
        return patiently(self._connect)

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path,
            timeout=0 if serving() else DATABASE_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in PRAGMAS:
                fetch_sqlite(connection, pragma)
            prepare(lambda query: fetch_sqlite(connection, query), self.kind)
        except BaseException:
            connection.close()
            raise
        return connection

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where to none. A connection stays with a file that lost its name."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino)


def patiently(action: Callable[[], T]) -> T:
    """Try again while another process has the file: SQLite does not wait to enter WAL, nor under gevent."""
    deadline = time.monotonic() + DATABASE_TIMEOUT_S
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(BUSY_PAUSE_S)


def fetch_sqlite(connection: sqlite3.Connection, query: Query) -> Rows:
    return connection.execute(query.text, query.values).fetchall()


def refused(error: Exception) -> Unavailable:
    """What the client is told; the log has the reason."""
    log.warning("the job database: %s", error)
    return no_answer(str(error) if isinstance(error, NewerSchema) else None)
