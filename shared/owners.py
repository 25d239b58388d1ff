"""Which server process a running job belongs to, and whether that still lives."""

import os
from functools import cache


@cache
def owner_of(pid: int) -> str:
    """Host, pid and start of a process of this machine: a later process with its pid is another owner."""
    return f"{os.uname().nodename} {pid} {_started(pid)}"


def has_ended(owner: str) -> bool:
    """Whether a server process of this host is gone; False for one of another host, which cannot be asked."""
    host, pid, started = owner.rsplit(" ", 2)
    if host != os.uname().nodename:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot (field 22 of its stat); `-` without /proc.

    Nothing for a zombie: it has ended, though nobody has asked for its status yet.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return "-"
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")
