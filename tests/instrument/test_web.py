"""Plain Locust with its web UI: the options are fields of it, and its table is ours."""

import json
import signal
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.instrument.running import finish, free_port, planted, start


def call(port: int, path: str, **form: str) -> Any:
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=10) as response:
        text = response.read().decode()
    return json.loads(text) if text.startswith("{") else text


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def serves(port: int) -> bool:
    try:
        return bool(call(port, "/"))
    except OSError:
        return False


def test_a_run_is_started_changed_and_stopped_in_the_web_ui(tmp_path: Path) -> None:
    web = free_port()
    with planted() as port:
        process = start(
            tmp_path,
            f"http://127.0.0.1:{port}",
            *("Get", "--web-host", "127.0.0.1", "--web-port", str(web), "--twins-path", "/every/10/503"),
        )
        try:
            wait_for(lambda: serves(web))
            page = call(web, "/")
            for field in ("twins_path", "twins_wait_ms", "twins_rate", "twins_think_ms"):
                assert field in page
            host = f"http://127.0.0.1:{port}"
            assert call(web, "/swarm", user_count="2", spawn_rate="2", host=host, twins_think_ms="5")[
                "success"
            ]
            wait_for(lambda: call(web, "/stats/requests")["total_rps"] > 0)
            call(web, "/stop", now="yes")
            # the page's figures are kept for two seconds
            wait_for(lambda: call(web, "/stats/requests")["state"] == "stopped")
            table = call(web, "/stats/requests")
        finally:
            process.send_signal(signal.SIGINT)
            outcome = finish(tmp_path, process)
    entry = next(entry for entry in table["stats"] if entry["name"] == "/every/10/503")
    assert entry["num_requests"] == len(outcome.samples)
    kinds = outcome.kinds()
    assert entry["num_failures"] == len(outcome.samples) - kinds["ok"] >= kinds.get("status", 0)
    assert outcome.document.parameters["think_ms"] == 5.0
    assert outcome.status == 0


def test_a_mistake_in_the_web_ui_stops_the_test_and_not_the_process(tmp_path: Path) -> None:
    web = free_port()
    with planted() as port:
        process = start(
            tmp_path, f"http://127.0.0.1:{port}", "Get", "--web-host", "127.0.0.1", "--web-port", str(web)
        )
        try:
            wait_for(lambda: serves(web))
            host = f"http://127.0.0.1:{port}"
            call(web, "/swarm", user_count="2", spawn_rate="2", host=host, twins_connections="never")
            wait_for(lambda: call(web, "/stats/requests")["state"] == "stopped")
            assert serves(web)
        finally:
            process.send_signal(signal.SIGINT)
            outcome = finish(tmp_path, process)
    assert "--twins-connections is 'never'" in outcome.output
