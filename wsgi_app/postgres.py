"""PostgreSQL for the WSGI face: psycopg's pool of connections, which a thread waits for.

Imported where a server is to use it, and by no other.
"""

import threading
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from shared.jobs import NewerSchema, Query, Rows, in_psycopg, no_answer
from shared.settings import DATABASE_TIMEOUT_S, SettingError
from wsgi_app.databases import prepare, refused


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed where the server, frozen or gone, leaves a statement without an answer."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or DATABASE_TIMEOUT_S)
        except psycopg.errors._WaitTimeout:
            self.close()
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
        self._opening = threading.Lock()
        self._pool: ConnectionPool[BoundedConnection] | None = None
        self._prepared = False

    def run(self, query: Query) -> Rows:
        try:
            pool = self._open()
            for _ in range(self._size):
                with pool.connection() as connection:
                    try:
                        return fetch_postgres(connection, query)
                    except psycopg.OperationalError:
                        if not connection.broken:
                            raise
            with pool.connection() as connection:  # all were of a server that was restarted: a new one
                return fetch_postgres(connection, query)
        except (psycopg.Error, OSError, NewerSchema) as error:
            raise refused(error) from None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def _open(self) -> "ConnectionPool[BoundedConnection]":
        if self._prepared and self._pool is not None:
            return self._pool
        if not self._opening.acquire(timeout=DATABASE_TIMEOUT_S):
            raise no_answer()
        try:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    connection_class=BoundedConnection,
                    kwargs={"autocommit": True, "connect_timeout": DATABASE_TIMEOUT_S},
                    min_size=self._size,
                    max_size=self._size,
                    timeout=DATABASE_TIMEOUT_S,
                    reconnect_timeout=DATABASE_TIMEOUT_S,
                    open=True,
                )
            if not self._prepared:
                with self._pool.connection() as connection:
                    prepare(lambda query: fetch_postgres(connection, query), self.kind)
                self._prepared = True
            return self._pool
        finally:
            self._opening.release()


def fetch_postgres(connection: BoundedConnection, query: Query) -> Rows:
    cursor = connection.execute(in_psycopg(query.text), query.values)
    return cursor.fetchall() if cursor.description else ()
