"""One line per second in `live.jsonl`: what a watcher of the run sees, summed from the raw samples."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from loadtests.model.samples import OK, SAMPLE, Samples


class LiveLines:
    """A listener of the recorder. Response times are those of the second's successes, null without any."""

    def __init__(self, directory: Path | None) -> None:
        self._batches: list[Samples] = []
        self._file = None if directory is None else open(directory / "live.jsonl", "w", encoding="utf-8")  # noqa: SIM115 - open as long as the run

    def take(self, samples: Samples) -> None:
        self._batches.append(samples)

    @property
    def pending(self) -> bool:
        """Whether there are samples that no line has told yet."""
        return bool(self._batches)

    def write(self, second: int, phase: str, in_flight: int, users: int) -> None:
        """Write and flush the line of the second that has ended."""
        samples = np.concatenate(self._batches) if self._batches else np.empty(0, dtype=SAMPLE)
        self._batches = []
        good = samples[samples["kind"] == OK]
        p50, p99 = np.percentile(good["last_byte_us"], (50, 99)).tolist() if len(good) else (None, None)
        line = {
            "second": second,
            "phase": phase,
            "ok": len(good),
            "failed": len(samples) - len(good),
            "in_flight": in_flight,
            "users": users,
            "p50_us": p50 if p50 is None else round(p50),
            "p99_us": p99 if p99 is None else round(p99),
            "bytes": int(samples["received_bytes"].sum()),
        }
        self.write_line(line)

    def write_line(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
