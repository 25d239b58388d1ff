"""Every acceptance figure of the instrument: `python -m tests.acceptance.instrument [PART...]`.

The parts are ceiling, truth, others, open-loop and distributed. It needs Linux with two processors,
nginx, wrk and h2load, and says what is missing. It measures: nothing else should run meanwhile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from loadtests.model.samples import OK
from tests.acceptance.figures import end, show
from tests.acceptance.rivals import (
    FAST_USER,
    GENERATOR_CPU,
    PACED_USER,
    SERVER_CPU,
    nginx,
    pinned,
    stock,
    wrk,
)
from tests.instrument.running import ROOT, Outcome, fetch, finish, free_port, planted, start

ROUNDS = 3
SECONDS = 4


def measure(port: int, path: str, *arguments: str, users: int = 32, seconds: float = SECONDS) -> Outcome:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    with pinned(GENERATOR_CPU):
        process = start(
            folder,
            f"http://127.0.0.1:{port}",
            *("Get", "--headless", "--only-summary", "--twins-path", path, "--twins-warmup", "1"),
            *(
                "--users",
                str(users),
                "--spawn-rate",
                str(users),
                "--twins-duration",
                f"{seconds:g}",
                *arguments,
            ),
        )
    outcome = finish(folder, process)
    if outcome.status:
        raise SystemExit(f"The generator failed: {outcome.output[-500:]}")
    return outcome


def rate(outcome: Outcome) -> float:
    document, samples = outcome.document, outcome.measured
    return float((samples["kind"] == OK).sum() / (document.measure_us - document.warmup_us) * 1e6)


def ceiling() -> None:
    with nginx(scratch) as port:
        for path, name, fast_limit, wrk_limit in (
            ("/", "13 bytes", 3.5, 0.22),
            ("/large", "1 MiB", 4.0, 0.9),
        ):
            taken: dict[str, list[float]] = {"ours": [], "fast": [], "wrk": []}
            for _ in range(ROUNDS):
                taken["ours"].append(rate(measure(port, path)))
                taken["fast"].append(stock(scratch, port, path, FAST_USER, SECONDS + 1)["requests_per_s"])
                taken["wrk"].append(wrk(port, path, SECONDS))
            ours, fast, other = (median(taken[who]) for who in ("ours", "fast", "wrk"))
            print(
                f"      {name}: ours {ours:.0f}/s, FastHttpUser {fast:.0f}/s, wrk {other:.0f}/s (of {taken})"
            )
            show(f"ceiling, {name}, over FastHttpUser", ours / fast, fast_limit, unit="x")
            show(f"ceiling, {name}, over wrk", ours / other, wrk_limit, unit="x")


def near(what: str, found_us: float, other_us: float) -> None:
    """Two latencies agree within 5 % or 100 us."""
    limit, off = max(0.05 * other_us, 100.0), abs(found_us - other_us)
    show(f"{what} {found_us:.0f} us for {other_us:.0f} us, off by", off, limit, at_least=False, unit=" us")


def percentile(values: Any, quantile: float) -> float:
    return float(np.percentile(values, quantile))


def truth() -> None:
    # few users: the planted server knows its delays, not how long a burst waited in its own queue
    for path, users in (("/constant/20", 2), ("/exponential/20", 2)):
        with pinned(SERVER_CPU), planted() as port:
            outcome = measure(port, path, "--twins-warmup", "0", users=users, seconds=12)
            asked = np.array(fetch(port, "/record" + path))
        samples = outcome.samples
        found = samples["last_byte_us"] - samples["sent_us"]
        for quantile in (50, 99):
            near(f"truth, {path}, p{quantile}", percentile(found, quantile), percentile(asked, quantile))
    with pinned(SERVER_CPU), planted() as port:
        outcome = measure(port, "/stall/50/300/1000", "--twins-rate", "200", "--twins-warmup", "0", seconds=5)
        p90_ms = percentile(outcome.measured["last_byte_us"], 90) / 1000
        show("truth, 1 s stall, open-loop p90 of the response time", p90_ms, 500, unit=" ms")
    with pinned(SERVER_CPU), planted() as port:
        paced = stock(scratch, port, "/stall/50/300/1000", PACED_USER, 5, users=20)["p90_ms"]
        print(f"      the same with constant_throughput: p90 {paced:.0f} ms")
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "tests/instrument/test_truth.py",
            "tests/instrument/test_mutations.py",
        ],
        cwd=ROOT,
        env={**os.environ, "TWINS_REQUIRE_ALL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    print("      " + told.stdout.strip().splitlines()[-1])
    show("truth, suites of kinds and mutations that fail", told.returncode, 0, at_least=False)


def others() -> None:
    with pinned(SERVER_CPU), planted() as port:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(rate(measure(port, "/constant/20")))
            theirs.append(wrk(port, "/constant/20", SECONDS))
        a, b = median(ours), median(theirs)
        show(
            f"others, closed loop, {a:.1f}/s for wrk's {b:.1f}/s, off by",
            abs(a / b - 1),
            0.05,
            at_least=False,
        )
    quantiles = (50, 90, 99)
    found: list[Any] = []
    other: list[Any] = []
    with pinned(SERVER_CPU), planted() as port:
        for number in range(ROUNDS):
            log = scratch / f"h2load-{number}.log"
            command = [
                *("h2load", "--h1", "-c4", "-m1", "--rps", "40", "-D", "6", "--log-file", str(log)),
                f"http://127.0.0.1:{port}/constant/20",
            ]
            with pinned(GENERATOR_CPU):
                subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - h2load, found above
            other.append(np.percentile(np.loadtxt(log, usecols=2), quantiles))
            arrivals = ("--twins-rate", "160", "--twins-arrivals", "constant")
            outcome = measure(port, "/constant/20", *arrivals, seconds=6)
            found.append(np.percentile(outcome.measured["last_byte_us"], quantiles))
    for quantile, ours_us, theirs_us in zip(
        quantiles, np.median(found, axis=0), np.median(other, axis=0), strict=True
    ):
        near(f"others, h2load, open loop, p{quantile}", float(ours_us), float(theirs_us))


def open_loop() -> None:
    with nginx(scratch) as port:
        outcome = measure(port, "/", "--twins-rate", "2000", users=1, seconds=20)
        late = outcome.document.send_lateness_us
        for name, limit in (("p50", 200), ("p99", 2_000)):
            found = late[name]
            assert found is not None, "40,000 requests leave no percentile open"
            show(f"open loop, 2,000/s, send lateness {name}", found, limit, at_least=False, unit=" us")
        outcome = measure(port, "/", "--twins-rate", "5000", users=1, seconds=20)
        samples, document = outcome.measured, outcome.document
        sent = samples["due_us"] + samples["sent_us"] <= document.measure_us
        share = float((sent & (samples["kind"] == OK)).mean())
        show("open loop, 5,000/s, send rate", share, 0.99)
    command = [sys.executable, "-m", "tests.acceptance.memory"]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    megabytes = float(told.stdout or "inf")
    show("recorder, 10 million requests, RSS", megabytes, 200, at_least=False, unit=" MB")


def distributed(runs: int = 20) -> None:
    agreed, told = 0, []
    for number in range(runs):
        with planted() as port:
            folder, master_port = Path(tempfile.mkdtemp(dir=scratch)), free_port()
            master = start(
                folder,
                f"http://127.0.0.1:{port}",
                *("Get", "--headless", "--only-summary", "--master", "--expect-workers", "3"),
                *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(master_port)),
                *("--users", "30", "--spawn-rate", "30", "--twins-path", f"/exponential/{20 + 10 * number}"),
                *("--twins-duration", "1", "--twins-seed", str(number)),
            )
            joining = ("--worker", "--master-port", str(master_port), "Get")
            workers = [start(folder / f"output-{n}", "http://worker", *joining, out=False) for n in range(3)]
            outcome = finish(folder, master)
            for worker in workers:
                worker.wait()
            counted, document = fetch(port, "/count"), outcome.document
            of_workers = sum(len(np.fromfile(p, dtype="V44")) for p in folder.glob("worker-*/samples.bin"))
            live = sum(line["ok"] + line["failed"] for line in outcome.live())
            samples, prepared = outcome.samples, document.prepared
            sums = {counted - prepared, document.sent - prepared, len(samples), of_workers, live}
            late = int((samples["due_us"] + samples["last_byte_us"] > document.measure_us).sum())
            agreed += len(sums) == 1
            told.append(f"{sorted(sums)} with {late} in flight at the end")
    print("      " + "; ".join(told))
    show("distributed, runs in which all sums agree", agreed, runs)


PARTS: dict[str, Callable[[], Any]] = {
    "ceiling": ceiling,
    "truth": truth,
    "others": others,
    "open-loop": open_loop,
    "distributed": distributed,
}


def missing() -> list[str]:
    """What the machine lacks, in words."""
    lacks = [name for name in ("wrk", "h2load") if shutil.which(name) is None]
    if shutil.which("nginx") is None and not Path("/usr/sbin/nginx").exists():
        lacks.append("nginx")
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        lacks.append("two processors to pin to")
    return lacks


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        raise SystemExit(f"There is no part '{unknown[0]}': the parts are {', '.join(PARTS)}.")
    if lacks := missing():
        raise SystemExit(f"Missing for the acceptance of the instrument: {', '.join(lacks)}.")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for name in chosen:
            PARTS[name]()
    end()
