"""One cell over time: stretches of a round length, from its raw samples."""

from typing import Literal

import numpy as np

from loadtests.analysis.percentiles import percentiles
from loadtests.model.records import CellRecord, GeneratorDocument, Record
from loadtests.model.samples import OK, Samples

MOST_MOMENTS = 30
STRETCHES_US = [step * 10**power for power in range(5, 12) for step in (1, 2, 5)]  # 0.1 s to five days


class Moment(Record):
    """A stretch of a cell, warm-up included; `begin_s` counts from the generator's zero."""

    begin_s: float
    length_s: float
    phase: Literal["warmup", "measure", "drain"]
    ok_per_s: float
    failed_per_s: float
    p50_us: int | None
    p99_us: int | None


def moments(record: CellRecord, samples: Samples) -> list[Moment]:
    """A valid cell over time, by when requests ended, in stretches of a round length."""
    generator = record.generator
    if record.state == "invalid" or generator is None:
        return []
    stretch_us = next(us for us in STRETCHES_US if generator.measure_us <= MOST_MOMENTS * us)
    length_s = stretch_us / 1e6
    ended_us = samples["due_us"] + samples["last_byte_us"]
    order = np.argsort(ended_us, kind="stable")
    begins_us = np.arange(0, generator.end_us, stretch_us)
    edges = np.searchsorted(ended_us[order], [*begins_us, begins_us[-1] + stretch_us])
    stretches = []
    for begin_us, first, last in zip(begins_us.tolist(), edges[:-1], edges[1:], strict=True):
        inside = samples[order[first:last]]
        ok = inside["kind"] == OK
        points = percentiles(np.sort(inside["last_byte_us"][ok].astype(np.int64)))
        stretches.append(
            Moment(
                begin_s=begin_us / 1e6,
                length_s=length_s,
                phase=_phase(begin_us, begin_us + stretch_us, generator),
                ok_per_s=int(ok.sum()) / length_s,
                failed_per_s=int((~ok).sum()) / length_s,
                p50_us=points["p50"],
                p99_us=points["p99"],
            )
        )
    return stretches


def _phase(begin_us: int, end_us: int, generator: GeneratorDocument) -> Literal["warmup", "measure", "drain"]:
    """One that is only partly of the measuring phase belongs to the drain: its rate would look a crash."""
    if begin_us < generator.warmup_us:
        return "warmup"
    return "measure" if end_us <= generator.measure_us else "drain"
