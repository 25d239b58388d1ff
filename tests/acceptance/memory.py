"""Record ten million requests as a run does, with all that listens to them; print the peak RSS in MB."""

import resource
import tempfile
from pathlib import Path
from time import monotonic_ns

from locust.env import Environment

from loadtests.generator.exchange import Deltas
from loadtests.generator.locust_table import LocustTable
from loadtests.load.histogram import add_values, empty_histogram
from loadtests.load.live import LiveLines
from loadtests.load.recorder import Recorder

REQUESTS = 10_000_000
PER_SECOND = 50_000

with tempfile.TemporaryDirectory() as folder:
    environment, zero = Environment(), monotonic_ns()
    recorder = Recorder(Path(folder), zero, 0, None)
    live, deltas, late = LiveLines(Path(folder)), Deltas(), empty_histogram()
    recorder.listeners += [
        LocustTable(environment, 1.8e9, [("/", "GET")]).take,
        live.take,
        deltas.take,
        lambda samples: add_values(late, samples["sent_us"]),
    ]
    for number in range(REQUESTS):
        due = zero + number * 20_000
        end = due + 200_000 + number % 5_000 * 1_000
        recorder.record(due, due, due, due + 5_000, end, end, 13, 200, 0, number % 32, 0)
        if number % PER_SECOND == 0:
            recorder.spill()
            live.write(number // PER_SECOND, "measure", 32, 32)
            deltas.acknowledge(deltas.report()["sequence"])
    recorder.close()
    if environment.stats.total.num_requests != REQUESTS:
        raise SystemExit("Requests were lost.")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
