"""The databases of the ASGI face, which a task waits for: `aiosqlite`, or psycopg's pool of connections.

Opened on first use, hence after the server forked; one that does not answer is tried again by the next
request. `aiosqlite` gives each statement to a thread of its connection.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import aiosqlite

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

T = TypeVar("T")
log = logging.getLogger(__name__)


class Database(Protocol):
    """Where jobs are recorded; `run` performs statements, none of another request between them.

    It returns the rows of the last, or raises Unavailable.
    """

    kind: str

    async def run(self, *queries: Query) -> Rows: ...

    async def close(self) -> None: ...


async def prepare(run: Callable[[Query], Awaitable[Rows]], kind: str) -> None:
    """Bring the schema up to date, and say which jobs were lost, in one transaction."""
    for query in begin_schema(kind):
        await run(query)
    for query in upgrade(await run(VERSION), kind):
        await run(query)
    for (owner,) in await run(OWNERS):
        if has_ended(owner):
            await run(lose(owner))
    for query in end_schema(kind):
        await run(query)


class Sqlite:
    """One connection, used by one request at a time."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None
        self._file: tuple[int, int] | None = None

    async def run(self, *queries: Query) -> Rows:
        async with turn(self._turn):
            try:
                if self._connection is not None and file_at(self._path) != self._file:
                    await self._forget()
                if self._connection is None:
                    self._connection = await self._open()
                    self._file = file_at(self._path)
                rows: Rows = ()
                for query in queries:
                    rows = await fetch_sqlite(self._connection, query)
                return rows
            except (sqlite3.Error, OSError, NewerSchema) as error:
                busy = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
                if not busy or (self._connection is not None and self._connection.in_transaction):
                    await self._forget()
                raise refused(error) from None

    async def close(self) -> None:
        async with self._turn:
            await self._forget()

    async def _open(self) -> aiosqlite.Connection:
        return await patiently(self._connect)

    async def _connect(self) -> aiosqlite.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connecting = aiosqlite.connect(self._path, timeout=DATABASE_TIMEOUT_S, isolation_level=None)
        connecting._thread.daemon = True  # a server that is told twice to end never gets to `close`
        connection = await connecting
        try:
            for pragma in PRAGMAS:
                await fetch_sqlite(connection, pragma)
            await prepare(lambda query: fetch_sqlite(connection, query), self.kind)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def file_at(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to; None where to none. A connection stays with a file that lost its name."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return (facts.st_dev, facts.st_ino)


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """Try again while another process has the file: SQLite does not wait to enter WAL."""
    deadline = time.monotonic() + DATABASE_TIMEOUT_S
    while True:
        try:
            return await action()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(BUSY_PAUSE_S)


async def fetch_sqlite(connection: aiosqlite.Connection, query: Query) -> Rows:
    return list(await connection.execute_fetchall(query.text, query.values))


@asynccontextmanager
async def turn(lock: asyncio.Lock) -> AsyncIterator[None]:
    """Hold a lock; Unavailable where it is not had in time."""
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await lock.acquire()
    except TimeoutError:
        raise no_answer() from None
    try:
        yield
    finally:
        lock.release()


def refused(error: Exception) -> Unavailable:
    """What the client is told; the log has the reason."""
    log.warning("the job database: %s", error)
    return no_answer(str(error) if isinstance(error, NewerSchema) else None)
