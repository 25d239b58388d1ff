"""A file that is dropped from the page cache, and whether it went (posix_fadvise(2), mincore(2); Linux)."""

import ctypes
import errno
import mmap
import os
from pathlib import Path

import gevent

from loadtests.checks.check import Rule
from loadtests.load.expected import BETWEEN_ANSWERS_S
from loadtests.model.asks import Unprepared
from loadtests.model.records import Check, CheckStatus

COLD_SHARE, FEWEST_COLD_SHARE = 0.9, 0.25
COLD_CACHE = Rule("cold cache", COLD_SHARE, "share", "invalid")
ATTEMPTS = 10
READ, SHARED = 1, 1
FAILED = ctypes.c_void_p(-1).value


class ColdFile:
    """Counts how much of the file was out of the cache after each `drop`. Raises OSError where unknown."""

    def __init__(self, path: Path) -> None:
        if not hasattr(os, "posix_fadvise"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = (
            *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long),
        )
        self._libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
        self._descriptor = os.open(path, os.O_RDONLY)
        os.fsync(self._descriptor)  # only clean pages can be dropped
        self._length = max(1, os.fstat(self._descriptor).st_size)
        pages = -(-self._length // mmap.PAGESIZE)
        self._resident = ctypes.create_string_buffer(pages)
        # mapped and never touched: the mapping itself keeps no page in the cache
        self._address = self._libc.mmap(None, self._length, READ, SHARED, self._descriptor, 0)
        if self._address == FAILED:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.drops = 0
        self._cold = 0.0

    def drop(self) -> float:
        """Drop the file; the share of its pages that are out of the cache now."""
        share = 0.0
        for _ in range(ATTEMPTS):
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            if self._libc.mincore(self._address, self._length, self._resident):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            share = 1 - sum(page & 1 for page in self._resident.raw) / len(self._resident)
            if share >= COLD_SHARE:
                break
            gevent.sleep(0)  # pages that sendfile(2) lent to a socket stay until its kernel lets go of them
        self.drops += 1
        self._cold += share
        return share

    def restart(self) -> None:
        """Count from here."""
        self.drops, self._cold = 0, 0.0

    @property
    def cold_share(self) -> float | None:
        """The mean over all drops; None before the first."""
        return self._cold / self.drops if self.drops else None

    def check(self) -> Check:
        """Whether the downloads were cold: a request that another user's has just overtaken is not."""
        share = self.cold_share
        if share is None:
            return COLD_CACHE.unknown("no answer was awaited")
        told = f"only {share:.0%} of the file was out of the page cache between requests; use fewer users"
        status: CheckStatus = (
            "ok" if share >= COLD_SHARE else "warning" if share >= FEWEST_COLD_SHARE else "failed"
        )
        return COLD_CACHE.judged(status, share, told)


def cold_file(files: Path | None, path: str) -> ColdFile:
    """The file, out of the cache; Unprepared where that cannot be had."""
    if files is None:
        raise Unprepared("cold downloads need --twins-files, the served folder on the same machine.")
    try:
        file = ColdFile(files / path)
        gevent.sleep(BETWEEN_ANSWERS_S)
        if file.drop() < COLD_SHARE:
            raise Unprepared(f"the file {files / path} stays in the page cache: its filesystem lives there.")
    except OSError as error:
        raise Unprepared(
            f"whether {files / path} is in the page cache is not available here: {error.strerror}."
        ) from None
    file.restart()
    return file
