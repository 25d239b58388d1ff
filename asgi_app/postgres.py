"""PostgreSQL for the ASGI face: psycopg's pool of connections, which a task waits for.

Imported where a server is to use it, and by no other.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from asgi_app.databases import prepare, refused, turn
from shared.schema import SCHEMA, NewerSchema, Query, Rows, in_psycopg
from shared.settings import DATABASE_RETRY_S, DATABASE_TIMEOUT_S, SettingError
from shared.sqlstates import gives_up, repeats, unprepares

CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": DATABASE_TIMEOUT_S,
    "prepare_threshold": None,  # a pooler may give the next statement to another session
}


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """A connection that is closed where the server, frozen or gone, leaves a statement without an answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made_s = time.monotonic()

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        try:
            return await super().wait(gen, interval, timeout or DATABASE_TIMEOUT_S)
        except psycopg.errors._WaitTimeout:
            await self.close()
            raise


class Postgres:
    """As many connections as the setting says, each used by one request at a time."""

    kind = "postgresql"

    def __init__(self, url: str, size: int) -> None:
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise SettingError(f"TWINS_DATABASE_URL is not a PostgreSQL address: {error}.") from None
        self._url = url
        self._size = size
        self._opening = asyncio.Lock()
        self._pool: AsyncConnectionPool[BoundedConnection] | None = None
        self._prepared = False
        self._schema: str | None = None

    async def run(self, *queries: Query) -> Rows:
        try:
            return await self._run(queries)
        except (psycopg.Error, OSError, NewerSchema) as error:
            raise refused(error) from None

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _run(self, queries: Sequence[Query]) -> Rows:
        """Where a connection of the pool does worse than another may, the next: the last is a new one."""
        pool = self._pool or await self._open()
        for left in range(self._size, -1, -1):
            async with pool.connection() as connection:
                try:
                    await self._prepare(connection)
                    rows: Rows = ()
                    for query in queries:
                        rows = await fetch_postgres(connection, query, self._schema)
                    return rows
                except psycopg.Error as error:
                    if not await self._may_do_better(connection, error) or not left:
                        raise
        raise AssertionError("the last try returns or raises")

    async def _may_do_better(self, connection: BoundedConnection, error: psycopg.Error) -> bool:
        """Whether to try again; a connection that is of no more use is closed, and so replaced.

        One that was made a moment ago shows the server as it is now.
        """
        if unprepares(error.sqlstate):
            prepared, self._prepared = self._prepared, False
            return prepared
        if connection.broken or repeats(error.sqlstate):
            return isinstance(error, psycopg.OperationalError)
        if not gives_up(error.sqlstate) or time.monotonic() - connection.made_s < DATABASE_RETRY_S:
            return False
        await connection.close()
        return True

    async def _open(self) -> "AsyncConnectionPool[BoundedConnection]":
        async with turn(self._opening):
            if self._pool is None:
                pool: AsyncConnectionPool[BoundedConnection] = AsyncConnectionPool(
                    self._url,
                    connection_class=BoundedConnection,
                    kwargs=CONNECTING,
                    min_size=self._size,
                    max_size=self._size,
                    timeout=DATABASE_TIMEOUT_S,
                    reconnect_timeout=DATABASE_TIMEOUT_S,
                    open=False,
                )
                await pool.open()
                self._pool = pool
            return self._pool

    async def _prepare(self, connection: BoundedConnection) -> None:
        """Look at the schema, at the start and whenever the tables are not as they were."""
        if self._prepared:
            return
        async with turn(self._opening):
            if self._prepared:
                return
            if self._schema is None:
                self._schema = (await fetch_postgres(connection, SCHEMA))[0][0]
            await prepare(lambda query: fetch_postgres(connection, query, self._schema), self.kind)
            self._prepared = True


async def fetch_postgres(connection: BoundedConnection, query: Query, schema: str | None = None) -> Rows:
    cursor = await connection.execute(in_psycopg(query.text, schema), query.values)
    return await cursor.fetchall() if cursor.description else ()
