"""How a program of ours is started as a child, so that nothing in the user's folders stands in its way.

A folder may hold a `shared/`, a `settings.py`, a `types.py` or a `locust.conf` of its own. A child of ours
sees none of them: Python does not put the working directory on its path (`-P`), whoever starts it gives it
a working directory that is neutral, and of the environment it has what is `inherited` alone.
"""

import os
import sys
from pathlib import Path

NEUTRAL = Path(os.sep)


def own_command(module: str, *arguments: str) -> list[str]:
    """What runs a module of ours, or of what we depend on, as a child."""
    return [sys.executable, "-P", "-m", module, *arguments]
