"""What an error of PostgreSQL says of the connection it came by, by its SQLSTATE (its appendix A)."""

GIVEN_UP = (
    "08",  # the connection, or a pooler before the server, broke the protocol or off
    "0A000",  # a plan that was prepared before a table was altered
    "25",  # a server that became read-only, a transaction that failed
    "26000",  # a prepared statement that another session has
    "34000",
    "42P05",  # a prepared statement's name that another client of the same session took
    "53300",  # too many connections
    "55000",  # not possible in the server's present state, such as its recovery
    "57P",  # shut down, crashed, starting, the database dropped, idle for too long
    "58",  # the server's own disk
    "XX",
)
"""States, or classes of them, that another connection may not be in: the one that answered so is replaced."""
REPEATED = ("40",)  # chosen to fail among statements at the same time: the next try does better
UNPREPARED = ("3F000", "42703", "42P01")  # the tables are not there, or not as they were


def gives_up(sqlstate: str | None) -> bool:
    """Whether the connection is to be replaced by a new one."""
    return (sqlstate or "").startswith(GIVEN_UP)


def repeats(sqlstate: str | None) -> bool:
    """Whether the same statement may succeed by the same connection."""
    return (sqlstate or "").startswith(REPEATED)


def unprepares(sqlstate: str | None) -> bool:
    """Whether the schema must be looked at again, as at the start."""
    return sqlstate in UNPREPARED
