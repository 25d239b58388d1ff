"""The samples of several Locust workers in one file, in order of completion (pure)."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loadtests.model.samples import SAMPLE, read_samples

CHUNK = 1 << 16


def merge_samples(parts: Sequence[Path], target: Path) -> int:
    """Write all samples of `parts` to `target`, whole or not at all; their number."""
    arrays = [read_samples(path) for path in parts]
    starts = np.cumsum([0, *(len(array) for array in arrays)])
    ended = np.concatenate([np.empty(0, np.int64), *(a["due_us"] + a["last_byte_us"] for a in arrays)])
    order = np.argsort(ended, kind="stable")
    del ended
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with open(unfinished, "wb") as file:
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            chunk = np.empty(len(chosen), dtype=SAMPLE)
            for number, array in enumerate(arrays):
                mine = (chosen >= starts[number]) & (chosen < starts[number + 1])
                chunk[mine] = array[chosen[mine] - starts[number]]
            file.write(chunk.tobytes())
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, target)
    return len(order)
