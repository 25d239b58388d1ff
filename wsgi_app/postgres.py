"""PostgreSQL for the WSGI face: psycopg's pool of connections, which a thread waits for.

Imported where a server is to use it, and by no other.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from shared.schema import SCHEMA, NewerSchema, Query, Rows, in_psycopg, no_answer
from shared.settings import DATABASE_RETRY_S, DATABASE_TIMEOUT_S, SettingError
from shared.sqlstates import gives_up, repeats, unprepares
from wsgi_app.databases import prepare, refused

CONNECTING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": DATABASE_TIMEOUT_S,
    "prepare_threshold": None,  # a pooler may give the next statement to another session
}


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed where the server, frozen or gone, leaves a statement without an answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made_s = time.monotonic()

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
        self._schema: str | None = None

    def run(self, *queries: Query) -> Rows:
        try:
            return self._run(queries)
        except (psycopg.Error, OSError, NewerSchema) as error:
            raise refused(error) from None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def _run(self, queries: Sequence[Query]) -> Rows:
        """Where a connection of the pool does worse than another may, the next: the last is a new one."""
        pool = self._pool or self._open()
        for left in range(self._size, -1, -1):
            with pool.connection() as connection:
                try:
                    self._prepare(connection)
                    rows: Rows = ()
                    for query in queries:
                        rows = fetch_postgres(connection, query, self._schema)
                    return rows
                except psycopg.Error as error:
                    if not self._may_do_better(connection, error) or not left:
                        raise
        raise AssertionError("the last try returns or raises")

    def _may_do_better(self, connection: BoundedConnection, error: psycopg.Error) -> bool:
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
        connection.close()
        return True

    def _open(self) -> "ConnectionPool[BoundedConnection]":
        with self._turn():
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    connection_class=BoundedConnection,
                    kwargs=CONNECTING,
                    min_size=self._size,
                    max_size=self._size,
                    timeout=DATABASE_TIMEOUT_S,
                    reconnect_timeout=DATABASE_TIMEOUT_S,
                    open=True,
                )
            return self._pool

    def _prepare(self, connection: BoundedConnection) -> None:
        """Look at the schema, at the start and whenever the tables are not as they were."""
        if self._prepared:
            return
        with self._turn():
            if self._prepared:
                return
            if self._schema is None:
                self._schema = fetch_postgres(connection, SCHEMA)[0][0]
            prepare(lambda query: fetch_postgres(connection, query, self._schema), self.kind)
            self._prepared = True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._opening.acquire(timeout=DATABASE_TIMEOUT_S):
            raise no_answer()
        try:
            yield
        finally:
            self._opening.release()


def fetch_postgres(connection: BoundedConnection, query: Query, schema: str | None = None) -> Rows:
    cursor = connection.execute(in_psycopg(query.text, schema), query.values)
    return cursor.fetchall() if cursor.description else ()
