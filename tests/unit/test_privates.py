"""The private names of libraries that ours lean on: where a release changes one, a sentence says so."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCUST = """
from locust import User, task
from locust.env import Environment
import inspect, locust.stats, locust.runners
from locust.user.task import LOCUST_STATE_STOPPING
environment = Environment(user_classes=[type("One", (User,), {"drive": task(lambda self: None)})])
environment.create_local_runner()
names = [(one.__module__, one.__name__) for one in environment.events.request._handlers]
assert ("locust.runners", "on_request") in names, f"the listener of the runner is one of {names}"
entry = environment.stats.get("a", "GET")
for name in (
    "_cache_response_times",
    "num_reqs_per_sec",
    "num_fail_per_sec",
    "response_times",
    "use_response_times_cache",
):
    assert hasattr(entry, name), f"StatsEntry has no {name}"
assert hasattr(locust.runners.WorkerRunner, "_send_stats"), "WorkerRunner has no _send_stats"
assert "bucket_response_time(" in inspect.getsource(locust.stats.StatsEntry), "StatsEntry rounds otherwise"
user = environment.user_classes[0](environment)
assert hasattr(user, "_state"), "User has no _state"
assert isinstance(LOCUST_STATE_STOPPING, str), "a user that stops has another state"
"""
GEVENT = """
import gevent.hub, os
loop = gevent.hub.get_hub().loop
for name in ("io", "timer", "run_callback", "backend"):
    assert hasattr(loop, name), f"the hub's loop has no {name}"
reading, writing = os.pipe()
watcher = loop.io(reading, 1)
for name in ("start", "stop", "close"):
    assert hasattr(watcher, name), f"a watcher has no {name}"
"""
SERVED: dict[
    str, tuple[str, str | None, tuple[str, ...]]
] = {  # where a face leans on it: module of the library, class, names that its source must hold
    "asgi_app/gunicorn_conf.py": (
        "gunicorn.asgi.protocol",
        "ASGIProtocol",
        (
            "def _keepalive_timeout(",
            "def _on_headers_complete(",
            "def _will_close(",
            "def _is_websocket_upgrade(",
            "def _send_response_start(",
            "def _send_error_response(",
            "self._keepalive_handle",
            "self._awaiting_request",
            "self._request_ready",
            "self._current_request",
            "self._callback_parser",
            "self._task",
            "self._body_receiver",
        ),
    ),
    "wsgi_app/gunicorn_conf.py": (
        "gunicorn.http.message",
        "Message",
        ("self._expected_100_continue", "self.must_close", "def force_close("),
    ),
    "asgi_app/protocol.py": (
        "uvicorn.protocols.http.httptools_impl",
        "HttpToolsProtocol",
        (
            "self.cycle",
            "self.flow",
            "self.pipeline",
            "self.timeout_keep_alive_task",
            "def timeout_keep_alive_handler(",
            "def _unset_keepalive_if_required(",
            "def send_400_response(",
            "self.expect_100_continue",
        ),
    ),
    "asgi_app/protocol.py (its cycle)": (
        "uvicorn.protocols.http.httptools_impl",
        "RequestResponseCycle",
        (
            "self.on_response",
            "self.default_headers",
            "self.chunked_encoding",
            "self.waiting_for_100_continue",
            "self.message_event",
            "self.disconnected",
        ),
    ),
    "wsgi_app/connections.py": (
        "gunicorn.util",
        None,
        ("def close_graceful(", "def close("),
    ),
    "wsgi_app/health.py": ("gunicorn.http.message", None, ("def _check_fast_parser(cfg)",)),
    "wsgi_app/connections.py (gthread)": (
        "gunicorn.workers.gthread",
        "ThreadWorker",
        ("def handle(", "util.close_graceful(conn.sock)"),
    ),
    "wsgi_app/connections.py (sync)": (
        "gunicorn.workers.sync",
        "SyncWorker",
        ("def handle(", "util.close_graceful(client)"),
    ),
    "asgi_app/protocol.py (h11)": (
        "uvicorn.protocols.http.h11_impl",
        "H11Protocol",
        ("self.cycle", "self.flow", "self.timeout_keep_alive_task", "def _unsupported_upgrade_warning("),
    ),
    "asgi_app/protocol.py (its buffer)": ("h11._connection", "Connection", ("self._receive_buffer",)),
    "asgi_app/protocol.py (its bytes)": (
        "h11._receivebuffer",
        "ReceiveBuffer",
        ("self._data", "def maybe_extract_at_most("),
    ),
    "asgi_app/transport.py": ("aiohttp.client", "ClientSession", ("self._retry_connection",)),
    "asgi_app/databases.py": ("aiosqlite.core", "Connection", ("self._thread",)),
}
PRIVATE = re.compile(
    r"(?:_handlers|_cache_response_times|_send_stats|bucket_response_time = |user\._state)\b"
)


@pytest.mark.parametrize(("library", "code"), [("Locust", LOCUST), ("gevent", GEVENT)])
def test_a_library_has_the_private_names_that_are_leant_on(library: str, code: str) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the text above
    told = done.stderr.strip().rpartition("\n")[2].removeprefix("AssertionError: ")
    assert done.returncode == 0, (
        f"{library} has changed: {told}; mend loadtests/generator/locust_internals.py"
    )


@pytest.mark.parametrize("place", SERVED)
def test_a_face_finds_the_private_names_that_it_leans_on(place: str) -> None:
    module, owner, names = SERVED[place]
    imported = importlib.import_module(module)
    source = inspect.getsource(imported if owner is None else getattr(imported, owner))
    for name in names:
        assert name in source, f"{owner or module} has changed: it has no {name!r} any more; mend {place}"


def test_locusts_stand_in_one_place() -> None:
    places = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "loadtests").rglob("*.py")
        if PRIVATE.search(path.read_text(encoding="utf-8"))
    }
    assert places == {"loadtests/generator/locust_internals.py"}
