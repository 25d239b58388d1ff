"""What a Locust worker reports of each second: a histogram of successes, counts of the rest (pure)."""

from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtests.load.histogram import add_values, empty_histogram, figures
from loadtests.model.samples import KINDS, OK, Samples


class Deltas:
    """A listener of the recorder that gathers reports; those not yet acknowledged are kept."""

    def __init__(self) -> None:
        self._seconds: dict[int, dict[str, Any]] = {}
        self._sequence = 0
        self._kept: list[dict[str, Any]] = []

    def take(self, samples: Samples) -> None:
        ended_s = (samples["due_us"] + samples["last_byte_us"]) // 1_000_000
        for second in np.unique(ended_s).tolist():
            chosen = samples[ended_s == second]
            row = self._seconds.setdefault(
                second, {"ok": empty_histogram(), "failed": {}, "bytes": 0, "samples": 0}
            )
            add_values(row["ok"], chosen["last_byte_us"][chosen["kind"] == OK])
            kinds, counts = np.unique(chosen["kind"][chosen["kind"] != OK], return_counts=True)
            for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
                name = KINDS[kind]
                row["failed"][name] = row["failed"].get(name, 0) + count
            row["bytes"] += int(chosen["received_bytes"].sum())
            row["samples"] += len(chosen)

    def report(self) -> dict[str, Any]:
        """What has come since the last report, with the next sequence number."""
        self._sequence += 1
        seconds = {
            str(second): {**row, "ok": row["ok"].encode()} for second, row in sorted(self._seconds.items())
        }
        self._seconds = {}
        self._kept.append({"sequence": self._sequence, "seconds": seconds})
        return self._kept[-1]

    def unacknowledged(self) -> list[dict[str, Any]]:
        return list(self._kept)

    def acknowledge(self, sequence: int) -> None:
        """The master has all reports up to `sequence`."""
        self._kept = [report for report in self._kept if report["sequence"] > sequence]


class Sums:
    """The master's sums over the reports of all its Locust workers."""

    def __init__(self) -> None:
        self.samples = 0
        self.failed: dict[str, int] = {}
        self.total = empty_histogram()
        self.seconds: dict[int, dict[str, Any]] = {}
        self._last: dict[str, int] = {}

    def add(self, worker: str, report: dict[str, Any]) -> int:
        """Add a report that is the next of its worker, leave any other; the last sequence number added."""
        last = self._last.get(worker, 0)
        if report["sequence"] != last + 1:
            return last
        for second, row in report["seconds"].items():
            self._add_second(int(second), row)
        self._last[worker] = report["sequence"]
        return self._last[worker]

    def _add_second(self, second: int, row: dict[str, Any]) -> None:
        histogram = HdrHistogram.decode(row["ok"])
        mine = self.seconds.setdefault(second, {"ok": empty_histogram(), "failed": 0, "bytes": 0})
        for whole in (self.total, mine["ok"]):
            whole.add(histogram)
        self.samples += row["samples"]
        mine["failed"] += row["samples"] - histogram.get_total_count()
        mine["bytes"] += row["bytes"]
        for kind, count in row["failed"].items():
            self.failed[kind] = self.failed.get(kind, 0) + count

    def line(self, second: int) -> dict[str, Any]:
        """The figures of one second for `live.jsonl`."""
        row = self.seconds.get(second, {"ok": empty_histogram(), "failed": 0, "bytes": 0})
        numbers = figures(row["ok"])
        p50, p99 = (None if numbers[q] is None else round(numbers[q] or 0) for q in ("p50", "p99"))
        ok = row["ok"].get_total_count()
        return {"ok": ok, "failed": row["failed"], "p50_us": p50, "p99_us": p99, "bytes": row["bytes"]}
