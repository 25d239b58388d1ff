"""Raw samples in a fixed buffer, spilled to `samples.bin`: 44 bytes a request, memory that does not grow."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

import numpy as np

from loadtests.model.samples import PHASES, SAMPLE, Samples

PACKED = struct.Struct("<q5IQ3H2B")
CAPACITY = 1 << 16
LONGEST_NS = (2**32 - 1) * 1000
FOREVER_US = 2**62

Listener = Callable[[Samples], None]


class Recorder:
    """Counts and stores every outcome. Times come in as `monotonic_ns`, and are stored in µs since zero.

    Every batch spilled is handed to the listeners, in order of completion. Without a directory
    nothing is written, and the listeners still hear. Where `warmup_us` is None the warm-up lasts until
    `end_warmup`; where `duration_us` is None the measuring phase lasts until the end.
    """

    def __init__(
        self, directory: Path | None, zero_ns: int, warmup_us: int | None, duration_us: int | None
    ) -> None:
        self.zero_ns = zero_ns
        self.warmup_us = self.end_us = FOREVER_US
        self._duration_us = duration_us
        if warmup_us is not None:
            self.end_warmup(warmup_us)
        self.listeners: list[Listener] = []
        self.due = 0
        self.sent = 0
        self.in_flight = 0
        self.last_us = 0
        self._buffer = bytearray(CAPACITY * SAMPLE.itemsize)
        self._offset = 0
        self._file = None if directory is None else open(directory / "samples.bin", "wb", buffering=0)  # noqa: SIM115 - open as long as the run

    def end_warmup(self, at_us: int) -> None:
        """What is due from `at_us` on is measured: nothing that was due then may be recorded already."""
        self.warmup_us = at_us
        self.end_us = FOREVER_US if self._duration_us is None else at_us + self._duration_us

    def record(
        self,
        due_ns: int,
        dequeued_ns: int,
        connected_ns: int,
        sent_ns: int,
        first_ns: int,
        last_ns: int,
        received: int,
        status: int,
        name: int,
        user: int,
        kind: int,
    ) -> None:
        """Store one outcome; `sent_ns` is 0 where not a byte was sent, and the times are then the end's."""
        self.due += 1
        if sent_ns:
            self.sent += 1
        else:
            sent_ns = first_ns = last_ns
        due_us = (due_ns - self.zero_ns) // 1000
        if last_ns - due_ns > LONGEST_NS:  # over 71 minutes
            longest = due_ns + LONGEST_NS
            dequeued_ns, connected_ns = min(dequeued_ns, longest), min(connected_ns, longest)
            sent_ns, first_ns, last_ns = min(sent_ns, longest), min(first_ns, longest), longest
        PACKED.pack_into(
            self._buffer,
            self._offset,
            due_us,
            (dequeued_ns - due_ns) // 1000,
            (connected_ns - due_ns) // 1000,
            (sent_ns - due_ns) // 1000,
            (first_ns - due_ns) // 1000,
            (last_ns - due_ns) // 1000,
            received,
            status,
            name,
            user & 0xFFFF,
            kind,
            0 if due_us < self.warmup_us else 1 if due_us < self.end_us else 2,
        )
        self._offset += SAMPLE.itemsize
        if self._offset == len(self._buffer):
            self.spill()

    @property
    def pending(self) -> int:
        """The number of samples that wait to be spilled."""
        return self._offset // SAMPLE.itemsize

    def spill(self) -> None:
        """Write what was recorded since the last time, and hand it to the listeners."""
        if not self._offset:
            return
        batch = self._buffer[: self._offset]
        self._offset = 0
        samples = np.frombuffer(batch, dtype=SAMPLE)
        self.last_us = max(self.last_us, int((samples["due_us"] + samples["last_byte_us"]).max()))
        if self._file is not None:
            self._file.write(batch)
        for listener in self.listeners:
            listener(samples)

    def now_us(self) -> int:
        """The time since zero."""
        return (monotonic_ns() - self.zero_ns) // 1000

    def phase(self, at_us: int) -> str:
        """The name of the phase at a time since zero."""
        return PHASES[0 if at_us < self.warmup_us else 1 if at_us < self.end_us else 2]

    def close(self) -> None:
        """Spill the rest and bring it to the disk."""
        self.spill()
        if self._file is not None and not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
