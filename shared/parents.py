"""What a server process does when the one that forked it ends."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def terminate_with(parent_pid: int) -> None:
    """Have this process get SIGTERM when its parent ends, however that ends (prctl(2), Linux).

    gunicorn looks for its master only while no request waits, which under load may be never, and its ASGI
    worker then goes on serving until it cuts what it serves.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before
        os.kill(os.getpid(), signal.SIGTERM)
