"""Probes against processes whose resources are known."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests import probes
from loadtests.model import costs
from loadtests.model.records import SideProbe
from loadtests.probes import SideReading
from loadtests.probes.sockets import sockets_by_state
from loadtests.probes.watch import STARVED_S, Watch
from tests.conftest import require

PROGRAM = """
    import os, subprocess, sys, threading, time
    block = bytearray(os.urandom(1)) * (32 << 20)
    held = [open(os.devnull) for _ in range(50)]
    for _ in range(4):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def busy() -> Iterator[int]:
    require(Path("/proc/self/task").is_dir(), "there is no /proc")
    process = subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    os.killpg(process.pid, 9)
    process.communicate()


def test_the_whole_tree_is_read(busy: int) -> None:
    time.sleep(0.2)
    reading = probes.probe(busy, "server", None)
    assert len(probes.tree(busy)) == 2
    assert reading.threads == 6
    assert reading.descriptors is not None
    assert 50 <= reading.descriptors <= 70
    assert reading.rss_bytes is not None
    assert 32 << 20 < reading.rss_bytes < 128 << 20
    assert reading.cpu_user_s is not None
    assert reading.cpu_system_s is not None
    assert 0.25 < reading.cpu_user_s + reading.cpu_system_s < 1.5
    assert reading.voluntary_switches is not None
    pss = probes.pss_bytes(busy)
    assert pss is not None
    assert 32 << 20 < pss <= reading.rss_bytes


def test_a_light_reading_leaves_out_what_is_costly(busy: int) -> None:
    reading = probes.probe(busy, "server", None, detailed=False)
    assert reading.cpu_user_s is not None
    assert reading.run_queue_s is None
    assert reading.descriptors is None


def test_what_is_not_there_is_none_and_not_zero() -> None:
    gone = probes.probe(2**22 - 1, "server", None)
    assert (gone.cpu_user_s, gone.rss_bytes, gone.threads, gone.sockets) == (None, None, None, None)
    assert probes.pss_bytes(2**22 - 1) is None
    side = probes.over_phase([gone], 0, 1, (None, None))
    assert set(side.model_dump().values()) == {None}


def test_sockets_by_state_of_one_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        require(sockets_by_state(port, of_server=True) is not None, "the kernel does not answer sock_diag")
        pairs = [(socket.create_connection(("127.0.0.1", port)), server.accept()[0]) for _ in range(7)]
        assert sockets_by_state(port, of_server=True) == {"established": 7}
        assert sockets_by_state(port, of_server=False) == {"established": 7}
        pairs[0][0].close()
        states = sockets_by_state(port, of_server=True)
        assert states == {"established": 6, "close-wait": 1}
        for client, accepted in pairs:
            client.close()
            accepted.close()


def test_counters_are_interpolated_to_the_phase_and_peaks_taken_within() -> None:
    readings = [
        SideReading(float(t), "server", t * 0.5, 0.0, t * 100, 3, None, t * 10, 0, None, None, None)
        for t in range(11)
    ]
    side = probes.over_phase(readings, 2.5, 7.5, (1, 2))
    assert side.cpu_user_s == pytest.approx(2.5)
    assert side.voluntary_switches == 50
    assert side.rss_peak_bytes == 700
    assert side.rss_start_bytes == 0
    assert (side.pss_start_bytes, side.pss_end_bytes) == (1, 2)
    assert side.run_queue_s is None


def test_idle_time_after_the_phase_is_not_counted_into_it() -> None:
    """A server that keeps its core busy from 1 s to 2.4 s, and rests after that."""

    def reading(moment: float) -> SideReading:
        busy_s = min(max(moment - 1.0, 0.0), 1.4)
        return SideReading(moment, "server", busy_s, 0.0, 1, 1, None, 0, 0, None, None, None)

    side = probes.over_phase([reading(t) for t in (0.2, 1.2, 2.2, 3.2)], 1.0, 2.4, (None, None))
    assert side.cpu_user_s == pytest.approx(1.4)


def test_both_sides_are_read_twice_even_if_the_watching_thread_never_runs(busy: int, tmp_path: Path) -> None:
    watch = Watch(tmp_path, busy, busy, None, probing=True, tick=lambda _: None, interval_s=60)
    watch.start()
    assert [len(readings) for readings in watch.readings.values()] == [1, 1]
    watch.stop()
    assert [len(readings) for readings in watch.readings.values()] == [2, 2]
    assert len((tmp_path / "probes.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("starved", [False, True])
def test_a_watching_thread_that_is_starved_asks_for_a_share(starved: bool, busy: int, tmp_path: Path) -> None:
    require(hasattr(os, "SCHED_IDLE") and os.geteuid() == 0, "only root may leave SCHED_IDLE, on Linux")
    seen: list[tuple[int, int]] = []

    def tick(_: Mapping[str, Any]) -> None:
        thread = threading.get_native_id()
        seen.append((os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread)))
        if len(seen) == 1:
            time.sleep(STARVED_S + 0.3 if starved else 0)

    watch = Watch(tmp_path, busy, busy, None, probing=True, tick=tick, interval_s=0.1)
    watch.start()
    deadline = time.monotonic() + 30
    while len(seen) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    watch.stop()
    assert seen[0] == (os.SCHED_IDLE, 0)
    assert seen[2] == ((os.SCHED_OTHER, 19) if starved else (os.SCHED_IDLE, 0))


def test_accept_queue_overflows_are_counted() -> None:
    before = probes.accept_queue_overflows()
    require(before is not None, "the kernel does not tell ListenOverflows")
    assert before is not None
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        time.sleep(0.1)
        after = probes.accept_queue_overflows()
        for client in waiting:
            client.close()
    assert after is not None
    assert after > before


def test_costs_of_a_request_and_a_connection_are_null_where_they_cannot_be_told() -> None:
    known: dict[str, float | None] = dict.fromkeys(SideProbe.model_fields)
    side = SideProbe.model_validate(
        known
        | {"cpu_user_s": 1.5, "cpu_system_s": 0.5, "rss_start_bytes": 10_000, "rss_peak_bytes": 30_000}
        | {"sockets_peak": 20}
    )
    assert costs.cpu_ms_per_request(side, 1000) == 2
    assert costs.requests_per_s_per_core(side, 1000) == 500
    assert costs.memory_per_connection_bytes(side, fresh=True) == 1000
    assert costs.memory_per_connection_bytes(side, fresh=False) is None
    for change in ({"sockets_peak": 15}, {"rss_start_bytes": None}, {"rss_peak_bytes": 10_000}):
        assert costs.memory_per_connection_bytes(side.model_copy(update=change), fresh=True) is None
    idle = side.model_copy(update={"cpu_user_s": 0.0, "cpu_system_s": 0.0})
    assert costs.requests_per_s_per_core(idle, 1000) is None
    for unknown in (None, SideProbe.model_validate(known)):
        assert costs.cpu_ms_per_request(unknown, 1000) is None
        assert costs.requests_per_s_per_core(unknown, 1000) is None
        assert costs.memory_per_connection_bytes(unknown, fresh=True) is None
    assert costs.cpu_ms_per_request(side, 0) is None
