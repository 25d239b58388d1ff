"""What an operator can set, read once from the environment, and the limits that both faces state."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_TARGET_BYTES = 4 * 1024  # 414 beyond; the servers' own parsers stop at 8 KiB or later
MAX_FIELD_BYTES = 60 * 1024  # 431 beyond, one header's name and value (servers: 64 KiB)
MAX_FIELDS_BYTES = 64 * 1024  # 431 beyond, all names and values together
MAX_FIELDS = 80  # 431 beyond, different header names
MAX_JSON_BYTES = 2 * 1024 * 1024  # 413 beyond
MAX_TEXT_CHARACTERS = 1024 * 1024  # of a text given to an operation
MAX_WAIT_MS = 10_000
MAX_STEPS = 8
MAX_FILE_WORK_BYTES = 256 * 1024 * 1024  # of a stored file that an operation reads
MAX_PAGE = 1000
MAX_RANGES = 64
MAX_UPLOAD_BYTES = 8 * 1024 * 1024 * 1024
UPLOADS_FOLDER = ".twins-uploads"  # in the catalogue's folder, on its filesystem, without an address

KEEP_ALIVE_S = 30
BACKLOG = 2048
GRACEFUL_TIMEOUT_S = 10

HANDLERS = ("async", "threads")


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
    pool_size: int = 0  # CPU pool: threads or processes per server process; 0 means one per available core


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The per-user folder for what can be made again (XDG base directories)."""
    base = environment.get("XDG_CACHE_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".cache"
    )
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
    counters = environment.get("TWINS_COUNTERS")
    return Settings(
        files=files.resolve(),
        state=Path(environment.get("TWINS_STATE") or cache_directory(environment)),
        handlers=handlers,
        counters=Path(counters) if counters else None,
        token=read_token(environment),
        max_upload_bytes=int(limit),
        pool_size=int(pool),
    )


def read_token(environment: Mapping[str, str]) -> str | None:
    """The bearer token for writes, from the environment or from a file; None, and writes are off, without."""
    path = environment.get("TWINS_TOKEN_FILE")
    if path is None:
        return environment.get("TWINS_TOKEN") or None
    try:
        return Path(path).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        raise SettingError(f"TWINS_TOKEN_FILE is {path!r}, which cannot be read.") from None
