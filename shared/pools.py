"""Where CPU work runs besides inline: a pool of threads or of processes, one of each per server process.

Pools are made on first use, hence after the server forked. Pool processes are spawned, so that they
hold none of the server's sockets, and end with their server process even when that is killed.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.hashing import start_thread
from shared.parents import end_with_parent

__all__ = ["BrokenProcessPool", "Executors", "Pools"]


def spawned_processes(size: int) -> Executor:
    return ProcessPoolExecutor(
        size, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent
    )


def threads_of_cpu(size: int) -> Executor:
    return ThreadPoolExecutor(size, thread_name_prefix="cpu")


@dataclass(frozen=True)
class Executors:
    """What makes a pool of so many threads or processes, and what threads that read disks start and lock by.

    A server whose threads are none brings its own.
    """

    threads: Callable[[int], Executor] = threads_of_cpu
    processes: Callable[[int], Executor] = spawned_processes
    lock: Callable[[], AbstractContextManager[Any]] = threading.Lock
    start: Callable[[Callable[[], None]], object] = start_thread


class Pools:
    """Executors by name; `size` threads or processes each, 0 for one per core this process may use."""

    def __init__(self, size: int = 0, executors: Executors = Executors()) -> None:
        self._size = size or available_cores()
        self._executors = executors
        self._making = threading.Lock()
        self._processes: Executor | None = None

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
    def _threads(self) -> Executor:
        return self._executors.threads(self._size)

    def _process_pool(self) -> Executor:
        with self._making:
            if self._processes is None:
                self._processes = self._executors.processes(self._size)
            return self._processes


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
