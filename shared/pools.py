"""Where CPU work runs besides inline: a pool of threads or of processes, one of each per server process.

Pools are made on first use, hence after the server forked. Pool processes are spawned, so that they
hold none of the server's sockets, and end with their server process even when that is killed.
"""

import multiprocessing
import multiprocessing.process
import os
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property

__all__ = ["BrokenProcessPool", "Pools"]


class Pools:
    """Executors by name; `size` threads or processes each, 0 for one per core this process may use."""

    def __init__(self, size: int = 0) -> None:
        self._size = size or available_cores()
        self._making = threading.Lock()
        self._processes: ProcessPoolExecutor | None = None

    def pool(self, where: str) -> Executor:
        return self._threads if where == "threads" else self._process_pool()

    def discard_broken(self) -> None:
        """Forget a process pool one of whose processes was killed; the next use makes another."""
        with self._making:
            broken, self._processes = self._processes, None
        if broken is not None:
            broken.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        self.discard_broken()
        if "_threads" in self.__dict__:
            self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._size, thread_name_prefix="cpu")

    def _process_pool(self) -> ProcessPoolExecutor:
        with self._making:
            if self._processes is None:
                self._processes = ProcessPoolExecutor(
                    self._size, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent
                )
            return self._processes


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
