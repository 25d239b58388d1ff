"""An alarm on gevent's loop at an absolute time, to the microsecond where the kernel can.

The loop's own timers wait in whole milliseconds with the epoll backend. A Linux timer descriptor
(timerfd_create(2)) is precise with every backend; elsewhere the loop's timer has to do.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from gevent.hub import get_hub

CLOCK_MONOTONIC = 1
NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
ABSOLUTE = 1
READ = 1


class _Time(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("s", ctypes.c_long),
        ("ns", ctypes.c_long),
    )


class Alarm:
    """Calls `callback` in the hub at the time set; setting it again moves it. The callback must not block."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = get_hub().loop
        self._descriptor = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._libc.timerfd_create(CLOCK_MONOTONIC, NONBLOCK_CLOEXEC)
        self._watcher: Any
        if self._descriptor >= 0:
            self._time = _Time()
            self._watcher = self._loop.io(self._descriptor, READ)
            self._watcher.start(self._rung)
        else:
            self._watcher = self._loop.timer(1)

    def set(self, at_ns: int) -> None:
        """Ring at `at_ns` of the monotonic clock, at once where that has passed."""
        if self._descriptor >= 0:
            self._time.s, self._time.ns = divmod(max(1, at_ns), 1_000_000_000)
            self._libc.timerfd_settime(self._descriptor, ABSOLUTE, ctypes.byref(self._time), None)
        else:
            self._watcher.stop()
            self._watcher = self._loop.timer(max(0.0, (at_ns - monotonic_ns()) / 1e9))
            self._watcher.start(self._callback)

    def _rung(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return
        self._callback()

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
