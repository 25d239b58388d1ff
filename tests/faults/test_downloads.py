"""Many checked downloads while server workers are killed, servers reloaded and files replaced."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests import tally
from tests.faults.downloader import Load, Shelf
from tests.faults.test_signals import ANY_END, TRIED, server_workers
from tests.servers import Running, running

DOWNLOADS, PAUSE_S = (100_000, 0.0) if tally.TORTURE else (1_000, 0.005)
KILL_S, RELOAD_S, REPLACE_S = (5.0, 12.0, 1.0) if tally.TORTURE else (1.0, 2.5, 0.5)
PORTION = 1_000 if tally.TORTURE else 500
HANGING_S = 1800


@pytest.mark.timeout(HANGING_S)
@pytest.mark.parametrize("name", TRIED)
def test_no_wrong_byte_and_no_mixed_file(name: str, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with running(name, tmp_path) as server:
        load = Load(server.port, shelf, clients=8, pause_s=PAUSE_S)
        with shelf.changing(REPLACE_S), disturbed(server, load) as faults:
            asked = 0
            while not load.wrong and (asked < DOWNLOADS or min(faults.values()) == 0):
                load.run(PORTION)  # a quick machine is through before the first reload: it goes on
                asked += PORTION
        print(name, dict(load.ends), faults)
    assert not load.wrong
    assert load.ends["whole"] == asked
    assert not set(load.ends) - ANY_END - {"whole"}
    assert min(faults.values()) > 0
    tally.record("download amid kills, reloads and replacements", name, asked, load.ends["whole"])


@contextmanager
def disturbed(server: Running, load: Load) -> Iterator[Counter[str]]:
    """Kill a server worker, reload the master, over and over; how often each.

    Each waits until downloads went on after the last: a machine too busy to start a server worker within
    the interval would otherwise never serve.
    """
    done = Counter({"killed": 0, "reloaded": 0})
    ended = threading.Event()
    chance = random.Random(1)  # noqa: S311 - whom to kill, no secret

    def kill() -> None:
        with suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(server_workers(server)).kill()
            done["killed"] += 1

    def reload() -> None:
        server.process.send_signal(signal.SIGHUP)
        done["reloaded"] += 1

    def disturb() -> None:
        due = {kill: time.monotonic() + KILL_S, reload: time.monotonic() + RELOAD_S}
        seen = 0
        while not ended.wait(0.05):
            for action, interval_s in ((kill, KILL_S), (reload, RELOAD_S)):
                whole = load.ends["whole"]
                if time.monotonic() > due[action] and whole > seen + 50:
                    action()
                    due[action], seen = time.monotonic() + interval_s, whole

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()
