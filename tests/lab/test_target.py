"""A server is measured only when all of it is there."""

import json
import os
import threading
from pathlib import Path

import numpy as np

from loadtests.lab.plan_server import PlanServer
from loadtests.lab.servers import running
from loadtests.subjects.registry import SERVERS
from loadtests.subjects.subject import Provision
from tests.wire import exchange, request_bytes

PROCESSES = 4


def test_every_process_serves_before_a_cell_begins(tmp_path: Path, library: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))[:1]
    server = PlanServer(server="wsgi-forked", processes=PROCESSES)
    started = running.start(
        running.Start(
            label="forked",
            spec=SERVERS["wsgi-forked"],
            planned=server,
            files=library,
            provision=Provision(),
            cpus=cpus,
            directory=tmp_path,
            start_s=60,
        )
    )
    try:
        port = int(started.run.url.rpartition(":")[2])
        body = json.dumps({"operation": "wait", "duration_ms": 1000}).encode()
        request = request_bytes(
            "POST", "/process", [("Content-Type", "application/json"), ("Connection", "close")], body
        )
        waiting = [threading.Thread(target=exchange, args=(port, request)) for _ in range(PROCESSES)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        counted = np.fromfile(tmp_path / "requests.count", dtype=np.uint64)
        assert np.count_nonzero(counted) >= PROCESSES
    finally:
        running.stop(started, 5)
