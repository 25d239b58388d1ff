"""How a process of the service ends with the one that started it."""

import ctypes
import multiprocessing
import multiprocessing.process
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """End this spawned process when the one that spawned it does, however that ends: a pipe closes.

    Does nothing in a process that was not spawned.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent,), name="parent", daemon=True).start()


def _wait_and_end(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def terminate_with(parent_pid: int) -> None:
    """Have this forked process get SIGTERM when the one that forked it ends, however that ends.

    From prctl(2); nothing elsewhere than on Linux. gunicorn looks for its master only while no request waits,
    which under load may be never, and its ASGI worker then goes on serving until it cuts what it serves.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before
        os.kill(os.getpid(), signal.SIGTERM)
