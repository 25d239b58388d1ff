"""Reading from open files: bytes that are in the page cache are had without waiting for a disk."""

import errno
import os

from shared.errors import Unavailable
from shared.ranges import ByteRange

RWF_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
Block = bytes | bytearray
REFUSED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def read_cached(descriptor: int, part: ByteRange) -> Block | None:
    """The bytes of a stretch if all of them are in memory, else None, without waiting (Linux preadv2).

    None also where the flag is missing or the filesystem refuses it, as tmpfs does.
    """
    if not RWF_NOWAIT:
        return None
    buffer = bytearray(part.length)
    try:
        count = os.preadv(descriptor, [buffer], part.start, RWF_NOWAIT)
    except OSError as error:
        if error.errno == errno.EAGAIN or error.errno in REFUSED:
            return None
        raise
    return buffer if count == part.length else None


def read_waiting(descriptor: int, part: ByteRange) -> bytes:
    """The bytes of a stretch, waiting for the disk as it must; Unavailable where the file ends early."""
    blocks = []
    position = part.start
    while position < part.end:
        block = os.pread(descriptor, part.end - position, position)
        if not block:
            raise Unavailable("The file became shorter while it was sent.")
        blocks.append(block)
        position += len(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)
