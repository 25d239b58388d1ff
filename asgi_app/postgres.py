"""PostgreSQL for the ASGI face: psycopg's pool of connections, which a task waits for.

Imported where a server is to use it, and by no other.
"""

import asyncio
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from asgi_app.databases import prepare, refused, turn
from shared.jobs import NewerSchema, Query, Rows, in_psycopg
from shared.settings import DATABASE_TIMEOUT_S, SettingError


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """A connection that is closed where the server, frozen or gone, leaves a statement without an answer."""

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

    async def run(self, query: Query) -> Rows:
        try:
            pool = await self._open()
            for _ in range(self._size):
                async with pool.connection() as connection:
                    try:
                        return await fetch_postgres(connection, query)
                    except psycopg.OperationalError:
                        if not connection.broken:
                            raise
            async with pool.connection() as connection:  # all were of a server that was restarted: a new one
                return await fetch_postgres(connection, query)
        except (psycopg.Error, OSError, NewerSchema) as error:
            raise refused(error) from None

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _open(self) -> "AsyncConnectionPool[BoundedConnection]":
        if self._prepared and self._pool is not None:
            return self._pool
        async with turn(self._opening):
            if self._pool is None:
                self._pool = AsyncConnectionPool(
                    self._url,
                    connection_class=BoundedConnection,
                    kwargs={"autocommit": True, "connect_timeout": DATABASE_TIMEOUT_S},
                    min_size=self._size,
                    max_size=self._size,
                    timeout=DATABASE_TIMEOUT_S,
                    reconnect_timeout=DATABASE_TIMEOUT_S,
                    open=False,
                )
                await self._pool.open()
            if not self._prepared:
                async with self._pool.connection() as connection:
                    await prepare(lambda query: fetch_postgres(connection, query), self.kind)
                self._prepared = True
            return self._pool


async def fetch_postgres(connection: BoundedConnection, query: Query) -> Rows:
    cursor = await connection.execute(in_psycopg(query.text), query.values)
    return await cursor.fetchall() if cursor.description else ()
