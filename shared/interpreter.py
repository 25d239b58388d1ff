"""The interpreter that serves: its build, and whether the global interpreter lock (GIL) runs (PEP 703)."""

import sys
import sysconfig


def is_free_threaded() -> bool:
    """Whether this build can run without the GIL; an extension module not made for that turns it on."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def gil_runs() -> bool:
    """Whether the GIL runs at this moment; builds that tell nothing of it always have it."""
    tells = getattr(sys, "_is_gil_enabled", None)
    return True if tells is None else bool(tells())
