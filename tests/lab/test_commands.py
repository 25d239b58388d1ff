"""The command line: exit codes, one sentence for every mistake, one document with --json."""

import csv
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtests.archive.tables import export_tables, write_tables
from loadtests.cli import app, guarded
from loadtests.lab import companions, doctor, environment
from loadtests.lab.floor import is_aa, keep_floor, read_floor
from loadtests.lab.servers.asking import read_health
from loadtests.lab.servers.ports import free_port
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.twins.servers import SERVERS
from tests.conftest import require
from tests.lab.conftest import Laboratory
from tests.report.synthetic import Planted, Run, primary, write

KEYS = {
    *("scenario", "server", "users", "rate_per_s", "duration_s", "requests", "failures", "throughput_per_s"),
    *("bytes_per_s", "latency_us", "response_time_us", "service_time_us", "send_rate", "dropped", "censored"),
    *("checks", "state", "reason", "cell"),
}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "health"], "give one of --server NAME and --target URL"),
        (["run", "helth", "--server", "wsgi-sync"], "did you mean 'health'?"),
        (["run", "health", "--server", "wsgi-snc"], "did you mean 'wsgi-sync'?"),
        (
            ["run", "health", "--server", "wsgi-sync", "--users", "1", "--rate", "2"],
            "one of --users N and --rate R",
        ),
        (["run", "health", "--server", "wsgi-sync", "--path", "/x"], "no parameter 'path'"),
        (["run", "health", "--server", "wsgi-sync", "--param", "x"], "it is written name=value"),
        (["run", "health", "--server", "wsgi-sync", "--connections", "sometimes"], "load.connections"),
        (["suite", "quik"], "did you mean 'quick'?"),
        (["suite", "quick", "--set", "pinning.server_cpus=[999]"], "processors [999]"),
        (["suite", "--resume", "nothing"], "there is no run 'nothing'"),
        (["report", "nothing"], "there is no run 'nothing'"),
        (["export", "nothing"], "there is no run 'nothing'"),
        (["serve", "wsgi"], "there is no server 'wsgi'"),
        (["serve", "wsgi-sync", "--threads", "9"], "threads is 9; wsgi-sync serves with 1."),
        (["serve", "wsgi-sync", "--files", "nowhere"], "--files nowhere is not a folder"),
        (["serve", "wsgi-sync", "--cpu", "x"], "--cpu x does not name processors"),
        (["list", "nonsense"], "nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    laboratory: Laboratory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: what is wrong is found before anything is started."""
    monkeypatch.chdir(laboratory.folder)
    for name in ("XDG_CACHE_HOME", "TWINS_FILES"):
        monkeypatch.setenv(name, laboratory.environment[name])
    code = guarded(lambda: app(arguments))
    out, err = capsys.readouterr()
    assert code == 2, err
    assert sentence in err
    assert "Traceback" not in err
    assert out == ""


def test_run_prints_one_document(laboratory: Laboratory) -> None:
    outcome = laboratory.twins(
        *("run", "download-small", "--server", "wsgi-gthread", "--users", "2"),
        *("--duration", "0.5", "--warmup", "0.1", "--json"),
    )
    assert outcome.code == 0, outcome.err
    document = outcome.json()
    assert set(document) == KEYS
    assert document["users"] == 2
    assert document["rate_per_s"] is None
    assert document["requests"] > 10
    assert document["failures"] == 0
    assert document["bytes_per_s"] == pytest.approx(document["throughput_per_s"] * 1024, rel=0.01)
    assert set(document["latency_us"]) == {"p50", "p90", "p99", "max"}
    assert document["latency_us"] == document["response_time_us"]
    assert document["state"] != "invalid"
    assert (laboratory.folder / document["cell"] / "cell.json").is_file()


def test_nginx_is_measured_too(laboratory: Laboratory) -> None:
    require(not SERVERS["nginx"].missing(), "nginx is not installed")
    outcome = laboratory.twins(
        *("run", "download-small", "--server", "nginx", "--users", "2", "--duration", "0.4"),
        *("--warmup", "0.1", "--json"),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.json()["requests"] > 10
    assert outcome.json()["failures"] == 0


def test_optional_servers_are_left_out_with_a_sentence(laboratory: Laboratory) -> None:
    plan = laboratory.plan(
        '[servers.absent]\ncommand = ["no-such-program-at-all"]\noptional = true\n'
        "[servers.wsgi-sync]\n[scenarios.health]\n[load]\nusers = [1]\n"
    )
    outcome = laboratory.twins("suite", plan, "--dry-run")
    assert "absent is left out: no-such-program-at-all is not installed." in outcome.err
    assert "health at 1 users: wsgi-sync" in outcome.out


def test_open_loop_against_a_server_that_already_runs(laboratory: Laboratory) -> None:
    port = free_port()
    server = laboratory.begin("serve", "asgi-uvicorn", "--port", str(port))
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 15
        while read_health(url, "/health") is None and time.monotonic() < deadline:
            time.sleep(0.02)
        outcome = laboratory.twins(
            *("run", "get", "--target", url, "--path", "/files/random/1KiB.bin", "--rate", "100"),
            *("--duration", "1", "--warmup", "0.1", "--json"),
        )
        assert outcome.code == 0, outcome.err
        document = outcome.json()
        assert document["server"] == "target"
        assert document["users"] is None
        assert document["rate_per_s"] == 100
        assert 50 < document["requests"] < 150
        health = read_health(url, "/health")
        assert health is not None
        assert health["pid"] == server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=15)


def answering(status: int) -> ThreadingHTTPServer:
    """A page `/`, and `/other`, which has the status; every answer has a short body where it may have one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b"" if status in (204, 304) and self.path != "/" else b"words"
            self.send_response(200 if self.path == "/" else status)
            self.send_header("Location", "/login")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("asked", [False, True])
def test_a_redirect_is_no_page_unless_asked_for(asked: bool, laboratory: Laboratory) -> None:
    with answering(302) as server:
        outcome = laboratory.twins(
            *("run", "get", "--target", f"http://127.0.0.1:{server.server_port}", "--path", "/other"),
            *("--users", "1", "--duration", "1", "--warmup", "0.5", "--json"),
            *(("--param", "status=302") if asked else ()),
        )
        server.shutdown()
    document = outcome.json()
    if asked:
        assert (outcome.code, document["failures"]) == (0, 0), document
    else:
        assert (outcome.code, document["state"]) == (3, "invalid")
        assert (
            "/other answers with status 302 to /login, not a success with a whole body" in document["reason"]
        )
        assert "--param status=N" in document["reason"]


def test_a_path_beyond_ascii(laboratory: Laboratory) -> None:
    folder = laboratory.folder / "mine"
    folder.mkdir()
    (folder / "größe und maß 100%.txt").write_text("words\n" * 100)
    outcome = laboratory.twins(
        *("run", "get", "--server", "asgi-uvicorn", "--path", "/files/größe und maß 100%.txt"),
        *("--files", "mine", "--users", "1", "--duration", "1", "--warmup", "0.5", "--json"),
    )
    assert outcome.code == 0, outcome.out + outcome.err
    assert outcome.json()["failures"] == 0
    assert outcome.json()["requests"] > 1


def test_uploads_to_a_server_that_runs_take_the_user_s_token(laboratory: Laboratory) -> None:
    """And one that is too large for it is refused by name, not as a broken connection."""
    folder, port = laboratory.folder / "mine", free_port()
    folder.mkdir()
    (laboratory.folder / "token").write_text("of-the-user")
    environment = {
        **laboratory.environment,
        "TWINS_FILES": str(folder),
        "TWINS_TOKEN_FILE": "token",
        "TWINS_MAX_UPLOAD_BYTES": str(1 << 20),
    }
    mine = Laboratory(laboratory.folder, environment)
    server = mine.begin("serve", "asgi-uvicorn", "--port", str(port))
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 30
        while read_health(url, "/health") is None and time.monotonic() < deadline:
            time.sleep(0.05)
        arguments = ["run", "upload", "--target", url, "--users", "1", "--duration", "1", "--warmup", "0.5"]
        variable = Laboratory(laboratory.folder, {**laboratory.environment, "TWINS_TOKEN": "of-the-user"})
        outcome = variable.twins(*arguments, "--json")
        assert outcome.code == 0, outcome.out + outcome.err
        assert outcome.json()["failures"] == 0
        large = mine.twins(*arguments, "--json", "--param", f"upload_kib={64 << 10}")
        assert large.code == 3
        assert "status 413" in large.json()["reason"]
        assert "of-the-user" not in "".join(path.read_text() for path in laboratory.folder.rglob("*.json"))
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=15)


def test_an_unreachable_target_is_exit_code_3(laboratory: Laboratory) -> None:
    outcome = laboratory.twins(
        "run", "get", "--target", f"http://127.0.0.1:{free_port()}", "--duration", "0.5", "--json"
    )
    assert outcome.code == 3
    document = outcome.json()
    assert document["state"] == "invalid"
    assert document["reason"]
    assert document["throughput_per_s"] is None


@pytest.mark.parametrize("scenario", ["download-small", "mixed", "resume"])
def test_a_file_that_is_missing_from_the_folder_is_the_folder_s_fault(
    scenario: str, laboratory: Laboratory
) -> None:
    (laboratory.folder / "mine" / "random").mkdir(parents=True)
    if scenario == "mixed":
        (laboratory.folder / "mine" / "random" / "1KiB.bin").write_bytes(bytes(1024))
    outcome = laboratory.twins(
        "run", scenario, "--server", "wsgi-gthread", "--duration", "0.5", "--files", "mine", "--json"
    )
    assert outcome.code == 2, outcome.out
    assert f"the scenario {scenario} reads " in outcome.err
    assert f"which is no readable file in {laboratory.folder}/mine: put one there" in outcome.err
    assert not (laboratory.folder / "results").exists(), "nothing was begun"


def test_an_upstream_that_does_not_come_up_is_one_sentence(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(laboratory.folder)
    for name in ("XDG_CACHE_HOME", "TWINS_FILES"):
        monkeypatch.setenv(name, laboratory.environment[name])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(companions, "free_port", lambda: taken.getsockname()[1])
        code = guarded(lambda: app(["run", "fan-out", "--server", "wsgi-gthread"]))
    err = capsys.readouterr().err
    assert code == 3, err
    assert "twins: the upstream does not serve: " in err
    assert "fault in twins" not in err


def test_a_noise_floor_is_not_overwritten_with_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    alike = {"servers": {"a": {"server": "wsgi-gthread"}, "b": {"server": "wsgi-gthread"}}}
    pair = (Planted("a"), Planted("b"))
    compared = Run(planted=pair, primaries=[primary("b", "a", "process-wait", 8)], plan=alike)
    run = write(tmp_path, compared)
    assert is_aa(run)
    assert "noise floor of throughput" in keep_floor(run)[-1]
    kept = read_floor("machine-a")
    assert kept
    assert "[[compare]]" in keep_floor(write(tmp_path, replace(compared, name="bare", primaries=())))[0]
    assert read_floor("machine-a") == kept
    median = [primary("b", "a", "process-wait", 8, "response_p50")]
    keep_floor(write(tmp_path, replace(compared, name="medians", primaries=median)))
    assert set(read_floor("machine-a") or {}) == {"throughput", "response_p50"}


@pytest.mark.parametrize(
    ("name", "alike"), [("[b] x", "b x"), ("a*", "ab"), ("wh?t", "what"), ("server=a", "other")]
)
def test_a_folder_is_no_pattern(name: str, alike: str, tmp_path: Path) -> None:
    """DuckDB reads a path as a pattern: of two folders the other's rows were exported."""
    for number, folder in enumerate((name, alike)):
        run = write(tmp_path / folder, Run(name="r", planted=(Planted(f"s{number}"),), users=(8,), blocks=1))
        write_tables(run)
    (tmp_path / "out").mkdir()
    requests, _ = export_tables(tmp_path / name / "r", "csv", tmp_path / "out")
    with requests.open(encoding="utf-8") as file:
        assert {row["server"] for row in csv.DictReader(file)} == {"s0"}


def test_a_cold_scenario_runs_only_where_it_is_named() -> None:
    """Whatever its name is: without a name given, Locust runs all plain scenarios."""
    code = """if True:
        import dataclasses
        from loadtests.generator import hooks, users
        from loadtests.subjects.registry import SCENARIOS
        frosty = dataclasses.replace(SCENARIOS["download-cold"], name="frosty")
        assert not hooks._plain(users.user_class(frosty))
        assert hooks._plain(users.user_class(SCENARIOS["download-small"]))
    """
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  Locust patches its process


@pytest.mark.parametrize(("what", "names"), [("servers", SERVERS), ("scenarios", SCENARIOS)])
def test_lists(what: str, names: dict[str, object], laboratory: Laboratory) -> None:
    outcome = laboratory.twins("list", what, "--json")
    assert [row["name"] for row in outcome.json()] == list(names)
    shown = laboratory.twins("list", what).out
    assert all(name in shown for name in names)


def test_list_runs_where_there_are_none(laboratory: Laboratory) -> None:
    assert laboratory.twins("list", "runs", "--json").json() == []
    assert laboratory.twins("list", "runs").out == "no runs.\n"


def test_serve_becomes_the_server_and_pins_it(laboratory: Laboratory) -> None:
    require(hasattr(os, "sched_getaffinity"), "this system cannot pin")
    cpu, port = min(os.sched_getaffinity(0)), free_port()
    server = laboratory.begin(
        "serve", "wsgi-gthread", "--port", str(port), "--threads", "3", "--cpu", str(cpu)
    )
    try:
        health, deadline = None, time.monotonic() + 15
        while health is None and time.monotonic() < deadline:
            health = read_health(f"http://127.0.0.1:{port}", "/health")
            time.sleep(0.02)
        assert health is not None
        assert health["threads"] == 3
        assert os.sched_getaffinity(server.pid) == {cpu}
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/files/random/1KiB.bin")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=15)
    assert server.returncode == 0


def test_doctor_has_advice_for_every_warning(laboratory: Laboratory) -> None:
    outcome = laboratory.twins("doctor", "--json")
    assert outcome.code in (0, 3), outcome.err
    findings = {finding["name"]: finding for finding in outcome.json()}
    assert {
        *("processors", "pinning", "open files", "ports", "governor", "load", "noise floor", "steal"),
        *("congestion control", "disk", "python", "quota"),
    } == set(findings)
    assert all(
        finding["advice"] for finding in findings.values() if finding["status"] in ("warning", "failed")
    )
    assert findings["noise floor"]["figure"] > 0


@pytest.mark.parametrize(
    ("control", "status"),
    [("bbr", "warning"), ("bbr2", "warning"), ("cubic", "ok"), (None, "not available")],
)
def test_doctor_warns_of_bbr(
    control: str | None, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = environment.machine()
    machine["sysctls"]["net/ipv4/tcp_congestion_control"] = control
    monkeypatch.setattr(environment, "machine", lambda: machine)
    monkeypatch.setattr(doctor, "NOISE_S", 0.1)
    (found,) = (finding for finding in doctor.examine(tmp_path) if finding.name == "congestion control")
    assert found.status == status
    assert bool(found.advice) == (status == "warning")
