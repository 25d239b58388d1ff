"""Where the laboratory keeps what outlives a run: calibration, noise floors, locks."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The per-user folder for what can be made again (XDG base directories)."""
    base = environment.get("XDG_CACHE_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".cache"
    )
    return Path(base) / "wsgi-asgi-twins"
