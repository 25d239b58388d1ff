"""What an operator can set, read once from the environment, and the limits that both faces state."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.origins import BadAddress, Origin, read_origins

MAX_TARGET_BYTES = 4 * 1024  # 414 beyond; the servers' own parsers stop at 8 KiB or later
MAX_FIELD_BYTES = 60 * 1024  # 431 beyond, one header's name and value (servers: 64 KiB)
MAX_FIELDS_BYTES = 64 * 1024  # 431 beyond, all names and values together
MAX_FIELDS = 80  # 431 beyond, different header names
MAX_FIELD_LINES = 100  # 431 beyond, header lines
MAX_HEAD_BYTES = 128 * 1024  # 431 beyond, or the connection ends: what is read for a head without an end
MAX_JSON_BYTES = 2 * 1024 * 1024  # 413 beyond
MAX_TEXT_CHARACTERS = 1024 * 1024  # of a text given to an operation
MAX_WAIT_MS = 9_000  # many clients give up after ten seconds
MAX_STEPS = 8
MAX_FILE_WORK_BYTES = 256 * 1024 * 1024  # of a stored file that an operation reads
MAX_PAGE = 1000
MAX_RANGES = 64
MAX_ADDRESSES = 32  # of one request to fetch
MAX_FETCH_BYTES = 1024 * 1024 * 1024  # of one upstream's body
MAX_UPSTREAM_HEAD_BYTES = 96 * 1024  # of an upstream's answer, names and values; httpcore stops at 100 KiB
MAX_FETCH_MS = 60_000  # of a whole request to fetch
MAX_UPSTREAM_CONNECTIONS = (
    256  # at the same time, of one server process: threads on one face, tasks on the other
)
MAX_STREAM_S = 5  # of one response of /stream
MAX_UPLOAD_BYTES = 8 * 1024 * 1024 * 1024
DIGESTED_BYTES = 128 * 1024 * 1024  # of a file whose digest a first download waits for
MAX_HASHING = 1000  # files at the same time, of one server process
KEPT_BYTES = 32 * 1024 * 1024  # of small files, in the memory of each server process
UPLOADS_FOLDER = ".twins-uploads"  # in the catalogue's folder, on its filesystem, without an address

DATABASE_TIMEOUT_S = 2.0  # to get a connection, and again to get a statement's answer
DATABASE_RETRY_S = 2  # what Retry-After says once the database did not answer
DATABASE_POOL = 4
BUSY_PAUSE_S = 0.05  # between two tries to open a SQLite file that another process has

CONNECTIONS = 1000  # of a server process at once, where the server sets a limit
KEEP_ALIVE_S = 30
CLIENT_TIMEOUT_S = 20.0  # of a client that is silent within a request, or takes nothing of its response
BACKLOG = 2048
GRACEFUL_TIMEOUT_S = 10
SILENT_TIMEOUT_S = 60  # a server worker that gives its master no sign of life for so long is killed

HANDLERS = ("async", "threads")
SWITCH = ("on", "off")
SQLITE = "sqlite:"
POSTGRESQL = ("postgresql://", "postgres://")


class SettingError(ValueError):
    """An environment variable that cannot be used; the message names it and its value."""


@dataclass(frozen=True)
class Settings:
    """`files`: the catalogue's folder; `state`: what can be made again; `handlers`: where ASGI's run."""

    files: Path
    state: Path
    handlers: str = "async"
    counters: Path | None = None
    token: str | None = None
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    upstreams: frozenset[Origin] = frozenset()  # whose addresses may be fetched; with none, fetching is off
    max_stream_s: float = MAX_STREAM_S
    digested_bytes: int = DIGESTED_BYTES  # a larger file is served without a digest
    kept_bytes: int = KEPT_BYTES  # of small files, in memory; 0 reads each from the page cache
    pool_size: int = 0  # CPU pool: threads or processes per server process; 0 means one per available core
    jobs: bool = True
    database_url: str = ""  # postgresql://…, or sqlite: and a path; empty means jobs.sqlite in `state`
    database_pool: int = DATABASE_POOL  # PostgreSQL connections per server process

    @property
    def jobs_kind(self) -> str | None:
        """The kind of database that jobs are recorded in; None where they are not."""
        if not self.jobs:
            return None
        return "postgresql" if self.database_url.startswith(POSTGRESQL) else "sqlite"

    @property
    def sqlite_path(self) -> Path | None:
        """The file of the jobs; None where they are in PostgreSQL."""
        if self.database_url.startswith(POSTGRESQL):
            return None
        path = self.database_url.removeprefix(SQLITE).removeprefix("//")
        return Path(path) if path else self.state / "jobs.sqlite"


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The per-user folder for what can be made again (XDG base directories)."""
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the specification has a relative one ignored
        home = environment.get("HOME") or os.path.expanduser("~")
        if not os.path.isabs(home):
            raise SettingError("there is no home folder: set XDG_CACHE_HOME to a folder that can be written.")
        base = os.path.join(home, ".cache")
    return Path(base) / "wsgi-asgi-twins"


