"""What a child process is given of the user's environment: what is listed here, and nothing else.

Servers, frameworks, Locust and Python itself read variables that change what is measured (`WEB_CONCURRENCY`,
`GUNICORN_CMD_ARGS`, `UVICORN_…`, `LOCUST_…`, `HTTP_PROXY`, `PYTHONDEVMODE`, …), each release some more.
"""

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

SYSTEM = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR"),
    *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    "OPENBLAS_*",  # set where numpy's linear algebra would crash without
)
"""Names, and patterns of names, that every child takes over."""


def inherited(names: Iterable[str] = SYSTEM, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the environment that `names` lists."""
    patterns = tuple(names)
    return {
        name: value
        for name, value in sorted(environment.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
