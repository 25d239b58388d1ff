"""Each self-check notices what it is there for: the generator is starved, stopped, overloaded, cut."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.checks.soundness import cell_state, self_checks
from loadtests.model.records import Check
from tests.conftest import require
from tests.instrument.running import Generator, Outcome, fetch, finish, free_port, get, planted, start


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


def checks(outcome: Outcome, server_count: int | None = None) -> dict[str, Check]:
    found = self_checks(outcome.document, outcome.samples, server_count=server_count, ceiling=None)
    return {check.name: check for check in found}


def running(folder: Path, port: int, path: str, *arguments: str) -> Generator:
    """A generator that has begun to measure."""
    process = start(
        folder,
        f"http://127.0.0.1:{port}",
        *("Get", "--headless", "--only-summary", "--twins-path", path, "--twins-duration", "2", *arguments),
    )
    deadline = time.monotonic() + 20
    while not (folder / "samples.bin").is_file() or not (folder / "samples.bin").stat().st_size:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.alone
def test_a_quiet_cell_passes_and_its_count_agrees(tmp_path: Path) -> None:
    with planted() as port:
        outcome = get(tmp_path, port, "/constant/10", users=4, duration=1)
        found = checks(outcome, fetch(port, "/count"))
    for name in ("answers", "request count", "Little's law", "Locust workers", "send rate", "unfinished"):
        assert found[name].status == "ok", found[name]
    assert found["request count"].figure == 0


def test_a_server_that_counted_more_or_less_makes_the_cell_invalid(port: int, tmp_path: Path) -> None:
    outcome = get(tmp_path, port, "/constant/10", duration=0.5)
    for wrong in (outcome.document.sent + 1, outcome.document.sent - 1):
        found = checks(outcome, wrong)
        assert found["request count"].status == "failed"
        state, reason = cell_state(list(found.values()))
        assert state == "invalid"
        assert f"the server counted {wrong}" in str(reason)
    assert checks(outcome)["request count"].status == "not available"


@pytest.mark.alone
def test_a_starved_generator_is_seen_in_the_run_queue(port: int, tmp_path: Path) -> None:
    require(hasattr(os, "sched_setaffinity"), "the system cannot pin processes")
    require(Path("/proc/self/schedstat").is_file(), "the kernel does not tell run-queue delays")
    cpu = min(os.sched_getaffinity(0))
    code = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nprint(flush=True)\nwhile True: pass"
    hogs = [
        subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    try:
        for hog in hogs:
            assert hog.stdout is not None
            hog.stdout.readline()
        process = running(tmp_path, port, "/", "--users", "8", "--spawn-rate", "8")
        os.sched_setaffinity(process.pid, {cpu})
        outcome = finish(tmp_path, process)
    finally:
        for hog in hogs:
            hog.kill()
            hog.communicate()
    found = checks(outcome)
    assert found["run queue"].status == "failed", found["run queue"]
    state, reason = cell_state(list(found.values()))
    assert state == "generator-limited"
    assert "stood ready and did not run" in str(reason)


@pytest.mark.alone
def test_a_stopped_generator_is_seen_in_the_lag_of_its_loop(port: int, tmp_path: Path) -> None:
    process = running(tmp_path, port, "/", "--twins-rate", "100")
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    process.send_signal(signal.SIGCONT)
    found = checks(finish(tmp_path, process))
    assert found["loop lag"].status == "failed", found["loop lag"]
    assert (found["loop lag"].figure or 0) > 100_000
    assert found["send lateness"].status == "failed", found["send lateness"]
    assert cell_state(list(found.values()))[0] == "generator-limited"


@pytest.mark.alone
def test_an_overloaded_generator_does_not_reach_the_rate(port: int, tmp_path: Path) -> None:
    outcome = get(
        tmp_path,
        port,
        "/",
        "--twins-rate",
        "400000",
        "--twins-drain",
        "1",
        "--twins-in-flight",
        "100",
        duration=0.5,
    )
    found = checks(outcome)
    assert found["send rate"].status == "failed", found["send rate"]
    assert outcome.document.due == len(outcome.samples), "what was not sent is recorded as dropped"
    assert 180_000 < len(outcome.measured) < 220_000
    state, reason = cell_state(list(found.values()))
    assert state == "generator-limited"
    assert "arrivals were not sent in time" in str(reason)


@pytest.mark.alone
def test_a_rate_beyond_the_server_is_the_servers_limit(port: int, tmp_path: Path) -> None:
    """Twenty in flight at 200 ms are a hundred a second; the generator could send any number."""
    arguments = ("--twins-rate", "150", "--twins-in-flight", "20", "--twins-drain", "1")
    outcome = get(tmp_path, port, "/constant/200", *arguments, duration=2)
    found = checks(outcome)
    assert 0.4 < (found["send rate"].figure or 0) < 0.9, found["send rate"]
    own = [found[name] for name in ("send lateness", "loop lag", "run queue", "generator CPU")]
    # on a machine that is busy otherwise the generator may be held up, and then nothing is the server's
    healthy = all(check.status in ("ok", "warning") for check in own)
    state, _ = cell_state(list(found.values()))
    assert state == ("server-limited" if healthy else "generator-limited")


def test_a_cell_of_failures_is_invalid_and_says_of_which(port: int, tmp_path: Path) -> None:
    found = checks(get(tmp_path, port, "/every/10/wrong", duration=0.5))
    state, reason = cell_state(list(found.values()))
    assert state == "invalid"
    assert " other bytes" in str(reason)


def _worker(folder: Path, port: int) -> Generator:
    return start(folder, "http://127.0.0.1", "--worker", "--master-port", str(port), "Get", out=False)


def _distributed(
    folder: Path, port: int, master_port: int, *arguments: str
) -> tuple[Generator, list[Generator]]:
    master = start(
        folder,
        f"http://127.0.0.1:{port}",
        *("Get", "--headless", "--only-summary", "--master", "--expect-workers", "3"),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(master_port), *arguments),
    )
    return master, [_worker(folder / f"output-{number}", master_port) for number in range(3)]


def test_three_locust_workers_agree_with_the_server_to_the_request(tmp_path: Path) -> None:
    """Slow requests are still in flight when the measuring phase ends."""
    with planted() as port:
        master, workers = _distributed(
            tmp_path,
            port,
            free_port(),
            *("--users", "9", "--spawn-rate", "9", "--twins-path", "/constant/300", "--twins-duration", "1"),
        )
        outcome = finish(tmp_path, master)
        assert [worker.wait(20) for worker in workers] == [0, 0, 0]
        document = outcome.document
        assert fetch(port, "/count") == document.sent
    assert outcome.status == 0
    assert document.due == len(outcome.samples) == document.sent - document.prepared
    assert document.locust_workers == 3
    assert document.users == 9
    assert len(set(outcome.samples["user"].tolist())) == 9
    assert outcome.kinds() == {"ok": document.due}
    assert sum(line["ok"] for line in outcome.live()) == document.due
    (clocks,) = (check for check in document.conditions if check.name == "clocks")
    assert clocks.status == "ok"
    assert clocks.figure is not None
    assert clocks.figure < 0.05, "they have one clock"
    late = outcome.samples["due_us"] + outcome.samples["last_byte_us"] > document.measure_us
    assert late.sum() == 9, "one of each user"


@pytest.mark.parametrize("skew_s", [3.0, -30.0])
def test_locust_workers_whose_clocks_differ_are_refused_by_name(skew_s: float, tmp_path: Path) -> None:
    require(shutil.which("faketime"), "faketime is not installed")
    with planted() as port:
        master_port = free_port()
        url = f"http://127.0.0.1:{port}"
        alone = ("--twins-path", "/", "--twins-duration", "2", "--users", "2", "--spawn-rate", "2")
        master = start(
            tmp_path,
            url,
            *("Get", "--headless", "--only-summary", "--master", "--expect-workers", "2"),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(master_port), *alone),
        )
        late = ("faketime", "-f", f"{skew_s:+g}s")
        command = ("--worker", "--master-port", str(master_port), "Get")
        workers = [
            start(tmp_path / "right", "http://127.0.0.1", *command, out=False),
            start(tmp_path / "wrong", "http://127.0.0.1", *command, out=False, around=late),
        ]
        outcome = finish(tmp_path, master)
        for worker in workers:
            worker.wait(20)
    assert outcome.status == 1
    way = "ahead of" if skew_s > 0 else "behind"
    assert re.search(
        rf"the clock of the Locust worker \S+ is {abs(skew_s):.3g} s {way} the master's", outcome.output
    ), outcome.output
    assert not (tmp_path / "generator.json").exists(), "nothing was measured"


@pytest.mark.alone
def test_the_schedules_of_locust_workers_add_up_and_a_cut_one_is_named(port: int, tmp_path: Path) -> None:
    master, workers = _distributed(
        tmp_path,
        port,
        free_port(),
        *(
            "--twins-path",
            "/",
            "--twins-rate",
            "300",
            "--twins-arrivals",
            "constant",
            "--twins-duration",
            "3",
        ),
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "worker-0" / "samples.bin").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2.5)
    workers[0].kill()
    outcome = finish(tmp_path, master)
    for worker in workers:
        worker.wait(20)
    found = checks(outcome)
    assert outcome.document.lost_locust_workers == 1
    assert found["Locust workers"].status == "failed"
    state, reason = cell_state(list(found.values()))
    assert state == "invalid"
    assert "1 of 3 Locust workers were lost" in str(reason)
    # two thirds of the schedule: every third arrival was the lost one's, from the zero on
    assert outcome.document.due == 600