def default_files(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the generated corpus lives unless `TWINS_FILES` names another folder."""
    return cache_directory(environment) / "corpus"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `TWINS_*` variables; SettingError in one sentence for a value that cannot be used."""
    files = Path(environment.get("TWINS_FILES") or default_files(environment))
    if environment.get("TWINS_FILES") and not files.is_dir():
        raise SettingError(f"TWINS_FILES is {str(files)!r}, which is not a folder.")
    handlers = environment.get("TWINS_HANDLERS") or "async"
    if handlers not in HANDLERS:
        raise SettingError(f"TWINS_HANDLERS is {handlers!r}; it can be {' or '.join(HANDLERS)}.")
    pool = environment.get("TWINS_POOL_SIZE") or "0"
    if not pool.isdecimal():
        raise SettingError(f"TWINS_POOL_SIZE is {pool!r}; it must be a whole number, 0 for one per core.")
    limit = environment.get("TWINS_MAX_UPLOAD_BYTES") or str(MAX_UPLOAD_BYTES)
    if not limit.isdecimal():
        raise SettingError(f"TWINS_MAX_UPLOAD_BYTES is {limit!r}; it must be a whole number of bytes.")
    kept = environment.get("TWINS_KEPT_BYTES") or str(KEPT_BYTES)
    if not kept.isdecimal():
        raise SettingError(f"TWINS_KEPT_BYTES is {kept!r}; it must be a whole number of bytes, 0 for none.")
    digested = environment.get("TWINS_DIGESTED_BYTES") or str(DIGESTED_BYTES)
    if not digested.isdecimal():
        raise SettingError(f"TWINS_DIGESTED_BYTES is {digested!r}; it must be a whole number of bytes.")
    counters = environment.get("TWINS_COUNTERS")
    jobs = environment.get("TWINS_JOBS") or "on"
    if jobs not in SWITCH:
        raise SettingError(f"TWINS_JOBS is {jobs!r}; it can be {' or '.join(SWITCH)}.")
    return Settings(
        files=files.resolve(),
        state=Path(environment.get("TWINS_STATE") or cache_directory(environment)),
        handlers=handlers,
        counters=Path(counters) if counters else None,
        token=read_token(environment),
        max_upload_bytes=int(limit),
        upstreams=read_upstreams(environment),
        max_stream_s=read_max_stream(environment),
        digested_bytes=int(digested),
        kept_bytes=int(kept),
        pool_size=int(pool),
        jobs=jobs == "on",
        database_url=read_database_url(environment),
        database_pool=read_database_pool(environment),
    )


def read_database_url(environment: Mapping[str, str]) -> str:
    """Where the jobs are; the message names the scheme only, since a password may follow it."""
    url = environment.get("TWINS_DATABASE_URL") or ""
    if url and not url.startswith((SQLITE, *POSTGRESQL)):
        raise SettingError(
            f"TWINS_DATABASE_URL begins with {url.partition(':')[0][:40]!r}; it is postgresql:// and an"
            " address, or sqlite: and a path."
        )
    if url.startswith(SQLITE) and not url.removeprefix(SQLITE).strip("/"):
        raise SettingError(f"TWINS_DATABASE_URL is {url!r}; a path must follow sqlite:.")
    return url


def read_database_pool(environment: Mapping[str, str]) -> int:
    size = environment.get("TWINS_DATABASE_POOL") or str(DATABASE_POOL)
    if not (size.isdecimal() and len(size) <= 4 and int(size) >= 1):
        raise SettingError(f"TWINS_DATABASE_POOL is {size!r}; it must be a whole number from 1 to 9999.")
    return int(size)


def read_max_stream(environment: Mapping[str, str]) -> float:
    """Seconds after which a response of /stream has no further part."""
    text = environment.get("TWINS_MAX_STREAM_S") or str(MAX_STREAM_S)
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 86_400):
        raise SettingError(f"TWINS_MAX_STREAM_S is {text!r}; it must be a whole number from 1 to 86400.")
    return float(text)


def read_client_timeout(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds after which a client that is silent in the middle of its turn is given up."""
    text = environment.get("TWINS_CLIENT_TIMEOUT_S") or str(CLIENT_TIMEOUT_S)
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = 0.0
    if not 0.1 <= timeout_s <= 3600:
        raise SettingError(f"TWINS_CLIENT_TIMEOUT_S is {text!r}; it must be from 0.1 to 3600 seconds.")
    return timeout_s


def read_token(environment: Mapping[str, str]) -> str | None:
    """The bearer token for writes, from the environment or from a file; None, and writes are off, without."""
    path = environment.get("TWINS_TOKEN_FILE")
    if path is None:
        return environment.get("TWINS_TOKEN") or None
    try:
        return Path(path).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        raise SettingError(f"TWINS_TOKEN_FILE is {path!r}, which cannot be read.") from None


def read_upstreams(environment: Mapping[str, str]) -> frozenset[Origin]:
    """The origins that may be fetched from; none, and fetching is off, without."""
    text = environment.get("TWINS_UPSTREAMS") or ""
    try:
        return read_origins(text)
    except BadAddress as error:
        raise SettingError(f"TWINS_UPSTREAMS is {text[:200]!r}: {error}") from None
