"""The raw sample: what the instrument writes for every request and every analysis starts from."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLE = np.dtype(
    [
        ("due_us", "<i8"),  # since the generator's zero, the start of the warm-up
        ("dequeued_us", "<u4"),  # this and the next four: since due_us
        ("connected_us", "<u4"),  # equals dequeued_us where a connection was reused
        ("sent_us", "<u4"),  # the first byte of the request is handed to the kernel
        ("first_byte_us", "<u4"),
        ("last_byte_us", "<u4"),  # the response time; for a censored request its age
        ("received_bytes", "<u8"),  # of the response's body
        ("status", "<u2"),  # 0 where no status line was read
        ("name", "<u2"),  # index into the generator document's `names`
        ("user", "<u2"),  # the closed-loop user's number, 0 in the open loop
        ("kind", "u1"),  # index into KINDS
        ("phase", "u1"),  # index into PHASES
    ]
)
"""44 bytes a request. Service time is `last_byte_us - sent_us`, response time is `last_byte_us`."""

PHASES = ("warmup", "measure", "drain")
KINDS = (
    "ok",
    "connect",  # refused or unreachable
    "connect-timeout",
    "first-byte-timeout",
    "total-timeout",
    "reset",  # the connection broke before the response was whole
    "truncated",  # the server closed before the announced length
    "status",  # a whole response, of another status than expected
    "length",
    "body",  # right length, wrong bytes
    "protocol",  # not HTTP/1.1
    "censored",  # unfinished at the end of the drain: its age is a lower bound
    "dropped",  # never sent: the bound on requests in flight was reached
)
OK, CENSORED, DROPPED = KINDS.index("ok"), KINDS.index("censored"), KINDS.index("dropped")
MEASURE = PHASES.index("measure")

Samples = npt.NDArray[np.void]


def read_samples(path: Path) -> Samples:
    """Map a `samples.bin` file; shape (n,), dtype SAMPLE. A torn last record is left out."""
    count = path.stat().st_size // SAMPLE.itemsize
    if count == 0:
        return np.empty(0, dtype=SAMPLE)
    return np.memmap(path, dtype=SAMPLE, mode="r", shape=(count,))
